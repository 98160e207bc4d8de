"""Training of a linear(ized) model on cross-entropy as an ODE, integrated with error control."""

import functools
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.dynamics.filters import checked_steps, checked_times
from ntk_repro.dynamics.learning_rates import check_momentum
from ntk_repro.dynamics.mse import Outputs, TestKernel
from ntk_repro.dynamics.spectral import SpectralDynamics, TrainKernel, decompose_for
from ntk_repro.errors import UserError
from ntk_repro.gram.checks import checked_array
from ntk_repro.precision import float64_scope

_MAX_STEPS = 100_000
_FEWEST_TIMES = 16  # that a program is compiled for


def cross_entropy_dynamics(
    k_train_train: TrainKernel, y_train: Float[np.ndarray, "n k"], *, num_eigenpairs: int | None = None
) -> "CrossEntropyDynamics":
    """The dynamics of full-batch gradient flow on the summed cross-entropy of the softmax, from the kernel alone.

    There is no closed form; diffrax integrates the ODE in float64 with error control (dopri5, as in the paper). What is
    integrated is the weights' displacement in the kernel's eigenbasis, u with f_train = f_0 + V sqrt(Lambda) u: an
    error in u bounds the errors of both train and test outputs (by sqrt(K(x, x)) times it), and the null space drops
    out.

    Source: Lee et al. 2019, Eqs. (S5)-(S11).

    Args:
        k_train_train: as in `mse_dynamics`.
        y_train: a distribution over the k classes in each row, e.g. one-hot. With k = 1 the loss is the binary
            cross-entropy of one logit, and the targets are probabilities, in [0, 1].
        num_eigenpairs: of a large kernel, compute only so many; outputs outside of their span stay at the start.

    Raises:
        UserError: as `mse_dynamics`, and for targets that are not distributions.
    """
    targets = checked_array(y_train, "y_train", ("n", "k"))
    sums = targets.sum(axis=1) if targets.shape[1] > 1 else 1.0
    if not (np.all(targets >= 0) and np.all(targets <= 1) and np.allclose(sums, 1, atol=1e-6)):
        raise UserError(
            "cross-entropy takes probabilities: rows that sum to 1 (for classes, ntk_repro.data.one_hot), or one "
            "column in [0, 1]"
        )
    return CrossEntropyDynamics(*decompose_for(k_train_train, targets, num_eigenpairs=num_eigenpairs))


