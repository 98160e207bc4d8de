import math
from dataclasses import asdict

import pytest

from ntk_repro.papers.claims import Verdict, as_printed, cells, claim, evaluate, in_order, judged, tally, with_footnotes
from ntk_repro.papers.statistics import Interval


def test_a_verdict_that_cannot_be_decided_is_none_and_says_why_after_its_notes():
    assert judged("mlp", True, 0.5, "slope", "3 seeds", "", paper=0.4) == Verdict(
        "mlp", True, 0.5, "slope", 0.4, "3 seeds"
    )
    assert judged("mlp", None, 0.6, "accuracy", paper=0.7) == Verdict("mlp", None, 0.6, "accuracy", 0.7)
    assert judged("mlp", True, math.nan, "slope") == Verdict("mlp", None, None, "slope")
    assert judged("mlp", True, 0.5, "slope", "3 seeds", unless="it diverged") == Verdict(
        "mlp", None, 0.5, "slope", note="3 seeds", unless="it diverged"
    )
    assert judged("mlp", True, Interval(0.5, 0.4, 0.6, 3), "slope") == Verdict(
        "mlp", True, 0.5, "slope", interval=[0.4, 0.6], seeds=3
    )
    assert judged("mlp", True, Interval(0.5, math.nan, math.nan, 1), "slope") == judged("mlp", True, 0.5, "slope")


@claim("it grows", over="nets")
def grows(net, slope):
    yield judged(net, slope > 0, slope, "slope", "JPEG" if net == "mlp" else "", paper=0.636 if net == "mlp" else None)


def test_verdicts_are_shown_and_counted_in_one_way():
    rows = evaluate([grows], {"nets": {"mlp": 0.702, "lenet": -2.0, "resnet18": math.nan}})
    shown = {name: text for name, text in cells(rows[0]).items() if text}
    assert list(shown.values()) == ["it grows", "mlp", "holds", "0.702", "0.636", "+0.066", "slope (JPEG)"]
    assert [cells(row)["verdict"] for row in rows] == ["holds", "does not hold", "undetermined"]
    assert [cells(row)["number"] for row in rows] == ["0.702", "-2", ""]
    assert (tally(rows), tally(rows, "")) == ("1 of 3 claims hold, 1 undetermined", "1 of 3, 1 undetermined")
    assert tally(rows[:2]) == "1 of 2 claims hold"


def test_reasons_become_footnotes_named_once():
    verdicts = [("mlp", "fewer images"), ("lenet", "fewer epochs"), ("resnet18", "fewer images"), ("fcn", "")]
    rows = [{"statement": "", **asdict(judged(net, True, 0.5, "slope", "a note", unless=why))} for net, why in verdicts]
    marked, footnotes = with_footnotes(rows)
    meanings = [f"slope (a note; not judged: [{mark}])" for mark in (1, 2, 1)]
    assert [cells(row)["meaning"] for row in marked] == [*meanings, "slope (a note)"]
    assert footnotes == ["[1] fewer images", "[2] fewer epochs"]


@pytest.mark.parametrize(
    ("ours", "paper", "options", "holds", "why"),
    [
        (Interval(0.25, 0.24, 0.26, 3), 0.26, {}, True, ""),
        (Interval(0.25, 0.24, 0.26, 3), 0.262, {}, False, ""),
        (Interval(0.25, 0.24, 0.26, 3), 0.262, {"rounding": 0.005}, True, ""),
        (Interval(0.25, 0.2, 0.3, 3), 0.26, {}, None, "further seeds may lie 5 points away"),
        (Interval(0.25, 0.2, 0.3, 3), 0.36, {}, False, ""),
        (Interval(0.25, 0.24, 0.26, 3), 0.26, {"seeds": 10}, None, "3 seeds, fewer than 10"),
        (Interval(0.25, math.nan, math.nan, 1), 0.9, {}, None, "1 seed, fewer than 3"),
        (Interval(0.25, 0.24, 0.26, 3), 0.9, {"unless": "width 0.5"}, None, "width 0.5"),
    ],
)
def test_a_printed_number_is_where_further_seeds_would_be(ours, paper, options, holds, why):
    verdict = as_printed("mlp", ours, paper, 0.03, "energy", **{"rounding": 0.0, **options})
    assert (verdict.holds, verdict.paper) == (holds, None if "unless" in options else paper)
    assert verdict.unless.startswith(why)
    assert bool(verdict.unless) is bool(why)


@pytest.mark.parametrize(
    ("values", "errors", "holds"),
    [([1.0, 2.0, 3.0], 0.1, True), ([3.0, 2.0, 1.0], 0.1, False), ([1.0, 2.0, 3.0], 0.5, None)],
)
def test_an_order_is_judged_by_the_pairs_that_noise_cannot_turn(values, errors, holds):
    verdict = in_order("mlp", [1, 2, 3], values, +1, errors, "with the width", "a note")
    assert verdict.holds is holds
    assert verdict.note.startswith("a note; ")
    assert in_order("mlp", [1, 2, 3], values, +1, errors, "with the width", unless="no data").holds is None
