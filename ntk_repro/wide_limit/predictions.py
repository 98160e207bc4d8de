"""What the kernel at the start predicts about training: closed forms for the squared loss, an ODE for cross-entropy."""

from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.dynamics import cross_entropy_dynamics, momentum_dynamics
from ntk_repro.gram import analytic_kernel, empirical_gram
from ntk_repro.network import Network
from ntk_repro.training import Loss

Prediction = Literal["empirical", "analytic"]
PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)


def predicted(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    x_test: Float[np.ndarray, "m ..."],
    y_train: Float[np.ndarray, "n k"],
    *,
    kernel: Prediction,
    loss: str,
    learning_rate: float,
    momentum: float,
    steps: Int[np.ndarray, " s"],
) -> tuple[Float[np.ndarray, "s n k"], Float[np.ndarray, "s m k"]]:
    """Outputs after given numbers of full-batch steps, from a kernel and the network's outputs at the start.

    For the squared loss exactly those of gradient descent (with momentum) on the linear model of that kernel. For
    cross-entropy those of its flow, which minibatches and large learning rates follow only roughly.

    Source: Lee et al. 2019, Eqs. (9) to (11) with the discrete steps of section 2.1; (S2); (S10), (S11), with momentum
    as in (S4).

    Args:
        net: the network at the start.
        x_train: training inputs.
        x_test: test inputs.
        y_train: targets.
        kernel: "empirical", that of the network at the start with all its outputs, or "analytic", of infinite width.
        loss: "half_mean_squared_error" or "cross_entropy".
        learning_rate: for the averaged loss.
        momentum: heavy-ball momentum.
        steps: numbers of steps.

    Raises:
        UserError: for a network without an analytic kernel.
    """
    train_train, test_train = _kernels(net, x_train, x_test, y_train.shape[1], kernel)
    start: dict[str, Any] = {"fx_train_0": net(x_train), "fx_test_0": net(x_test), "k_test_train": test_train}
    # The theory has the summed loss.
    rate = learning_rate / Loss.named(loss).averaged_terms(*y_train.shape)
    if loss == "cross_entropy":
        flow = cross_entropy_dynamics(train_train, y_train)
        if momentum:
            train, test = flow.outputs_with_momentum(steps, rate, momentum, **start, tolerance=1e-6)
        else:
            train, test = flow.outputs(rate * steps, **start, tolerance=1e-6)
    else:
        dynamics = momentum_dynamics(train_train, y_train, momentum)
        train, test = dynamics.outputs_after(steps, rate, **start)
    assert test is not None  # there is a test kernel
    return train, test


def _kernels(net: Network, x_train, x_test, num_outputs: int, kernel: Prediction) -> tuple[np.ndarray, np.ndarray]:
    if kernel == "analytic":
        columns = analytic_kernel(net, np.concatenate([x_train, x_test])).ntk[:, : len(x_train)]
        return columns[: len(x_train)], columns[len(x_train) :]
    outputs = "full" if num_outputs > 1 else "mean"
    return empirical_gram(net, x_train, outputs=outputs), empirical_gram(net, x_test, x_train, outputs=outputs)
