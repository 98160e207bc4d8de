"""Against paths that are known in closed form, and against loops."""

import numpy as np
import pytest

from ntk_repro.dynamics import mse_dynamics
from ntk_repro.wide_limit.descent_path import Path
from ntk_repro.wide_limit.path_bounds import Limit, bounded, flow_bounds, linearized

THETA = np.array([[2.0, 0.5], [0.5, 1.0]])
Y = np.array([1.0, -1.0])
TIMES = np.arange(13)


def path_of(residuals, kernel, *, fx_test=None, distance=None):
    """One network; all that is not given is constant."""
    steps = len(residuals)
    kernel = np.broadcast_to(kernel, (steps, *np.shape(kernel)[-2:]))
    test = kernel[:, :1]
    ones = np.ones((steps, 1))
    fields = {
        "residuals": residuals,
        "fx_test": ones if fx_test is None else fx_test,
        "kernel": kernel,
        "test_kernel": test,
        "middle": kernel,
        "distance": TIMES[:steps] / 10 if distance is None else distance,
        "linear_distance": TIMES[:steps] / 100 * (TIMES[:steps] < 10),
        "activations": 3 * ones,
        "deltas": 2 * ones,
    }
    return Path(**{name: np.asarray(value, float)[None] for name, value in fields.items()})


def linear_path(limit):
    """Gradient descent of a model whose kernel is Theta at all times, with its first training input as test input."""
    g, all_g = np.array([0.5, 2.0]), []
    for _ in TIMES:
        all_g.append(g)
        g = g - limit.eta_0 * THETA @ g
    residuals = np.stack(all_g)
    return path_of(residuals, THETA, fx_test=residuals[:, :1] + Y[0])


def test_a_linear_model_is_its_linearization_and_keeps_every_bound():
    limit = Limit(THETA, 0.9, flow=False)
    path = linear_path(limit)
    found = bounded(path, limit, norm=4.0)
    for name in ("train_difference", "test_difference", "end_difference", "kernel_change", "test_kernel_change"):
        assert found[name] == pytest.approx(0, abs=1e-12)
    values = np.linalg.eigvalsh(THETA)
    eta = 0.9 * 2 / values.sum()
    assert limit.eta_0 == pytest.approx(eta)
    assert found["lambda_floor"] == found["lambda_start"] == pytest.approx(values[0])
    assert found["contraction_operator"] == pytest.approx(max(abs(1 - eta * values)))
    assert found["residual_start"] == pytest.approx(np.hypot(0.5, 2))
    assert found["eta_critical"] == pytest.approx(2 / values.sum() / 4)
    assert (found["activations"], found["deltas"], found["distance"]) == (3, 2, 1.2)
    assert found["weights_apart"] == pytest.approx(0.09 / 1.2)
    g = np.linalg.norm(path.residuals[0], axis=1)
    rate = 1 - eta * values[0] / 3
    assert limit.rate == pytest.approx(rate)
    excess = [np.log(g[t] / g[0] / rate**t) for t in TIMES[1:]]
    assert found["contraction_excess"] == pytest.approx(max(excess))
    assert found["contraction_excess"] < 0
    assert found["test_change"] == pytest.approx(np.abs(path.fx_test[0, :, 0] - path.fx_test[0, 0, 0]).max())


def test_the_smallest_constants_are_those_at_which_the_printed_bounds_hold_with_equality():
    limit = Limit(THETA, 0.5, flow=False)
    path = linear_path(limit)
    found = bounded(path, limit, norm=4.0)
    g, r_0, rate = path.residuals[0], np.linalg.norm(path.residuals[0, 0]), limit.rate
    # A step is eta J^T g with eta = eta_0 / n, and J J^T = n Theta.
    steps = [limit.eta_0 / 4 * np.sqrt(4 * one @ THETA @ one) for one in g]
    printed = [limit.eta_0 / 2 * rate**t * r_0 for t in TIMES]  # with K = 1
    assert found["step_constant"] == pytest.approx(max(a / b for a, b in zip(steps, printed, strict=True)))
    sums = [sum(steps[:t]) / sum(printed[:t]) for t in TIMES[1:]]
    assert found["sum_constant"] == pytest.approx(max(sums))
    assert found["steps_sum"] == pytest.approx(sum(steps[:-1]))


