"""What the claims on networks and linearizations share: shares of cases, the paper's widths, its digits."""

import math

import pytest

from ntk_repro.papers.samarin2022.gaps import beyond_widths, half_digit, most, nearly_all, not_all_widths, share_of


@pytest.mark.parametrize(
    ("found", "enough", "verdict"),
    [
        ([True] * 4 + [False], nearly_all, True),
        ([True] * 3 + [False] * 2, nearly_all, False),
        ([True] * 3 + [False, None], nearly_all, None),  # four of five would be enough
        ([False] * 2 + [None] * 3, nearly_all, False),
        ([True] * 28 + [False] * 7, nearly_all, True),
        ([True] * 2 + [False], most, True),
        ([True, False], most, False),
        ([True, None], most, None),
        ([False, None], most, False),
        ([], most, None),
    ],
)
def test_a_share_is_enough_whatever_the_undetermined_cases_are(found, enough, verdict):
    share, holds = share_of(found, enough)
    assert holds is verdict
    assert math.isnan(share) if not found else share == found.count(True) / len(found)


@pytest.mark.parametrize(
    ("net", "widths", "said"),
    [
        ("lenet5", [1.0, 5.0, 60.0], ""),
        ("lenet5", [1.0, 10.0], "no x60 (the paper: x1 to x60)"),
        ("lenet5", [0.5, 1.0, 60.0, 80.0], "x1/2, x80 (the paper: x1 to x60)"),
        ("alexnet", [1.0, 2.0, 3.0, 4.0], ""),
        ("alexnet", [1.0, 4.0], "no x2, x3 (the paper: x1 to x4)"),
    ],
)
def test_a_trend_is_of_all_widths_that_the_paper_names(net, widths, said):
    assert not_all_widths(net, widths) == said


def test_a_width_among_the_papers_is_not_beyond_them():
    assert (beyond_widths("lenet5", 1.0, 7.0, 60.0), beyond_widths("alexnet", 5.0)) == ("", "x5 (the paper: x1 to x4)")


@pytest.mark.parametrize(("printed", "half"), [("4.67", 5e-5), ("20.4", 5e-4), ("99.9983", 5e-7), ("100", 0.0)])
def test_a_printed_number_is_known_to_half_its_last_digit(printed, half):
    assert half_digit(printed) == pytest.approx(half)
