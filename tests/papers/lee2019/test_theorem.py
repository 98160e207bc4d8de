"""Every claim on Theorem 2.1 with numbers that make it hold, fail and be undetermined."""

from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

CLAIMS = FIGURES["lee2019/theorem2_1"].claims
EXPONENTS = {
    "test_difference": -1.0, "train_difference": -1.0, "end_difference": -1.0, "distance_per_root": -1.0,
    "distance_relative": -1.0, "kernel_change": -0.9, "test_kernel_change": -0.9, "steps_sum": -0.5,
    "lipschitz": -0.1, "jacobian": 0.0, "activations": 0.0, "deltas": 0.0,
    "activations_lipschitz": 0.0, "deltas_lipschitz": 0.0, "growth": 0.0, "eta_critical": -1.0,
    "residual_start": 0.0, "weights_apart": -0.5,
}  # fmt: skip
SHARES = (
    "contraction", "operator", "step", "sum", "distance", "kernel", "floor", "start", "kernel_start", "weights",
    "gap", "growth_ratio",
)  # fmt: skip
LEVELS = {"rest": 0.01, "bend": 0.3, "identity_residual": 1e-4, "identity_error": 1e-3}


def fit(low: float, high: float) -> dict[str, float]:
    return {"exponent": (low + high) / 2, "low": low, "high": high, "all_widths": low}


def level(low: float, high: float) -> dict[str, float]:
    return {"mean": (low + high) / 2, "low": low, "high": high, "seeds": 40}


def training(**changes: Any) -> dict[str, Any]:
    """A training of which every claim holds, standard parameterization, descent."""
    made = {
        "title": "standard, 2 hidden layers", "parameterization": "standard", "flow": False, "fraction": 0.9,
        "depth": 2, "activation": "tanh", "num_inputs": 4, "networks": 40, "first": True, "widths": [32, 64, 128],
        "lambda_min": 0.1, "K": 1.2, "R_0": 3.0, "sufficient_width": 100.0,
        "exponents": {name: fit(middle - 0.02, middle + 0.02) for name, middle in EXPONENTS.items()},
        "shares": {name: [20, 39, 40] for name in SHARES},
        "levels": {name: [level(0.9 * middle, 1.1 * middle)] * 3 for name, middle in LEVELS.items()},
    }  # fmt: skip
    return {**made, **changes}


NTK = {"parameterization": "ntk"}
FLOW = {"flow": True}
SINGLE = {"num_inputs": 1}
LINEAR = {"activation": "identity"}


def rows_of(statement: str, run: dict) -> list[dict]:
    (claim,) = [claim for claim in CLAIMS if claim.statement.startswith(statement)]
    return evaluate([claim], {"trainings": [run]})


def with_exponent(run: dict, name: str, low: float, high: float) -> dict:
    return {**run, "exponents": {**run["exponents"], name: fit(low, high)}}


DECAYS = ((-1.1, -0.9), (-0.3, -0.1), (-0.5, -0.3))
VANISHES = ((-0.4, -0.2), (0.05, 0.2), (-0.1, 0.1))
BOUNDED = ((-0.6, 0.05), (0.3, 0.5), (0.0, 0.2))
FALLS_AS_ONE_OVER_N = ((-1.05, -0.95), (-0.1, 0.1), (-1.2, -0.95))
CONSTANT = ((-0.05, 0.05), (0.15, 0.3), (-0.05, 0.15))


@pytest.mark.parametrize(
    ("statement", "name", "kind", "intervals"),
    [
        ("sup_t |f_t(x) - f_lin_t(x)|", "test_difference", {}, DECAYS),
        ("sup_t |f_t - f_lin_t| on", "train_difference", FLOW, DECAYS),
        ("f_t(x) and f_lin_t(x) get the same", "end_difference", {}, VANISHES),
        ("sup_t ||theta_t - theta_0||", "distance_per_root", NTK, DECAYS),
        ("parameters train as the linearization's", "weights_apart", {}, VANISHES),
        ("||g(theta_0)|| is bounded", "residual_start", {}, BOUNDED),
        ("both parameterizations normalize", "activations", {}, CONSTANT),
        ("both parameterizations normalize", "activations", NTK, CONSTANT),
        ("standard parameterization does not", "jacobian", {}, CONSTANT),
        ("NTK parameterization normalizes", "jacobian", NTK, CONSTANT),
        ("all parameters together", "distance_relative", {}, VANISHES),
        ("sup_t ||Theta_t - Theta_0||_F", "kernel_change", {}, DECAYS),
        ("sup_t ||Theta_t - Theta_0|| between", "test_kernel_change", {}, DECAYS),
        ("the summed steps, over ||g(theta_0)||, are O(n^-1/2)", "steps_sum", {}, DECAYS),
        ("the summed steps, over ||g(theta_0)||, are O(1)", "steps_sum", NTK, BOUNDED),
        ("the Jacobian's Lipschitz constant", "lipschitz", {}, BOUNDED),
        ("||J||_F / sqrt(n) is bounded", "jacobian", {}, BOUNDED),
        ("in NTK parameterization the Jacobian's", "lipschitz", NTK, BOUNDED),
        ("in NTK parameterization ||J||", "jacobian", NTK, BOUNDED),
        ("||x^l|| / sqrt(n) and ||delta^l||", "deltas", {}, BOUNDED),
        ("the Lipschitz constants of", "activations_lipschitz", {}, BOUNDED),
        ("the supremum of S120", "growth", FLOW, BOUNDED),
        ("in NTK parameterization one learning-rate scale", "eta_critical", NTK, CONSTANT),
        ("in standard parameterization the learning rate", "eta_critical", {}, FALLS_AS_ONE_OVER_N),
    ],
)  # fmt: skip
def test_exponents_decide_where_their_interval_does(statement, name, kind, intervals):
    for (low, high), holds in zip(intervals, (True, False, None), strict=True):
        rows = rows_of(statement, with_exponent(training(**kind), name, low, high))
        assert [row["holds"] for row in rows if row["number"] == pytest.approx((low + high) / 2)][-1] is holds
    lacking = with_exponent(training(**kind), name, float("nan"), float("nan"))
    assert None in [row["holds"] for row in rows_of(statement, lacking)]


