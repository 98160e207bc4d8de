import dataclasses

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import analytic_kernel
from ntk_repro.models import build_model
from ntk_repro.wide_limit import predictive
from ntk_repro.wide_limit.predictive import Config, interpolated

RUN = predictive.run
CONFIG = Config(
    hidden=128, depth=1, activation="erf", num_networks=60, learning_rate=1.0, observe_at=(40, 0, 4), num_alphas=5,
    data="digits", n_train=8,
)  # fmt: skip


def test_every_array_has_the_documented_shape(done):
    shapes = {name: array.shape for name, array in done.result().items()}
    assert {shapes.pop(f"fx_{name}") for name in ("ensemble", "linearized", "readout")} == {(60, 3, 5)}
    assert {shapes.pop(name) for name in ("alpha", "ntk_gp_limit_mean", "bayes_mean", "bayes_std")} == {(5,)}
    assert shapes.pop("targets") == (2,)
    assert shapes.pop("learning_rate_ratio") == ()
    assert shapes.pop("steps") == shapes.pop("time") == (3,)
    assert set(shapes) == {"ntk_gp_mean", "ntk_gp_std", "nngp_mean", "nngp_std"}
    assert set(shapes.values()) == {(3, 5)}


def test_times_are_those_of_the_summed_loss(done):
    result = done.result()
    assert result["steps"].tolist() == [0, 4, 40]
    np.testing.assert_allclose(result["time"], [0, 0.5, 5])


def test_before_training_both_gps_are_the_prior(done):
    result = done.result()
    line, _ = interpolated(CONFIG.regression_data(), result["alpha"])
    module = build_model("fcn", hidden=1, depth=1, activation="erf", sigma_w=1.5**0.5)
    prior = np.sqrt(np.diag(analytic_kernel(module, line).nngp))
    for gp in ("ntk_gp", "nngp"):
        np.testing.assert_allclose(result[f"{gp}_mean"][0], 0, atol=1e-12)
        np.testing.assert_allclose(result[f"{gp}_std"][0], prior, rtol=1e-6)


def test_the_line_passes_through_a_training_point_of_each_class():
    data = CONFIG.regression_data()
    line, targets = interpolated(data, np.array([1.0, 0.0, 0.5]))
    assert targets.tolist() == [1, -1]
    for point, target in zip(line, targets, strict=False):
        at = np.flatnonzero((data.x_train == point).all(axis=(1, 2, 3)))
        assert data.y_train[at, 0].tolist() == [target]
    np.testing.assert_allclose(line[2], (line[0] + line[1]) / 2, atol=1e-6)


def test_the_ensemble_is_distributed_as_the_ntk_gp_and_not_as_the_nngp(done):
    result = done.result()
    mean, std = result["fx_ensemble"].mean(axis=0), result["fx_ensemble"].std(axis=0, ddof=1)
    z = np.abs(mean - result["ntk_gp_mean"]) / (std / 60**0.5)
    assert z.max() < 3.5
    # Four Monte-Carlo errors of a standard deviation from 60 draws.
    np.testing.assert_allclose(std, result["ntk_gp_std"], rtol=4 / 118**0.5)
    errors = [np.abs(mean - result[f"{gp}_mean"])[1].mean() for gp in ("ntk_gp", "nngp")]
    assert errors[0] < 0.3 * errors[1]


def test_linearizations_and_readouts_start_as_the_networks_and_follow_their_processes(done):
    result = done.result()
    for name, gp in (("linearized", "ntk_gp"), ("readout", "nngp")):
        fx = result[f"fx_{name}"]
        np.testing.assert_allclose(fx[:, 0], result["fx_ensemble"][:, 0], atol=1e-5)
        z = np.abs(fx.mean(axis=0) - result[f"{gp}_mean"]) / (fx.std(axis=0, ddof=1) / 60**0.5)
        assert z.max() < 3.5
        np.testing.assert_allclose(fx.std(axis=0, ddof=1), result[f"{gp}_std"], rtol=4 / 118**0.5)


def test_exact_inference_passes_through_the_training_points(done):
    result = done.result()
    at = [int(np.argmin(np.abs(result["alpha"] - end))) for end in (1, 0)]
    np.testing.assert_allclose(result["bayes_mean"][at], result["targets"], atol=1e-3)
    np.testing.assert_allclose(result["ntk_gp_limit_mean"][at], result["targets"], atol=1e-3)


def test_in_standard_parameterization_a_rate_smaller_by_the_width_trains_the_readout_alike(done, root):
    config = dataclasses.replace(CONFIG, parameterization="standard", learning_rate=1.5 / 128, num_networks=4)
    result = predictive.run(config, root=root).result()
    for name in ("nngp_mean", "nngp_std"):  # the readout's rate is eta n / sigma_w^2 there
        np.testing.assert_allclose(result[name], done.result()[name], atol=1e-6)
    assert np.abs(result["fx_ensemble"] - result["fx_linearized"])[:, -1].mean() < 0.2
    with pytest.raises(UserError, match="sigma_b_squared"):
        dataclasses.replace(config, sigma_b_squared=0.1).resolved()


@pytest.mark.slow
def test_a_stopped_run_continues_with_the_missing_networks(done, tmp_path, monkeypatch):
    real = predictive.ensemble

    def stopped(module, key, num_networks, *args, **settings):
        real(module, key, 7, *args, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(predictive, "ensemble", stopped)
    with pytest.raises(KeyboardInterrupt):
        predictive.run(CONFIG, root=tmp_path)
    monkeypatch.setattr(predictive, "ensemble", real)
    again = predictive.run(CONFIG, root=tmp_path).result()
    np.testing.assert_allclose(again["fx_ensemble"], done.result()["fx_ensemble"], atol=1e-5)
