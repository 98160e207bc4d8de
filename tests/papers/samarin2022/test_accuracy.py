"""Verdicts on made-up accuracies: what counts as a gap that shrinks, and which networks are not judged."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

CHANCE = 0.11


def panel(network, linearized, shift=0):
    """A panel at widths 1, 2 ...; each accuracy is that of two seeds, training and test alike."""
    lines = []
    for kind, accuracies in (("network", network), ("linearized", linearized)):
        both = [[value, value + 0.001] for value in accuracies]
        widths = {"widths": [2.0**i for i in range(len(both))], "seeds": [[0, 1]] * len(both)}
        lines.append({"kind": kind, "name": kind, **widths, "train": both, "test": both})
    about = {"net": "lenet5", "data": "mnist5k", "shift": shift, "decay_epochs": None, "logistic_test": None}
    return {**about, "majority_rate": CHANCE, "lines": lines}


def rows(figure, statement, *panels):
    found = evaluate(FIGURES[f"samarin2022/{figure}"].claims, {"panels": panels})
    return [row for row in found if statement in row["statement"]]


@pytest.mark.parametrize(
    ("linearized", "holds"), [((0.8, 0.88), True), ((0.88, 0.8), False), ((0.88, 0.95), False), ((0.8, 0.95), True)]
)
@pytest.mark.parametrize(("figure", "statement"), [("fig1", "become more alike"), ("fig2", "gap shrinks")])
def test_a_gap_that_turns_and_grows_does_not_shrink(figure, statement, linearized, holds):
    """The network has 90 % at both widths."""
    (row,) = rows(figure, statement, panel((0.9, 0.9), linearized))
    assert row["number"] == pytest.approx(linearized[0] - linearized[1])
    assert row["holds"] is holds


GAINS = {0.05: True, -0.05: False, 0.0: None}  # of the linearization, from the narrowest width to the widest


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("network", [(0.9, 0.9), (0.9, 0.6), (0.6, 0.9)])
@pytest.mark.parametrize("figure", ["fig1", "fig2", "fig3", "fig4", "fig5", "tableA1"])
def test_what_the_linearization_gains_from_width_is_its_own_whatever_the_network_gains(figure, network, gain):
    (row,) = rows(figure, "the linearization's test accuracy grows", panel(network, (0.8, 0.8 + gain)))
    assert (row["holds"], row["paper"]) == (GAINS[gain], None)
    assert row["number"] == pytest.approx(gain, abs=1e-12)


def test_a_gain_within_the_spread_of_the_seeds_is_undetermined():
    for second, holds in (([0.85, 0.852], True), ([0.82, 0.95], None)):
        seeds = panel((0.9, 0.9), (0.8, 0.85))
        seeds["lines"][1]["test"] = [[0.8, 0.801], second]
        (row,) = rows("fig1", "the linearization's test accuracy grows", seeds)
        assert row["holds"] is holds
        assert row["number"] == pytest.approx((sum(second) - 1.601) / 2)


@pytest.mark.parametrize("figure", ["fig1", "fig2", "fig3", "fig4"])
def test_no_measurement_is_counted_twice(figure):
    found = rows(figure, "", panel((0.9, 0.95), (0.8, 0.88)))
    numbers = [round(row["number"], 6) for row in found if not row["subject"].endswith(", train")]  # alike in `panel`
    assert len({abs(number) for number in numbers}) == len(numbers)


@pytest.mark.parametrize(
    ("figure", "statement", "shifts"),
    [
        ("fig3", "the gap grows with the shift", (0, 7)),
        ("fig4", "the widest linearization is ahead", (0,)),
        ("tableA2", "accuracy hardly depends on the seed", (0,)),
    ],
)
@pytest.mark.parametrize(("accuracy", "judged"), [(CHANCE + 0.01, False), (CHANCE + 0.03, True)])
def test_a_network_at_one_class_is_not_judged(figure, statement, shifts, accuracy, judged):
    panels = [panel((accuracy, 0.9), (0.05 - shift / 700, 0.8), shift) for shift in shifts]
    for row in (found := rows(figure, statement, *panels)):
        if not row["subject"].startswith("x2"):  # there it has learnt
            assert (row["holds"] is not None) is judged
            assert ("not judged: the network stays at the rate" in row["note"]) is not judged
    assert found
