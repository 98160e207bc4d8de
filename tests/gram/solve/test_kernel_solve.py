"""Kernel regression against SciPy, against n refits and against the definitions; what is refused."""

import numpy as np
import pytest
import scipy.linalg

from ntk_repro.dynamics import mse_dynamics
from ntk_repro.errors import UserError
from ntk_repro.gram import GramStore, kernel_solve, ridge_path, top_eigenpairs
from ntk_repro.gram.solve import FactorInMemory, full_rank_factor
from ntk_repro.gram.solve import factor as factor_file
from ntk_repro.gram.solve.factor import FactorOnDisk
from tests.gram.solve.problems import TIGHT, kernel, stored, targets
from tests.refusals import refused

N = 150


@pytest.fixture(autouse=True)
def _small_panels(monkeypatch):
    """Panels of a factor in memory that are many at these sizes."""
    monkeypatch.setattr(factor_file, "PANEL_ROWS", 40)
    monkeypatch.setattr(factor_file, "_CHUNK_ROWS", 25)


def solved(k, y, ridge, disk, folder):
    settings = {"memory": TIGHT, "folder": folder / "factor"} if disk else {}
    return kernel_solve(k, y, ridge, **settings)


on_disk = pytest.mark.parametrize("disk", [False, True])


@on_disk
@pytest.mark.parametrize("ridge", [0.0, 3.0])
@pytest.mark.parametrize("columns", [None, 1, 3])
def test_the_solution_is_scipys(disk, ridge, columns, tmp_path):
    k, y = kernel(N), targets(N, columns or 1)
    y = y[:, 0] if columns is None else y
    before = k.copy()
    found = solved(k, y, ridge, disk, tmp_path)
    exact = scipy.linalg.solve(k + ridge * np.eye(N), y, assume_a="pos")
    np.testing.assert_allclose(found.coefficients, exact, rtol=0, atol=1e-9 * np.abs(exact).max())
    np.testing.assert_allclose(found.fitted, k @ exact, rtol=0, atol=1e-9)
    left = k @ found.coefficients + ridge * found.coefficients - y
    assert found.residual == pytest.approx(np.linalg.norm(left) / np.linalg.norm(y), rel=0.5)
    assert found.residual < 1e-10
    np.testing.assert_array_equal(k, before)
    assert (tmp_path / "factor").exists() == disk


@pytest.mark.slow
def test_four_thousand_rows_from_disk_are_scipys(tmp_path):
    # A rotation that takes no QR: two reflections.
    n, rng = 4000, np.random.default_rng(0)
    k = np.diag(np.geomspace(1, 1e6, n))
    for _ in range(2):
        v = rng.standard_normal(n)
        v /= np.linalg.norm(v)
        k -= 2 * np.outer(v, v @ k)
        k -= 2 * np.outer(k @ v, v)
    k = (k + k.T) / 2
    y = targets(n)
    store = stored(tmp_path / "k", k, 700)
    found = kernel_solve(store, y, memory=80_000_000)
    assert (found.inverse.n, factor_store(found).path) == (n, tmp_path / "k" / "factor-0.0")
    assert factor_store(found).num_blocks >= 8
    exact = scipy.linalg.solve(k, y, assume_a="pos")
    np.testing.assert_allclose(found.fitted, k @ exact, rtol=0, atol=1e-9)
    assert found.residual < 1e-9


def factor_store(solution):
    assert isinstance(solution.inverse, FactorOnDisk)
    return solution.inverse.store


@on_disk
def test_further_targets_use_the_same_factor(disk, tmp_path):
    k, y = kernel(N), targets(N, 4)
    first = solved(k, y[:, 0], 1.0, disk, tmp_path)
    more = first.solve(y[:, 1:])
    assert more.inverse is first.inverse
    np.testing.assert_allclose(more.coefficients, np.linalg.solve(k + np.eye(N), y[:, 1:]), rtol=0, atol=1e-9)


@on_disk
@pytest.mark.parametrize("ridge", [0.0, 50.0])
def test_leave_one_out_is_that_of_n_refits(disk, ridge, tmp_path):
    k, y = kernel(N, 1e4), targets(N)
    found = solved(k, y, ridge, disk, tmp_path).leave_one_out()
    refits = np.empty_like(y)
    for i in range(N):
        others = np.arange(N) != i
        k_others = k[np.ix_(others, others)] + ridge * np.eye(N - 1)
        refits[i] = k[i, others] @ np.linalg.solve(k_others, y[others])
    np.testing.assert_allclose(found.predictions, refits, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.error, ((y - refits) ** 2).mean(axis=0), rtol=1e-9)


