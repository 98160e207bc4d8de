import sys

import numpy as np
import pytest

from benchmarks.child_process import run_child, scratch

MIB = 2**20


@pytest.mark.parametrize("size", [200, pytest.param(0, marks=pytest.mark.slow)])
def test_the_peak_is_that_of_the_command_alone(size):
    of_the_parent = np.ones(300 * MIB, np.uint8)
    child = run_child([sys.executable, "-c", f"print(len(bytearray({size * MIB})))"])
    assert child.output == str(size * MIB)
    assert size * MIB < child.peak_bytes < (size + 100) * MIB
    assert of_the_parent.nbytes == 300 * MIB


def test_variables_reach_the_command():
    code = "import os; print(os.environ['ONE_MORE']); print(2)"
    assert run_child([sys.executable, "-c", code], {"ONE_MORE": "1"}).output == "1\n2"


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_command_that_fails_is_reported(end):
    with pytest.raises(RuntimeError, match="ended with status"):
        run_child([sys.executable, "-c", end])


def test_scratch_is_gone_afterwards():
    with scratch() as folder:
        (folder / "file").write_text("")
    assert not folder.exists()
