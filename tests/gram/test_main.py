"""`python -m ntk_repro.gram` at a tiny size: what it keeps, shows, foresees and refuses."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntk_repro.data import load_dataset
from ntk_repro.gram import GramStore, empirical_gram, kernel_solve
from ntk_repro.gram.__main__ import main
from ntk_repro.gram.estimate import readable_seconds
from ntk_repro.memory import parse_bytes
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.seeds import INIT, key_for
from tests.gram.store.test_gram_store import contents

TINY = ["--net", "mlp", "--width", "0.1", "--data", "digits", "--n-train", "40", "--n-test", "20"]


def run(capsys, *args):
    main([*TINY, *args])
    return capsys.readouterr().out


def store_of(text: str) -> GramStore:
    return GramStore.read(re.findall(r"^K .*: (\S+)$", text, re.MULTILINE)[0])


def expected(network, **settings) -> np.ndarray:
    """The kernel of a network on the images of `TINY`."""
    x = load_dataset("digits", n_train=40, n_test=20).x
    return empirical_gram(Network.create(network, key_for(0, INIT), x.shape[1:], **settings), x)


def test_matrix_and_eigenpairs_are_kept_and_found_again(capsys):
    text = run(capsys, "--k", "5")
    store = store_of(text)
    assert store.shape == (60, 60)
    assert "5 eigenvalues" in text
    assert "by a dense eigendecomposition" in text
    assert run(capsys, "--k", "5") == text
    np.testing.assert_array_equal(store.array(), expected("mlp", width=0.1))


@pytest.mark.slow
def test_choices_reach_the_kernel(capsys):
    full = store_of(run(capsys, "--num-outputs", "2", "--outputs", "full"))
    assert full.shape == (120, 120)
    one = store_of(run(capsys, "--num-outputs", "2", "--outputs", "1"))
    np.testing.assert_allclose(one.array(), full.array()[1::2, 1::2], rtol=1e-5, atol=1e-5)
    text = run(capsys, "--precision", "bf16", "--memory", "100GiB", "--seed", "3")
    assert "largest error by the lower precision" in text
    assert store_of(run(capsys, "--precision", "float64")).dtype == np.float64


@pytest.mark.parametrize("also", [[], ["--dry-run"], ["--share", "1", "2"]])
def test_more_eigenpairs_than_images_are_refused_before_the_work(also, ends_in_one_line):
    ends_in_one_line(main, *TINY, "--k", "61", *also)
    assert not Path(os.environ["NTK_REPRO_RUNS"]).exists()


@pytest.mark.slow
def test_a_factor_is_foreseen_and_kept_for_kernel_solve(capsys):
    double = ["--precision", "float64"]
    text = run(capsys, "--ridge", "0.5", "--dry-run", *double)
    assert re.search(r"Cholesky factor +7.2e-08 T .* 28.1 KiB ", text)
    text = run(capsys, "--ridge", "0.5", *double)
    store, y = store_of(text), np.random.default_rng(0).standard_normal(60)
    assert (store.path / "factor-0.5" / "DONE").exists()
    assert run(capsys, "--ridge", "0.5", *double) == text
    solution = kernel_solve(store, y, 0.5)
    k = store.array()
    np.testing.assert_allclose(solution.coefficients, np.linalg.solve(k + 0.5 * np.eye(60), y), atol=1e-9)
    assert solution.inverse.store.path == store.path / "factor-0.5"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_ridge_below_0_is_refused_before_the_work(ends_in_one_line):
    ends_in_one_line(main, *TINY, "--ridge", "-1")
    assert "add --precision float64" in ends_in_one_line(main, *TINY, "--ridge", "0")
    assert not Path(os.environ["NTK_REPRO_RUNS"]).exists()


@pytest.mark.slow
def test_explain_and_dry_run_compute_nothing(capsys):
    text = run(capsys, "--k", "5", "--explain", "--dry-run")
    assert re.search(r"Dense_0 +dense 64>10 +1 +650 +positions +75 ", text)
    assert "1 tiles of 60 " in text
    assert "5 eigenpairs" in text
    folder = Path(re.findall(r"its folder: (\S+)", text)[0])
    assert not folder.exists()
    run(capsys)
    assert folder.exists()
    assert re.search(r"0 tiles of 60 +0 T ", run(capsys, "--dry-run"))


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_shares_come_together(capsys):
    assert "14 of 28 tiles" in run(capsys, "--share", "1", "2", "--k", "5")
    assert "28 of 28" not in run(capsys, "--dry-run", "--k", "5")
    text = run(capsys, "--share", "0", "2", "--k", "5")
    assert store_of(text).num_tiles == 28
    assert "5 eigenvalues" in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--memory", "6 apples"], "is not an amount of memory"),
        (["--k", "-1"], "--k counts eigenpairs"),
        (["--k", "61"], "61 eigenfunctions need at least 61 samples, not 60: ask for 1 to 60 with --k"),
        (["--outputs", "1"], "output 0 alone"),
        (["--outputs", "all"], "known: full, mean"),
        (["--precision", "tf32"], "NVIDIA GPUs only"),
        (["--share", "0", "2", "--distributed"], "give one of them"),
        (["--share", "3", "2"], "share 3 of 2 does not exist"),
        (["--coordinator", "localhost:1"], "give all three"),
        (["--processes", "2", "--process", "1"], "give all three"),
        (["--share", "0", "2", "--coordinator", "localhost:1"], "give one of them"),
        (["--memory", "1KB"], "are allowed"),
    ],
)
def test_bad_settings_end_in_one_line(args, message, ends_in_one_line):
    assert message in ends_in_one_line(main, *TINY, *args)


OWN = """
import flax.linen as nn

