"""The steps of every training of weights: of one network or of a stack of them, on any loss, by any optax transform."""

import contextlib
import dataclasses
import functools
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ntk_repro.errors import UserError
from ntk_repro.freed_memory import keep_freed_memory
from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.training.checkpoints import Checkpoint
from ntk_repro.training.losses import Loss
from ntk_repro.training.side_by_side import end_if_stopped

PyTree = Any
_SECONDS = 0.5  # between two updates of the progress bar, when Ctrl-C and divergence are noticed too


class Carry(NamedTuple):
    """What changes from step to step; leaves of a stack of networks have the networks along their first axis.

    Attributes:
        params: the parameters.
        state: live batch statistics, None where they are frozen.
        moments: the state of the optax transform.
        losses: (steps,) or (steps, networks), of each step's batch before the step; nan for steps to come.
    """

    params: PyTree
    state: PyTree
    moments: PyTree
    losses: Float[Array, "steps *networks"]


class StepData(NamedTuple):
    """What stays the same.

    Attributes:
        frozen: state that is not trained, {} where there is none; with a linearization's origin.
        origin: of a linearization, from which its weight decay is measured; None for networks.
        x: training inputs.
        y: targets.
        batches: rows of each step's batch, None for all.
        rates: the learning rate of each step.
    """

    frozen: PyTree
    origin: PyTree
    x: Float[Array, "n ..."]
    y: Float[Array, "n k"]
    batches: Int[Array, "steps b"] | None
    rates: Float[Array, " steps"]


Steps = Callable[[Carry, StepData, int, int], tuple[Carry, Array]]


def has_convolutions(net: Network, x: Float[np.ndarray, "n ..."]) -> bool:
    """Whether the network's forward pass has a convolution anywhere."""
    sample = jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)
    return "conv_general_dilated" in str(jax.make_jaxpr(net.apply_fn)(net.params, net.state, sample))


def steps_program(
    fn: Callable, loss: Loss, transform: optax.GradientTransformation, *, live: bool, stacked: bool, called: bool
) -> Steps:
    """The program (carry, data, start, stop) -> (carry after steps start to stop - 1, the last one's loss).

    Compiled once for all values of start and stop, so that results do not depend, to the last bit, on where steps are
    interrupted for observations or kills.
    Learning rates, targets and parameters are arguments: a thousand tasks share one program.

    Args:
        fn: a network's apply_fn, or its training_fn with live.
        loss: what is minimized.
        transform: from gradients to the directions that the learning rates multiply.
        live: whether batch statistics are live: `fn` then gives the new state, too.
        stacked: whether the carry holds a stack of networks.
        called: steps called one by one from Python instead of a compiled loop: inside a loop XLA's convolutions are
            several times slower on a CPU.
    """
    with _MAKING:  # a cache alone would let two threads make, and compile, two programs
        return _steps_program(fn, loss, transform, live, stacked, called)


_MAKING = threading.Lock()


@functools.lru_cache(maxsize=32)
def _steps_program(
    fn: Callable, loss: Loss, transform: optax.GradientTransformation, live: bool, stacked: bool, called: bool
) -> Steps:
    def step(i, carry: Carry, data: StepData) -> tuple[Carry, Array]:
        x, y = (data.x, data.y) if data.batches is None else (data.x[data.batches[i]], data.y[data.batches[i]])

        def one(params, state, moments):
            def value(params):
                fx, new = fn(params, state, x) if live else (fn(params, data.frozen, x), state)
                return loss(fx, y.astype(fx.dtype)), new

            (mean, state), gradient = jax.value_and_grad(value, has_aux=True)(params)
            decaying = params if data.origin is None else jax.tree.map(jnp.subtract, params, data.origin)
            direction, moments = transform.update(gradient, moments, decaying)
            params = jax.tree.map(lambda p, d: p - (data.rates[i] * d).astype(p.dtype), params, direction)
            return params, state, moments, mean

        params, state, moments, mean = (jax.vmap(one) if stacked else one)(*carry[:3])
        mean = mean.astype(carry.losses.dtype)
        return Carry(params, state, moments, carry.losses.at[i].set(mean)), mean

    if called:
        compiled = jax.jit(step, donate_argnums=1)

        def call(carry: Carry, data: StepData, start: int, stop: int) -> tuple[Carry, Array]:
            for i in range(start, stop - 1):
                carry, _ = compiled(np.int32(i), carry, data)
            return compiled(np.int32(stop - 1), carry, data)

        return _compiled_once(call)

    @functools.partial(jax.jit, donate_argnums=0)
    def loop(carry: Carry, data: StepData, start, stop) -> tuple[Carry, Array]:
        carry = jax.lax.fori_loop(start, stop, lambda i, carry: step(i, carry, data)[0], carry)
        return carry, carry.losses[stop - 1]

    return _compiled_once(lambda carry, data, start, stop: loop(carry, data, np.int32(start), np.int32(stop)))


