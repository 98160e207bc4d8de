"""neural-tangents' own tests against the installed package, as `ntk_repro._neural_tangents` makes it run on this JAX.

`python -m benchmarks.neural_tangents_tests SOURCE` prints for each test file of a checkout how many tests pass, fail,
end in an error or are skipped, with the reasons, and writes these to benchmarks/out/neural_tangents_tests.json.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.child_process import ROOT
from ntk_repro.record import environment


class _Lines(unittest.TestResult):
    """Writes the outcome of each test as a line of JSON, so that outcomes before a stop are known too."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def write(self, **line: Any) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def addSuccess(self, test: Any) -> None:
        self.write(test=test.id(), outcome="passed")

    def addSkip(self, test: Any, reason: str) -> None:
        self.write(test=test.id(), outcome="skipped", reason=reason)

    def addFailure(self, test: Any, err: Any) -> None:
        self.write(test=test.id(), outcome="failed", reason=_reason(err[1]))

    def addError(self, test: Any, err: Any) -> None:
        self.write(test=test.id(), outcome="error", reason=_reason(err[1]))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.addFailure(subtest, err) if issubclass(err[0], test.failureException) else self.addError(subtest, err)


def _reason(error: BaseException) -> str:
    """The type of an exception and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}"


def run_here(source: str, file: str, lines: str, cases: int) -> None:
    """Runs one test file in this process, where `tests` and `examples` are those of the checkout from now on."""
    from ntk_repro._neural_tangents import put_back

    put_back("jax", "tree_map", "jax.tree_util")  # which the tests use, and neural-tangents itself does not
    sys.path[:] = [source, *(folder for folder in sys.path if folder not in ("", str(ROOT)))]
    sys.argv = [file, f"--nt_num_generated_cases={cases}"]  # a flag of theirs, read when a test file is imported
    results = _Lines(Path(lines))
    suite = unittest.defaultTestLoader.loadTestsFromName(file.removesuffix(".py").replace("/", "."))
    results.write(tests=suite.countTestCases())
    suite.run(results)


def run_file(source: Path, file: str, cases: int, minutes: float) -> dict[str, Any]:
    """Runs one test file in a separate process: its number of tests and, for each outcome, tests and reasons."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lines")
        arguments = (str(source.resolve()), file, str(path), cases)
        code = f"from benchmarks.neural_tangents_tests import run_here; run_here{arguments}"
        command = [sys.executable, "-W", "ignore", "-c", code]
        try:
            child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60 * minutes, check=False)
            stopped = child.stderr.strip().splitlines()[-1:] if child.returncode else []
        except subprocess.TimeoutExpired:
            stopped = [f"stopped after {minutes:g} minutes"]
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    tests = [line for line in lines if "outcome" in line]
    found: dict[str, Any] = {
        "tests": next((line["tests"] for line in lines if "tests" in line), None),
        "stopped": stopped,
    }
    for outcome in ("passed", "failed", "error", "skipped"):
        found[outcome] = sum(line["outcome"] == outcome for line in tests)
    found["reasons"] = dict(Counter(line["reason"] for line in tests if "reason" in line).most_common())
    found["not_passed"] = [line for line in tests if line["outcome"] in ("failed", "error")]
    return found


def main(
    source: Annotated[Path, tyro.conf.Positional],
    files: tuple[str, ...] = (),
    cases: int = 4,
    minutes: float = 10.0,
    out: Path = Path("benchmarks/out/neural_tangents_tests.json"),
) -> None:
    """Runs neural-tangents' own tests against the installed package.

    Args:
        source: a checkout of neural-tangents.
        files: test files below `source`, such as tests/predict_test.py; all but TensorFlow's by default.
        cases: how many cases of each parametrized test are drawn (their flag `nt_num_generated_cases`).
        minutes: time limit of a file; the tests that ended before it count.
        out: the JSON file for the numbers.
    """
    tests = sorted(path.relative_to(source).as_posix() for path in source.glob("tests/**/*_test.py"))
    files = files or tuple(file for file in tests if "experimental" not in file)
    if not files:
        raise SystemExit(f"error: {source} holds no tests/*_test.py: name a checkout of neural-tangents")
    found: dict[str, Any] = {"cases": cases, "environment": environment(), "files": {}}
    out.parent.mkdir(parents=True, exist_ok=True)
    for file in files:
        result = found["files"][file] = run_file(source, file, cases, minutes)
        print(
            file,
            *(f"{result[key]} {key}" for key in ("tests", "passed", "failed", "error", "skipped")),
            *result["stopped"],
            sep="  ",
        )
        for reason, count in result["reasons"].items():
            print(f"    {count} x {reason}", flush=True)
        out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
