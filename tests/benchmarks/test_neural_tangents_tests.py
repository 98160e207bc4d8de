import json

import pytest

from benchmarks import neural_tangents_tests

HEADER = """
import unittest
import jax
import neural_tangents
from examples import value

class Test(unittest.TestCase):
"""
GOOD = """
    def test_sum(self):
        self.assertEqual(jax.tree_map(lambda x: x + value, [1]), [3])
"""
BAD = """
    def test_wrong(self):
        self.assertEqual(value, 3)
    def test_gone(self):
        jax.no_such_name
    @unittest.skip("too large")  # a made-up file, whose skips are what is counted
    def test_large(self):
        pass
"""


@pytest.fixture
def source(tmp_path):
    """A checkout with a test file that passes, and one with a failure, an error and a skipped test."""
    for folder in ("tests", "examples"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("value = 2")
    (tmp_path / "tests" / "good_test.py").write_text(HEADER + GOOD)
    (tmp_path / "tests" / "bad_test.py").write_text(HEADER + BAD)
    return tmp_path


@pytest.mark.slow
def test_outcomes_are_counted_with_their_reasons(source, capsys):
    out = source / "out" / "found.json"
    neural_tangents_tests.main(source, out=out)
    found = json.loads(out.read_text())["files"]
    good, bad = found["tests/good_test.py"], found["tests/bad_test.py"]
    outcomes = ("tests", "passed", "failed", "error", "skipped")
    assert [good[outcome] for outcome in outcomes] == [1, 1, 0, 0, 0]
    assert [bad[outcome] for outcome in outcomes] == [3, 0, 1, 1, 1]
    assert bad["reasons"].pop("AttributeError: module 'jax' has no attribute 'no_such_name'") == 1
    assert bad["reasons"] == {"AssertionError: 2 != 3": 1, "too large": 1}
    assert "1 x AssertionError: 2 != 3" in capsys.readouterr().out


def test_a_folder_without_tests_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"holds no tests/\*_test\.py"):
        neural_tangents_tests.main(tmp_path)