def _compiled_once(program: Steps) -> Steps:
    """The same, where threads that begin at once wait for the one that compiles."""
    compiling, compiled = threading.Lock(), threading.Event()

    def call(carry: Carry, data: StepData, start: int, stop: int) -> tuple[Carry, Array]:
        with contextlib.nullcontext() if compiled.is_set() else compiling:
            done = program(carry, data, start, stop)
        compiled.set()
        return done

    return call


@dataclasses.dataclass(eq=False)
class Observer:
    """Observations at chosen steps, leaf by leaf so that a checkpoint can hold them.

    Attributes:
        steps: increasing step numbers, 0 for the start.
        observe: (carry, step) -> a pytree of arrays.
        example: gives an observation of the start, for the structure of observations if there is none.
        save_first: whether to save the state before each observation, as one may take longer than the steps between
            two of them.
        seen: the leaves of each observation made.
    """

    steps: Sequence[int]
    observe: Callable[[Carry, int], PyTree]
    example: Callable[[], PyTree]
    save_first: bool = False
    seen: list[list[np.ndarray]] = dataclasses.field(default_factory=list)
    _structure: Any = None

    @property
    def remaining(self) -> Sequence[int]:
        """The steps that are still to be observed."""
        return self.steps[len(self.seen) :]

    def look(self, carry: Carry) -> None:
        """Observes."""
        self.seen.append(self._leaves(self.observe(carry, self.remaining[0])))

    def stacked(self) -> PyTree:
        """All observations along a new first axis, nan for those not made; None without steps to observe."""
        if not self.steps:
            return None
        example = self._leaves(self.example()) if self._structure is None else self.seen[-1]
        missing = [np.full(leaf.shape, np.nan, np.result_type(leaf, np.float32)) for leaf in example]
        rows = [*self.seen, *[missing] * len(self.remaining)]
        return jax.tree.unflatten(self._structure, [np.stack(leaves) for leaves in zip(*rows, strict=True)])

    def _leaves(self, observation: PyTree) -> list[np.ndarray]:
        leaves, self._structure = jax.tree.flatten(observation)
        # Copies: a view would see the next step write into memory that was donated.
        return [np.array(leaf) for leaf in leaves]


def run_steps(
    program: Steps, carry: Carry, data: StepData, observer: Observer, checkpoint: Checkpoint | None, label: str
) -> Carry:
    """Runs all steps; returns the carry at the end.

    Matrix products are at full precision on any device, as those of kernels, so that a linearization equals its
    training in function space, and a network and its linearization differ by no arithmetic. Once the loss or the
    parameters of no network are finite, training stops with a warning, and all parameters are nan.

    Args:
        program: from `steps_program`.
        carry: the start; donated.
        data: what stays the same.
        observer: makes the observations.
        checkpoint: where the state is saved, so that a killed training continues.
        label: for the progress bar.

    Raises:
        UserError: for a network that draws random numbers.
    """
    done, pace, steps, last = 0, 1, len(data.rates), np.zeros(())
    if checkpoint and (saved := checkpoint.load(carry)):
        done, carry, observer.seen = saved
    begun = done
    keep_freed_memory()
    full_precision = jax.default_matmul_precision("highest")
    with full_precision, progress(label, total=steps, unit="steps") as advance:
        advance(done)
        while True:
            observing = done in observer.remaining[:1]
            finite = np.isfinite(last)
            if observing or done in (begun, steps):
                finite = finite & np.asarray(_finite(carry.params, carry.losses.ndim == 2))
            if not np.any(finite):
                warnings.warn(f"training diverged in step {done} or before; lower the learning rate", stacklevel=4)
                carry = carry._replace(params=jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), carry.params))
                break
            if observing:
                if checkpoint and observer.save_first and done:
                    checkpoint.save(done, carry, observer.seen)
                observer.look(carry)
            if done == steps:
                break
            end_if_stopped()
            stop = min(done + pace, *observer.remaining[:1], steps)
            started = time.monotonic()
            try:
                carry, last = program(carry, data, done, stop)
            except flax.errors.InvalidRngError as error:
                raise UserError(
                    "the network draws random numbers in training (dropout), which training here does not provide: "
                    "set its dropout rate to 0, or train net.linearization()"
                ) from error
            last = np.asarray(last)  # waits for the steps
            pace = max(1, min(int(_SECONDS * (stop - done) / max(time.monotonic() - started, 1e-6)), 8 * pace))
            advance(stop - done, note=f"loss {last.mean():.3g}")
            done = stop
            if checkpoint and checkpoint.due and done < steps:
                checkpoint.save(done, carry, observer.seen)
    if checkpoint and checkpoint.written and begun < done == steps:
        checkpoint.save(done, carry, observer.seen)
    return carry


@functools.partial(jax.jit, static_argnums=1)
def _finite(params: PyTree, stacked: bool) -> Array:
    finite = [jnp.isfinite(leaf).all(tuple(range(int(stacked), leaf.ndim))) for leaf in jax.tree.leaves(params)]
    return jnp.stack(finite).all(axis=0)
