import math

import pytest

from ntk_repro.papers.claims import Claim, Verdict, cells, evaluate, judged, tally, trend


def test_an_undetermined_number_becomes_null_and_decides_nothing():
    claim = Claim("it grows", lambda numbers: [Verdict("mlp", numbers["x"] > 1, math.nan, "slope", paper=2.0)])
    (row,) = evaluate([claim], {"x": 0})
    assert row == {
        "statement": "it grows",
        "subject": "mlp",
        "holds": None,
        "number": None,
        "meaning": "slope",
        "paper": 2.0,
        "note": "",
    }


def test_a_number_that_cannot_be_judged_is_kept_and_decides_nothing():
    claim = Claim("it is the paper's", lambda numbers: [Verdict("mlp", None, numbers["x"], "accuracy", paper=0.7)])
    (row,) = evaluate([claim], {"x": 0.6})
    assert (row["holds"], row["number"], row["paper"]) == (None, 0.6, 0.7)


def test_a_verdict_that_cannot_be_decided_says_why_behind_its_notes():
    assert judged("mlp", True, 0.5, "slope", "3 seeds", "", paper=0.4) == Verdict(
        "mlp", True, 0.5, "slope", 0.4, "3 seeds"
    )
    assert judged("mlp", True, 0.5, "slope", "3 seeds", unless="it diverged").holds is None
    assert judged("mlp", True, 0.5, "slope", "3 seeds", unless="it diverged").note == "3 seeds; not judged: it diverged"


@pytest.mark.parametrize(("sign", "bound", "holds"), [(+1, 0.8, True), (-1, 0.8, False), (+1, 0.9, False)])
def test_a_trend_is_judged_by_its_rank_correlation(sign, bound, holds):
    verdict = trend("mlp", [1, 2, 3, 4], [1.0, 3.0, 2.0, 4.0], sign, "with the width", "a note", bound=bound)
    assert (verdict.holds, verdict.number) == (holds, pytest.approx(0.8))
    assert (verdict.meaning, verdict.note) == ("Spearman correlation with the width", "a note")


def test_verdicts_are_shown_and_counted_in_one_way():
    claims = [Claim("it grows", lambda numbers: [
        Verdict("mlp", True, 0.702, "slope", 0.636, "JPEG"), Verdict("lenet", False, -2.0, "slope"),
        Verdict("resnet18", None, math.nan, "slope"),
    ])]  # fmt: skip
    rows = evaluate(claims, {})
    assert list(cells(rows[0]).values()) == ["it grows", "mlp", "holds", "0.702", "0.636", "+0.066", "slope (JPEG)"]
    assert [cells(row)["verdict"] for row in rows] == ["holds", "does not hold", "undetermined"]
    assert [cells(row)["number"] for row in rows] == ["0.702", "-2", ""]
    assert (str(tally(rows)), tally(rows).short) == ("1 of 3 claims hold, 1 undetermined", "1 of 3, 1 undetermined")
    assert str(tally(rows[:2])) == "1 of 2 claims hold"
