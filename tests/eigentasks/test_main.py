import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ntk_repro.eigentasks.__main__ import main

SETTINGS = ["--net", "mlp", "--width", "0.3", "--data", "digits", "--n-train", "150", "--n-test", "50"]
SETTINGS += ["--batch-size", "32"]
ARGS = [*SETTINGS, "--indices", "2", "5", "9"]


@pytest.fixture(autouse=True)
def own_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "runs"


def test_it_prints_accuracies_and_the_run_folder(own_runs, capsys):
    main([*ARGS, "--epochs", "2"])
    shown = capsys.readouterr().out
    (folder,) = (own_runs / "eigentasks").iterdir()
    assert str(folder) in shown
    assert "never" in shown
    assert "classes 0-4" in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--net", "lennet"], "unknown network 'lennet'; did you mean 'lenet'"),
        (["--data", "digit"], "unknown data set 'digit'; did you mean 'digits'"),
        (["--activation", "rely", "--data", "digit"], "unknown activation 'rely'; did you mean 'relu'"),
        (["--indices", "1"], "begin at 2"),
        (["--indices", "2", "300"], "300 eigenfunctions need at least 300 samples, not 200"),
        (["--n-train", "100000"], "at most"),
        (["--momentum", "1"], "momentum must be"),
        (["--batch-size", "151"], "at most 150"),
    ],
)
def test_bad_input_is_one_sentence_status_2_and_leaves_nothing(args, message, own_runs, ends_in_one_line):
    assert message in ends_in_one_line(main, *(SETTINGS if "--indices" in args else ARGS), *args)
    assert not own_runs.exists()


@pytest.mark.slow
def test_a_file_that_changed_is_not_taken_for_the_old_one(tmp_path, capsys):
    rng = np.random.default_rng(0)
    path = tmp_path / "mine.npz"

    def write():
        x, y = rng.normal(size=(80, 6, 6)).astype(np.float32), rng.integers(0, 10, 80)
        np.savez(path, x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])

    args = ["--net", "mlp", "--width", "0.1", "--data", str(path), "--indices", "2", "--epochs", "1"]
    write()
    main([*args, "--batch-size", "20"])
    main([*args, "--batch-size", "20"])
    write()
    with pytest.raises(SystemExit):
        main([*args, "--batch-size", "20"])
    assert "are not those that" in capsys.readouterr().err


# The program as `python -m` runs it; where a shell started the tests in the background, children would ignore SIGINT.
HEEDING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("ntk_repro.eigentasks", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_continues_with_the_same_command(stop, own_runs):
    # Many tasks after the first: on a busy machine the signal comes late.
    indices = ["--indices", "2", "5", "9", "14", "20", "27", "35", "44"]
    program = [sys.executable, "-c", HEEDING, *SETTINGS, *indices, "--epochs", "250"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while not list(own_runs.glob("eigentasks/*/parts/network_00002.npz")):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    (folder,) = (own_runs / "eigentasks").iterdir()
    assert not (folder / "DONE").exists(), f"ended with {process.returncode}: {errors}"
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert errors.endswith("\nstopped: the same command continues where this one stopped\n")
    before = (folder / "metrics.jsonl").read_text().splitlines()
    main(program[3:])
    after = (folder / "metrics.jsonl").read_text().splitlines()
    assert (folder / "DONE").exists()
    assert sum('"index": 2,' in line for line in after) == sum('"index": 2,' in line for line in before) == 1
