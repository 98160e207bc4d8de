"""Exact minibatch SGD of a linear model on many label vectors at once, without its weights."""

import contextlib
import dataclasses
import functools
import itertools
import warnings
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ntk_repro.dynamics.learning_rates import check_momentum, stability_limit
from ntk_repro.dynamics.spectral import checked_start
from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.checks import checked_array
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.store import GramStore
from ntk_repro.precision import float64_scope
from ntk_repro.progress import progress
from ntk_repro.ranges import check_not_negative, checked_stops

LOSSES = ("binary_cross_entropy", "half_squared_error")
_CHUNK_FLOP = 2e10  # work between two updates of the progress bar (where Ctrl-C is noticed)
_CHUNK_ROWS = 2.5e8  # bytes of kernel rows copied at a time when the kernel stays on the host
_COPY_BELOW = 1e9  # bytes


class DivergedError(UserError):
    """Training diverged: outputs are no longer finite."""


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionSpaceTraining:
    """A linear model after training by minibatch SGD, for T label vectors.

    Attributes:
        fx_train: outputs at the training samples after the last step.
        fx_test: outputs at the test samples, None where no test kernel was given.
        loss: mean loss of each step's batch before the step.
        observed: outputs at the test samples after the steps of `observe_at`, None where no test kernel was given.
        coefficients: alpha, where theta - theta_0 = J^T alpha; outputs at new x are fx_0 + K(x, train) alpha.
        l2_distance: ||theta - theta_0||, from alpha^T K alpha.
    """

    fx_train: Float[np.ndarray, "n T"]
    fx_test: Float[np.ndarray, "m T"] | None
    loss: Float[np.ndarray, "steps T"]
    observed: Float[np.ndarray, "s m T"] | None
    coefficients: Float[np.ndarray, "n T"]
    l2_distance: Float[np.ndarray, " T"]


