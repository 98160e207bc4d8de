import re
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from ntk_repro.data import available, load_dataset
from ntk_repro.data import tfds as tfds_module
from ntk_repro.data.tfds import find_prepared, tfds_source
from ntk_repro.errors import UserError
from tests.data.fake_tfds import FAKES, fake_parts
from tests.refusals import refused

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"


def prepared_folder(data_dir, name="mnist", version="3.0.1", image=PNG, padding=b"\n\x05image"):
    """The files of a prepared data set, without examples that could be decoded."""
    folder = data_dir / name / version
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    (folder / f"{name}-train.tfrecord-00000-of-00001").write_bytes(padding + image + bytes(100))
    return folder


@pytest.fixture(scope="session")
def fake_data_dir(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("tfds")
    subprocess.run([sys.executable, "-m", "tests.data.fake_tfds", str(data_dir)], check=True, capture_output=True)
    return data_dir


@pytest.fixture
def no_tensorflow(monkeypatch):
    monkeypatch.setattr(tfds_module, "_child", lambda *arguments: pytest.fail(f"TensorFlow was started: {arguments}"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version", "shape", "encoding"), FAKES)
def test_the_images_are_read_with_their_labels_once(fake_data_dir, monkeypatch, name, version, shape, encoding):
    data = load_dataset(name, fake_data_dir, standardize=False)
    assert data.provenance.version == version
    assert data.provenance.label == {"png": "MNIST", "jpeg": "CIFAR-10 (JPEG copy)"}[encoding]
    assert ("JPEG" in data.provenance.note) == (encoding == "jpeg")
    for part, (x, y) in fake_parts(shape).items():
        read, labels = np.round(getattr(data, f"x_{part}") * 255), getattr(data, f"y_{part}")
        # TFDS shuffles on writing: each image that was written is found by its nearest neighbour, with its label.
        distance = np.abs(read[:, None] - x[None].astype(np.float64)).mean(axis=(2, 3, 4))
        nearest = distance.argmin(axis=1)
        assert sorted(nearest) == list(range(len(x)))
        assert distance.min(axis=1).max() <= {"png": 0, "jpeg": 1.5}[encoding]
        np.testing.assert_array_equal(labels, y[nearest])
    monkeypatch.setattr(tfds_module, "_child", None)  # a second decoding would fail now
    again = load_dataset(name, fake_data_dir, standardize=False)
    np.testing.assert_array_equal(again.x, data.x)
    assert again.provenance == data.provenance


@pytest.mark.slow
def test_tensorflow_stays_out_of_this_process_and_prints_nothing(fake_data_dir, tmp_path):
    code = f"""
import sys
from ntk_repro.data import load_dataset
load_dataset("mnist", {str(fake_data_dir)!r})
assert not {{"tensorflow", "tensorflow_datasets", "jax"}} & set(sys.modules)
"""
    environment = {"NTK_REPRO_CACHE": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    own = re.sub(
        r"^decoding mnist, once: .*\n", "", ended.stderr, flags=re.M
    )  # shown after a minute, on a busy machine
    assert (ended.stdout, own) == ("", "")


@pytest.mark.slow
def test_a_folder_that_cannot_be_decoded_is_one_sentence(tmp_path):
    folder = prepared_folder(tmp_path)
    with pytest.raises(UserError, match=r"could not be read .*: delete that folder") as caught:
        load_dataset("mnist", tmp_path)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "label", "shapes", "mean", "std", "atol"),
    [
        ("cifar10", "CIFAR-10 (JPEG copy)", ((50_000, 32, 32, 3), (10_000, 32, 32, 3)),
         [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616], (3e-4, 2e-3)),
        ("mnist", "MNIST", ((60_000, 28, 28, 1), (10_000, 28, 28, 1)), [0.1307], [0.3081], (5e-5, 5e-5)),
    ],
)  # fmt: skip
def test_the_real_data_sets_have_the_known_moments(tfds_dir, name, label, shapes, mean, std, atol):
    data = load_dataset(name, tfds_dir, standardize=False)
    assert data.provenance.label == label
    assert (data.x_train.shape, data.x_test.shape) == shapes
    np.testing.assert_allclose(data.provenance.mean, mean, atol=atol[0])
    np.testing.assert_allclose(data.provenance.std, std, atol=atol[1])
    if name == "cifar10":
        assert (np.bincount(data.y_train) == 5000).all()
        assert (np.bincount(data.y_test) == 1000).all()


def test_available_names_the_jpeg_copy(tfds_dir):
    found = available(tfds_dir)
    assert found["cifar10"] == f"CIFAR-10 (JPEG copy) in {tfds_dir / 'cifar10' / '3.0.2'}"
    assert found["mnist"] == f"MNIST in {tfds_dir / 'mnist' / '3.0.1'}"


@pytest.mark.parametrize(
    ("start", "is_copy"), [(PNG, False), (JPEG, True), (PNG + JPEG, False), (JPEG + PNG, True), (b"", False)]
)
def test_the_first_image_decides_about_the_label(tmp_path, start, is_copy):
    prepared_folder(tmp_path, image=start)
    assert tfds_source("mnist", tmp_path).label == "MNIST" + " (JPEG copy)" * is_copy


def test_the_newest_prepared_version_is_taken(tmp_path):
    for version in ("3.0.2", "3.0.10", "2.9.9"):
        prepared_folder(tmp_path, version=version)
    (tmp_path / "mnist" / "4.0.0").mkdir()  # begun and not finished
    (tmp_path / "mnist" / "5.0.0.incompleteABC").mkdir()
    assert find_prepared("mnist", tmp_path) == tmp_path / "mnist" / "3.0.10"
    assert tfds_source("mnist", tmp_path).version == "3.0.10"
    assert find_prepared("cifar10", tmp_path) is None


def test_another_copy_has_another_fingerprint(tmp_path):
    for copy, changes in {
        "png": {}, "same": {}, "jpeg": {"image": JPEG}, "longer": {"padding": b"\n\x06image "}
    }.items():  # fmt: skip
        prepared_folder(tmp_path / copy, **changes)
    png, same, jpeg, longer = (
        tfds_source("mnist", tmp_path / copy).fingerprint for copy in ("png", "same", "jpeg", "longer")
    )
    assert png == same
    assert len({png, jpeg, longer}) == 3


def test_the_data_directory_comes_from_the_argument_the_variable_or_home(tmp_path, monkeypatch):
    for place in ("argument", "variable", "home/tensorflow_datasets"):
        prepared_folder(tmp_path / place)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert find_prepared("mnist") == tmp_path / "home/tensorflow_datasets/mnist/3.0.1"
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "variable"))
    assert find_prepared("mnist") == tmp_path / "variable/mnist/3.0.1"
    assert find_prepared("mnist", tmp_path / "argument") == tmp_path / "argument/mnist/3.0.1"


