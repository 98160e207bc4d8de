"""Kernels on which closed forms lose their digits: ours and neural-tangents', against eigenvalues known exactly.

The kernels are Q diag(lambda) Q^T with a scaled Hadamard matrix for Q, so that entries, eigenvectors and outputs are
known to all digits of extended precision without anything being decomposed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.linalg

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import mse_dynamics, neural_tangents_time
from ntk_repro.precision import float64_scope

Exact = np.longdouble
LARGEST_ERROR = 1e-8


class Case(NamedTuple):
    """Eigenvalues of a kernel on n = 2^j samples, and the time of the outputs."""

    values: np.ndarray
    t: float | None


def cases() -> dict[str, Case]:
    """The cases by name. Times are such that what can be learned is learned only in part, or all of it."""
    good = np.geomspace(16, 1, 16)
    half = np.where(np.arange(16) < 8, good, 0.0)
    steep = 2.0 ** -np.arange(0, 32, 2)
    return {
        "well conditioned, t = 0.3": Case(good, 0.3),
        "well conditioned, t = inf": Case(good, None),
        "one sample, t = 0.3": Case(np.array([3.0]), 0.3),
        "one sample, t = 1e30": Case(np.array([3.0]), 1e30),
        "every sample twice, t = 0.3": Case(half, 0.3),
        "every sample twice, t = 1e30": Case(half, 1e30),
        "every sample twice, t = inf": Case(half, None),
        "rank 3 of 16, t = 0.3": Case(np.where(np.arange(16) < 3, good, 0.0), 0.3),
        "rank 3 of 16, t = 1e30": Case(np.where(np.arange(16) < 3, good, 0.0), 1e30),
        "rank 3 of 16, t = inf": Case(np.where(np.arange(16) < 3, good, 0.0), None),
        "condition 1e9, t = 1e-12": Case(steep, 1e-12),
        "condition 1e9, t = 1e6": Case(steep, 1e6),
        "times 1e-12, t = 0.3e12": Case(1e-12 * good, 0.3e12),
        "times 1e-12, rank 8 of 16, t = 1e30": Case(1e-12 * half, 1e30),
        "times 1e12, t = 0.3e-12": Case(1e12 * good, 0.3e-12),
        "times 1e12, t = 1e30": Case(1e12 * good, 1e30),
        "times 1e12, rank 8 of 16, t = inf": Case(1e12 * half, None),
    }


def run(names: tuple[str, ...] | None = None, *, neural_tangents: bool = True) -> dict[str, Any]:
    """The largest error of train and test outputs in each case; nan and inf count as such. Prints a table."""
    chosen = {name: case for name, case in cases().items() if names is None or name in names}
    found: dict[str, Any] = {}
    columns = ["ntk_repro", *(["nt float64", "nt float32"] if neural_tangents else [])]
    print(f"{'largest error of train / test outputs':40s}" + "".join(f"{name:>24s}" for name in columns))
    for name, case in chosen.items():
        problem, exact = _problem(case)
        solvers: dict[str, Callable] = {"ntk_repro": _ours, "nt float64": _theirs_float64, "nt float32": _theirs}
        errors = {column: _errors(solvers[column](problem, case.t), exact) for column in columns}
        print(f"{name:40s}" + "".join(f"{f'{train:.0e} / {test:.0e}':>24s}" for train, test in errors.values()))
        # JSON knows neither nan nor infinity.
        found[name] = {column: [e if np.isfinite(e) else str(e) for e in pair] for column, pair in errors.items()}
    return {"cases": found}


def _problem(case: Case) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Kernels, targets and starts, and the exact outputs in extended precision."""
    n, m = len(case.values), 6
    rng = np.random.default_rng(0)
    hadamard = scipy.linalg.hadamard(n).astype(Exact)
    # Rows i and i + n / 2 agree in the first half of the columns: samples occur twice if only these have eigenvalues.
    q, values = hadamard / np.sqrt(Exact(n)), case.values.astype(Exact)
    features = rng.integers(-4, 5, (m, n)).astype(Exact) / 4  # test samples in the eigenbasis
    y, f0 = (rng.integers(-8, 9, (2, n, 1)) / 8).astype(Exact)
    test_f0 = (rng.integers(-8, 9, (m, 1)) / 8).astype(Exact)
    time = Exact(np.inf) if case.t is None else Exact(case.t)
    with np.errstate(invalid="ignore"):
        learned = np.where(values > 0, -np.expm1(-values * time), Exact(0))
    shares = np.divide(learned, values, out=np.zeros_like(values), where=values > 0)  # multiplied by lambda = 0 else
    residual = q.T @ (y - f0)
    exact = f0 + q @ (learned[:, None] * residual), test_f0 + (features * values) @ (shares[:, None] * residual)
    kernels = (q * values) @ q.T, (features * values) @ q.T
    return tuple(a.astype(np.float64) for a in (*kernels, y, f0, test_f0)), exact


def _ours(problem: tuple[np.ndarray, ...], t: float | None) -> tuple[Any, Any]:
    train, test, y, f0, test_f0 = problem
    return mse_dynamics(train, y).outputs(t, f0, test_f0, test)


def _theirs(problem: tuple[np.ndarray, ...], t: float | None) -> tuple[Any, Any]:
    train, test, y, f0, test_f0 = map(jax.numpy.asarray, problem)
    predict = nt.predict.gradient_descent_mse(train, y)
    return predict(None if t is None else neural_tangents_time(t, y.size), f0, test_f0, test)


def _theirs_float64(problem: tuple[np.ndarray, ...], t: float | None) -> tuple[Any, Any]:
    with float64_scope():
        return _theirs(problem, t)


def _errors(found: tuple[Any, Any], exact: tuple[np.ndarray, ...]) -> tuple[float, float]:
    train, test = (float(np.max(np.abs(np.asarray(a, Exact) - b))) for a, b in zip(found, exact, strict=True))
    return train, test
