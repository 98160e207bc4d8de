import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder, config_hash, study_of_run
from tests.refusals import refused


@dataclass(frozen=True)
class Config:
    net: str = "mlp"
    n_train: int | None = None
    learning_rate: float = 0.05
    data_dir: str | None = field(default=None, metadata={"identity": False})


def run_path(root, done=True):
    """The folder of a run that is finished or only begun."""
    with RunFolder.open("study", Config(), root=root) as run:
        if done:
            run.save_part("one", x=np.arange(3))
            run.log(loss=1.0)
            run.finish(accuracy=np.array([0.9, 0.8]))
    return run.path


@contextlib.contextmanager
def largest_file(size):
    """The system refuses to write beyond this size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_under_the_former_name_of_its_study_is_found(tmp_path):
    with RunFolder.open("widths_training", Config(), root=tmp_path) as run:
        run.finish(x=np.ones(2))
    assert RunFolder.is_done("finite_width_training", Config(), root=tmp_path)
    with RunFolder.open("finite_width_training", Config(), root=tmp_path) as found:
        assert (found.path, found.study) == (run.path, "finite_width_training")
    assert not RunFolder.is_done("finite_width_training", Config(n_train=1), root=tmp_path)


def test_a_run_is_written_in_two_sessions_and_read(tmp_path):
    config = Config(n_train=10)
    with RunFolder.open("study", config, root=tmp_path) as run:
        assert run.path == tmp_path / "study" / config_hash(config) == RunFolder.locate("study", config, root=tmp_path)
        assert run.load_part("one") is None
        run.save_part("one", x=np.arange(3))
        run.log(step=1, loss=np.float32(0.5))
    with RunFolder.open("study", replace(config, data_dir="elsewhere"), root=tmp_path) as run:
        assert not run.done
        np.testing.assert_array_equal(run.part("one", pytest.fail)["x"], [0, 1, 2])
        run.log(step=2, loss=float("inf"), grid=np.arange(2))
        run.describe(provenance={"name": "digits"})
        run.finish(accuracy=[0.9])
    read = RunFolder.read(run.path)
    assert read.done
    assert read.study == "study"
    assert read.config == {"net": "mlp", "n_train": 10, "learning_rate": 0.05}
    assert read.metrics() == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": float("inf"), "grid": [0, 1]}]
    np.testing.assert_array_equal(read.result()["accuracy"], [0.9])
    (earlier,) = read.environment["earlier_sessions"]
    assert earlier["settings"] == {"data_dir": None}
    assert read.environment["settings"] == {"data_dir": "elsewhere"}
    assert read.environment["provenance"] == {"name": "digits"}
    assert not (run.path / "parts").exists()


def test_the_root_comes_from_the_environment_or_is_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path / "elsewhere"))
    assert RunFolder.locate("s", Config()).parent == tmp_path / "elsewhere" / "s"
    monkeypatch.delenv("NTK_REPRO_RUNS")
    assert RunFolder.locate("s", Config()).parent == Path("runs") / "s"
    with RunFolder.open("s", Config()):
        assert (tmp_path / "runs" / "s" / config_hash(Config()) / "config.toml").exists()


def test_a_finished_run_is_opened_for_reading_at_once(tmp_path):
    path = run_path(tmp_path)
    before = {p.name: p.stat().st_mtime_ns for p in path.iterdir()}
    with RunFolder.open("study", Config(), root=tmp_path) as run, RunFolder.open("study", Config(), root=tmp_path):
        assert run.done
        np.testing.assert_array_equal(run.result()["accuracy"], [0.9, 0.8])
        refused("open for reading only", run.log, loss=1)
    assert before == {p.name: p.stat().st_mtime_ns for p in path.iterdir()}


def test_a_run_that_is_finished_closed_or_read_is_not_written(tmp_path):
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        pass
    for closed in (run, RunFolder.read(run.path)):
        refused(r"open for reading only: open it with RunFolder.open", closed.log, a=1)
        refused("is not finished: give the command that started it again", closed.result)
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.finish(a=1)
        for write in (lambda: run.log(a=1), lambda: run.save_part("p", a=1), lambda: run.finish(a=2), run.describe):
            refused("is finished: delete the folder", write)


@pytest.mark.parametrize("done", [False, True])
def test_a_folder_of_another_config_is_refused(tmp_path, done):
    other = RunFolder.locate("study", Config(learning_rate=0.1), root=tmp_path)
    run_path(tmp_path, done).rename(other)
    sentence = r"another config \(learning_rate: 0.05 there, 0.1 now\): delete it, or choose .* NTK_REPRO_RUNS"
    refused(sentence, RunFolder.open, "study", Config(learning_rate=0.1), root=tmp_path)


@pytest.mark.parametrize("done", [False, True])
def test_data_that_differ_from_those_a_run_was_begun_with_are_refused(tmp_path, done):
    one, other = ({"name": "digits", "sha256": digest} for digest in ("a", "b"))
    for finish in (False, done):  # begun, then continued with the same data
        with RunFolder.open("study", Config(), root=tmp_path, provenance=one) as run:
            assert run.environment["provenance"] == one
            if finish:
                run.finish(x=np.zeros(1))
    for _ in range(2):  # a refused run is not begun with the other data
        with pytest.raises(UserError, match=r"the images of digits are not those that .* was begun with"):
            RunFolder.open("study", Config(), root=tmp_path, provenance=other)
    with RunFolder.open("study", Config(), root=tmp_path, provenance=one) as run:
        assert run.done == done


def test_a_folder_without_config_is_refused_unless_it_is_empty(tmp_path):
    path = RunFolder.locate("study", Config(), root=tmp_path)
    path.mkdir(parents=True)
    (path / ".config.toml.7.aa.tmp").touch()  # all that a kill in the very beginning leaves
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.log(a=1)
    (path / "config.toml").unlink()
    with pytest.raises(UserError, match=r"holds \S+ but no config.toml.*: move the folder away or delete it"):
        RunFolder.open("study", Config(), root=tmp_path)
    refused(r"has no config.toml, so it is not a run folder", RunFolder.read, path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"net = ", "config.toml is not valid TOML"),
        (b"\xff\xfe", "config.toml is damaged"),
        (None, "there is no run folder .*: compute that run first"),
    ],
)
def test_a_damaged_config_and_a_missing_folder_are_refused(tmp_path, content, sentence):
    path = run_path(tmp_path, done=False)
    path.joinpath("config.toml").write_bytes(content) if content else shutil.rmtree(path)
    refused(sentence, RunFolder.read, path)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[content.find(np.array([0.9, 0.8]).tobytes())] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("result.npz", Path.unlink),
        ("result.npz", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        ("result.npz", flip_a_bit),
    ],
)
def test_done_without_its_result_is_refused(tmp_path, file, damage):
    path = run_path(tmp_path)
    damage(path / file)
    for read in (RunFolder.read, lambda path: RunFolder.open("study", Config(), root=tmp_path)):
        with pytest.raises(UserError, match=r"is marked DONE but its result.npz is missing or damaged: delete the"):
            read(path).result()


def test_is_done_changes_nothing(tmp_path):
    assert not RunFolder.is_done("study", Config(), root=tmp_path)
    assert list(tmp_path.iterdir()) == []
    run_path(tmp_path, done=False)
    assert not RunFolder.is_done("study", Config(), root=tmp_path)
    run_path(tmp_path)
    assert RunFolder.is_done("study", Config(), root=tmp_path)


def test_the_result_is_read_once(tmp_path, monkeypatch):
    run = RunFolder.read(run_path(tmp_path))
    run.result().clear()  # the caller's own mapping
    monkeypatch.setattr("ntk_repro.record.run_folder.load_arrays", None)
    np.testing.assert_array_equal(run.result()["accuracy"], [0.9, 0.8])


def test_the_state_of_a_part_is_removed_once_the_part_is_saved(tmp_path):
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.save_part("two_state", x=np.arange(3))

        def compute():
            run.save_part("one_state", x=np.arange(2))
            return {"y": 1.0}

        run.part("one", compute)
        assert run.load_part("one") == {"y": 1.0}
        assert run.load_part("one_state") is None
        assert run.load_part("two_state") is not None


def test_a_damaged_part_counts_as_absent(tmp_path):
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.save_part("one", x=np.arange(1000))
        (part,) = (run.path / "parts").iterdir()
        part.write_bytes(part.read_bytes()[:500])
        assert run.load_part("one") is None
        np.testing.assert_array_equal(run.part("one", lambda: {"x": np.arange(2)})["x"], [0, 1])
        np.testing.assert_array_equal(run.part("one", pytest.fail)["x"], [0, 1])


def test_an_incomplete_last_line_is_dropped_and_a_damaged_one_in_the_middle_reported(tmp_path):
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.log(step=1)
    metrics = run.path / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 2, "lo')
    assert RunFolder.read(run.path).metrics() == [{"step": 1}]
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.log(step=2)
        assert run.metrics() == [{"step": 1}, {"step": 2}]
        metrics.write_text('{"step"\n{"step": 2}\n')
        refused(r"metrics.jsonl is damaged .*: delete the folder and run again", run.metrics)


def test_a_line_that_cannot_be_written_leaves_the_earlier_ones_intact(tmp_path):
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        run.log(step=1)
        with largest_file(1000), pytest.raises(UserError, match="no space left"):
            run.log(step=2, text="x" * 2000)
        refused("cannot be recorded", run.log, step=2, b=object())
        run.log(step=3)
        assert run.metrics() == [{"step": 1}, {"step": 3}]


@pytest.mark.parametrize("name", ["", "../one", "a/b", ".hidden", "a b"])
def test_names_that_are_no_file_names_are_refused(tmp_path, name):
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        refused("cannot be a folder name", run.save_part, name, x=1)
        refused("cannot be a folder name", run.link, name)
        refused("cannot be a folder name", RunFolder.open, name, Config(), root=tmp_path)


def test_a_run_has_a_second_name_and_is_found_by_it(tmp_path, monkeypatch):
    with (
        RunFolder.open("study", Config(), root=tmp_path) as run,
        RunFolder.open("study", Config("lenet"), root=tmp_path) as two,
    ):
        link = run.link("first-try")
        assert RunFolder.read(link).config == run.config
        assert study_of_run(link) == "study"
        assert run.link("first-try") == link
        monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path))
        assert RunFolder.read("first-try").path == link
        refused("there is no run folder second-try", RunFolder.read, "second-try")
        assert run.link(run.path.name) == run.path
        refused("is another run", two.link, "first-try")
        refused("is another run", two.link, run.path.name)
    shutil.rmtree(run.path)
    with two:
        assert RunFolder.read(two.link("first-try")).config == two.config


def test_two_processes_do_not_write_one_run(tmp_path):
    code = "import sys; from tests.record.test_run_folder import run_path; run_path(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tmp_path)]
    sentence = "is being written by another process: wait for it, or stop it"
    with RunFolder.open("study", Config(), root=tmp_path):
        assert sentence in subprocess.run(command, capture_output=True, text=True).stderr
        refused(sentence, RunFolder.open, "study", Config(), root=tmp_path)
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_an_error_on_opening_releases_the_folder(tmp_path, monkeypatch):
    path = run_path(tmp_path, done=False)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "_begin", lambda self, config: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            RunFolder.open("study", Config(), root=tmp_path)
    assert run_path(tmp_path) == path


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.EROFS, "cannot be written .*make its folder writable or choose another one"),
        (errno.EACCES, "cannot be written .*make its folder writable or choose another one"),
        (errno.ENOTDIR, "a file stands where a folder is needed"),
    ],
)
def test_a_folder_that_cannot_be_made_is_reported_in_one_sentence(tmp_path, monkeypatch, code, sentence):
    def forbidden(self, *arguments, **kw):
        raise OSError(code, os.strerror(code), str(self))

    if code == errno.ENOTDIR:
        (tmp_path / "study").touch()
    else:
        monkeypatch.setattr(Path, "mkdir", forbidden)
    refused(sentence, RunFolder.open, "study", Config(), root=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run the tests as another user")
def test_a_read_only_root_is_refused_and_finished_runs_in_it_are_read(tmp_path):
    path = run_path(tmp_path)
    for folder in (path, path.parent):
        folder.chmod(0o500)
    try:
        with RunFolder.open("study", Config(), root=tmp_path) as run:
            assert run.result().keys() == {"accuracy"}
        refused("make its folder writable", RunFolder.open, "study", Config(net="lenet"), root=tmp_path)
    finally:
        for folder in (path.parent, path):
            folder.chmod(0o700)


def test_a_process_that_may_wait_waits_for_the_one_that_writes(tmp_path, capfd):
    done = threading.Event()

    def second():
        with RunFolder.open("study", Config(), root=tmp_path, wait=True) as run:
            assert run.done
            done.set()

    with RunFolder.open("study", Config(), root=tmp_path) as first:
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not done.wait(0.3)
        first.finish(accuracy=[1.0])
    waiting.join(10)
    assert done.is_set()
    assert "waiting for another process" in capfd.readouterr().err


def test_an_emptied_mark_beside_an_intact_result_is_written_again(tmp_path):
    path = run_path(tmp_path)
    mark = (path / "DONE").read_bytes()
    (path / "DONE").write_bytes(b"")
    with RunFolder.open("study", Config(), root=tmp_path) as run:
        np.testing.assert_array_equal(run.result()["accuracy"], [0.9, 0.8])
    assert (path / "DONE").read_bytes() == mark
