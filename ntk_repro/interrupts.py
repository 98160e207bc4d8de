"""Ctrl-C, and the SIGTERM by which clusters end a job: one line and the status 130, whatever the process is doing.

`KeyboardInterrupt` does the most, but not all: Python drops it where it is raised within a callback of the garbage
collector, as JAX has one, and holds it back while the process is within a library, as when XLA compiles.
"""

import atexit
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

_SWALLOWING = "_xla_gc_callback"  # of JAX: what is raised within it is dropped
_AGAIN = 0.05  # seconds until another try
_PATIENCE = 1.5  # seconds until the process ends where it is

_NOTHING = "nothing was computed yet"

_delivered = threading.Event()
_again = _NOTHING


def line() -> str:
    """What is printed when the process is stopped."""
    return f"\nstopped: {_again}"


def is_program() -> bool:
    """Whether this process runs a command of the package, not a program that imports it."""
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
    return os.path.basename(sys.argv[0]) == "ntk-repro" or [name.partition(".")[0] for name in module] == ["ntk_repro"]


def stopped() -> None:
    """Prints the line; a command then leaves at once, as XLA's threads may crash while Python ends around them."""
    print(line(), file=sys.stderr, flush=True)
    if is_program():
        atexit.register(_leave)  # the last one registered is the first to be called


def _leave() -> None:
    sys.stdout.flush()
    os._exit(130)


def end_in_one_line(again: str) -> None:
    """From now on SIGINT and SIGTERM raise `KeyboardInterrupt` as soon as it can be caught; no traceback follows.

    Where the process is within a library for longer than 1.5 seconds, it ends there: what it keeps on disk is
    written so that nothing but the last minutes is lost.

    Args:
        again: what the line says.
    """
    global _again
    _again = again
    sys.excepthook = _without_traceback
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is _raise:
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _raise)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_end_if_stuck, args=(reading,), daemon=True).start()


def _raise(number: int, frame: FrameType | None) -> None:
    if _again is _NOTHING:  # within an import, which may make another error of it; there is nothing to save
        print(line(), file=sys.stderr, flush=True)
        os._exit(130)
    inner = frame
    while inner is not None:
        if inner.f_code.co_name == _SWALLOWING:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            return
        inner = inner.f_back
    _delivered.set()
    raise KeyboardInterrupt


def _end_if_stuck(reading: int) -> None:
    while os.read(reading, 1):
        if not _delivered.wait(_PATIENCE):
            print(line(), file=sys.stderr, flush=True)
            os._exit(130)


def _without_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        stopped()
    else:
        sys.__excepthook__(kind, error, trace)


if is_program():
    end_in_one_line(_NOTHING)
