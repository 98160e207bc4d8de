"""What Theorem 2.1 and its proof bound, measured on paths of training: networks on the first axis.

Source: Lee et al. 2019, Theorem 2.1 (Eq. 17), Theorems G.1, G.2, G.4 and H.1 with their proofs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ntk_repro.wide_limit.descent_path import Path

PerNetwork = dict[str, Float[np.ndarray, " networks"]]


@dataclass(frozen=True)
class Limit:
    """The kernel of infinite width, and training at a learning rate below the critical one.

    Attributes:
        kernel: Theta on the training inputs (n, n), of Eq. S42.
        fraction: eta_0 over eta_critical.
        flow: whether training is gradient flow, one step being the time eta_0.
    """

    kernel: Float[np.ndarray, "n n"]
    fraction: float
    flow: bool

    @property
    def lambda_min(self) -> float:
        """The smallest eigenvalue of Theta."""
        return float(np.linalg.eigvalsh(self.kernel)[0])

    @property
    def eta_critical(self) -> float:
        """2 / (lambda_min + lambda_max), see section 2.4."""
        return float(critical_rates(self.kernel))

    @property
    def eta_0(self) -> float:
        """The learning rate."""
        return self.fraction * self.eta_critical

    @property
    def rate(self) -> float:
        """What a step leaves of the residual at most: 1 - eta_0 lambda_min / 3, of the flow exp(-eta_0 lambda_min / 3).

        Source: Lee et al. 2019, Eqs. S49 and S51.
        """
        slowest = self.eta_0 * self.lambda_min / 3
        return float(np.exp(-slowest)) if self.flow else 1 - slowest


def critical_rates(kernels: Float[np.ndarray, "*some n n"]) -> Float[np.ndarray, "*some"]:
    """2 / (lambda_min + lambda_max) of each kernel."""
    values = np.linalg.eigvalsh(kernels)
    return 2 / (values[..., 0] + values[..., -1])


def linearized(path: Path, limit: Limit) -> tuple[Float[np.ndarray, "s T n"], Float[np.ndarray, "s T m"]]:
    """Residuals on training and outputs on test inputs of the linearized networks, by the same steps (Eqs. 10, 11).

    Those of the flow are Runge-Kutta steps, too, so that its error cancels from the difference to the network.
    """
    values, vectors = np.linalg.eigh(path.kernel[:, 0])
    z = -limit.eta_0 * values
    step = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24 if limit.flow else 1 + z
    left = step[:, None] ** np.arange(path.residuals.shape[1])[:, None]  # (s, T, n)
    start = np.einsum("sij,si->sj", vectors, path.residuals[:, 0])[:, None]
    train = np.einsum("sij,stj->sti", vectors, left * start)
    moved = np.einsum("sij,stj->sti", vectors, (left - 1) / values[:, None] * start)
    return train, path.fx_test[:, :1] + np.einsum("smi,sti->stm", path.test_kernel[:, 0], moved)


def bounded(path: Path, limit: Limit, norm: float) -> PerNetwork:
    """The quantities of the theorems.

    Args:
        path: of every network.
        limit: the kernel of infinite width, and the learning rate.
        norm: what J J^T was divided by; eta = eta_0 / norm.

    Returns:
        `residual_start`, ||g(theta_0)||; `residual_last`, of which this share is left; `weights_apart`, supremum over t
        of ||theta_t - theta_t^lin|| over ||theta_T - theta_0||; `distance`, `kernel_change`, `test_kernel_change`,
        `train_difference`, `test_difference`, the suprema over t of ||theta_t - theta_0||, of
        ||Theta_t - Theta_0||_F on training inputs and (largest row) between test and training inputs, and of the
        difference between network and linearization on training (norm) and test (largest) inputs; `test_change`, the
        largest change of a test output; `end_difference`, RMS difference on test inputs at the end;
        `kernel_start`, ||Theta_0 - Theta||_F; `lambda_start`, `lambda_floor`, smallest eigenvalue of Theta_0, and of
        Theta_t over all t; `eta_critical`, of the network's own kernel J J^T; `contraction_excess`, largest
        log(||g_t|| / ||g_0||) - t log(rate) over t >= 1; `contraction_operator`, largest ||1 - eta J J_t^T||_op;
        `steps_sum`, sum of the steps; `activations`, `deltas`, largest ||x^l|| and ||delta^l|| over t and l. And the
        smallest constants K for which a bound holds at all times: `step_constant` (Eq. S54, of the flow S79),
        `sum_constant` (S49, S97), `distance_constant` (S51), `kernel_constant` (S71).
    """
    lin_train, lin_test = linearized(path, limit)
    g = np.linalg.norm(path.residuals, axis=2)
    times = np.arange(g.shape[1])
    left = limit.rate**times
    change = np.linalg.norm(path.kernel - path.kernel[:, :1], axis=(2, 3))
    spectrum = np.linalg.eigvalsh(path.kernel)[..., 0]
    eye = np.eye(path.kernel.shape[-1])
    # ||J^T g|| / sqrt(norm), so that eta_0 / sqrt(norm) of it is the length of a step.
    force = np.sqrt(np.einsum("sti,stij,stj->st", path.residuals, path.kernel, path.residuals))
    steps = np.cumsum(limit.eta_0 * force, axis=1)[:, :-1] / norm**0.5
    reach = 3 / limit.lambda_min * (1 - left[1:]) * g[:, :1] / norm**0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.log(g[:, 1:] / g[:, :1]) - times[1:] * np.log(limit.rate)
        per_distance = change[:, 1:] / (2 * path.distance[:, 1:])
    moved = np.abs(path.fx_test - path.fx_test[:, :1])
    return {
        "residual_start": g[:, 0],
        "residual_last": g[:, -1] / g[:, 0],
        "weights_apart": path.linear_distance.max(axis=1) / path.distance[:, -1],
        "distance": path.distance.max(axis=1),
        "kernel_change": change.max(axis=1),
        "test_kernel_change": np.linalg.norm(path.test_kernel - path.test_kernel[:, :1], axis=3).max(axis=(1, 2)),
        "train_difference": np.linalg.norm(path.residuals - lin_train, axis=2).max(axis=1),
        "test_difference": np.abs(path.fx_test - lin_test).max(axis=(1, 2)),
        "test_change": moved.max(axis=(1, 2)),
        "end_difference": np.sqrt(np.mean((path.fx_test[:, -1] - lin_test[:, -1]) ** 2, axis=1)),
        "kernel_start": np.linalg.norm(path.kernel[:, 0] - limit.kernel, axis=(1, 2)),
        "lambda_start": spectrum[:, 0],
        "lambda_floor": spectrum.min(axis=1),
        "eta_critical": critical_rates(path.kernel[:, 0]) / norm,
        "contraction_excess": excess.max(axis=1),
        "contraction_operator": np.linalg.norm(eye - limit.eta_0 * path.middle, 2, axis=(2, 3)).max(axis=1),
        "steps_sum": steps[:, -1],
        "activations": path.activations.max(axis=(1, 2)),
        "deltas": path.deltas.max(axis=(1, 2)),
        "step_constant": (force / (left * g[:, :1])).max(axis=1),
        "sum_constant": (steps / reach).max(axis=1),
        "distance_constant": (path.distance[:, 1:] / reach).max(axis=1),
        "kernel_constant": np.sqrt(per_distance.max(axis=1)),
    }


def flow_bounds(path: Path, limit: Limit) -> PerNetwork:
    """The quantities of the proof of Theorem H.1, of gradient flow.

    Returns:
        `identity_residual`, how far the two sides of Eqs. S104 and S105 are apart, over the largest left side, the
        integrals by Simpson's rule; `identity_error`, the error of that rule, a 15th of the change where it takes every
        second time; `growth_ratio`, largest ratio of ||g_lin - g|| to the bound of Eq. S118 with the constant 1; `gap`,
        lambda_0 - sup_t ||Theta_t - Theta_0||_op; `growth`, the supremum of Eq. S120.
    """
    lin_train, _ = linearized(path, limit)
    difference = lin_train - path.residuals
    times = np.arange(difference.shape[1])
    change = path.kernel - path.kernel[:, :1]
    sigma = np.maximum.accumulate(np.linalg.norm(change, 2, axis=(2, 3)), axis=1)
    lambda_0 = np.linalg.eigvalsh(path.kernel[:, 0])[:, :1]
    clock = limit.eta_0 * times
    growth = np.exp(-(lambda_0 - sigma) * clock) * clock
    bound = growth * sigma * np.linalg.norm(lin_train[:, :1], axis=2)
    apart = np.linalg.norm(difference, axis=2)

    # The two integrands together, without their exponential: E_s times -(g_lin - g) + g_lin.
    integrand = limit.eta_0 * np.einsum("stij,stj->sti", change, path.residuals)
    fine, coarse = (_simpson(limit.eta_0 * path.kernel[:, 0], integrand, stride) for stride in (1, 2))
    scale = apart.max(axis=1)
    shared = slice(None, len(fine[0]), 2)
    return {
        "identity_residual": np.linalg.norm(fine - difference[:, ::2][:, : fine.shape[1]], axis=2).max(axis=1) / scale,
        "identity_error": np.linalg.norm(fine[:, shared] - coarse, axis=2).max(axis=1) / scale / 15,
        "growth_ratio": (apart[:, 1:] / bound[:, 1:]).max(axis=1),
        "gap": (lambda_0 - sigma[:, -1:])[:, 0],
        "growth": growth.max(axis=1),
    }


def _simpson(
    rate: Float[np.ndarray, "s n n"], integrand: Float[np.ndarray, "s T n"], stride: int
) -> Float[np.ndarray, "s half n"]:
    """The integral of exp(rate (s - t)) integrand(s) over s from 0 to t, at t = 0, 2 stride, 4 stride, ..."""
    values, vectors = np.linalg.eigh(rate)
    shown = np.einsum("sij,sti->stj", vectors, integrand)[:, ::stride]
    half = np.exp(-stride * values)
    total = np.zeros_like(shown[:, 0])
    found = [total]
    for first in range(0, shown.shape[1] - 2, 2):
        start, middle, end = (shown[:, first + i] for i in range(3))
        total = half**2 * (total + stride / 3 * start) + stride / 3 * (4 * half * middle + end)
        found.append(total)
    return np.einsum("sij,stj->sti", vectors, np.stack(found, axis=1))
