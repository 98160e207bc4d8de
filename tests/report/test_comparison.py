import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.report.comparison import Tolerance, compare
from tests.refusals import refused
from tests.report.verdicts import claim

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (claim(0.5), claim(0.5), "agrees"),
        (claim(0.5), claim(0.534), "agrees"),  # 0.01 + 0.05 * 0.5
        (claim(0.5), claim(0.536), "differs"),
        (claim(-0.5), claim(-0.534), "agrees"),
        (claim(0.5), claim(-0.5), "differs"),
        (claim(0.5), claim(0.51, holds=False), "turned"),
        (claim(0.5, holds=None), claim(0.51), "turned"),
        (claim(1e-6), claim(2e-6, holds=False), "turned"),
        (claim(0.5), claim(None, holds=None), "differs"),
        (claim(None, holds=None), claim(None, holds=None), "agrees"),
        (claim(0.5, note="3 seeds"), claim(0.5, note="5 seeds"), "agrees"),
    ],
)
def test_outcomes(before, after, expected):
    (row,) = compare([before], [after], Tolerance())
    assert (row.outcome, row.fails) == (expected, expected != "agrees")


def test_a_claim_that_only_one_side_has_fails():
    rows = compare([claim(), claim(subject="lenet")], [claim(subject="lenet"), claim(subject="resnet18")], Tolerance())
    assert [(row.subject, row.outcome, row.fails) for row in rows] == [
        ("mlp", "gone", True),
        ("lenet", "agrees", False),
        ("resnet18", "new", True),
    ]


@pytest.mark.parametrize("tolerance", [{"relative": -1.0}, {"absolute": float("inf")}, {"absolute": float("nan")}])
def test_a_tolerance_below_zero_or_infinite_is_refused(tolerance):
    refused("must be at least 0 and finite", Tolerance, **tolerance)


def test_verdicts_of_one_name_are_compared_in_their_order():
    rows = compare([claim(0.1), claim(0.9)], [claim(0.1), claim(0.5)], Tolerance())
    assert [(row.before, row.after, row.outcome) for row in rows] == [(0.1, 0.1, "agrees"), (0.9, 0.5, "differs")]


@given(FINITE, st.floats(0, 1), st.floats(0, 1))
def test_a_number_agrees_with_itself_and_not_with_one_beyond_the_tolerance(number, relative, absolute):
    tolerance = Tolerance(relative, absolute)
    assert tolerance.allows(number, number)
    beyond = number + 1.001 * (absolute + relative * abs(number)) + 1e-3
    assert not tolerance.allows(beyond, number)
