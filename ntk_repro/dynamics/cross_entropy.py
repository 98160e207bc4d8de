"""Training of a linear(ized) model on cross-entropy as an ODE, integrated with error control."""

import functools
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.dynamics.filters import flow_times, step_numbers
from ntk_repro.dynamics.learning_rates import check_momentum
from ntk_repro.dynamics.spectral import Outputs, SpectralDynamics
from ntk_repro.errors import UserError
from ntk_repro.gram.spectrum import Eigenpairs
from ntk_repro.gram.store import GramStore

__all__ = ["CrossEntropyDynamics", "cross_entropy_dynamics"]

_MAX_STEPS = 100_000
_FEWEST_TIMES = 16  # that a program is compiled for


def cross_entropy_dynamics(
    k_train_train: Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs,
    y_train: Float[np.ndarray, "n k"],
    *,
    num_eigenpairs: int | None = None,
) -> "CrossEntropyDynamics":
    """The dynamics of full-batch gradient flow on the summed cross-entropy of the softmax, from the kernel alone.

    There is no closed form; diffrax integrates the ODE in float64 with error control (dopri5, as in the paper). What is
    integrated is the weights' displacement in the kernel's eigenbasis, u with f_train = f_0 + V sqrt(Lambda) u: an
    error in u bounds the errors of train and test outputs alike (by sqrt(K(x, x)) times it), and the null space drops
    out.

    Source: Lee et al. 2019, Eqs. (S5)-(S11).

    Args:
        k_train_train: as in `mse_dynamics`.
        y_train: a distribution over the k classes in each row, e.g. one-hot. With k = 1 the loss is the binary
            cross-entropy of one logit, and the targets are probabilities, in [0, 1].
        num_eigenpairs: of a large kernel, decompose only so many; what lies outside of them stays as it is.

    Raises:
        UserError: as `mse_dynamics`, and for targets that are not distributions.
    """
    return CrossEntropyDynamics(k_train_train, y_train, num_eigenpairs)


