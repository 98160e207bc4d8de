"""Verdicts on made-up accuracies: numbers that make each statement of Figure 1 hold, fail and stay undetermined."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES
from tests.papers.samarin2022.panels import FEW, gaps, holds, panel, rows, snakes

ALL = [gaps("fig2", (4.7, 0.3), (3.5, 0.1)), gaps("fig3", (28, 1), (4, 0.3)), gaps("fig4", (20, 1), (13, 1))]
LESS = [gaps("fig2", (4.7, 0.3), (0.5, 0.1)), gaps("fig3", (2, 0.3), (0.3, 0.1)), gaps("fig4", (20, 1), (13, 1))]
WIDE = [gaps("fig2", (4.7, 3), (3.5, 1)), gaps("fig3", (2.8, 1), (3.1, 1)), gaps("fig4", (20, 1), (13, 1))]
GREAT = [gaps(figure, (28, 1), (12, 1)) for figure in ("fig2", "fig3", "fig4")]
NEARLY, GREATLY = (f"networks are {adverb} ahead of their linearizations" for adverb in ("clearly", "greatly"))


@pytest.mark.parametrize(
    ("panels", "clearly", "greatly"),
    [
        (GREAT, True, True),
        (ALL, True, False),  # by 3 points, and by 9 at half of the widths
        (LESS, False, False),
        (WIDE, None, False),
        (ALL[:2], None, None),
        ([*ALL[:2], ALL[2] | FEW], None, None),
    ],
)
def test_gaps_are_prominent_and_large_at_nearly_all_widths_of_all_data_sets(panels, clearly, greatly):
    for statement, verdict in ((NEARLY, clearly), (GREATLY, greatly)):
        lenet, alexnet = rows("fig1", statement, *panels, snakes([(60, 0)] * 2, [(40, 0)] * 2, [(41, 0)] * 2))
        assert (lenet["subject"], lenet["holds"]) == ("LeNet", verdict)
        assert (alexnet["subject"], alexnet["holds"]) == ("AlexNet", True)


@pytest.mark.parametrize(("widths", "verdict"), [((1.0, 60.0), True), ((1.0, 10.0), None), ((0.5, 60.0), None)])
def test_a_share_of_widths_is_of_the_papers_widths(widths, verdict):
    panels = [gaps(figure, *[(20, 1)] * 2, widths=widths) for figure in ("fig2", "fig3", "fig4")]
    assert holds("fig1", NEARLY, *panels)[0] is verdict


@pytest.mark.parametrize("widths", [(1.0, 4.0), (1.0, 2.0, 4.0), (0.5, 1.0, 2.0, 3.0, 4.0)])
def test_a_share_of_alexnets_widths_is_of_those_that_the_paper_names(widths):
    network, linearized = [(60, 0)] * len(widths), [*[(38, 0)] * (len(widths) - 1), (41, 1)]
    assert holds("fig1", NEARLY, snakes(network, linearized, linearized, widths=widths))[1] is None


@pytest.mark.parametrize(
    ("mnist", "cifar10", "of_snakes", "steps", "general"),
    [
        ((4.7, 1), (20, 1), (25, 1), [True, True], True),
        ((20, 1), (4.7, 1), (25, 1), [False, True], False),
        ((4.7, 1), (20.2, 1), (20.4, -1), [True, None], None),
    ],
)
def test_the_gap_grows_with_the_difficulty(mnist, cifar10, of_snakes, steps, general):
    own = [(60 - of_snakes[0], of_snakes[1])] * 2
    panels = [gaps("fig2", mnist, mnist), gaps("fig4", cifar10, cifar10), snakes([(60, 0)] * 2, [(30, 0)] * 2, own)]
    panels.append(gaps("fig3", (90, 0), (90, 0)))  # stands outside the order
    grows, still = "the gap at x1 grows from MNIST", "the gap in test accuracy is larger still"
    assert holds("fig1", "the gap in test accuracy is larger on CIFAR-10", *panels) == [steps[0]] * 2
    assert holds("fig1", still, *panels) == [True] * 2 + [steps[1]] * 2  # by 30 points at the network's settings
    assert holds("fig1", grows, *panels)[0] is general
    few = [one | FEW for one in panels[:2]]
    assert holds("fig1", "the gap in test accuracy is larger on CIFAR-10", *few) == [None]
    narrow = snakes([(60, 0)] * 2, [(30, 0)] * 2, own, widths=(1.0, 2.0))
    assert holds("fig1", still, panels[1], narrow) == [True, None, steps[1], None]
    alone = evaluate(FIGURES["samarin2022/fig1"].claims, {"panels": panels[:1]})
    assert {row["holds"] for row in alone if row["statement"].startswith("the gap in test accuracy")} == {None}


def test_a_gap_below_standard_width_is_not_compared():
    panels = [gaps(figure, *[value] * 3, widths=(0.5, 1.0, 60.0)) for figure, value in (("fig2", 5), ("fig4", 20))]
    found = rows("fig1", "the gap in test accuracy is larger on CIFAR-10", *panels)
    assert [(row["subject"], row["holds"]) for row in found] == [("x1/2", None), ("x1", True), ("x60", True)]


@pytest.mark.parametrize("without", ["fig2", "fig5"])
def test_a_missing_difference_hides_no_other(without):
    """From MNIST to CIFAR-10 to ImageNet: one step is enough to refute that both grow."""
    panels = {"fig2": gaps("fig2", (20, 0), (20, 0)), "fig4": gaps("fig4", (15, 0), (15, 0))}
    panels["fig5"] = snakes([(60, 0)] * 2, [(30, 0)] * 2, [(50, 0)] * 2)
    del panels[without]
    row, _ = rows("fig1", "the gap at x1 grows from MNIST", *panels.values())
    assert (row["holds"], row["number"]) == (False, pytest.approx(-0.05))


@pytest.mark.parametrize(("of_snakes", "verdict"), [((60, 0), True), ((75, 0), False), ((68, 9), None)])
def test_training_gaps_grow_with_the_difficulty_too(of_snakes, verdict):
    """Training gaps of 5, 30 and 100 less these points."""
    panels = [gaps("fig2", (5, 0), (5, 0)), gaps("fig4", (30, 0), (30, 0))]
    panels.append(snakes([(60, 0)] * 2, [(20, 0)] * 2, [of_snakes] * 2))
    found = rows("fig1", "the gap at x1 grows from MNIST", *panels)
    assert [row["subject"] for row in found] == ["test accuracy", "training accuracy"]
    assert found[1]["holds"] is verdict


def everywhere(figure_rows):
    """Panels of all data sets with these (network, linearization) accuracies at the ends, AlexNet's the last.

    AlexNet's linearization has them at its own settings, and others at the network's.
    """
    found = [panel(f, *both) for f, both in zip(("fig2", "fig3", "fig4"), figure_rows, strict=False)]
    network, linearized = figure_rows[3]
    return [*found, snakes(network, [(40, 0), (30, 0)], linearized)]


GOOD = ([(90, 0), (91, 0.5)], [(70, 0), (80, 1)])  # the network gains 1, the linearization 10 points
BAD = ([(90, 0), (96, 0.5)], [(80, 0), (81, 0.5)])
OPEN = ([(90, 0), (92, 2)], [(70, 0), (73, -2)])


@pytest.mark.parametrize(
    "statement",
    [
        "with width networks and linearizations become more alike",
        "networks improve slightly",
        "the gap shrinks as linearizations improve",
        "linearizations improve dramatically",
    ],
)
def test_a_general_statement_holds_on_every_data_set(statement):
    for last, verdict in ((GOOD, True), (BAD, False), (OPEN, None)):
        panels = everywhere([last, GOOD, GOOD, GOOD])
        assert holds("fig1", statement, *panels) == [verdict]
        assert holds("fig1", statement, *panels[:2]) == [False if verdict is False else None]  # no CIFAR-10
        assert holds("fig1", statement, panels[0] | FEW, *panels[1:]) == [None]


def test_a_gap_that_a_falling_network_closes_is_not_closed_by_the_linearization():
    falls = ([(90, 0), (80, 0.5)], [(70, 0), (75, 1)])
    statement = "the gap shrinks as linearizations improve"
    assert holds("fig1", statement, *everywhere([falls, GOOD, GOOD, GOOD])) == [False]
    assert holds("fig1", statement, *everywhere([GOOD, GOOD, GOOD, falls])) == [True]  # AlexNet's improve slightly
