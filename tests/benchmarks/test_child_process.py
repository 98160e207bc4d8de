import sys

import numpy as np
import pytest

from benchmarks.child_process import run_child, scratch

MIB = 2**20


def test_the_peak_is_that_of_the_command():
    child = run_child([sys.executable, "-c", f"print(len(bytearray({200 * MIB})))"])
    assert child.output == str(200 * MIB)
    assert 200 * MIB < child.peak_bytes < 300 * MIB


@pytest.mark.slow
def test_what_the_parent_holds_is_not_counted():
    held = np.ones(300 * MIB, np.uint8)
    child = run_child([sys.executable, "-c", "pass"])
    assert child.peak_bytes < 100 * MIB < held.nbytes


def test_variables_reach_the_command():
    code = "import os; print(os.environ['ONE_MORE']); print(2)"
    assert run_child([sys.executable, "-c", code], {"ONE_MORE": "1"}).output == "1\n2"


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_command_that_fails_is_told_of(end):
    with pytest.raises(RuntimeError, match="ended with status"):
        run_child([sys.executable, "-c", end])


def test_scratch_is_gone_afterwards():
    with scratch() as folder:
        (folder / "file").write_text("")
    assert not folder.exists()