@on_disk
@pytest.mark.parametrize("ridge", [0.0, 50.0])
@pytest.mark.parametrize("m", [1, 37, N - 1])
def test_the_last_samples_are_predicted_by_those_before(disk, ridge, m, tmp_path):
    k, y = kernel(N, 1e4), targets(N)
    before = slice(N - m)
    refit = kernel_solve(k[before, before], y[before], ridge)
    predictions = k[N - m :, before] @ refit.coefficients
    solutions = [solved(k, y, ridge, disk, tmp_path), ridge_path(k, y, [ridge])[0]]
    for found in (solution.leave_out_last(m) for solution in solutions):
        np.testing.assert_allclose(found.predictions, predictions, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.error, ((y[N - m :] - predictions) ** 2).mean(axis=0), rtol=1e-9)
    one_column = solutions[0].solve(y[:, 0]).leave_out_last(m)
    np.testing.assert_allclose(one_column.predictions, predictions[:, 0], rtol=0, atol=1e-9)
    refused("rows left out must be from 1 to 149, not ", solutions[0].leave_out_last, N if m == 1 else 0)


def test_an_interrupted_diagonal_continues_where_it_was(tmp_path, monkeypatch):
    solved(kernel(N), targets(N), 1.0, True, tmp_path)
    path = tmp_path / "factor" / "diagonal_of_inverse.npy"
    keep, kept = FactorOnDisk._keep_diagonal, []

    def diagonal(kill_after=None):
        """From the factor as another process finds it, killed once that many groups of columns are kept."""

        def keeping(self, known):
            keep(self, known)
            kept.append(np.count_nonzero(np.isfinite(known)))
            if len(kept) == kill_after:
                raise KeyboardInterrupt

        kept.clear()
        monkeypatch.setattr(FactorOnDisk, "_keep_diagonal", keeping)
        return FactorOnDisk(GramStore.read(tmp_path / "factor"), columns=36).diagonal

    whole = diagonal()
    assert kept == [36, 72, 108, 144, N]  # two block rows of 18 at a time
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        diagonal(kill_after=2)
    np.testing.assert_array_equal(diagonal(), whole)
    assert kept == [108, 144, N]
    np.testing.assert_array_equal(diagonal(), whole)
    assert kept == []
    path.unlink()
    monkeypatch.setattr(factor_file, "atomic_file", lambda path: (_ for _ in ()).throw(UserError("it is full")))
    with pytest.warns(UserWarning, match="it is full; until then it is not kept"):
        np.testing.assert_array_equal(diagonal(), whole)
    path.write_bytes(b"")
    np.testing.assert_array_equal(diagonal(), whole)


@on_disk
def test_generalized_cross_validation_is_its_definition(disk, tmp_path):
    k, y, ridge = kernel(N, 1e4), targets(N), 50.0
    smoother = k @ np.linalg.inv(k + ridge * np.eye(N))
    left = y - smoother @ y
    definition = (left**2).mean(axis=0) / (np.trace(np.eye(N) - smoother) / N) ** 2
    found = solved(k, y, ridge, disk, tmp_path)
    np.testing.assert_allclose(found.generalized_cross_validation(), definition, rtol=1e-9)


@pytest.mark.parametrize("given", ["array", "store", "eigenpairs"])
def test_a_ridge_path_is_each_solution(given, tmp_path):
    k, y, ridges = kernel(N, 1e4), targets(N), [0.0, 0.1, 30.0]
    arguments = {"array": k, "eigenpairs": top_eigenpairs(k, N), "store": stored(tmp_path / "k", k, 40)}
    path = ridge_path(arguments[given], y, ridges)
    for ridge, found in zip(ridges, path, strict=True):
        exact = kernel_solve(k, y, ridge)
        assert found.ridge == ridge
        assert found.residual < 1e-10
        np.testing.assert_allclose(found.coefficients, exact.coefficients, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.fitted, exact.fitted, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.leave_one_out().error, exact.leave_one_out().error, rtol=1e-9)
        gcv = found.generalized_cross_validation()
        np.testing.assert_allclose(gcv, exact.generalized_cross_validation(), rtol=1e-9)


def test_training_for_ever_ends_there():
    k, y, k_test = kernel(N, 1e4), targets(N), np.random.default_rng(2).standard_normal((5, N))
    _, test = mse_dynamics(k, y, 2.0).outputs(np.inf, k_test_train=k_test)
    np.testing.assert_allclose(k_test @ kernel_solve(k, y, 2.0).coefficients, test, atol=1e-9)


def test_the_condition_is_estimated():
    k = kernel(N, 1e5)
    estimate = full_rank_factor(k).reciprocal_condition(np.abs(k).sum(axis=0).max())  # pyright: ignore
    assert 1 <= estimate * np.linalg.cond(k, 1) < 3
    assert full_rank_factor(kernel(N, 1e16)) is None


