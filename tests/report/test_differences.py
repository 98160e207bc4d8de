import dataclasses

import pytest

from ntk_repro.errors import UserError
from ntk_repro.report.differences import Difference, read_differences, unexplained
from ntk_repro.report.reference import read_results

FAILING = {"statement": "it grows (Spearman >= 0.8)", "subject": "mlp", "holds": False}


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
def test_a_word_on_a_claim_is_found_by_figure_statement_preset_and_subject(result, changes, concerned):
    said = {"figure": "ortiz2021/fig1", "claim": "it grows", "state": "open", "why": "unknown", "presets": ("quick",)}
    difference = Difference(**(said | changes))
    assert difference.concerns(result, FAILING) is concerned
    assert list(unexplained([result], [difference])) == ([] if concerned else [(result, FAILING)])


def test_a_claim_that_holds_needs_no_word_nor_does_one_that_is_undetermined(result):
    for holds, needed in ((True, False), (None, False), (False, True)):
        claim = FAILING | {"holds": holds}
        assert bool(list(unexplained([dataclasses.replace(result, claims=[claim])], []))) is needed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing: take it from the repository"),
        ("[[difference]", "is not valid TOML"),
        (
            "[[difference]]\nfigure = 'a'\nclaim = 'b'\nstate = 'solved'\nwhy = 'c'\npresets = ['quick']",
            "unknown value of .*state 'solved'",
        ),
        ("[[difference]]\nfigure = 'a'\nclaim = 'b'\nstate = 'open'", "why is missing"),
        ("[[difference]]\nfigure = 'a'\nclaim = 'b'\nstate = 'open'\nwhy = 'c'", "presets is missing"),
        (
            "[[difference]]\nfigure = 'a'\nclaim = 'b'\nstate = 'explained'\nwhy = 'c'\npresets = ['quick']",
            "a is explained for no subjects",
        ),
        ("[[difference]]\nfigures = 'a'", "did you mean 'figure'"),
    ],
)
def test_a_damaged_file_is_one_sentence(text, message, tmp_path):
    path = tmp_path / "differences.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_differences(path)
