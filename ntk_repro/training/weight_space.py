"""Training the weights of a network, or of its linearization, by optax."""

import contextlib
import dataclasses
import functools
import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from ntk_repro.errors import UserError
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.record import RunFolder
from ntk_repro.training.accuracy import accuracy
from ntk_repro.training.batches import epoch_means
from ntk_repro.training.checkpoints import Checkpoint
from ntk_repro.training.distances import cosine_distance, l2_distance
from ntk_repro.training.losses import loss_value
from ntk_repro.training.recipe import Recipe

__all__ = ["Training", "train"]


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """A trained network and how its training went.

    Attributes:
        network: the network after the last step.
        loss: mean loss of each step's batch before the step.
        train_loss: mean of these over each epoch.
        train_accuracy: share of the training samples that the trained network classifies rightly, in inference mode.
        test_accuracy: the same of the test samples, nan where there are none.
        evaluated_epochs: after how many epochs the test accuracy was taken as well.
        test_accuracy_by_epoch: the test accuracy then.
        l2_distance: ||theta - theta_0||.
        cosine_distance: 1 - cos(theta, theta_0).
    """

    network: Network
    loss: Float[np.ndarray, " steps"]
    train_loss: Float[np.ndarray, " epochs"]
    train_accuracy: float
    test_accuracy: float
    evaluated_epochs: Int[np.ndarray, " evaluations"]
    test_accuracy_by_epoch: Float[np.ndarray, " evaluations"]
    l2_distance: float
    cosine_distance: float

    def epochs_to_loss(self, threshold: float) -> float:
        """After how many epochs the epoch's mean training loss first was at most `threshold`; nan for never."""
        return float(epochs_to_loss(self.train_loss, threshold))


