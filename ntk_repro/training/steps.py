"""Compiled steps of gradient descent, of one network or of a stack of them, and the loop that runs them."""

import functools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.training.checkpoints import Checkpoint
from ntk_repro.training.losses import loss_value

__all__ = ["Carry", "StepData", "has_convolutions", "run_steps", "steps_program"]

PyTree = Any
_SECONDS = 0.5  # between two looks at the progress bar, at Ctrl-C and at what has become of the training


class Carry(NamedTuple):
    """What changes from step to step; leaves of a stack of networks have the networks along their first axis.

    Attributes:
        params: the parameters.
        state: live batch statistics, None where they are frozen.
        velocity: of heavy-ball momentum, None without.
        losses: (steps,) or (steps, networks), of each step's batch before the step; nan for steps to come.
    """

    params: PyTree
    state: PyTree
    velocity: PyTree
    losses: Float[Array, "steps *networks"]


class StepData(NamedTuple):
    """What stays the same.

    Attributes:
        frozen: state that is not trained, {} where there is none; with a linearization's origin.
        x: training inputs.
        y: targets.
        batches: rows of each step's batch, None for all.
        learning_rate: for the loss as `loss_value` averages it.
        momentum: of the heavy ball.
    """

    frozen: PyTree
    x: Float[Array, "n ..."]
    y: Float[Array, "n k"]
    batches: Int[Array, "steps b"] | None
    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]


Program = Callable[[Carry, StepData, int, int], tuple[Carry, Array]]


def has_convolutions(net: Network, x: Float[np.ndarray, "n ..."]) -> bool:
    """Whether the network's forward pass has a convolution anywhere."""
    sample = jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)
    return "conv_general_dilated" in str(jax.make_jaxpr(net.apply_fn)(net.params, net.state, sample))


@functools.lru_cache(maxsize=32)
def steps_program(fn: Callable, loss: str, *, live: bool, stacked: bool, called: bool) -> Program:
    """The program (carry, data, start, stop) -> (carry after steps start to stop - 1, the last one's loss).

    Compiled once whatever start and stop are, so that the steps between two observations, or two kills, change no bit.

    Args:
        fn: a network's apply_fn, or its training_fn with live.
        loss: one of `DESCENT_LOSSES`.
        live: whether batch statistics are live: `fn` then gives the new state, too.
        stacked: whether the carry holds a stack of networks.
        called: steps called one by one from Python instead of a compiled loop: inside a loop XLA's convolutions are
            several times slower on a CPU.
    """

    def step(i, carry: Carry, data: StepData) -> tuple[Carry, Array]:
        x, y = (data.x, data.y) if data.batches is None else (data.x[data.batches[i]], data.y[data.batches[i]])

        def one(params, state, velocity):
            def value(params):
                fx, new = fn(params, state, x) if live else (fn(params, data.frozen, x), state)
                return loss_value(loss, fx, y.astype(fx.dtype)), new

            (mean, state), direction = jax.value_and_grad(value, has_aux=True)(params)
            if velocity is not None:
                direction = velocity = jax.tree.map(lambda v, g: data.momentum.astype(v.dtype) * v + g, velocity,
                                                    direction)  # fmt: skip
            params = jax.tree.map(lambda p, d: p - (data.learning_rate * d).astype(p.dtype), params, direction)
            return params, state, velocity, mean

        params, state, velocity, mean = (jax.vmap(one) if stacked else one)(*carry[:3])
        mean = mean.astype(carry.losses.dtype)
        return Carry(params, state, velocity, carry.losses.at[i].set(mean)), mean

    if called:
        compiled = jax.jit(step, donate_argnums=1)

        def call(carry: Carry, data: StepData, start: int, stop: int) -> tuple[Carry, Array]:
            for i in range(start, stop - 1):
                carry, _ = compiled(np.int32(i), carry, data)
            return compiled(np.int32(stop - 1), carry, data)

        return call

    @functools.partial(jax.jit, donate_argnums=0)
    def loop(carry: Carry, data: StepData, start, stop) -> tuple[Carry, Array]:
        carry = jax.lax.fori_loop(start, stop, lambda i, carry: step(i, carry, data)[0], carry)
        return carry, carry.losses[stop - 1]

    return lambda carry, data, start, stop: loop(carry, data, np.int32(start), np.int32(stop))


