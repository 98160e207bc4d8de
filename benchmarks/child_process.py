"""Runs a command in a separate process and measures its wall time and peak memory.

`python -m benchmarks.child_process COMMAND ...` is a small process in between. Linux counts the memory of the parent at
the start of the command towards the command's peak, so the parent must be a process that uses little.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
_OUT = Path(__file__).parent / "out"


@dataclasses.dataclass(frozen=True)
class Child:
    """The result of a command.

    Attributes:
        seconds: wall time from its start to its end.
        peak_bytes: its peak resident memory.
        output: its standard output.
    """

    seconds: float
    peak_bytes: int
    output: str


def run_child(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
    """Runs a command in the project's folder and waits for it.

    Args:
        command: program and arguments.
        environment: variables added to those of this process.

    Raises:
        RuntimeError: it failed; its messages are on standard error.
    """
    between = [sys.executable, "-m", "benchmarks.child_process", *command]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(between, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    output, _, report = done.stdout.rstrip("\n").rpartition("\n")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}: {done.stdout}")
    return Child(**json.loads(report), output=output.removesuffix("\n"))


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder on the project's disk."""
    _OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=_OUT) as folder:
        yield Path(folder)


def main() -> None:
    """Runs the command given as arguments and reports on the last line of standard output."""
    start = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:])
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(child.returncode if child.returncode > 0 else 128 - child.returncode)
    unit = 1 if sys.platform == "darwin" else 1024
    print("\n" + json.dumps({"seconds": seconds, "peak_bytes": usage.ru_maxrss * unit}))


if __name__ == "__main__":
    main()