THREE_REMEDIES = r"on a network so that it is downloaded, .*--data-dir \(or TFDS_DATA_DIR\), .*--data mnist5k$"


@pytest.mark.usefixtures("no_tensorflow")
@pytest.mark.parametrize("name", ["cifar10", "mnist", "fashion_mnist"])
@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("auto", "its server cannot be reached: no such host"),
        ("never", "NTK_REPRO_DOWNLOAD=never forbids the download"),
    ],
)
def test_without_a_download_the_three_remedies_are_named(tmp_path, monkeypatch, name, policy, reason):
    monkeypatch.setenv("NTK_REPRO_DOWNLOAD", policy)
    monkeypatch.setattr(tfds_module, "_unreachable", lambda url: "no such host")
    refused(f"{name} is not in .* and {reason}; .*{THREE_REMEDIES}", load_dataset, name, tmp_path)


@pytest.mark.usefixtures("no_tensorflow")
def test_an_unknown_policy_and_a_missing_data_directory_are_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"there is no data directory .*absent: create it, or leave --data-dir out"):
        load_dataset("mnist", tmp_path / "absent")
    monkeypatch.setenv("NTK_REPRO_DOWNLOAD", "nevr")
    refused("unknown value of NTK_REPRO_DOWNLOAD 'nevr'; did you mean 'never'", load_dataset, "mnist", tmp_path)


@pytest.mark.parametrize(("policy", "answer"), [("auto", None), ("always", "no such host")])
def test_with_a_network_the_data_set_is_downloaded(tmp_path, monkeypatch, policy, answer):
    asked = []

    def child(*arguments):
        asked.append(arguments)
        prepared_folder(tmp_path)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setenv("NTK_REPRO_DOWNLOAD", policy)
    monkeypatch.setattr(tfds_module, "_unreachable", lambda url: answer)
    monkeypatch.setattr(tfds_module, "_child", child)
    for _ in range(2):
        assert tfds_source("mnist", tmp_path).version == "3.0.1"
    assert asked == [("download", "mnist", str(tmp_path))]


@pytest.mark.parametrize(
    ("returncode", "stderr", "sentence"),
    [
        (1, "Traceback\nConnectionError: cut off\n", "the download failed: ConnectionError: cut off; "),
        (1, "", "the download failed: the process ended without an error message; "),
        (0, "", "the download left no files; "),
    ],
)
def test_a_download_that_fails_names_the_ways_out(tmp_path, monkeypatch, returncode, stderr, sentence):
    monkeypatch.setenv("NTK_REPRO_DOWNLOAD", "always")
    ended = subprocess.CompletedProcess([], returncode, "", stderr)
    monkeypatch.setattr(tfds_module, "_child", lambda *arguments: ended)
    refused(sentence + ".*" + THREE_REMEDIES, load_dataset, "mnist", tmp_path)


class Answering(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *arguments):  # pyright: ignore[reportIncompatibleMethodOverride]
        pass


@pytest.fixture
def unreachable(monkeypatch):
    """Why a port of this machine does not answer."""
    monkeypatch.setenv("no_proxy", "*")
    return lambda port, path="", **kw: str(tfds_module._unreachable(f"http://127.0.0.1:{port}/{path}", **kw))


@pytest.mark.parametrize(("code", "fault"), [(200, "None"), (404, "None"), (403, "403 Forb"), (503, "503 Service")])
def test_a_server_is_reachable_unless_a_proxy_refuses(unreachable, code, fault):
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert unreachable(server.server_port, code, seconds=60.0).startswith(fault)
        server.shutdown()


def test_a_silent_server_and_a_closed_port_are_unreachable(unreachable):
    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes the connection and sends nothing
        port = listening.getsockname()[1]
        assert unreachable(port, seconds=0.2) in ("no answer within 0.2 seconds", "timed out")
    assert "refused" in unreachable(port, seconds=60.0)


def test_a_cached_data_set_needs_its_folder_only(tmp_path, monkeypatch, no_tensorflow):
    from ntk_repro.data.cache import cache_path
    from ntk_repro.record import save_arrays

    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "cache"))
    prepared_folder(tmp_path)
    cached = cache_path(tfds_source("mnist", tmp_path))
    cached.parent.mkdir()
    x, y = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28, 1), np.array([4, 9], np.int32)
    save_arrays(cached, {"x_train": x, "y_train": y, "x_test": x, "y_test": y})
    np.testing.assert_array_equal(load_dataset("mnist", tmp_path).y, [4, 9, 4, 9])
    shutil.rmtree(tmp_path / "mnist")
    refused("mnist is not in", load_dataset, "mnist", tmp_path)