def train_in_function_space(
    k_train_train: Float[np.ndarray, "n n"] | GramStore,
    y_train: Float[np.ndarray, "n T"],
    *,
    batches: Int[np.ndarray, "steps b"],
    learning_rate: float | Float[np.ndarray, " steps"],
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    loss: str = "binary_cross_entropy",
    fx_train_0: float | Float[np.ndarray, "n 1"] | Float[np.ndarray, "n T"] = 0.0,
    k_test_train: Float[np.ndarray, "m n"] | None = None,
    fx_test_0: float | Float[np.ndarray, "m 1"] | Float[np.ndarray, "m T"] = 0.0,
    observe_at: Sequence[int] = (),
) -> FunctionSpaceTraining:
    """Trains a linear (or linearized) model by minibatch SGD on T label vectors, through its kernel alone.

    SGD with heavy-ball momentum never leaves the span of the Jacobian J of the training samples, so that
    theta - theta_0 = J^T alpha, and a step with batch B is, with c the derivatives of the loss at B's outputs,

        m <- momentum m + c / b (added at the rows B) + weight_decay alpha,    alpha <- alpha - learning_rate m.

    The outputs at B are fx_0 + K[B, :] alpha: one GEMM a step for all T. With the same start and the same batches
    this is the trajectory of `optax.sgd` on `nt.linearize`, up to rounding. All arithmetic is in the type of
    `k_train_train`, float32 at full matrix precision or float64.

    Args:
        k_train_train: the kernel of one output on the training samples. On a CPU a contiguous array or memory map is
            used in place where it is large, and of others (a view) only the rows of the next batches are copied. A
            store is read into memory.
        y_train: one label vector per column; in {0, 1} for binary_cross_entropy.
        batches: row indices, one batch per row; repeated indices count as often as they occur.
        learning_rate: for every step or one per step, for the loss averaged over the batch.
        momentum: heavy-ball momentum, in [0, 1).
        weight_decay: on theta - theta_0, added to the gradient.
        loss: "binary_cross_entropy" on one logit or "half_squared_error" 1/2 (f - y)^2, mean over the batch.
        fx_train_0: outputs before training, at the training samples.
        k_test_train: the kernel between test and training samples.
        fx_test_0: outputs before training, at the test samples.
        observe_at: increasing numbers of steps from 0 to all, after which the outputs at the test samples are kept.

    Raises:
        UserError: for shapes that do not fit, labels outside {0, 1}, indices outside 0..n-1 and other `observe_at`.
        DivergedError: when training diverges.
    """
    if isinstance(k_train_train, SymmetricMatrix):
        k_train_train = k_train_train.dense()
    SymmetricMatrix.of(k_train_train, "k_train_train")
    kernel = np.asarray(k_train_train)
    n, dtype = len(kernel), kernel.dtype
    if dtype not in (np.float32, np.float64):
        raise UserError(f"k_train_train must be float32 or float64, not {dtype}")
    y = checked_array(y_train, "y_train (one label vector a column)", (n, "T"), dtype=dtype)
    batches = checked_batches(batches, n)
    steps = len(batches)
    rates = checked_array(learning_rate, f"learning_rate for {steps} steps", (), (steps,), dtype=dtype)
    rates = np.broadcast_to(rates, steps)
    check_not_negative(learning_rate=rates.min())
    check_name("loss", loss, LOSSES)
    if loss == "binary_cross_entropy":
        check_binary_labels(y)
    check_momentum(momentum)
    check_not_negative(weight_decay=weight_decay)
    stops = checked_stops(observe_at, steps)
    f0 = checked_start(fx_train_0, "fx_train_0", y.shape, dtype)
    test_0 = None
    if k_test_train is not None:
        k_test_train = checked_array(k_test_train, "k_test_train", ("m", n), dtype=dtype)
        test_0 = checked_start(fx_test_0, "fx_test_0", (len(k_test_train), y.shape[1]), dtype)
    if loss == "half_squared_error":
        _warn_if_unstable(kernel, batches[0], rates.max(), momentum, weight_decay)

    with float64_scope() if kernel.dtype == np.float64 else contextlib.nullcontext():
        alpha, losses, kept = _run(kernel, y, f0, batches, rates, momentum, weight_decay, loss, stops)
    with np.errstate(over="ignore", invalid="ignore"):
        change = kernel @ alpha
        fx_train = f0 + change
        fx_test = observed = None
        if k_test_train is not None and test_0 is not None:
            fx_test = test_0 + k_test_train @ alpha
            observed = np.array([test_0 + k_test_train @ then for then in kept]).reshape(-1, *fx_test.shape)
        # The sum runs in float64: in float32 it would lose digits to cancellation.
        squared = np.einsum("nt,nt->t", alpha, change, dtype=np.float64)
    _refuse_divergence(losses, fx_train, rates)
    return FunctionSpaceTraining(fx_train, fx_test, losses, observed, alpha, np.sqrt(np.maximum(squared, 0.0)))