def run_steps(
    program: Program,
    carry: Carry,
    data: StepData,
    *,
    steps: int,
    observe_at: Sequence[int],
    observe: Callable[[PyTree, PyTree], PyTree],
    at_start: Callable[[], PyTree],
    checkpoint: Checkpoint | None = None,
    what: str = "gradient descent",
) -> tuple[Carry, PyTree]:
    """Runs all steps; gives the carry at the end and the observations, stacked along a new first axis (None for none).

    Where no network's parameters are finite any more the training stops with a warning; what was still to be observed
    is nan.

    Args:
        program: from `steps_program`.
        carry: the start; given away.
        data: what stays the same.
        steps: how many.
        observe_at: increasing step numbers, 0 to steps.
        observe: what is kept at these steps, (params, state) -> a pytree of arrays.
        at_start: an observation of the start, asked for where nothing else shows what observations look like.
        checkpoint: where the state is kept against a kill.
        what: for the progress bar.
    """
    done, begun, pace = 0, 0, 1
    seen: list[list[np.ndarray]] = []
    structure = None
    kept = checkpoint.load(carry) if checkpoint else None
    if kept:
        done, carry, seen = kept
        begun = done
    wanted = list(observe_at)[len(seen) :]
    with progress(what, total=steps, unit="steps") as advance:
        advance(done)
        while True:
            if not np.any(_finite(carry.params, carry.losses.ndim == 2)):
                warnings.warn(f"training diverged in step {done} or before; lower the learning rate", stacklevel=4)
                break
            if wanted and wanted[0] == done:
                leaves, structure = _leaves(observe(carry.params, carry.state))
                seen.append(leaves)
                wanted.pop(0)
            if done == steps:
                break
            stop = min(done + pace, wanted[0] if wanted else steps)
            started = time.monotonic()
            carry, last = program(carry, data, done, stop)
            last = np.asarray(last)  # waits for the steps
            pace = max(1, min(int(_SECONDS * (stop - done) / max(time.monotonic() - started, 1e-6)), 8 * pace))
            advance(stop - done, note=f"loss {last.mean():.3g}")
            done = stop
            if checkpoint and checkpoint.due and done < steps:
                checkpoint.save(done, carry, seen)
    if checkpoint and checkpoint.written and begun < done == steps:
        checkpoint.save(done, carry, seen)
    if not len(observe_at):
        return carry, None
    if structure is None:  # nothing was observed since the last kill
        example, structure = _leaves(at_start())
    else:
        example = seen[-1]
    seen += [[np.full(leaf.shape, np.nan, np.result_type(leaf, np.float32)) for leaf in example]] * len(wanted)
    return carry, jax.tree.unflatten(structure, [np.stack(leaves) for leaves in zip(*seen, strict=True)])


def _leaves(observation: PyTree) -> tuple[list[np.ndarray], Any]:
    leaves, structure = jax.tree.flatten(observation)
    # Copies: a view would see the next step write into memory that was given away.
    return [np.array(leaf) for leaf in leaves], structure


@functools.partial(jax.jit, static_argnums=1)
def _finite(params: PyTree, stacked: bool) -> Array:
    axes = [tuple(range(int(stacked), leaf.ndim)) for leaf in jax.tree.leaves(params)]
    finite = [jnp.isfinite(leaf).all(axis) for leaf, axis in zip(jax.tree.leaves(params), axes, strict=True)]
    return jnp.stack(finite).all(axis=0)