def train(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Shaped[np.ndarray, " n"] | Shaped[np.ndarray, "n k"],
    *,
    recipe: Recipe,
    batches: Int[np.ndarray, "steps b"],
    x_test: Float[np.ndarray, "m ..."] | None = None,
    y_test: Shaped[np.ndarray, " m"] | Shaped[np.ndarray, "m k"] | None = None,
    eval_every: int = 0,
    threshold: float | None = None,
    checkpoint_at: Collection[int] = (),
    checkpoint_fn: Callable[[int, Network], None] | None = None,
    folder: RunFolder | None = None,
    name: str = "training",
) -> Training:
    """Trains a copy of a network from its present parameters; the network given is unchanged.

    BatchNorm statistics are live, except those of a linearization (`net.linearization()`), which are frozen.
    The compiled step is kept: another training of the same network with the same recipe and shapes compiles nothing.
    When the loss is no longer finite the training stops with a warning, and what could not be computed is nan.

    Args:
        net: a network or a linearization; the decay of a linearization acts on its distance from `net.origin`.
        x_train: training inputs.
        y_train: labels (n,) for one output, targets (n, k) for k; in {0, 1} for binary_cross_entropy.
        recipe: optimizer, learning rates, loss.
        batches: row indices from `minibatches`, recipe.steps(n) by recipe.batch_size.
        x_test: test inputs.
        y_test: test labels.
        eval_every: also take the test accuracy every so many epochs; 0 for at the end only.
        threshold: a network of one output says positive above it; None for 0 with binary_cross_entropy and 0.5 with
            half_squared_error (targets 0 and 1; give 0 for targets -1 and +1).
        checkpoint_at: epochs after which `checkpoint_fn` is called, 0 for before the first step.
        checkpoint_fn: takes the epoch and the network as it is then (with its live batch statistics).
        folder: an open run folder; the training keeps its state there as part `<name>_state`, every minute or two and
            before each call of `checkpoint_fn`, and after a kill continues from it with the same result to the last
            bit. The call during which it was killed is made again, earlier ones are not.
        name: of this training in the folder.

    Raises:
        UserError: for shapes that do not fit, labels outside {0, 1}, indices outside 0..n-1, epochs beyond the last,
            and a network that draws random numbers in training (dropout).
    """
    x, y, batches, rates = _checked(x_train, y_train, recipe, batches)
    if (x_test is None) != (y_test is None):
        raise UserError("give x_test and y_test together, or neither")
    if eval_every < 0 or (eval_every and x_test is None):
        raise UserError("eval_every must be 0, or a number of epochs with test samples given")
    outputs = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)).shape[1]
    if outputs != y.shape[1]:
        raise UserError(f"the network has {outputs} outputs and the labels {y.shape[1]}; build it with num_outputs")

    if any(not 0 <= epoch <= recipe.epochs for epoch in checkpoint_at) or (checkpoint_at and checkpoint_fn is None):
        raise UserError(f"checkpoint_at must be epochs from 0 to {recipe.epochs}, with a checkpoint_fn to be called")

    ends = _epoch_ends(len(batches), len(x), recipe)
    transform = recipe.transform()
    step = _step(net.training_fn, recipe.optimizer, recipe.momentum, recipe.weight_decay, recipe.loss)
    # The step donates its state, so it works on a copy of the parameters.
    params, state = jax.tree.map(jnp.copy, (net.params, net.state))
    carry = (params, state, transform.init(params), jnp.zeros((), jnp.int32), jnp.zeros(len(batches), rates.dtype))
    constants = tuple(jnp.asarray(array) for array in (x, y, batches, rates))
    threshold = _threshold(recipe, y) if threshold is None else threshold

    def test_accuracy(trained: Network) -> float:
        if x_test is None or y_test is None:
            return float("nan")
        return accuracy(trained(jnp.asarray(x_test)), y_test, threshold)

    evaluations: list[list[np.ndarray]] = []
    start = end = 0
    kept = None if folder is None else Checkpoint(folder, name, _identity(net, x, y, batches, recipe, eval_every))
    if kept is not None and (found := kept.load(carry)) is not None:
        start, carry, evaluations = found

    def visit(epoch: int) -> None:
        if checkpoint_fn is None or epoch not in checkpoint_at:
            return
        if kept is not None and epoch:
            kept.save(end, carry, evaluations)  # what is done here may take longer than the epochs before it
        checkpoint_fn(epoch, net.replace(**jax.tree.map(jnp.copy, {"params": carry[0], "state": carry[1]})))

    if start == 0:
        visit(0)
    # At the precision of kernels on any device: a linearization equals its training in function space, and a network is
    # compared with its linearization, not with another arithmetic.
    precision = jax.default_matmul_precision("highest")
    with progress("training", total=recipe.epochs, unit="epochs") as advance, _dropout_explained(), precision:
        for epoch, end in enumerate(ends, start=1):
            if end < start:  # before what was kept
                advance(1)
                continue
            begin = ends[epoch - 2] if epoch > 1 else 0
            for done in range(max(begin, start) + 1, end + 1):
                carry = step(carry, net.origin, *constants)
                if kept is not None and kept.due:
                    kept.save(done, carry, evaluations)
            mean = float(np.mean(np.asarray(carry[4])[begin:end]))
            advance(1, note=f"loss {mean:.3g}")
            if not np.isfinite(mean):
                warnings.warn(f"training diverged in epoch {epoch}; lower the learning rate", stacklevel=2)
                break
            if eval_every and epoch % eval_every == 0 and not any(epoch == at for at, _ in evaluations):
                value = test_accuracy(net.replace(params=carry[0], state=carry[1]))
                evaluations.append([np.asarray(epoch), np.asarray(value)])
            visit(epoch)
    losses = np.array(carry[4])
    losses[end:] = np.nan
    trained = net.replace(params=carry[0], state=carry[1])
    return Training(
        network=trained,
        loss=losses,
        train_loss=epoch_means(losses, len(x), recipe.batch_size),
        train_accuracy=accuracy(trained(constants[0]), y, threshold),
        test_accuracy=test_accuracy(trained),
        evaluated_epochs=np.array([int(epoch) for epoch, _ in evaluations], dtype=np.int32),
        test_accuracy_by_epoch=np.array([float(value) for _, value in evaluations], dtype=np.float64),
        l2_distance=l2_distance(trained.params, net.params),
        cosine_distance=cosine_distance(trained.params, net.params),
    )


