import dataclasses

import pytest

from ntk_repro.report.differences import Difference, read_differences, unexplained
from ntk_repro.report.reference import read_results
from tests.refusals import refused
from tests.report.verdicts import claim

FAILING = claim(holds=False, statement="it grows (Spearman >= 0.8)")


@pytest.fixture
def result(kept):
    (result,) = read_results(kept)
    return dataclasses.replace(result, claims=[FAILING])


@pytest.mark.parametrize(
    ("changes", "concerned"),
    [
        ({}, True),
        ({"presets": ("quick",), "subjects": ("lenet", "mlp")}, True),
        ({"presets": ("laptop",)}, False),
        ({"subjects": ("lenet",)}, False),
        ({"claim": "it falls"}, False),
        ({"figure": "ortiz2021/fig2"}, False),
    ],
)
def test_an_explanation_is_found_by_figure_statement_preset_and_subject(result, changes, concerned):
    own = {"figure": "ortiz2021/fig1", "claim": "it grows", "state": "open", "why": "unknown", "presets": ("quick",)}
    difference = Difference(**(own | changes))
    assert difference.concerns(result, FAILING) is concerned
    assert list(unexplained([result], [difference])) == ([] if concerned else [(result, FAILING)])


def test_only_a_claim_that_does_not_hold_needs_an_explanation(result):
    for holds, needed in ((True, False), (None, False), (False, True)):
        assert bool(list(unexplained([dataclasses.replace(result, claims=[claim(holds=holds)])], []))) is needed


START = "[[difference]]\nfigure = 'a'\nclaim = 'b'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read .*: take it from the repository"),
        ("[[difference]", "is not valid TOML"),
        (f"{START}state = 'solved'\nwhy = 'c'\npresets = ['quick']", "state 'solved'"),
        (f"{START}state = 'open'", "why is missing"),
        (f"{START}state = 'open'\nwhy = 'c'", "presets is missing"),
        (f"{START}state = 'explained'\nwhy = 'c'\npresets = ['quick']", "a is explained for no subjects"),
        ("[[difference]]\nfigures = 'a'", "did you mean 'figure'"),
    ],
)
def test_a_damaged_file_is_one_sentence(text, message, tmp_path):
    path = tmp_path / "differences.toml"
    if text is not None:
        path.write_text(text)
    refused(message, read_differences, path)
