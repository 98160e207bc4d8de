"""The linearization fitted in one solve: by columns, by the kernel, by NumPy, and by training in the limit."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from ntk_repro import memory
from ntk_repro.dynamics import mse_dynamics, solve_least_squares
from ntk_repro.dynamics.least_squares import least_squares_bytes
from ntk_repro.gram.jacobian import jacobian
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope
from tests.dynamics.linearized import linearized
from tests.models.stax_parameters import drawn_network
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(90, 3))
Y = np.random.default_rng(1).normal(size=(90, 2))
SMALL, LARGE = 8, 60  # rows 16 and 120 against the network's 71 parameters


@functools.cache
def network() -> Network:
    """A ReLU network of which one unit of the first layer is dead: 3 weights, its bias, 5 weights of the next."""
    net = drawn_network(build_model("mlp", hidden=(6, 5), num_outputs=2), (3,))
    params: Any = jax.tree.map(lambda leaf: np.array(leaf, np.float64), net.params)
    params["Dense_0"]["bias"][1] = -100.0
    return net.replace(params=params)


@functools.cache
def solved(method: str, n: int = SMALL, ridge: float = 0.0) -> Any:
    return solve_least_squares(network(), X[:n], Y[:n], X[LARGE:], method=method, ridge=ridge)


@functools.cache
def dense(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """J on n training and on the test samples, and the outputs there."""
    with float64_scope():
        net = network()
        j = jacobian(net, X, 2)
        fx = net(X)
    j = j.reshape(len(j), 2, -1)
    return j[:n].reshape(2 * n, -1), j[LARGE:].reshape(-1, j.shape[-1]), fx[:n], fx[LARGE:]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["primal", "dual", "cholesky"])
def test_at_full_row_rank_the_solution_is_the_shortest_that_fits_every_target(method):
    j, j_test, fx, fx_test = dense(SMALL)
    u = np.linalg.pinv(j) @ (Y[:SMALL] - fx).ravel()
    found = solved(method)
    assert (found.rank, found.rows, found.full_row_rank) == (2 * SMALL, 2 * SMALL, True)
    np.testing.assert_allclose(found.fx_train, Y[:SMALL], atol=1e-9)
    np.testing.assert_allclose(found.fx_test, fx_test + (j_test @ u).reshape(-1, 2), atol=1e-9)
    assert found.norm == pytest.approx(np.linalg.norm(u), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["auto", "dual"])
def test_above_the_rank_targets_are_projected(method):
    """More rows than live parameters: the residual is orthogonal to every column of the Jacobian."""
    found = solved(method, LARGE)
    assert found.method == {"auto": "primal"}.get(method, method)
    j, *_ = dense(LARGE)
    assert found.rank == np.linalg.matrix_rank(j) < found.columns.live < found.rows
    assert not found.full_row_rank
    residual = (found.fx_train - Y[:LARGE]).ravel()
    assert np.linalg.norm(residual) > 1
    np.testing.assert_allclose(j.T @ residual, 0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "n"), [("auto", LARGE), ("cholesky", SMALL)])
def test_ridge_against_the_normal_equations(method, n):
    j, j_test, fx, fx_test = dense(n)
    u = np.linalg.solve(j.T @ j + 0.1 * np.eye(j.shape[1]), j.T @ (Y[:n] - fx).ravel())
    found = solved(method, n, 0.1)
    assert found.method == {"auto": "dual"}.get(method, method)
    np.testing.assert_allclose(found.fx_test, fx_test + (j_test @ u).reshape(-1, 2), atol=1e-9)
    np.testing.assert_allclose(found.fx_train, fx + (j @ u).reshape(-1, 2), atol=1e-9)
    assert found.norm == pytest.approx(np.linalg.norm(u), rel=1e-9)


@pytest.mark.slow
def test_eigenvalues_are_squared_singular_values():
    singular = np.linalg.svd(dense(SMALL)[0], compute_uv=False)
    for method in ("primal", "dual"):
        np.testing.assert_allclose(solved(method).eigenvalues, singular**2, rtol=1e-9)
    assert solved("cholesky").eigenvalues.size == 0


@pytest.mark.slow
@pytest.mark.parametrize(("n", "method"), [(SMALL, "dual"), (25, "primal"), (LARGE, "primal")])
def test_auto_takes_the_columns_where_they_cost_no_more_than_the_kernel(n, method):
    found = solved("auto", n)
    assert found.method == method
    exact = solved("primal", n)
    assert found.rank == exact.rank
    np.testing.assert_allclose(found.fx_test, exact.fx_test, atol=1e-8 if method == "dual" else 0)


@pytest.mark.slow
def test_auto_leaves_a_kernel_that_has_lost_what_the_columns_have():
    """Two samples 1e-9 apart: singular values to 1e-9 of the largest, eigenvalues of K below its rounding."""
    x = X[:SMALL].copy()
    x[1] = x[0] + 1e-9
    found = {m: solve_least_squares(network(), x, Y[:SMALL], method=m) for m in ("auto", "primal", "dual")}
    assert (found["auto"].method, found["auto"].rank) == ("primal", 2 * SMALL)
    assert found["dual"].rank < 2 * SMALL
    np.testing.assert_array_equal(found["auto"].fx_train, found["primal"].fx_train)
    # A cut-off above the rounding of K means the same for both.
    assert solve_least_squares(network(), x, Y[:SMALL], cutoff=1e-6).method == "dual"


def test_auto_stays_with_the_kernel_where_memory_does_not_hold_the_columns(monkeypatch):
    x = X[:SMALL].copy()
    x[1] = x[0]
    needed = least_squares_bytes(2 * SMALL, 71, "dual")
    monkeypatch.setattr(memory, "host_available_bytes", lambda: 1.2 * needed)
    assert solve_least_squares(network(), x, Y[:SMALL]).method == "dual"


@pytest.mark.slow
def test_a_cutoff_leaves_the_smallest_directions_out():
    singular = np.linalg.svd(dense(SMALL)[0], compute_uv=False)
    share = float((singular[9] * singular[10]) / singular[0] ** 2)  # between the 10th and the 11th eigenvalue
    cut = [solve_least_squares(network(), X[:SMALL], Y[:SMALL], method=m, cutoff=share) for m in ("primal", "dual")]
    for found in cut:
        assert found.rank == 10
        assert found.fx_test is None
        assert found.cutoff == pytest.approx(share * singular[0] ** 2)
    np.testing.assert_allclose(cut[0].fx_train, cut[1].fx_train, atol=1e-9)


@pytest.mark.slow
def test_gradient_flow_has_this_limit():
    """Lee et al. 2019, Eqs. (9)-(11) at t = infinity."""
    p = linearized()
    ours: Any = solve_least_squares(p.net, p.x, p.y, p.x_test)
    assert ours.method == "dual"
    train, test = mse_dynamics(p.k_train_train, p.y).outputs(None, p.fx_0, p.fx_test_0, p.k_test_train)
    np.testing.assert_allclose(ours.fx_train, train, atol=1e-8)
    np.testing.assert_allclose(ours.fx_test, test, atol=1e-8)
    with float64_scope():
        f = jax.jit(p.net.linearized())
        np.testing.assert_allclose(f(ours.params, p.x_test), ours.fx_test, atol=1e-9)


def test_dead_columns_are_found_and_left_where_they_are():
    columns = solved("primal").columns
    j, *_ = dense(SMALL)
    flat = np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(columns.mask)])
    np.testing.assert_array_equal(flat, (j != 0).any(axis=0))
    assert columns.dead_units["Dense_0"] == 1
    assert columns.live == flat.sum() < columns.parameters == 71
    moved: Any = solved("primal").params
    start: Any = network().params
    np.testing.assert_array_equal(moved["Dense_0"]["kernel"][:, 1], start["Dense_0"]["kernel"][:, 1])
    assert (moved["Dense_0"]["kernel"][:, 0] != start["Dense_0"]["kernel"][:, 0]).all()


def test_targets_may_be_a_vector_for_one_output():
    net = Network.from_apply(lambda params, x: x @ params, np.zeros((3, 1)))
    np.testing.assert_allclose(solve_least_squares(net, X[:2], np.array([1, 2])).fx_train, [[1.0], [2.0]], atol=1e-12)


def test_memory_is_checked_first(monkeypatch):
    # The Jacobian, its live columns, and the square to which LAPACK reduces many more columns than rows.
    assert least_squares_bytes(1000, 60_000, "primal", 50_000) == 8 * (60e6 + 50e6 + 1e6)
    assert least_squares_bytes(1000, 1200, "primal") == 8 * 2 * 1.2e6
    assert least_squares_bytes(1000, 0, "cholesky") < least_squares_bytes(1000, 0, "dual") / 3
    monkeypatch.setattr(memory, "host_available_bytes", lambda: 7000)
    for method, fits in (("primal", 5), ("dual", 14)):
        message = rf"least squares \({method}\) on 16 rows needs .* are available: take at most {fits} rows"
        refused(message, solve_least_squares, network(), X[:SMALL], Y[:SMALL], method=method)


def test_problems_that_cannot_be_solved_are_refused():
    net, x, y = network(), X[:SMALL], Y[:SMALL]
    bad: list[tuple[dict[str, Any], str]] = [
        ({"method": "qr"}, "unknown method 'qr'"),
        ({"method": "primal", "ridge": 0.1}, "a ridge is solved by the kernel"),
        ({"ridge": -1.0}, "ridge must be at least 0"),
        ({"cutoff": 1.0}, "cutoff must be a share"),
        ({"method": "cholesky", "x_train": X[:LARGE], "y_train": Y[:LARGE]}, "kernel of 120 rows is singular within"),
        ({"y_train": y[:, :1]}, r"y_train must be of shape \(8, 2\), not \(8, 1\)"),
        ({"y_train": np.full_like(y, np.nan)}, "y_train has entries that are not finite"),
    ]
    for settings, message in bad:
        refused(message, solve_least_squares, net, **{"x_train": x, "y_train": y, **settings})
