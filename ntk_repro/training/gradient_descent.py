"""Gradient descent as the theory has it: constant learning rate, full batch or given batches, looked at on the way."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ntk_repro.dynamics.learning_rates import eta_critical
from ntk_repro.errors import UserError, unknown_name
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.network import Network
from ntk_repro.progress import console
from ntk_repro.record import RunFolder
from ntk_repro.training.checkpoints import Checkpoint
from ntk_repro.training.losses import DESCENT_LOSSES, averaged_terms, loss_value
from ntk_repro.training.steps import Carry, StepData, has_convolutions, run_steps, steps_program

__all__ = ["Descent", "critical_learning_rate", "descend"]

PyTree = Any
_ROWS = 512
_ROWS_OF_CONVOLUTIONS = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Descent:
    """What became of a network under gradient descent; s is the number of steps that were observed.

    Attributes:
        network: the network after the last step.
        steps: the observed step numbers; step 0 is the start.
        observations: what observe_fn gave at these steps, each leaf with a leading axis s; None where nothing
            is observed.
        train_loss: the loss on all training samples at these steps, in inference mode.
        loss: of each step's batch, before the step; nan for steps never made.
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

    A step is v <- momentum v + gradient, theta <- theta - learning_rate v. Says eta / eta_critical on the console.
    Matrix products are at full precision, so that a network and its linearization can be compared. On a CPU networks
    with convolutions run step by step, others in a compiled loop. Where the parameters are no longer finite the
    training stops with a warning, and what was still to be observed is nan.

    Source: Lee et al. 2019, sections 2.1 and 3; S2 (momentum). The paper's equations have the total loss (footnote 6);
    the etas of its figures fit the averaged one, which is taken here: with the total they would lie far above
    eta_critical. So the closed forms' t is eta * steps / `averaged_terms`.

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
        folder: an open run folder; the training keeps its state there as part `<name>_state` and, after a kill,
            continues from it with the same result to the last bit.
        name: of this training in the folder.

    Raises:
        UserError: for shapes that do not fit, unknown names, numbers out of range, and eta above (1 + momentum)
            eta_critical.
    """
    return descend_observed(
        net,
        x_train,
        y_train,
        observe=None if observe_fn is None else lambda network: observe_fn(network.params),
        learning_rate=learning_rate,
        steps=steps,
        batches=batches,
        momentum=momentum,
        loss=loss,
        observe_at=observe_at,
        batch_statistics=batch_statistics,
        force=force,
        critical=critical,
        folder=folder,
        name=name,
    )


def descend_observed(
    net: Network,
    x_train,
    y_train,
    *,
    observe: Callable[[Network], PyTree] | None,
    learning_rate: float,
    steps: int,
    batches,
    momentum: float,
    loss: str,
    observe_at,
    batch_statistics: bool,
    force: bool,
    critical: float | None,
    folder: RunFolder | None,
    name: str,
    say: bool = True,
    rows: str = "",
) -> Descent:
    """`descend`, with an observer of the whole network (live batch statistics too) instead of its parameters."""
    x, y, batches, wanted = checked_training(net, x_train, y_train, learning_rate, steps, batches, momentum, loss,
                                             observe_at)  # fmt: skip
    if critical is None:
        critical, rows = critical_learning_rate(net, x, y.shape[1], loss), kernel_rows_note(net, x, y.shape[1])
    allowed = force or batches is not None or loss == "cross_entropy"
    ratio = check_learning_rate(learning_rate, critical, allowed, say, momentum=momentum, rows=rows)

    live = batch_statistics and net.has_state
    called = jax.default_backend() == "cpu" and has_convolutions(net, x)
    program = steps_program(net.training_fn if live else net.apply_fn, loss, live=live, stacked=False, called=called)
    # The steps donate their carry, so they work on a copy of the parameters.
    params = jax.tree.map(jnp.array, net.params)
    carry = Carry(
        params,
        jax.tree.map(jnp.array, net.state) if live else None,
        jax.tree.map(jnp.zeros_like, params) if momentum else None,
        jnp.full(steps, jnp.nan, y.dtype),
    )
    data = StepData(
        {} if live else net.state,
        jnp.asarray(x),
        jnp.asarray(y),
        None if batches is None else jnp.asarray(batches),
        jnp.asarray(learning_rate, y.dtype),
        jnp.asarray(momentum, y.dtype),
    )

    def look(params: PyTree, state: PyTree) -> PyTree:
        network = net.replace(params=params, state=state) if live else net.replace(params=params)
        value = loss_value(loss, jnp.asarray(network(x)), data.y)
        return value, None if observe is None else observe(network)

    checkpoint = None
    if folder is not None:
        settings = (learning_rate, steps, momentum, loss, wanted, live)
        checkpoint = Checkpoint(folder, name, training_identity(net, x, (y, batches), settings))
    with jax.default_matmul_precision("highest"), _dropout_explained():
        carry, seen = run_steps(
            program,
            carry,
            data,
            steps=steps,
            observe_at=wanted,
            observe=look,
            at_start=lambda: look(net.params, net.state),
            checkpoint=checkpoint,
            what=name.replace("_", " "),
        )
    losses, observations = (np.zeros(0, y.dtype), None) if seen is None else seen
    trained = net.replace(params=carry.params, state=carry.state) if live else net.replace(params=carry.params)
    return Descent(trained, np.array(wanted, np.int64), observations, losses, np.array(carry.losses), ratio)


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
        loss: says which average eta belongs to.
    """
    x = np.asarray(x_train)
    count = _kernel_rows(net, x, num_outputs)
    rows = np.linspace(0, len(x) - 1, count).astype(int)
    kernel = empirical_gram(net, x[rows], outputs="full" if num_outputs > 1 else "mean")
    return averaged_terms(loss, count, num_outputs) * float(eta_critical(kernel))


