"""Closed-form outputs at many times, against neural-tangents' `predict.gradient_descent_mse` on the same kernels."""

import time
from typing import Any

import jax
import numpy as np

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import mse_dynamics, neural_tangents_time
from ntk_repro.precision import float64_scope

REPEATS = 3


def run(n: int = 2000, m: int = 1000, num_times: int = 1000, repeats: int = REPEATS) -> dict[str, Any]:
    """Seconds for the outputs of n training and m test samples at all times, with the eigendecomposition and without.

    Both get the same kernels and times; neural-tangents is measured in float64, which is our type, and in float32, its
    default. The shortest of several runs, each with its own decomposition. "again" is a second call that reuses the
    decomposition.
    """
    train, test, y, f0, test_f0 = _problem(n, m)
    values = np.linalg.eigvalsh(train)
    times = np.geomspace(0.1 / values[-1], 10 / values[0], num_times)
    starts = (f0, test_f0, test)
    found: dict[str, Any] = {
        "n": n,
        "m": m,
        "times": num_times,
        "condition": values[-1] / values[0],
        "repeats": repeats,
    }

    def ours() -> dict[str, Any]:
        begin = time.perf_counter()
        dynamics = mse_dynamics(train, y)
        decomposed = time.perf_counter()
        outputs = dynamics.outputs(times, *starts)
        end = time.perf_counter()
        dynamics.outputs(times, *starts)
        again = time.perf_counter() - end
        return {"total": end - begin, "decomposition": decomposed - begin, "again": again, "outputs": outputs}

    def theirs(dtype: Any) -> dict[str, Any]:
        k_train, k_test, targets, fx, fx_test = (jax.numpy.asarray(a, dtype) for a in (train, test, y, f0, test_f0))
        scaled = jax.numpy.asarray(neural_tangents_time(times, y.size), dtype)
        begin = time.perf_counter()
        predict = nt.predict.gradient_descent_mse(k_train, targets)
        outputs = jax.block_until_ready(predict(scaled, fx, fx_test, k_test))
        end = time.perf_counter()
        jax.block_until_ready(predict(scaled, fx, fx_test, k_test))
        again = time.perf_counter() - end
        return {"total": end - begin, "again": again, "outputs": outputs}

    rows = {"ntk_repro float64": [], "neural-tangents float64": [], "neural-tangents float32": []}
    for _ in range(repeats):
        rows["ntk_repro float64"].append(ours())
        with float64_scope():
            rows["neural-tangents float64"].append(theirs(np.float64))
        rows["neural-tangents float32"].append(theirs(np.float32))
    exact = rows["ntk_repro float64"][0]["outputs"]
    for name, runs in rows.items():
        gap = max(float(np.abs(np.asarray(a) - b).max()) for a, b in zip(runs[0]["outputs"], exact, strict=True))
        found[name] = {part: min(run[part] for run in runs) for part in runs[0] if part != "outputs"}
        found[name]["largest_difference_from_ours"] = gap
        line = ", ".join(f"{part} {found[name][part]:.2f} s" for part in found[name] if not part.startswith("largest"))
        print(f"{name}: {line}; differs from ours by {gap:.1e}", flush=True)
    ours_total = found["ntk_repro float64"]["total"]
    found["ratio_float64"] = found["neural-tangents float64"]["total"] / ours_total
    found["ratio_float32"] = found["neural-tangents float32"]["total"] / ours_total
    return found


def _problem(n: int, m: int, inputs: int = 50) -> tuple[np.ndarray, ...]:
    """The NTK of an infinitely wide ReLU network with one hidden layer, on random directions; targets and starts."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + m, inputs))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cosine = np.clip(x @ x[:n].T, -1, 1)
    angle = np.arccos(cosine)
    kernel = (np.sqrt(1 - cosine**2) + 2 * (np.pi - angle) * cosine) / np.pi
    y, f0 = rng.standard_normal((2, n + m, 1))
    return (kernel[:n] + kernel[:n].T) / 2, kernel[n:], np.sign(y[:n]), f0[:n], f0[n:]