@pytest.mark.parametrize(
    ("statement", "name", "kind"),
    [
        ("||g(theta_t)|| <=", "contraction", {}),
        ("||g(theta_t)|| <=", "contraction", {**FLOW, **NTK}),
        ("||1 - eta J J^T||_op", "operator", {}),
        ("every step is at most", "step", {}),
        ("the summed steps keep the geometric bound", "sum", NTK),
        ("||theta_t - theta_0|| keeps the bound", "distance", FLOW),
        ("||Theta_0 - Theta_t||_F <= 2 K^2", "kernel", {}),
        ("Theta_t >= lambda_min / 3", "floor", {}),
        ("the smallest eigenvalue of Theta_0", "start", {}),
        ("||Theta - Theta_0||_F <=", "kernel_start", SINGLE),
        ("the operator norms of the weights", "weights", {}),
        ("||g_lin - g|| keeps", "growth_ratio", FLOW),
        ("lambda_0 stays above", "gap", FLOW),
    ],
)
def test_nearly_every_network_of_the_largest_width_keeps_a_bound(statement, name, kind):
    for count, holds in ((40, True), (25, False), (39, None)):
        run = training(**kind)
        run["shares"] = {name: [40, 40, count]}
        (row,) = rows_of(statement, run)
        assert (row["holds"], row["number"]) == (holds, count / 40)
        assert f"of 40: 40 at 32, 40 at 64, {count} at 128" in row["note"]
    few = training(**kind, networks=35)
    few["shares"] = {name: [35, 35, 35]}
    assert rows_of(statement, few)[0]["holds"] is None


@pytest.mark.parametrize(
    ("least", "counts", "holds"),
    [(50.0, [0, 40, 40], True), (50.0, [40, 20, 40], False), (50.0, [40, 39, 40], None), (1e11, [40, 40, 40], None)],
)
def test_contraction_is_asked_for_where_the_width_suffices(least, counts, holds):
    run = training(**SINGLE, sufficient_width=least)
    run["shares"] = {"contraction": counts}
    (row,) = rows_of("the residual contracts as in S49", run)
    assert row["holds"] is holds
    assert ("no width reaches 100,000,000,000" in row["unless"]) is (least > 1e6)


@pytest.mark.parametrize(
    ("residual", "error", "holds"),
    [((0.001, 0.002), 0.005, True), ((0.1, 0.2), 0.005, False), ((0.005, 0.02), 0.005, None), ((0.1, 0.2), 0.5, None)],
)
def test_the_integral_equation_is_judged_where_the_integrals_are_known(residual, error, holds):
    run = training(**FLOW)
    run["levels"] = {"identity_residual": [level(*residual)], "identity_error": [level(error, error)]}
    (row,) = rows_of("S104 and S105", run)
    assert row["holds"] is holds
    assert ("the integrals are uncertain" in row["unless"]) is (error > 0.01)


@pytest.mark.parametrize(
    ("kind", "bend", "rest", "holds"),
    [
        ({}, (0.2, 0.4), (0.01, 0.02), [True, True]),
        ({}, (0.02, 0.04), (0.2, 0.3), [False, False]),
        ({}, (0.08, 0.12), (0.05, 0.15), [None, None]),
        (LINEAR, (0, 1e-15), (0.3, 0.4), [True, True]),
        (LINEAR, (0.1, 0.2), (0.01, 0.05), [False, False]),
        (LINEAR, (0, 1e-3), (0.05, 0.3), [None, None]),
    ],
)
def test_linear_networks_bend_in_their_parameters_and_wide_ones_in_their_inputs(kind, bend, rest, holds):
    run = training(**kind)
    index = 0 if kind else -1
    for name, ends in (("bend", bend), ("rest", rest)):
        run["levels"][name] = list(run["levels"][name])
        run["levels"][name][index] = level(*ends)
    rows = rows_of("deep linear networks", run)
    assert [row["holds"] for row in rows] == holds
    assert f"width {32 if kind else 128}: inputs" in rows[0]["subject"]


def test_statements_are_judged_on_the_trainings_that_they_are_about():
    def about(**kind):
        return {row["statement"] for row in evaluate(CLAIMS, {"trainings": [training(**kind)]})}

    standard, ntk, flow, later = about(), about(**NTK), about(**FLOW), about(first=False)
    assert "||J||_F / sqrt(n) is bounded independently of n (exponent 0.1 or below)" in standard - ntk - later
    assert "the summed steps keep the geometric bound (nine networks of ten or more at the largest width)" not in flow
    assert "S104 and S105 equal g_lin - g (within 1%)" in flow - standard - ntk
    assert len(about(**LINEAR)) == 1
    assert {statement[:12] for statement in about(**SINGLE) - standard} == {"||Theta - Th", "the residual"}


def test_all_hold_of_a_training_like_the_papers_and_name_their_place():
    rows = [row for kind in ({}, FLOW) for row in evaluate(CLAIMS, {"trainings": [training(**kind)]})]
    assert all(row["holds"] for row in rows)
    assert all(claim.place for claim in CLAIMS)
