import dataclasses

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import analytic_kernel
from ntk_repro.wide_limit import theorems
from ntk_repro.wide_limit.theorems import Config, limit_kernel, load
from tests.interruption import interrupted

RUN = theorems.run
CONFIG = Config(widths=(4, 8), networks=3, num_inputs=2, input_size=3, num_test=2, steps=6)


def hermite(function, k):
    """E[function(u) function(v)] over u, v of covariance k, by quadrature."""
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    found = np.empty_like(k)
    for i, j in np.ndindex(k.shape):
        rho = k[i, j] / np.sqrt(k[i, i] * k[j, j])
        u = np.sqrt(k[i, i]) * z[:, None] + 0 * z
        v = np.sqrt(k[j, j]) * (rho * z[:, None] + np.sqrt(max(1 - rho**2, 0)) * z)
        found[i, j] = np.einsum("a,b,ab", weights, weights, function(u) * function(v))
    return found


def test_the_limit_in_standard_parameterization_is_the_recursion_without_inputs_and_biases():
    config = dataclasses.replace(CONFIG, num_inputs=3, sigma_b_squared=0.2)
    x = config.inputs()[:3]
    k, theta = 2 * x @ x.T / 3 + 0.2, np.zeros((3, 3))
    for _ in range(2):
        values, slopes = hermite(np.tanh, k), hermite(lambda u: 1 / np.cosh(u) ** 2, k)
        k, theta = 2 * values + 0.2, values + 2 * slopes * theta
    np.testing.assert_allclose(limit_kernel(config, x), theta, rtol=1e-6)
    in_ntk = dataclasses.replace(config, parameterization="ntk")
    np.testing.assert_allclose(limit_kernel(in_ntk, x), analytic_kernel(in_ntk.network(4), x).ntk)


def test_training_inputs_are_on_the_sphere_and_test_inputs_in_the_ball():
    data = load(dataclasses.replace(CONFIG, num_inputs=4, num_test=50))
    assert (data.x.shape, data.x_test.shape) == ((4, 3), (50, 3))
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=1), 1)
    lengths = np.linalg.norm(data.x_test, axis=1)
    assert lengths.max() < 1
    assert np.mean(lengths**3) == pytest.approx(0.5, abs=0.15)  # uniform in the volume
    assert data.y.tolist() == [1, -1, 1, -1]


@pytest.mark.parametrize("parameterization", ["standard", "ntk"])
def test_kernels_of_wide_networks_are_close_to_the_limit(parameterization, tmp_path):
    config = dataclasses.replace(CONFIG, widths=(16, 256), networks=8, parameterization=parameterization)
    result = RUN(config, root=tmp_path).result()
    errors = np.median(result["kernel_start"], axis=1) / np.linalg.norm(result["kernel"])
    assert errors[1] < 0.5 * errors[0] < 0.5
    assert result["test_difference"].shape == (2, 8)
    assert result["fx_test"].shape == (2, 8, 2)
    np.testing.assert_allclose(result["lambda_min"], np.linalg.eigvalsh(result["kernel"])[0])
    assert np.all(result["weights_ratio"] > 0)
    narrow, wide = np.median(result["weights_apart"], axis=1)
    assert 0 < wide < 0.7 * narrow


def test_networks_trained_in_parts_are_all_there(tmp_path, monkeypatch):
    monkeypatch.setattr(theorems, "_NUMBERS", 2 * 8 * 8)
    result = RUN(dataclasses.replace(CONFIG, widths=(8,)), root=tmp_path).result()
    assert len(set(result["residual_start"].ravel())) == 3


def test_a_trained_network_of_the_identity_is_straight_and_another_is_not(done, tmp_path):
    straight = RUN(dataclasses.replace(CONFIG, activation="identity"), root=tmp_path).result()
    assert straight["input_bend"].max() < 1e-12
    assert done.result()["input_bend"].min() > 1e-4


def test_a_flow_has_the_quantities_of_its_proof(tmp_path):
    config = dataclasses.replace(CONFIG, widths=(64,), flow=True, fraction=0.25, steps=40)
    result = RUN(config, root=tmp_path).result()
    assert np.all(result["identity_residual"] < 1e-2)
    assert np.all(result["growth_ratio"] < 1)


def test_a_stopped_run_continues_with_the_next_width(done, tmp_path, monkeypatch):
    stop = (monkeypatch, theorems, "_one_width", 2, done, RUN, CONFIG, tmp_path)
    asked, _ = interrupted(*stop, asked_for=lambda args: args[2])
    assert asked == [4, 8, 8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"networks": 1}, "networks must be at least 2"),
        ({"steps": 3}, "steps must be at least 4"),
        ({"num_test": 1}, "num_test must be at least 2"),
        ({"num_inputs": 0}, "num_inputs must be at least 1"),
        ({"fraction": 1.1}, "--fraction must be at most 1 here, not 1.1"),
        ({"flow": True}, "--fraction must be at most 0.25 here, not 0.5"),
        ({"radius": 0.0}, "radius must be above 0"),
        ({"parameterization": "none"}, "parameterization"),
        ({"activation": "relu"}, "activation with a Lipschitz derivative"),
        ({"activation": "identity", "num_inputs": 6}, "Theta is singular on these 6 inputs"),
    ],
)
def test_invalid_settings_are_refused_before_a_folder_is_made(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        RUN(dataclasses.replace(CONFIG, **changes), root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_label_names_what_is_run():
    assert CONFIG.label == (
        "fcn of 2 tanh layers, widths 4 to 8, standard parameterization, gradient descent at 0.5 eta_critical"
    )
    assert dataclasses.replace(CONFIG, flow=True).label.endswith("gradient flow")
