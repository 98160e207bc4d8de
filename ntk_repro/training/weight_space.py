"""Training the weights of a network, or of its linearization, by optax."""

import dataclasses
from collections.abc import Callable, Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.training.accuracy import accuracy
from ntk_repro.training.batches import epoch_ends, epoch_means
from ntk_repro.training.distances import cosine_distance, l2_distance
from ntk_repro.training.losses import Loss
from ntk_repro.training.problem import Problem
from ntk_repro.training.recipe import Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """A trained network and how its training went.

    Attributes:
        network: the network after the last step.
        loss: mean loss of each step's batch before the step.
        train_loss: mean of these over each epoch.
        train_accuracy: share of the training samples that the trained network classifies correctly, in inference mode.
        test_accuracy: the same of the test samples, nan where there are none.
        l2_distance: ||theta - theta_0||.
        cosine_distance: 1 - cos(theta, theta_0).
    """

    network: Network
    loss: Float[np.ndarray, " steps"]
    train_loss: Float[np.ndarray, " epochs"]
    train_accuracy: float
    test_accuracy: float
    l2_distance: float
    cosine_distance: float


def train(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Shaped[np.ndarray, "n *k"],
    *,
    recipe: Recipe,
    batches: Int[np.ndarray, "steps b"],
    x_test: Float[np.ndarray, "m ..."] | None = None,
    y_test: Shaped[np.ndarray, "m *labels"] | None = None,
    threshold: float | None = None,
    checkpoint_at: Collection[int] = (),
    checkpoint_fn: Callable[[int, Network], None] | None = None,
    folder: RunFolder | None = None,
    name: str = "training",
) -> Training:
    """Trains a copy of a network from its current parameters; the given network is unchanged.

    BatchNorm statistics are live, except those of a linearization (`net.linearization()`), which are frozen.
    The compiled steps are cached: another training of the same network with the same recipe and shapes compiles
    nothing. A training that diverges stops with a warning; its parameters and later results are nan.

    Args:
        net: a network or a linearization; the decay of a linearization acts on its distance from `net.origin`.
        x_train: training inputs.
        y_train: labels (n,) for one output, targets (n, k) for k; in {0, 1} for binary_cross_entropy.
        recipe: optimizer, learning rates, loss.
        batches: row indices from `minibatches`, recipe.steps(n) by recipe.batch_size.
        x_test: test inputs.
        y_test: test labels.
        threshold: outputs above it predict positive, in a network of one output; None for 0 with binary_cross_entropy
            and 0.5 with squared errors (targets 0 and 1; give 0 for targets -1 and +1).
        checkpoint_at: epochs after which `checkpoint_fn` is called, 0 for before the first step.
        checkpoint_fn: takes the epoch and the network after it (with its live batch statistics).
        folder: an open run folder; the training saves its state there as part `<name>_state`, every minute or two and
            before each call of `checkpoint_fn`, and after a kill continues from it with the same result to the last
            bit. The call during which it was killed is repeated, earlier ones are not.
        name: of this training in the folder.

    Raises:
        UserError: for shapes that do not fit, labels outside {0, 1}, indices outside 0..n-1, epochs beyond the last,
            and a network that draws random numbers in training (dropout).
    """
    if (x_test is None) != (y_test is None):
        raise UserError("give x_test and y_test together, or neither")
    if any(not 0 <= epoch <= recipe.epochs for epoch in checkpoint_at) or (checkpoint_at and checkpoint_fn is None):
        raise UserError(f"checkpoint_at must be epochs from 0 to {recipe.epochs}, with a checkpoint_fn to be called")
    n, loss = len(x_train), Loss.named(recipe.loss)
    problem = Problem(net, x_train, y_train, loss, recipe.rule, recipe.learning_rates(n), batches, recipe.batch_size)
    y = problem.y
    if threshold is None:
        threshold = loss.threshold
        if threshold and y.shape[1] == 1 and y.min() < 0:
            raise UserError(f"{loss.name} on labels below 0: give threshold=0 for labels -1 and +1")
    ends = epoch_ends(len(problem.rates), n, recipe.batch_size)
    epoch_of = {ends[epoch]: epoch for epoch in sorted({*checkpoint_at})}

    def visit(network: Network, step: int) -> None:
        assert checkpoint_fn is not None
        # The steps donate their carry, so that the network may be kept only as a copy.
        params, state = jax.tree.map(jnp.copy, (network.params, network.state))
        checkpoint_fn(epoch_of[step], network.replace(params=params, state=state))

    trained, losses, _ = problem.train(
        net, list(epoch_of), visit, live=net.origin is None, folder=folder, name=name, save_first=True
    )
    test_accuracy = float("nan")
    if x_test is not None and y_test is not None:
        test_accuracy = accuracy(trained(x_test), y_test, threshold)
    return Training(
        network=trained,
        loss=losses,
        train_loss=epoch_means(losses, n, recipe.batch_size),
        train_accuracy=accuracy(trained(problem.x), y, threshold),
        test_accuracy=test_accuracy,
        l2_distance=l2_distance(trained.params, net.params),
        cosine_distance=cosine_distance(trained.params, net.params),
    )