def test_changes_are_suprema_over_time():
    kernel = THETA + np.sin(TIMES)[:, None, None] * np.array([[0.0, 0.3], [0.3, 0.0]])
    residuals = np.ones((13, 2)) * 0.9 ** TIMES[:, None]
    found = bounded(path_of(residuals, kernel), Limit(THETA, 0.5, flow=False), norm=1.0)
    change = np.abs(np.sin(TIMES)) * 0.3
    assert found["kernel_change"] == pytest.approx(change.max() * 2**0.5)
    assert found["test_kernel_change"] == pytest.approx(change.max())
    assert found["kernel_start"] == pytest.approx(0)
    assert found["lambda_floor"] == pytest.approx(min(np.linalg.eigvalsh(k)[0] for k in kernel))
    ratio = max(c * 2**0.5 / (2 * t / 10) for c, t in zip(change[1:], TIMES[1:], strict=True))
    assert found["kernel_constant"] == pytest.approx(ratio**0.5)


def flow_path(limit, steps, bump=0.1):
    """One input, with a kernel of which the integral is known: 1 + bump (1 - exp(-t))."""
    t = limit.eta_0 * np.arange(steps + 1)
    kernel = (1 + bump * (1 - np.exp(-t)))[:, None, None]
    residuals = 2 * np.exp(-(t + bump * (t - 1 + np.exp(-t))))[:, None]
    return path_of(residuals, kernel, distance=1 - np.exp(-t)), t


@pytest.mark.parametrize(("flow", "fraction", "error"), [(False, 0.9, 1e-10), (True, 0.25, 1e-3), (True, 0.025, 1e-7)])
def test_the_linearization_is_that_of_the_closed_forms(flow, fraction, error):
    """Of gradient descent exactly, of the flow but for the error of Runge-Kutta steps."""
    limit = Limit(THETA, fraction, flow)
    path = linear_path(limit)
    dynamics = mse_dynamics(THETA, Y[:, None])
    starts = {
        "fx_train_0": (path.residuals[0, 0] + Y)[:, None],
        "fx_test_0": path.fx_test[0, 0][:, None],
        "k_test_train": THETA[:1],
    }
    expected = dynamics.outputs(limit.eta_0 * TIMES, **starts)
    if not flow:
        expected = dynamics.outputs_after(TIMES, limit.eta_0, **starts)
    train, test = linearized(path, limit)
    np.testing.assert_allclose(train[0] + Y, np.asarray(expected[0])[..., 0], atol=error)
    np.testing.assert_allclose(test[0], np.asarray(expected[1])[..., 0], atol=error)


def test_the_integral_equation_and_the_growth_bound_hold_for_a_flow():
    limit = Limit(np.eye(1), 0.25, flow=True)
    path, t = flow_path(limit, 40)
    found = flow_bounds(path, limit)
    assert found["identity_residual"] < 2e-3
    assert 1e-5 < found["identity_error"] < 2e-3
    sigma = 0.1 * (1 - np.exp(-t))
    growth = t * np.exp(-(1 - sigma) * t)
    assert found["gap"] == pytest.approx(1 - sigma.max())
    assert found["growth"] == pytest.approx(growth.max())
    apart = np.abs(path.residuals[0, :, 0] - 2 * np.exp(-t))
    assert found["growth_ratio"] == pytest.approx((apart[1:] / (2 * sigma * growth)[1:]).max(), rel=5e-3)
    assert found["growth_ratio"] < 1


def test_another_equation_is_seen():
    limit = Limit(np.eye(1), 0.25, flow=True)
    path, _ = flow_path(limit, 40)
    wrong = path._replace(residuals=path.residuals + 0.02 * (path.residuals - path.residuals[:, :1]))
    assert flow_bounds(wrong, limit)["identity_residual"] > 0.1
