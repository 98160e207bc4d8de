import numpy as np
import pytest

from ntk_repro.wide_limit.theorems import Config
from tests.figures.scripts import draw, drawn_without_jax, kept_run, verdicts

WIDTHS = (16, 32, 64, 128)
QUANTITIES = {
    "test_difference": -1, "train_difference": -1, "end_difference": -1, "kernel_change": -1, "test_kernel_change": -1,
    "steps_sum": -0.5, "distance": -0.5, "theta_norm": 0.5, "residual_start": 0, "kernel_start": -0.5, "jacobian": 0,
    "lipschitz": 0, "lemma_constant": 0, "eta_critical": -1, "activations": 0.5, "deltas": 0,
    "activations_lipschitz": 0.5, "deltas_lipschitz": 0, "growth": 0, "weights_apart": -0.5,
}  # fmt: skip
BOUNDED = {
    "contraction_excess": -0.1, "contraction_operator": 0.5, "step_constant": 0.5, "sum_constant": 0.5,
    "distance_constant": 0.5, "kernel_constant": 0.5, "lambda_floor": 0.2, "lambda_start": 0.2, "weights_ratio": 0.5,
    "test_change": 100.0, "input_bend": 0.3, "gap": 0.1, "growth_ratio": 0.1, "identity_residual": 1e-4,
    "identity_error": 1e-3,
}  # fmt: skip
RNG = np.random.default_rng(0)


def measured(root, networks=40, **settings):
    """A run whose quantities are power laws of the width with a little noise."""
    config = Config(widths=WIDTHS, networks=networks, **settings)
    widths, noise = np.array(WIDTHS, float)[:, None], np.exp(0.01 * RNG.normal(size=(len(WIDTHS), networks)))
    arrays = {name: widths**exponent * noise for name, exponent in QUANTITIES.items()}
    arrays |= {name: np.full((len(WIDTHS), networks), value) for name, value in BOUNDED.items()}
    arrays["fx_test"] = RNG.normal(size=(len(WIDTHS), networks, 3))
    arrays |= {"widths": WIDTHS, "lambda_min": 0.3, "eta_0": 1.0, "rate": 0.9}
    return kept_run("wide_limit_theorems", config, root, {"label": "4 inputs"}, arrays)


def test_exponents_shares_and_constants_are_those_of_the_run(tmp_path):
    runs = [
        measured(tmp_path),
        measured(tmp_path, flow=True, fraction=0.25),
        measured(tmp_path, parameterization="ntk"),
    ]
    numbers = draw("lee2019/theorem2_1", runs).numbers
    first, flow, ntk = numbers["trainings"]
    assert first["title"] == "standard, 2 hidden layers, descent at 0.5 of critical"
    assert [entry["first"] for entry in (first, flow, ntk)] == [True, False, True]
    for name in ("test_difference", "kernel_change", "jacobian", "eta_critical"):
        assert first["exponents"][name]["exponent"] == pytest.approx(QUANTITIES[name], abs=0.01)
        assert first["exponents"][name]["low"] < first["exponents"][name]["exponent"]
    # Divided by what the statement divides by.
    for name, exponent in (
        ("distance_per_root", -1),
        ("distance_relative", -1),
        ("activations", 0),
        ("deltas", 0),
        ("steps_sum", -0.5),
    ):
        assert first["exponents"][name]["exponent"] == pytest.approx(exponent, abs=0.01)
    result = runs[0].result()
    assert first["K"] == result["lemma_constant"][0].max()
    assert first["R_0"] == result["residual_start"].max()
    assert first["sufficient_width"] == pytest.approx((18 * first["K"] ** 3 * first["R_0"] / 0.09) ** 2)
    assert {tuple(counts) for counts in first["shares"].values()} == {(40,) * 4, (0, 0, 0, 40)}
    assert list(first["shares"]["contraction"]) == [40] * 4
    assert list(first["shares"]["kernel_start"]) == [0, 0, 0, 40]  # only 128^-0.5 is below 0.3 / 3
    assert flow["levels"]["identity_residual"][0]["mean"] == pytest.approx(1e-4)
    assert "gap" not in first["shares"]


def test_a_network_that_breaks_a_bound_is_not_counted(tmp_path):
    run = measured(tmp_path)
    result = {name: np.array(values) for name, values in run.result().items()}
    for name, value in (("contraction_excess", 0.1), ("step_constant", 9.0), ("lambda_floor", 0.05)):
        result[name][-1, :3] = value
    other = kept_run("wide_limit_theorems", Config(widths=WIDTHS, seed=1), tmp_path, {"label": "4 inputs"}, result)
    (entry,) = draw("lee2019/theorem2_1", [other]).numbers["trainings"]
    assert [list(entry["shares"][name]) for name in ("contraction", "step", "floor")] == [[40, 40, 40, 37]] * 3
    assert list(entry["shares"]["operator"]) == [40] * 4


def test_bounds_have_one_initial_residual_for_all_networks(tmp_path):
    run = measured(tmp_path)
    result = {name: np.array(values) for name, values in run.result().items()}
    result["residual_start"][:] = 1.0
    result["residual_start"][0, 0] = 2.0
    k = result["lemma_constant"][0].max()
    for name, own in (("contraction_excess", np.log(2)), ("step_constant", 2 * k), ("sum_constant", 2 * k)):
        result[name][-1, 0], result[name][-1, 1:5] = 0.99 * own, 1.01 * own
    other = kept_run("wide_limit_theorems", Config(widths=WIDTHS, seed=1), tmp_path, {"label": "4 inputs"}, result)
    (entry,) = draw("lee2019/theorem2_1", [other]).numbers["trainings"]
    assert [entry["shares"][name][-1] for name in ("contraction", "step", "sum", "distance")] == [36, 36, 36, 40]


def test_every_kind_of_run_is_drawn_and_judged(tmp_path, numbers):
    single = {"num_inputs": 1, "input_size": 1, "depth": 1, "sigma_b_squared": 0.0}
    runs = [measured(tmp_path), measured(tmp_path, flow=True, fraction=0.25), measured(tmp_path, depth=3)]
    runs += [measured(tmp_path, **single), measured(tmp_path, activation="identity")]
    drawn = numbers("lee2019/theorem2_1", *runs)
    assert drawn["data_label"] == "4 inputs, tanh, 40 networks of each width"
    rows = verdicts("lee2019/theorem2_1", drawn)
    subjects = {row["subject"] for row in rows}
    assert "standard, 1 hidden layer, one input, descent at 0.5 of critical" in subjects
    assert {row["holds"] for row in rows if row["statement"].startswith("sup_t")} == {True}
    out = tmp_path / "pictures"
    assert len(drawn_without_jax(out, ("lee2019/theorem2_1", runs[0]))) == 3


def test_a_single_input_alone_is_drawn(tmp_path):
    run = measured(tmp_path, num_inputs=1, input_size=1, depth=1)
    assert len(draw("lee2019/theorem2_1", [run]).numbers["trainings"]) == 1