def _run(kernel, y, f0, batches, rates, momentum, weight_decay, loss, stops):
    n, tasks = y.shape
    steps, b = batches.shape
    dtype = kernel.dtype
    # On a CPU JAX reads contiguous, aligned memory (every memory map) in place. Otherwise a small kernel is copied
    # once, and of a large one only the rows of the next batches. An accelerator gets the full kernel, once.
    in_place = kernel.flags.c_contiguous and kernel.ctypes.data % 64 == 0
    resident = jax.default_backend() != "cpu" or in_place or kernel.nbytes <= _COPY_BELOW
    chunk = _CHUNK_FLOP / (2 * b * n * tasks)
    if not resident:
        chunk = min(chunk, _CHUNK_ROWS / (b * n * dtype.itemsize))
    chunk = int(np.clip(chunk, 1, min(steps, 2000)))
    chunk = -(-steps // -(-steps // chunk))  # as nearly equal as possible
    on_device = jax.device_put(np.ascontiguousarray(kernel), may_alias=True) if resident else None
    y, f0 = jnp.asarray(y), jnp.asarray(np.broadcast_to(f0, (n, 1)) if f0.ndim == 0 else f0)
    state = (jnp.zeros((n, tasks), dtype), jnp.zeros((n, tasks), dtype))
    losses, kept = np.empty((steps, tasks), dtype), []
    if stops and stops[0] == 0:
        kept.append(np.zeros((n, tasks), dtype))
    with progress(f"{tasks} linearized task{'s' * (tasks > 1)}", total=steps, unit="steps") as advance:
        for start, end in _chunks(steps, chunk, stops):
            done = end - start
            # Every chunk has the same shape, so that nothing is compiled again; of its steps `done` are made.
            rows = np.pad(batches[start:end], [(0, chunk - done), (0, 0)], mode="edge")
            rate = np.pad(rates[start:end], (0, chunk - done))
            k, where = on_device, rows
            if k is None:
                k, where = kernel[rows.ravel()], np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
            state, chunk_loss = _steps(
                state, k, y, f0, rows, where, rate, dtype.type(momentum), dtype.type(weight_decay), done, loss=loss
            )
            losses[start:end] = np.asarray(chunk_loss)[:done]
            _refuse_divergence(losses[start:end], 0.0, rates)
            if end in stops:
                kept.append(np.array(state[0]))
            advance(done, note=f"loss {losses[end - 1].mean():.3g}")
    return np.asarray(state[0]), losses, kept


def _chunks(steps: int, chunk: int, stops: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of at most `chunk` steps, with an end at every stop."""
    ends = sorted({*range(chunk, steps, chunk), *stops, steps} - {0})
    yield from itertools.pairwise([0, *ends])


@functools.partial(jax.jit, static_argnames="loss", donate_argnums=0)
def _steps(state, kernel, y, f0, batches, where, rates, momentum, weight_decay, done, loss):
    """The first `done` steps; `where` says in which rows of `kernel` the samples of `batches` are."""

    def step(i, carry):
        alpha, velocity, losses = carry
        batch = batches[i]
        fx = f0[batch] + jnp.matmul(kernel[where[i]], alpha, precision="highest")
        labels = y[batch]
        if loss == "binary_cross_entropy":
            value = jnp.logaddexp(0, fx) - labels * fx
            slope = jax.nn.sigmoid(fx) - labels
        else:
            value, slope = (fx - labels) ** 2 / 2, fx - labels
        velocity = (momentum * velocity + weight_decay * alpha).at[batch].add(slope / len(batch))
        return alpha - rates[i] * velocity, velocity, losses.at[i].set(value.mean(axis=0))

    losses = jnp.zeros((len(batches), y.shape[1]), y.dtype)
    *state, losses = jax.lax.fori_loop(0, done, step, (*state, losses))
    return tuple(state), losses


def checked_batches(
    batches: Int[np.ndarray, "steps b"], n: int, steps: int | None = None, batch_size: int | None = None
) -> Int[np.ndarray, "steps b"]:
    """Checks row indices of n samples, one row of them per step.

    Raises:
        UserError: for other shapes and types, and indices outside 0..n-1.
    """
    batches = np.asarray(batches)
    fits = batches.ndim == 2 and batches.shape == (steps or len(batches), batch_size or batches.shape[1])
    if not (fits and batches.size and np.issubdtype(batches.dtype, np.integer)):
        raise UserError(
            f"batches must be integer row indices of shape ({steps or 'steps'}, {batch_size or 'b'}), a row for each "
            f"step, not {batches.dtype} {batches.shape}: see minibatches"
        )
    if batches.min() < 0 or batches.max() >= n:
        raise UserError(f"batches must index rows 0 to {n - 1}, not {batches.min()} to {batches.max()}")
    return batches.astype(np.int32)


def check_binary_labels(y: Float[np.ndarray, "n k"]) -> None:
    """Checks labels of binary cross-entropy.

    Raises:
        UserError: a label that is neither 0 nor 1.
    """
    if not np.all((y == 0) | (y == 1)):
        raise UserError("binary_cross_entropy takes labels in {0, 1}; for labels in {-1, +1} pass (y + 1) / 2")


def _warn_if_unstable(kernel, batch, rate, momentum, weight_decay) -> None:
    # Heavy ball on a quadratic of curvature h is stable below 2 (1 + momentum) / h; one batch stands for all.
    curvature = np.linalg.eigvalsh(kernel[np.ix_(batch, batch)].astype(np.float64))[-1] / len(batch) + weight_decay
    limit = stability_limit(curvature, momentum)
    if rate > limit:
        warnings.warn(
            f"learning_rate {rate:.3g} is above {limit:.3g}, the stability limit of the first batch: lower it",
            stacklevel=3,
        )


def _refuse_divergence(losses: np.ndarray, fx: np.ndarray | float, rates: np.ndarray) -> None:
    if not (np.all(np.isfinite(losses)) and np.all(np.isfinite(fx))):
        raise DivergedError(
            f"training diverged: a learning_rate of {rates.max():.3g} is too large for this kernel; lower it "
            "(and look for entries of the kernel that are not finite)"
        )
