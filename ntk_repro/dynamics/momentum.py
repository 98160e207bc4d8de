"""Closed-form training of a linear(ized) model on squared error with momentum: step by step, and as a flow."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.dynamics.filters import Filter, GradientDescent, step_numbers
from ntk_repro.dynamics.heavy_ball import HeavyBall, HeavyBallFlow
from ntk_repro.dynamics.learning_rates import check_momentum
from ntk_repro.dynamics.spectral import Outputs, SpectralDynamics
from ntk_repro.gram.spectrum import Eigenpairs
from ntk_repro.gram.store import GramStore

__all__ = ["MomentumDynamics", "momentum_dynamics"]


def momentum_dynamics(
    k_train_train: Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs,
    y_train: Float[np.ndarray, "n k"] | Float[np.ndarray, " n"],
    momentum: float = 0.9,
    ridge: float = 0.0,
    *,
    num_eigenpairs: int | None = None,
) -> "MomentumDynamics":
    """The dynamics of full-batch training with heavy-ball momentum on 1/2 sum (f - y)^2, from the kernel alone.

    theta_{i+1} = theta_i + momentum (theta_i - theta_{i-1}) - learning_rate grad L, from rest, which is
    `optax.sgd(learning_rate, momentum)`. One eigendecomposition; every eigendirection is then a recurrence of two terms
    with a closed form.

    Source: Lee et al. 2019, Eqs. (S1)-(S4).

    Args:
        k_train_train: as in `mse_dynamics`.
        y_train: targets.
        momentum: at least 0 and below 1.
        ridge: as in `mse_dynamics`.
        num_eigenpairs: as in `mse_dynamics`.

    Raises:
        UserError: as `mse_dynamics`, and for a momentum outside [0, 1).
    """
    return MomentumDynamics(k_train_train, y_train, momentum, ridge, num_eigenpairs)


class MomentumDynamics(SpectralDynamics):
    """What a linear model does in full-batch training with momentum; from `momentum_dynamics`.

    All takes steps and a learning rate of the summed loss (for the averaged one divide it by the number of targets);
    the flow's time, steps times sqrt(learning_rate), stays inside. Arrays of steps lead the results' axes.
    """

    def __init__(
        self,
        k_train_train: Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs,
        y_train: Float[np.ndarray, "n k"] | Float[np.ndarray, " n"],
        momentum: float,
        ridge: float = 0.0,
        num_eigenpairs: int | None = None,
    ):
        """Decomposes the kernel, once."""
        check_momentum(momentum)
        super().__init__(k_train_train, y_train, ridge, num_eigenpairs)
        self.momentum = float(momentum)

    @property
    def max_learning_rate(self) -> float:
        """2 (1 + momentum) / lambda_max: at and above it training does not converge."""
        return 2 * (1 + self.momentum) / self._largest if self._largest > 0 else np.inf

    def outputs(
        self,
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
    ) -> Outputs:
        """Outputs after so many steps (fractions allowed) of the flow, a damped oscillator along every eigenvector.

        Source: Lee et al. 2019, Eq. (S4), solved.

        Args:
            steps: the flow's time over sqrt(learning_rate); None is infinity.
            learning_rate: of the summed loss.
            fx_train_0: outputs at the start, at the training samples.
            fx_test_0: the same at the test samples; may be left out where `fx_train_0` is 0.
            k_test_train: the kernel between test and training samples; None for no test outputs.

        Raises:
            UserError: for shapes that do not fit, negative steps.
        """
        numbers, shape = step_numbers(steps, learning_rate, whole=False)
        flow = HeavyBallFlow(numbers, learning_rate, self.momentum)
        return self._outputs(flow, shape, fx_train_0, fx_test_0, k_test_train)

    def outputs_after(
        self,
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
    ) -> Outputs:
        """Outputs after so many steps of gradient descent with momentum; arguments as in `outputs`.

        Source: Lee et al. 2019, Eq. (S2), solved.

        Raises:
            UserError: for shapes that do not fit, broken steps, and outputs that diverge beyond float64.
        """
        filter_, shape = self._descent(steps, learning_rate)
        return self._outputs(filter_, shape, fx_train_0, fx_test_0, k_test_train)

    def coefficients_after(
        self,
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
    ) -> Float[np.ndarray, "*T n k"]:
        """c with theta = theta_0 + J^T c after steps with momentum; see `MseDynamics.coefficients`."""
        filter_, shape = self._descent(steps, learning_rate)
        return self._coefficients(filter_, shape, fx_train_0)

    def _descent(self, steps: ArrayLike | None, learning_rate: float) -> tuple[Filter, tuple[int, ...]]:
        numbers, shape = step_numbers(steps, learning_rate)
        if self.momentum == 0:
            return GradientDescent(numbers, learning_rate), shape
        return HeavyBall(numbers, learning_rate, self.momentum), shape
