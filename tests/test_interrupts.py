"""Ctrl-C at any moment: one line, soon."""

import signal
import subprocess
import sys
import time

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.5, 1.0, 1.6, 2.2, 2.8, 3.4, 4.0, 5.0])
def test_in_the_first_seconds_of_a_study(after, tmp_path, monkeypatch):
    program = ["-m", "ntk_repro.eigentasks", "--net", "lenet", "--data", "digits", "--epochs", "500"]
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path))
    monkeypatch.setenv("NTK_REPRO_COMPILATION_CACHE", "off")
    with subprocess.Popen([sys.executable, *program], stderr=subprocess.PIPE, text=True) as process:
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=10)[1]
    assert "Traceback" not in error
    assert error.count("stopped: ") == 1
    assert process.returncode == 130


LOST = """
import gc, sys, time
from ntk_repro.command_line import command

def _xla_gc_callback(*args):  # the name of JAX's, in which exceptions are dropped
    time.sleep(0.4)

gc.callbacks.append(_xla_gc_callback)
print("ready", file=sys.stderr, flush=True)
command(lambda: [gc.collect() for _ in range(1000)])
"""
STUCK = """
import sys
import numpy as np
from ntk_repro.command_line import command
print("ready", file=sys.stderr, flush=True)
command(lambda: np.linalg.svd(np.ones((4000, 4000))))  # many seconds in LAPACK
"""


@pytest.mark.parametrize("program", [LOST, STUCK], ids=["in a callback", "in a library"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_where_python_would_not_see_it(program, number):
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert process.stderr.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(number)
        error = process.communicate(timeout=10)[1]
    assert error == "\nstopped: the same command continues where this one stopped\n"
    assert process.returncode == 130


def test_while_modules_are_imported():
    program = (
        "import os, signal, time; from ntk_repro import interrupts; interrupts.end_in_one_line(interrupts._NOTHING);"
        "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr == "\nstopped: nothing was computed yet\n"
