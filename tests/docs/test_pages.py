"""The Python of the pages runs as shown, and prints what they show."""

import os
import sys
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from ntk_repro.data import DATASETS
from ntk_repro.models import MODELS
from tests.docs.blocks import DOCS, PAGES, blocks, differences, run
from tests.docs.renew import outputs


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A working folder, as a reader has one; what a page adds to the package is removed afterwards."""
    import matplotlib as mpl

    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    with patch.dict(MODELS), patch.dict(DATASETS):
        yield tmp_path
    for name in set(sys.modules) - before:
        if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == str(tmp_path):
            del sys.modules[name]


@pytest.mark.slow
def test_a_page_prints_what_it_shows(reader):
    """`extending.md`; `test_notebooks.py` runs the other pages that show outputs."""
    shown = 0
    for block, printed in outputs(DOCS / "extending.md"):
        assert (block.shown is None) == (printed == ""), f"line {block.line}: a page shows all that is printed"
        if block.shown is not None:
            assert differences(block.shown, printed) == [], f"line {block.line}"
            shown += 1
    assert shown >= 4


@pytest.mark.slow
def test_the_python_of_the_readme_runs(reader):
    (block,) = (block for block in blocks(PAGES["README.md"]) if block.language == "python")
    assert block.shown is not None
    assert differences(block.shown, run(block, "README.md", {"__name__": "readme"})) == []


@pytest.mark.slow
def test_the_python_of_the_gram_page_runs(reader):
    """On a small network, with as many samples as the 1,000 eigenpairs and the four blocks of the page need."""
    from ntk_repro import Network

    x_all = np.random.default_rng(0).normal(size=(1700, 40)).astype(np.float32)
    names: dict[str, Any] = {"np": np, "net": Network.create("mlp", 0, (40,)), "x_all": x_all}
    names |= {"x": x_all[:1600], "x_new": x_all[1600:]}
    found = [run(block, "gram.md", names) for block in blocks(DOCS / "gram.md") if block.language == "python"]
    assert len(found) >= 5
    np.testing.assert_array_equal(names["k"], names["store"].array())  # read by tensorstore alone
    assert names["vectors"].shape == (100, len(names["pairs"].values))
    np.testing.assert_allclose(names["product"], names["k"] @ names["products"], rtol=1e-4)
    np.testing.assert_allclose(names["top"].values, names["pairs"].values[:3], rtol=1e-4)
    assert abs(names["trace"].value - np.trace(names["k"])) < 4 * names["trace"].standard_error
    assert names["everything"].vectors.shape == (1700, len(names["pairs"].values))


def test_the_python_of_the_kernel_regression_page_runs(capsys):
    """On small digits, of which a tenth is asked for."""
    text, training = (block.text for block in blocks(DOCS / "kernel_regression.md") if block.language == "python")
    for shown, small in (
        ('"cifar10", n_train=10_000, n_test=2_000', '"digits", n_train=200, n_test=100'),
        ('"lenet", 0', '"mlp", 0'),
        ("(500, 1_000, 2_000, 5_000, 10_000)", "(100, 200)"),
    ):
        assert text.count(shown) == 1
        text = text.replace(shown, small)
    names: dict[str, Any] = {}
    exec(text + training.replace("batch_size=100", "batch_size=20"), names)
    assert names["accuracy"] > 0.5
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert names["measured"] > 0.5  # ten classes, of which guessing finds a tenth
    assert abs(names["expected"] - names["measured"]) < 0.15