class CrossEntropyDynamics(SpectralDynamics):
    """Full-batch training of a linear model on cross-entropy; from `cross_entropy_dynamics`.

    Times are in units of learning rate times steps on the summed loss; for the loss averaged over n samples divide by
    n.
    """

    def outputs(
        self,
        t: ArrayLike,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: TestKernel = None,
        *,
        tolerance: float = 1e-8,
        max_steps: int = _MAX_STEPS,
    ) -> Outputs:
        """Logits at time t of gradient flow, on the training samples and, with their kernel, on test samples.

        Source: Lee et al. 2019, Eqs. (S10) and (S11).

        Args:
            t: time or times, finite: separable data has no limit.
            fx_train_0: logits at the start, at the training samples.
            fx_test_0: the same at the test samples; may be left out where `fx_train_0` is 0.
            k_test_train: the kernel between test and training samples; None for no test outputs.
            tolerance: of the error in logits made in each step of the solver, relative and absolute (for a sample
                whose K(x, x) is that of the training samples on average).
            max_steps: of the solver, which takes about t lambda_max / 4 of them.

        Raises:
            UserError: for shapes that do not fit, infinite times, and more solver steps than `max_steps`.
        """
        return self._integrated(checked_times(t), None, (fx_train_0, fx_test_0, k_test_train), tolerance, max_steps)

    def outputs_with_momentum(
        self,
        steps: ArrayLike,
        learning_rate: float,
        momentum: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: TestKernel = None,
        *,
        tolerance: float = 1e-8,
        max_steps: int = _MAX_STEPS,
    ) -> Outputs:
        """Logits after so many steps of the flow that momentum follows; its time is steps sqrt(learning_rate).

        Source: Lee et al. 2019, Eqs. (S3) and (S4) with the loss of (S5).

        Args:
            steps: number or numbers of steps, fractions allowed.
            learning_rate: of the summed loss; for the one averaged over samples divide by n.
            momentum: at least 0 and below 1.
            fx_train_0: logits at the start, at the training samples; see `outputs` for this and all that follow.
            fx_test_0: logits at the start, at the test samples.
            k_test_train: the kernel between test and training samples.
            tolerance: of a solver's step.
            max_steps: of the solver.

        Raises:
            UserError: as `outputs`, and for a momentum outside [0, 1).
        """
        check_momentum(momentum)
        root = np.sqrt(learning_rate)
        times, damping = root * checked_steps(steps, learning_rate, fractions=True), (1 - momentum) / root
        return self._integrated(times, damping, (fx_train_0, fx_test_0, k_test_train), tolerance, max_steps)

    def _integrated(
        self, times: np.ndarray, damping: float | None, starts: tuple[Any, Any, Any], tolerance: float, max_steps: int
    ) -> Outputs:
        if not np.all(np.isfinite(times)):
            raise UserError(
                "cross-entropy has no limit in infinite time where the data can be separated: give finite times"
            )
        if not 0 < tolerance < 1:
            raise UserError(f"the tolerance must be between 0 and 1, not {tolerance}")
        start = self._start(starts[0])
        kernel, test_0 = self._test_arguments(*starts)
        vectors, roots = self.spectrum.vectors, np.sqrt(self.spectrum.values)
        unique, where = np.unique(times, return_inverse=True)
        u = self._displacements(start, unique, damping, tolerance, max_steps)
        train = (vectors * roots @ u)[where].reshape(*times.shape, *start.shape) + start
        if kernel is None or test_0 is None:
            return train, None
        # Along the null space nothing moves.
        inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
        return train, (kernel @ vectors * inverse @ u)[where].reshape(*times.shape, *test_0.shape) + test_0

    def _displacements(
        self, fx_0: np.ndarray, times: np.ndarray, damping: float | None, tolerance: float, max_steps: int
    ) -> Float[np.ndarray, "T r columns"]:
        """u at increasing times, where f = f_0 + V sqrt(Lambda) u; with damping by the flow of momentum."""
        factor = self.spectrum.vectors * np.sqrt(self.spectrum.values)
        if not len(times) or times[-1] == 0 or not np.any(factor):
            return np.zeros((len(times), factor.shape[1], fx_0.size // len(factor)))
        # Of samples whose K(x, x) is like the mean over the training samples, so that logits keep the tolerance.
        length = np.sqrt(max(np.sum(factor**2) / len(factor), np.finfo(np.float64).tiny))
        # Filled up with the last time, so that programs are compiled for few numbers of times only.
        padded = np.full(max(_FEWEST_TIMES, 1 << (len(times) - 1).bit_length()), times[-1])
        padded[: len(times)] = times
        with float64_scope():
            program = _compiled(damping is not None, max_steps)
            u, done, taken = program(factor, fx_0, self.y_train, padded, damping or 0.0, tolerance, tolerance / length)
            if not done:
                raise UserError(
                    f"the solver did not reach t = {times[-1]:.4g} in {int(taken):,} steps: ask for earlier times, a "
                    "larger tolerance, or more max_steps"
                )
            return np.asarray(u[: len(times)])


@functools.cache
def _compiled(with_momentum: bool, max_steps: int) -> Any:
    import diffrax
    import jax
    import jax.numpy as jnp

    def flow(t: Any, state: Any, data: Any) -> Any:
        factor, fx_0, y, damping = data
        u, velocity = state if with_momentum else (state, None)
        fx = fx_0 + (factor @ u).reshape(fx_0.shape)
        guess = jax.nn.sigmoid(fx) if fx.shape[1] == 1 else jax.nn.softmax(fx, axis=1)
        downhill = factor.T @ (y - guess).reshape(len(factor), -1)
        return (velocity, downhill - damping * velocity) if with_momentum else downhill

    @jax.jit
    def solve(factor: Any, fx_0: Any, y: Any, times: Any, damping: Any, rtol: Any, atol: Any) -> Any:
        start = jnp.zeros((factor.shape[1], y.size // len(factor)), factor.dtype)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(flow),
            diffrax.Dopri5(),
            t0=0.0,
            t1=times[-1],
            dt0=None,
            y0=(start, start) if with_momentum else start,
            args=(factor, fx_0, y, damping),
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            max_steps=max_steps,
            throw=False,
        )
        moved: Any = solution.ys
        done = solution.result == diffrax.RESULTS.successful
        return moved[0] if with_momentum else moved, done, solution.stats["num_steps"]

    return solve