def _threshold(recipe: Recipe, y: Float[np.ndarray, "n k"]) -> float:
    """The output between the two labels, by the labels that the loss takes: logits, or targets 0 and 1."""
    if recipe.loss == "binary_cross_entropy":
        return 0.0
    if y.shape[1] == 1 and y.min() < 0:
        raise UserError("half_squared_error on labels below 0: give threshold=0 for labels -1 and +1")
    return 0.5


@contextlib.contextmanager
def _dropout_explained() -> Iterator[None]:
    try:
        yield
    except flax.errors.InvalidRngError as error:
        raise UserError(
            "the network draws random numbers in training (dropout), which train does not provide: set its dropout "
            "rate to 0, or train net.linearization()"
        ) from error


@functools.lru_cache(maxsize=16)
def _step(training_fn: Callable, optimizer: str, momentum: float, weight_decay: float, loss: str) -> Callable:
    # Everything that changes from task to task is an argument, so that a thousand tasks share one compiled step. A step
    # at a time, called from Python: inside lax.scan XLA's convolutions are several times slower on a CPU.
    transform = Recipe(optimizer=optimizer, momentum=momentum).transform()

    def step(carry, origin, x, y, batches, rates):
        params, state, moments, i, losses = carry
        batch = batches[i]

        def value(params):
            fx, new_state = training_fn(params, state, x[batch])
            return loss_value(loss, fx, y[batch].astype(fx.dtype)), new_state

        (mean, state), gradient = jax.value_and_grad(value, has_aux=True)(params)
        if weight_decay:
            moved = params if origin is None else jax.tree.map(jnp.subtract, params, origin)
            gradient = jax.tree.map(lambda g, u: g + weight_decay * u, gradient, moved)
        direction, moments = transform.update(gradient, moments, params)
        params = jax.tree.map(lambda p, d: p - (rates[i] * d).astype(p.dtype), params, direction)
        return params, state, moments, i + 1, losses.at[i].set(mean.astype(losses.dtype))

    return jax.jit(step, donate_argnums=0)


def _checked(x, y, recipe: Recipe, batches) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    x, y, batches = np.asarray(x), np.asarray(y), np.asarray(batches)
    n = len(x)
    y = y[:, None] if y.ndim == 1 else y
    if n == 0 or y.ndim != 2 or len(y) != n:
        raise UserError(f"labels of shape {y.shape} do not fit {n} training samples")
    if not np.all(np.isfinite(y)):
        raise UserError("the training labels have entries that are not finite")
    if recipe.loss == "binary_cross_entropy" and not np.all((y == 0) | (y == 1)):
        raise UserError("binary_cross_entropy takes labels in {0, 1}; for labels in {-1, +1} pass (y + 1) / 2")
    rates = recipe.learning_rates(n)
    if batches.shape != (len(rates), recipe.batch_size) or not np.issubdtype(batches.dtype, np.integer):
        raise UserError(
            f"batches must be integers of shape {(len(rates), recipe.batch_size)}, as minibatches makes them for this "
            f"recipe, not {batches.dtype} {batches.shape}"
        )
    if batches.min() < 0 or batches.max() >= n:
        raise UserError(f"batches must index rows 0 to {n - 1}, not {batches.min()} to {batches.max()}")
    return x, y.astype(np.float32), batches.astype(np.int32), rates


def _identity(net: Network, x: np.ndarray, y: np.ndarray, batches: np.ndarray, *settings: object) -> str:
    digest = hashlib.sha256(f"{fingerprint(net, x)} {settings}".encode())
    for array in (y, batches):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _epoch_ends(steps: int, n: int, recipe: Recipe) -> list[int]:
    # The rule of epoch_means: a batch belongs to the epoch that it completes.
    epoch = ((np.arange(steps) + 1) * recipe.batch_size - 1) // n
    return [int(end) for end in np.searchsorted(epoch, np.arange(recipe.epochs), side="right")]