def test_a_kernel_in_float32_needs_a_ridge_above_its_rounding(tmp_path):
    k = kernel(N, 1e4).astype(np.float32)
    floor = 2 * np.finfo(np.float32).eps * N**0.5 * k.diagonal().max()
    for gram in (k, stored(tmp_path / "k", k, 40, "float32")):
        for ridge in (0.0, 0.9 * floor):
            message = rf"ridge={ridge:g} is below the rounding of a float32 kernel of 150 rows, .*: take ridge=.* or "
            refused(message, kernel_solve, gram, targets(N), ridge)
            refused(message, ridge_path, gram, targets(N), [1.0, ridge])
        exact = np.linalg.solve(k.astype(float) + 1.1 * floor * np.eye(N), targets(N))
        found = kernel_solve(gram, targets(N), 1.1 * floor)
        np.testing.assert_allclose(found.coefficients, exact, rtol=0, atol=1e-9)


@on_disk
def test_a_singular_kernel_is_refused_with_the_ridge_that_works(disk, tmp_path):
    k = kernel(N, 1e4)
    k[:, 100], k[100, 100] = k[:, 7], k[7, 7]  # sample 100 is sample 7 again
    k[100] = k[:, 100]
    message = r"pivot 101 of 150 is not positive beyond rounding: take ridge=(\S+) or above"
    refused(message, solved, k, targets(N), 0.0, disk, tmp_path)
    assert not (tmp_path / "factor").exists()  # which could never be finished
    smallest = 1.1 * N * np.finfo(float).eps * np.trace(k)
    assert solved(k, targets(N), smallest, disk, tmp_path / "again").residual < 1e-3
    refused(r"the smallest eigenvalue with ridge=0 is .*: take ridge=", ridge_path, k, targets(N), [1.0, 0.0])
    k[5, 5] = -1.0
    refused(r"the matrix is no kernel: take a ridge above -np.linalg", solved, k, targets(N), 1.0, disk, tmp_path / "b")
    k = kernel(N, 1e4)
    refused("the matrix is no kernel", solved, -k, targets(N), 1.0, disk, tmp_path / "c")
    k[-1, -1] = -5.0  # the last pivot alone
    refused("pivot 150 of 150 .* the matrix is no kernel", solved, k, targets(N), 1.0, disk, tmp_path / "d")


def test_bad_arguments_are_refused(tmp_path):
    k, y = kernel(N, 1e4), targets(N)
    refused("y must be of shape", kernel_solve, k, y[:-1])
    refused("ridge must be at least 0", kernel_solve, k, y, -1.0)
    refused("ridge must be a number, not '1'", kernel_solve, k, y, "1")
    refused("y must hold real numbers, not complex128", kernel_solve, k, y * 1j)
    refused("must be a list of numbers", ridge_path, k, y, 0.3)
    refused("targets and coefficients needs", kernel_solve, k, y, 1.0, memory="5kB")
    refused("take kernel_solve for each", ridge_path, k, y, [0.3], memory="100kB")
    refused("must be a whole number, not 2.5", kernel_solve(k, y, 1.0).leave_out_last, 2.5)
    np.testing.assert_array_equal(kernel_solve(k, y, memory="1GB").fitted, kernel_solve(k, y).fitted)
    refused("needs .* of memory and .* are available: name a folder", kernel_solve, k, y, memory=TIGHT)
    refused("on disk needs .* are allowed: allow more", kernel_solve, k, y, memory=30_000, folder=tmp_path / "f")
    refused("not symmetric", kernel_solve, np.triu(k), y)
    one_entry = k.copy()
    one_entry[5, 7] += 1.0
    refused("not symmetric", kernel_solve, one_entry, y)
    k[3, 4] = k[4, 3] = np.nan
    refused("not finite", kernel_solve, k, y, folder=tmp_path / "f")
    refused("needs all eigenpairs, not 5 of 150", ridge_path, top_eigenpairs(kernel(N), 5), y, [1.0])
    with GramStore.open(tmp_path / "k", {}, n=N, tile=80, dtype="float64") as unfinished:
        refused("is not finished", kernel_solve, unfinished, y)


def test_a_factor_in_memory_takes_any_layout_and_type():
    k, y = kernel(N, 1e4), targets(N)
    for array in (np.asfortranarray(k), k[::-1, ::-1].copy()[::-1, ::-1], k.copy()):
        expected = np.linalg.solve(k + np.eye(N), y)
        np.testing.assert_allclose(FactorInMemory(array, 1.0).solve(y), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        FactorInMemory(k.astype(np.float32), 1.0).solve(y), np.linalg.solve(k + np.eye(N), y), rtol=0, atol=1e-3
    )
