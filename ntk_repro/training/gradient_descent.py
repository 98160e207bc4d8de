"""Gradient descent of the theory: constant learning rate, full batch or given batches, intermediate observations."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ntk_repro.dynamics.learning_rates import check_momentum, eta_critical
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.progress import console
from ntk_repro.ranges import check_counts, check_not_negative, checked_stops
from ntk_repro.record import RunFolder
from ntk_repro.training.losses import DESCENT_LOSSES, Loss
from ntk_repro.training.problem import Problem
from ntk_repro.training.recipe import UpdateRule
from ntk_repro.training.steps import has_convolutions

PyTree = Any
Observe = Callable[[Network], PyTree]
_ROWS = 512
_ROWS_OF_CONVOLUTIONS = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Descent:
    """The result of gradient descent; s is the number of steps that were observed.

    Attributes:
        network: the network after the last step.
        steps: the observed step numbers; step 0 is the start.
        observations: results of observe_fn at these steps, each leaf with a leading axis s; None without observations.
        train_loss: the loss on all training samples at these steps, in inference mode.
        loss: of each step's batch, before the step; nan for steps not made.
        ratio: eta / eta_critical.
    """

    network: Network
    steps: Int[np.ndarray, " s"]
    observations: PyTree
    train_loss: Float[np.ndarray, " s"]
    loss: Float[np.ndarray, " steps"]
    ratio: float


def descend(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Float[np.ndarray, "n k"],
    *,
    learning_rate: float,
    steps: int,
    batches: Int[np.ndarray, "steps b"] | None = None,
    momentum: float = 0.0,
    loss: str = "half_mean_squared_error",
    observe_at: Sequence[int] | Int[np.ndarray, " s"] = (),
    observe_fn: Callable[[PyTree], PyTree] | None = None,
    batch_statistics: bool = False,
    force: bool = False,
    critical: float | None = None,
    folder: RunFolder | None = None,
    name: str = "descent",
) -> Descent:
    """Trains a copy of a network from its present parameters by (stochastic) gradient descent or heavy ball.

    A step is v <- momentum v + gradient, theta <- theta - learning_rate v. Prints eta / eta_critical on the console.
    Matrix products are at full precision, so that a network and its linearization can be compared. On a CPU networks
    with convolutions run step by step, others in a compiled loop. A training that diverges stops with a warning; its
    parameters and later observations are nan.

    Source: Lee et al. 2019, sections 2.1 and 3; S2 (momentum). The paper's equations have the total loss (footnote 6);
    the etas of its figures fit the averaged one, which is used here: with the total they would lie far above
    eta_critical. So the closed forms' t is eta * steps / `Loss.averaged_terms`.

    Args:
        net: a network or a linearization (`net.linearization()`).
        x_train: training inputs.
        y_train: targets; one-hot rows (or probabilities) for cross_entropy.
        learning_rate: eta, for the averaged loss.
        steps: how many.
        batches: rows of each step's batch; None for all rows in every step.
        momentum: heavy-ball momentum, in [0, 1).
        loss: "half_mean_squared_error" (1/2 mean over samples and outputs) or "cross_entropy" (softmax, mean over
            samples).
        observe_at: increasing step numbers; 0 (the start) and `steps` (the end) allowed.
        observe_fn: parameters -> a pytree of arrays; called outside of any JAX transformation. Compile it yourself
            (`jax.jit`) where that pays.
        batch_statistics: True for live BatchNorm statistics, where the network is no linearization; False for those in
            net.state throughout.
        force: train even above (1 + momentum) eta_critical (full batch, squared loss).
        critical: eta_critical from `critical_learning_rate`, where it is known; None to compute it.
        folder: an open run folder; the training saves its state there as part `<name>_state` and, after a kill,
            continues from it with the same result to the last bit.
        name: of this training in the folder.

    Raises:
        UserError: for shapes that do not fit, unknown names, numbers out of range, and eta above (1 + momentum)
            eta_critical.
    """
    descent = GradientDescent(net, x_train, y_train, learning_rate, steps, batches, momentum, loss, observe_at)
    ratio = descent.ratio_to_critical(net, critical, force)
    observe = None if observe_fn is None else lambda network: observe_fn(network.params)
    return descent.run(net, ratio, observe, batch_statistics, folder, name)


def train_pair(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Float[np.ndarray, "n k"],
    *,
    learning_rate: float,
    steps: int,
    batches: Int[np.ndarray, "steps b"] | None = None,
    momentum: float = 0.0,
    loss: str = "half_mean_squared_error",
    observe_at: Sequence[int] | Int[np.ndarray, " s"] = (),
    observe_fn: Callable[[Network, PyTree], PyTree] | None = None,
    batch_statistics: bool = False,
    force: bool = False,
    critical: float | None = None,
    folder: RunFolder | None = None,
    name: str = "pair",
) -> tuple[Descent, Descent]:
    """Trains a network and its linearization at the same start, on the same batches, and observes both.

    The linearization is taken at net.params with net.state frozen; with batch_statistics the network's are live.

    Source: Lee et al. 2019, Eqs. (5) to (9) and section 3.

    Args:
        net: the network.
        x_train: training inputs.
        y_train: targets.
        learning_rate: as for `descend`, with the other arguments.
        steps: how many.
        batches: rows of each step's batch; None for all.
        momentum: heavy-ball momentum.
        loss: as for `descend`.
        observe_at: increasing step numbers, for both.
        observe_fn: (network, params) -> a pytree of arrays; called with the network and with the linearization at that
            step (network.params is params), so `network(x)` gives the outputs and `network.apply` takes parameters.
        batch_statistics: live BatchNorm statistics for the network.
        force: train even above (1 + momentum) eta_critical.
        critical: eta_critical, if known.
        folder: an open run folder, as for `descend`.
        name: the two states are saved as `<name>_network_state` and `<name>_linearization_state`.

    Returns:
        The result of training the network, and that of the linearization.

    Raises:
        UserError: as `descend`.
    """
    descent = GradientDescent(net, x_train, y_train, learning_rate, steps, batches, momentum, loss, observe_at)
    ratio = descent.ratio_to_critical(net, critical, force)
    observe = None if observe_fn is None else lambda network: observe_fn(network, network.params)
    network = descent.run(net, ratio, observe, batch_statistics, folder, f"{name}_network")
    return network, descent.run(net.linearization(), ratio, observe, False, folder, f"{name}_linearization")


class GradientDescent(Problem):
    """The problem of `descend`: for one network, for a pair or for an ensemble."""

    def __init__(
        self,
        net: Network,
        x_train: Float[np.ndarray, "n ..."],
        y_train: Float[np.ndarray, "n k"],
        learning_rate: float,
        steps: int,
        batches: Int[np.ndarray, "steps b"] | None,
        momentum: float,
        loss: str,
        observe_at: Sequence[int] | Int[np.ndarray, " s"],
    ):
        """Checks the arguments, which are those of `descend`; trains nothing.

        Raises:
            UserError: for shapes that do not fit, unknown names and numbers out of range.
        """
        check_momentum(momentum)
        check_not_negative(learning_rate=learning_rate)
        check_counts(steps=steps)
        self.observe_at = checked_stops(observe_at, steps)
        self.learning_rate, rates = learning_rate, np.full(steps, learning_rate)
        known, rule = Loss.named(loss, DESCENT_LOSSES), UpdateRule("sgd", momentum)
        super().__init__(net, x_train, y_train, known, rule, rates, batches)

    def ratio_to_critical(self, net: Network, critical: float | None, force: bool) -> float:
        """Prints eta / eta_critical on the console and returns it.

        Theorem 2.1 holds below eta_critical = 2 / (lambda_min + lambda_max); training diverges at 2 / lambda_max or
        above. Momentum moves that limit to 2 (1 + momentum) / lambda_max, so with momentum the limit taken here is
        (1 + momentum) eta_critical. The printed ratio is without momentum.

        Source: Lee et al. 2019, Theorem 2.1.

        Args:
            net: the network at the start.
            critical: eta_critical, where it is known.
            force: whether eta may be above the limit, as it always may with minibatches and for cross-entropy.

        Raises:
            UserError: eta is above (1 + momentum) eta_critical, without force.
        """
        note, momentum = "", self.rule.momentum
        if critical is None:
            n, outputs = self.y.shape
            critical = critical_learning_rate(net, self.x, outputs, self.loss.name)
            rows = _kernel_rows(net, self.x, outputs)
            note = "" if rows == n else f" (estimated from {rows:,} of {n:,} images)"
        ratio = self.learning_rate / critical
        console.print(f"eta / eta_critical = {ratio:.2g}{note}", highlight=False)
        allowed = force or self.batches is not None or self.loss.name == "cross_entropy"
        if ratio > 1 + momentum and not allowed:
            limit = "(1 + momentum) eta_critical" if momentum else "eta_critical"
            raise UserError(
                f"a learning rate of {self.learning_rate:g} is {ratio:.3g} times eta_critical, above {limit} "
                f"(Theorem 2.1): take at most {critical * (1 + momentum):.3g}, or force"
            )
        return ratio

    def run(
        self, net: Network, ratio: float, observe: Observe | None, live: bool, folder: RunFolder | None, name: str
    ) -> Descent:
        """Trains a copy of a network; `observe` takes the network at an observed step."""
        y = jnp.asarray(self.y)

        def observed(network: Network, step: int) -> PyTree:
            loss = self.loss(jnp.asarray(network(self.x)), y)
            return loss, None if observe is None else observe(network)

        live = live and net.has_state
        trained, losses, observer = self.train(net, self.observe_at, observed, live=live, folder=folder, name=name)
        train_loss, observations = observer.stacked() or (np.zeros(0, self.y.dtype), None)
        return Descent(trained, np.array(self.observe_at, np.int64), observations, train_loss, losses, ratio)


def critical_learning_rate(
    net: Network, x_train: Float[np.ndarray, "n ..."], num_outputs: int, loss: str = "half_mean_squared_error"
) -> float:
    """eta_critical of full-batch gradient descent on the averaged loss, 2 / (lambda_min + lambda_max) times its terms.

    From the network's own kernel on at most 512 rows (samples times outputs; 128 for networks with convolutions),
    evenly spread, as if they were the training set. For cross-entropy, whose curvature is smaller, the squared loss's.

    Source: Lee et al. 2019, section 2.4.

    Args:
        net: the network, at the parameters of its kernel.
        x_train: training inputs.
        num_outputs: k.
        loss: its average is that of eta.
    """
    x = np.asarray(x_train)
    count = _kernel_rows(net, x, num_outputs)
    rows = np.linspace(0, len(x) - 1, count).astype(int)
    kernel = empirical_gram(net, x[rows], outputs="full" if num_outputs > 1 else "mean")
    return Loss.named(loss).averaged_terms(count, num_outputs) * float(eta_critical(kernel))


def _kernel_rows(net: Network, x: np.ndarray, num_outputs: int) -> int:
    most = _ROWS_OF_CONVOLUTIONS if has_convolutions(net, x) else _ROWS
    return min(len(x), max(most // num_outputs, 1))
