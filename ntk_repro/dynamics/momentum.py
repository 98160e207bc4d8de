"""Training of a linear(ized) model on squared error with momentum: step by step, and as a flow."""

from numpy.typing import ArrayLike

from ntk_repro.dynamics.filters import HeavyBallFlow, checked_steps
from ntk_repro.dynamics.learning_rates import check_momentum, stability_limit
from ntk_repro.dynamics.mse import Outputs, SquaredErrorDynamics, TestKernel, Times, TrainedModel
from ntk_repro.dynamics.spectral import Targets, TrainKernel, decompose_for


def momentum_dynamics(
    k_train_train: TrainKernel,
    y_train: Targets,
    momentum: float = 0.9,
    ridge: float = 0.0,
    *,
    num_eigenpairs: int | None = None,
) -> "MomentumDynamics":
    """The dynamics of full-batch training with heavy-ball momentum on 1/2 sum (f - y)^2, from the kernel alone.

    theta_{i+1} = theta_i + momentum (theta_i - theta_{i-1}) - learning_rate grad L, from rest, which is
    `optax.sgd(learning_rate, momentum)`. One eigendecomposition; along every eigenvector training is then a recurrence
    of two terms.

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
    check_momentum(momentum)
    return MomentumDynamics(*decompose_for(k_train_train, y_train, ridge, num_eigenpairs), momentum)


class MomentumDynamics(SquaredErrorDynamics):
    """Full-batch training of a linear model with momentum; from `momentum_dynamics`.

    All methods take steps and a learning rate of the summed loss (for the averaged one divide it by the number of
    targets); the flow's time is steps times sqrt(learning_rate). Arrays of steps lead the results' axes.
    """

    def flow(self, steps: Times, learning_rate: float) -> TrainedModel:
        """The model after so many steps (fractions allowed) of the flow: a damped oscillator along every eigenvector.

        Source: Lee et al. 2019, Eq. (S4), solved.

        Args:
            steps: the flow's time over sqrt(learning_rate); None is infinity.
            learning_rate: of the summed loss.

        Raises:
            UserError: for negative steps.
        """
        numbers = checked_steps(steps, learning_rate, fractions=True)
        return TrainedModel(self, HeavyBallFlow(numbers, learning_rate, self.momentum))

    @property
    def max_learning_rate(self) -> float:
        """2 (1 + momentum) / lambda_max: at and above it training does not converge."""
        return stability_limit(self._largest, self.momentum)

    def outputs(
        self,
        steps: Times,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: TestKernel = None,
    ) -> Outputs:
        """Short for `flow(steps, learning_rate).outputs(...)`."""
        return self.flow(steps, learning_rate).outputs(fx_train_0, fx_test_0, k_test_train)