class CrossEntropyDynamics(SpectralDynamics):
    """What a linear model does in full-batch training on cross-entropy; from `cross_entropy_dynamics`.

    Times are in units of learning rate times steps on the summed loss; for the loss averaged over n samples divide by
    n.
    """

    def __init__(
        self,
        k_train_train: Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs,
        y_train: Float[np.ndarray, "n k"],
        num_eigenpairs: int | None = None,
    ):
        """Decomposes the kernel, once."""
        targets = np.asarray(y_train, dtype=np.float64)
        if targets.ndim != 2:
            raise UserError(f"y_train must be (n, k), one distribution a row, not of shape {targets.shape}")
        sums = targets.sum(axis=1) if targets.shape[1] > 1 else 1.0
        if not (np.all(targets >= 0) and np.all(targets <= 1) and np.allclose(sums, 1, atol=1e-6)):
            raise UserError(
                "cross-entropy takes probabilities: rows that sum to 1 (for classes, ntk_repro.data.one_hot), or one "
                "column in [0, 1]"
            )
        super().__init__(k_train_train, targets, 0.0, num_eigenpairs)

    def outputs(
        self,
        t: ArrayLike,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
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
            UserError: for shapes that do not fit, infinite times, and a solver that did not get there.
        """
        times, shape = flow_times(t)
        _refuse_infinity(times)
        return self._integrated(times, shape, fx_train_0, fx_test_0, k_test_train, None, tolerance, max_steps)

    def outputs_with_momentum(
        self,
        steps: ArrayLike,
        learning_rate: float,
        momentum: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
        *,
        tolerance: float = 1e-8,
        max_steps: int = _MAX_STEPS,
    ) -> Outputs:
        """Logits after so many steps of the flow that momentum follows; its time, steps sqrt(learning_rate), inside.

        Source: Lee et al. 2019, Eqs. (S3) and (S4) with the loss of (S5).

        Args:
            steps: number or numbers of steps, fractions allowed.
            learning_rate: of the summed loss; for the one averaged over samples divide by n.
            momentum: at least 0 and below 1.
            fx_train_0: see `outputs`, as all that follow.
            fx_test_0: logits at the start, at the test samples.
            k_test_train: the kernel between test and training samples.
            tolerance: of a solver's step.
            max_steps: of the solver.

        Raises:
            UserError: as `outputs`, and for a momentum outside [0, 1).
        """
        check_momentum(momentum)
        numbers, shape = step_numbers(steps, learning_rate, whole=False)
        _refuse_infinity(numbers)
        root = np.sqrt(learning_rate)
        return self._integrated(
            root * numbers,
            shape,
            fx_train_0,
            fx_test_0,
            k_test_train,
            (1 - momentum) / root,
            tolerance,
            max_steps,
        )

    def _integrated(
        self,
        times: np.ndarray,
        shape: tuple[int, ...],
        fx_train_0: Any,
        fx_test_0: Any,
        k_test_train: Any,
        damping: float | None,
        tolerance: float,
        max_steps: int,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if not 0 < tolerance < 1:
            raise UserError(f"the tolerance must be between 0 and 1, not {tolerance}")
        train_0 = self._start(fx_train_0)
        kernel, test_0 = self._test_arguments(fx_train_0, fx_test_0, k_test_train)
        roots = np.sqrt(self.spectrum.values)
        factor = self.spectrum.vectors * roots
        # Of samples whose K(x, x) is like the mean over the training samples, so that logits keep the tolerance.
        length = np.sqrt(max(np.sum(self.spectrum.values) / len(factor), np.finfo(np.float64).tiny))
        unique, where = np.unique(times, return_inverse=True)
        moved = np.zeros((len(unique), len(roots), self._columns))
        if len(unique) and unique[-1] > 0 and roots[0] > 0:
            moved = _solve(factor, train_0, self.y_train, unique, damping, tolerance, tolerance / length, max_steps)
        train = np.empty((len(times), *self.y_train.shape))
        test = through = None
        if kernel is not None:
            test = np.empty((len(times), *test_0.shape))
            # Along the null space nothing moves.
            inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
            through = (kernel @ self.spectrum.vectors) * inverse
        for i, place in enumerate(where):
            train[i] = train_0 + (factor @ moved[place]).reshape(self.y_train.shape)
            if test is not None and through is not None:
                test[i] = test_0 + (through @ moved[place]).reshape(test_0.shape)
        return train.reshape(*shape, *train.shape[1:]), None if test is None else test.reshape(*shape, *test.shape[1:])


def _refuse_infinity(times: np.ndarray) -> None:
    if not np.all(np.isfinite(times)):
        raise UserError(
            "cross-entropy has no limit in infinite time where the data can be separated: give finite times"
        )


def _solve(
    factor: np.ndarray,
    fx_0: np.ndarray,
    y: np.ndarray,
    times: np.ndarray,
    damping: float | None,
    rtol: float,
    atol: float,
    max_steps: int,
) -> np.ndarray:
    """u at the times (T, r, columns), where f = f_0 + factor u."""
    import diffrax

    from ntk_repro.precision import float64_scope

    # Filled up with the last time, so that programs are compiled for few numbers of times only.
    padded = np.full(max(_FEWEST_TIMES, 1 << (len(times) - 1).bit_length()), times[-1])
    padded[: len(times)] = times
    with float64_scope():
        solution, result, taken = _compiled(damping is not None, max_steps)(
            factor, fx_0, y, padded, 0.0 if damping is None else damping, rtol, atol
        )
        if not bool(result == diffrax.RESULTS.successful):
            raise UserError(
                f"the solver did not reach t = {times[-1]:.4g} in {int(taken):,} steps: ask for earlier times, a "
                "larger tolerance, or more max_steps"
            )
        return np.asarray(solution[: len(times)])


@functools.cache
def _compiled(with_momentum: bool, max_steps: int) -> Any:
    import diffrax
    import jax
    import jax.numpy as jnp

    def downhill(u: Any, data: Any) -> Any:
        factor, fx_0, y, _ = data
        fx = fx_0 + (factor @ u).reshape(fx_0.shape)
        guess = jax.nn.sigmoid(fx) if fx.shape[1] == 1 else jax.nn.softmax(fx, axis=1)
        return factor.T @ (y - guess).reshape(len(factor), -1)

    def flow(t: Any, state: Any, data: Any) -> Any:
        if not with_momentum:
            return downhill(state, data)
        u, velocity = state
        return velocity, downhill(u, data) - data[3] * velocity

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
        return moved[0] if with_momentum else moved, solution.result, solution.stats["num_steps"]

    return solve