class Mine(nn.Module):
    depth: int = 1
    num_outputs: int = 1

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        for _ in range(self.depth):
            x = nn.tanh(nn.Dense(6)(x))
        return nn.Dense(self.num_outputs)(x)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_a_custom_network_is_shared_out_continued_and_recognised_by_its_source(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    own = ["--net", "mine.py:Mine", "--width", "1", "--depth", "2"]
    assert "14 of 28 tiles" in run(capsys, *own, "--share", "1", "2")
    first = store_of(run(capsys, *own, "--k", "2"))
    assert first.num_tiles == 28
    assert (first.path / "source" / "mine.py").read_text() == OWN
    kernel = expected(build_model("mine.py:Mine", depth=2))
    np.testing.assert_allclose(first.array(), kernel, rtol=1e-5, atol=1e-5)
    path.write_text(OWN.replace("tanh", "relu"))
    assert store_of(run(capsys, *own)).path != first.path
    assert store_of(run(capsys, *own, "--num-outputs", "2", "--outputs", "full")).shape == (120, 120)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--width", "0.1"], "Mine in mine.py takes no width"),
        (["--width", "1", "--sigma-w", "2"], "takes no sigma_w"),
        (["--width", "1", "--activation", "gelu"], "takes no activation"),
        (["--width", "1", "--net", "mine.py:Mime"], "did you mean 'Mine'"),
    ],
)
def test_settings_that_a_custom_network_lacks_are_refused(args, message, tmp_path, monkeypatch, ends_in_one_line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    assert message in ends_in_one_line(main, *TINY, "--net", "mine.py:Mine", *args)


@pytest.mark.slow
def test_processes_share_one_store(tmp_path):
    count = 3
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "ntk_repro.gram", *TINY[:-4], "--n-train", "1200", "--n-test", "200", "--k", "4"]

    def outputs_of(runs, *arguments):
        """What commands that run side by side print, one for each list of arguments."""
        settings: Any = {"env": {**environment, "NTK_REPRO_RUNS": str(tmp_path / runs)}, "text": True}
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        children = [subprocess.Popen([*command, *more], **settings, **pipes) for more in arguments]
        texts = [child.communicate(timeout=200)[0] for child in children]
        assert not any(child.returncode for child in children), texts
        return texts

    together = ["--coordinator", f"localhost:{port}", "--processes", str(count), "--process"]
    texts = outputs_of("many", *([*together, str(index)] for index in range(count)))
    assert "4 eigenvalues" in texts[0]
    many, one = store_of(texts[0]), store_of(outputs_of("one", [])[0])
    assert many.num_tiles > count
    assert contents(many.path / "tiles") == contents(one.path / "tiles")


def test_amounts_of_memory_are_read_as_people_write_them():
    texts = {"6GiB": 6 * 2**30, "500MB": 5 * 10**8, "1.5 k": 1500, "2TiB": 2**41}
    assert {text: parse_bytes(text) for text in texts} == texts


def test_durations_are_written_for_people():
    written = ["0.012 s", "7.3 s", "59 s", "1 min 1 s", "2 h 1 min"]
    assert list(map(readable_seconds, (0.0123, 7.26, 59.4, 61, 7300))) == written