def kernel_rows_note(net: Network, x_train: Float[np.ndarray, "n ..."], num_outputs: int) -> str:
    """What the console says of the images that `critical_learning_rate` takes; nothing where it takes all."""
    x = np.asarray(x_train)
    count = _kernel_rows(net, x, num_outputs)
    return "" if count == len(x) else f"estimated from {count:,} of {len(x):,} images"


def _kernel_rows(net: Network, x: np.ndarray, num_outputs: int) -> int:
    most = _ROWS_OF_CONVOLUTIONS if has_convolutions(net, x) else _ROWS
    return min(len(x), max(most // num_outputs, 1))


def check_learning_rate(
    learning_rate: float, critical: float, allowed: bool, say: bool = True, *, momentum: float = 0.0, rows: str = ""
) -> float:
    """Says eta / eta_critical on the console and gives it.

    Theorem 2.1 holds below eta_critical = 2 / (lambda_min + lambda_max); what diverges is at 2 / lambda_max or above.
    Momentum moves that edge to 2 (1 + momentum) / lambda_max, so with momentum the limit is
    (1 + momentum) eta_critical. The ratio that is said is without it.

    Source: Lee et al. 2019, Theorem 2.1.

    Args:
        learning_rate: eta.
        critical: eta_critical.
        allowed: whether eta may be above the limit.
        say: whether to say the ratio.
        momentum: heavy-ball momentum.
        rows: `kernel_rows_note`, where eta_critical is an estimate.

    Raises:
        UserError: eta is above (1 + momentum) eta_critical and not allowed.
    """
    ratio = learning_rate / critical
    if say:
        console.print(f"eta / eta_critical = {ratio:.2g}{rows and f' ({rows})'}", highlight=False)
    if ratio > 1 + momentum and not allowed:
        limit = "(1 + momentum) eta_critical" if momentum else "eta_critical"
        raise UserError(
            f"a learning rate of {learning_rate:g} is {ratio:.3g} times eta_critical, above {limit} (Theorem 2.1): "
            f"take at most {critical * (1 + momentum):.3g}, or force"
        )
    return ratio


def checked_training(
    net: Network, x_train, y_train, learning_rate: float, steps: int, batches, momentum: float, loss: str, observe_at
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, list[int]]:
    """Inputs, targets in the type of the outputs, batches and observed steps, checked.

    Raises:
        UserError: for whatever does not fit.
    """
    x, y = np.asarray(x_train), np.asarray(y_train)
    y = y[:, None] if y.ndim == 1 else y
    n = len(x)
    if n == 0 or y.ndim != 2 or len(y) != n:
        raise UserError(f"targets of shape {y.shape} do not fit {n} training samples: give (n, k)")
    x = x.astype(jax.dtypes.canonicalize_dtype(x.dtype), copy=False)
    fx = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype))
    if fx.shape[1] != y.shape[1]:
        raise UserError(
            f"the network has {fx.shape[1]} outputs and the targets {y.shape[1]}: build it with num_outputs"
        )
    y = y.astype(fx.dtype)
    if not np.all(np.isfinite(y)):
        raise UserError("the targets have entries that are not finite: remove those samples")
    if loss not in DESCENT_LOSSES:
        raise unknown_name("loss", loss, DESCENT_LOSSES)
    if loss == "cross_entropy" and (y.shape[1] < 2 or np.any(y < 0) or not np.allclose(y.sum(axis=1), 1, atol=1e-3)):
        raise UserError("cross_entropy takes rows of probabilities over two classes or more: give one_hot(labels, k)")
    if not 0 <= learning_rate < np.inf:
        raise UserError(f"learning_rate must be finite and not negative, not {learning_rate}")
    if not 0 <= momentum < 1:
        raise UserError(f"momentum must be at least 0 and below 1, not {momentum}")
    if steps < 1:
        raise UserError(f"steps must be at least 1, not {steps}")
    if batches is not None:
        batches = np.asarray(batches)
        if batches.ndim != 2 or len(batches) != steps or not np.issubdtype(batches.dtype, np.integer):
            raise UserError(f"batches must be integers ({steps}, b), a row a step, not {batches.dtype} {batches.shape}")
        if batches.size == 0 or batches.min() < 0 or batches.max() >= n:
            raise UserError(f"batches must hold rows 0 to {n - 1} of the training samples")
        batches = batches.astype(np.int32)
    wanted = [int(step) for step in observe_at]
    if sorted({*wanted}) != wanted or not all(0 <= step <= steps for step in wanted):
        raise UserError(f"observe_at must be increasing step numbers from 0 to {steps}, not {wanted}")
    return x, y, batches, wanted


def training_identity(net: Network, x: np.ndarray, arrays: Sequence[np.ndarray | None], settings: tuple) -> str:
    """A digest of what makes a training what it is: the network and its point, the inputs, other arrays, settings."""
    digest = hashlib.sha256(f"{net.module} {fingerprint(net, x)} {settings}".encode())
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@contextlib.contextmanager
def _dropout_explained():
    try:
        yield
    except flax.errors.InvalidRngError as error:
        raise UserError(
            "the network draws random numbers in training (dropout), which descend does not provide: set its dropout "
            "rate to 0, or leave batch_statistics out"
        ) from error
