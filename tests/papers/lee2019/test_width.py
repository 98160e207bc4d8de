from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES


def fit(exponent: float | None, half: float = 0.1) -> dict[str, Any]:
    low, high = (None, None) if exponent is None else (exponent - half, exponent + half)
    return {"exponent": exponent, "low": low, "high": high}


def drift(**exponents: float | None):
    names = {"input": -0.45, "intermediate": -0.95, "output": -0.55, "ntk": -0.7, "nngp": -0.65, **exponents}
    curves = {name: {**fit(slope), "widest": fit(-0.9)} for name, slope in names.items()}
    return {"panels": [{"title": "Three hidden ReLU layers", "curves": curves}]}


def verdicts(figure: str, numbers: dict):
    return evaluate(FIGURES[f"lee2019/{figure}"].claims, numbers)


def lines(*exponents: float | None):
    return [{"of": 2**i, **fit(exponent)} for i, exponent in enumerate(exponents)]


def test_exponents_like_the_papers_hold():
    rows = verdicts("fig1", drift())
    assert [row["holds"] for row in rows] == [True] * 7
    assert [row["number"] for row in rows] == [-0.45, -0.95, -0.55, -0.7, -0.65, -0.9, -0.9]
    assert [row["paper"] for row in rows] == [-0.5, -1, -0.5, None, None, None, None]
    assert rows[0]["note"] == "95 % interval -0.55 to -0.35"
    assert rows[3]["subject"] == "Three hidden ReLU layers, empirical NTK"


@pytest.mark.parametrize(
    ("name", "slope", "holds"),
    [
        ("input", -0.36, True),
        ("input", -0.34, False),
        ("output", -0.66, False),
        ("intermediate", -0.84, False),
        ("intermediate", -1.14, True),
        ("ntk", -0.49, False),
        ("ntk", -1.14, True),
        ("nngp", -1.16, False),
    ],
)
def test_each_exponent_has_its_bounds(name, slope, holds):
    rows = verdicts("figS6", drift(**{name: slope}))
    assert [row["holds"] for row in rows if row["number"] == slope] == [holds]


@pytest.mark.parametrize(("slope", "holds"), [(-0.64, False), (-0.74, None), (-0.76, None), (-0.86, True)])
def test_kernels_are_judged_by_the_widest_networks_where_the_interval_is_on_one_side_of_the_limit(slope, holds):
    numbers = drift()
    numbers["panels"][0]["curves"]["nngp"]["widest"] = fit(slope)
    row = verdicts("fig1", numbers)[6]
    assert (row["holds"], row["number"]) == (holds, slope)
    assert row["note"].endswith("these seeds do not decide") is (holds is None)


def test_one_hidden_layer_has_no_intermediate_weights():
    numbers = drift()
    del numbers["panels"][0]["curves"]["intermediate"]
    assert len(verdicts("figS6", numbers)) == 6


def test_an_exponent_that_was_not_fitted_decides_nothing():
    rows = verdicts("fig1", drift(ntk=None))
    assert (rows[3]["holds"], rows[3]["number"], rows[3]["note"]) == (None, None, "no interval")


def test_errors_of_the_linearization_fall_with_width_and_grow_with_data():
    rows = verdicts("figS5", {"against_width": lines(-0.5, 0.05), "against_size": lines(0.3, 0.05, -0.2)})
    assert [row["holds"] for row in rows] == [True, False, True, False, False]
    assert [row["subject"] for row in rows] == ["|D| = 1", "|D| = 2", "n = 1", "n = 2", "n = 4"]
    assert [row["note"].endswith("includes 0") for row in rows] == [False, True, False, True, False]


@pytest.mark.parametrize("figure", ["figS9", "figS10"])
def test_convergence_is_judged_by_the_exponent_furthest_from_a_half(figure):
    against = "width" if figure == "figS9" else "samples"

    def judged(*exponents):
        panel = {"kernel": "ntk", "depth": 3, "lines": lines(*exponents)}
        (row,) = verdicts(figure, {"against": against, "panels": [panel]})
        return row

    row = judged(-0.52, -0.44, None)
    assert (row["holds"], row["number"], row["paper"]) == (True, -0.44, -0.5 if figure == "figS9" else None)
    assert row["subject"] == "NTK, 3 hidden layers"
    letter = "M" if figure == "figS9" else "n"
    assert row["note"] == (
        f"{letter} = 2, 95 % interval -0.54 to -0.34; all: -0.52 ({letter} = 1), -0.44 ({letter} = 2)"
    )
    assert not judged(-0.5, -0.61)["holds"]
    assert judged(None)["holds"] is None
