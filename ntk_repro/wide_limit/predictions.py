"""What the kernel at the start predicts about training: closed forms for the squared loss, an ODE for cross-entropy."""

import dataclasses
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.dynamics import cross_entropy_dynamics, momentum_dynamics, mse_dynamics
from ntk_repro.gram import analytic_kernel, empirical_gram
from ntk_repro.network import Network
from ntk_repro.training import Loss

Prediction = Literal["empirical", "analytic"]
PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)
Outputs = tuple[Float[np.ndarray, "s n k"], Float[np.ndarray, "s m k"]]
_TOLERANCE = 1e-6  # of the ODE's solver


def kernel_model(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    x_test: Float[np.ndarray, "m ..."],
    y_train: Float[np.ndarray, "n k"],
    *,
    kernel: Prediction,
    loss: str,
    momentum: float,
) -> "KernelModel":
    """The linear model of a kernel, trained from the network's outputs at the start.

    Args:
        net: the network at the start.
        x_train: training inputs.
        x_test: test inputs.
        y_train: targets.
        kernel: "empirical", that of the network at the start with all its outputs, or "analytic", of infinite width.
        loss: "half_mean_squared_error" or "cross_entropy".
        momentum: heavy-ball momentum.

    Raises:
        UserError: for a network without an analytic kernel.
    """
    train_train, test_train = _kernels(net, x_train, x_test, y_train.shape[1], kernel)
    start: dict[str, Any] = {"fx_train_0": net(x_train), "fx_test_0": net(x_test), "k_test_train": test_train}
    if loss == "cross_entropy":
        dynamics: Any = cross_entropy_dynamics(train_train, y_train)
    else:
        dynamics = momentum_dynamics(train_train, y_train, momentum) if momentum else mse_dynamics(train_train, y_train)
    return KernelModel(dynamics, start, Loss.named(loss).averaged_terms(*y_train.shape), loss, momentum)


@dataclasses.dataclass(frozen=True, eq=False)
class KernelModel:
    """The linear model of a kernel through full-batch training; from `kernel_model`.

    Attributes:
        dynamics: of training on the summed loss.
        start: outputs at the start and the test kernel, as the dynamics take them.
        terms: of the loss's average, as learning rates are for the averaged loss.
        loss: "half_mean_squared_error" or "cross_entropy".
        momentum: heavy-ball momentum.
    """

    dynamics: Any
    start: dict[str, Any]
    terms: int
    loss: str
    momentum: float

    def outputs(self, steps: Int[np.ndarray, " s"], learning_rate: float) -> Outputs:
        """Training and test outputs after numbers of steps.

        For the squared loss exactly those of gradient descent (with momentum) on the linear model. For cross-entropy
        those of `flow`, which minibatches and large learning rates follow only roughly.

        Source: Lee et al. 2019, Eqs. (9) to (11) with the discrete steps of section 2.1; (S2).
        """
        if self.loss == "cross_entropy":
            return self.flow(steps, learning_rate)
        return self.dynamics.outputs_after(steps, learning_rate / self.terms, **self.start)

    def flow(self, steps: Int[np.ndarray, " s"], learning_rate: float) -> Outputs:
        """Training and test outputs in continuous time, at the times of these steps.

        Source: Lee et al. 2019, Eqs. (9) to (11); (S4); (S10), (S11), with momentum as in (S4).
        """
        rate = learning_rate / self.terms
        if self.loss == "cross_entropy" and self.momentum:
            given = (steps, rate, self.momentum)
            return self.dynamics.outputs_with_momentum(*given, **self.start, tolerance=_TOLERANCE)
        if self.loss == "cross_entropy":
            return self.dynamics.outputs(rate * steps, **self.start, tolerance=_TOLERANCE)
        times = (steps, rate) if self.momentum else (rate * steps,)
        return self.dynamics.outputs(*times, **self.start)


def _kernels(net: Network, x_train, x_test, num_outputs: int, kernel: Prediction) -> tuple[np.ndarray, np.ndarray]:
    if kernel == "analytic":
        columns = analytic_kernel(net, np.concatenate([x_train, x_test])).ntk[:, : len(x_train)]
        return columns[: len(x_train)], columns[len(x_train) :]
    outputs = "full" if num_outputs > 1 else "mean"
    return empirical_gram(net, x_train, outputs=outputs), empirical_gram(net, x_test, x_train, outputs=outputs)
