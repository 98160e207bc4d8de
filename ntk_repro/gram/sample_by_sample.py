"""Whether a network treats its samples one by one and gives the same outputs each time, as every kernel assumes."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.probing import LIGHT, RecentlyUsed, evaluated, moved_off, signature, tolerance
from ntk_repro.network import Network
from ntk_repro.parameters import detached
from ntk_repro.samples import Samples, number_of, shape_of_one, take

_NOISE = 1e-3  # of the size of each parameter: little enough to stay where iterations converge
_MOST_SEARCHED = 64  # samples that are searched for some that differ


def outputs_of_one_sample(net: Network, x: Samples) -> jax.ShapeDtypeStruct:
    """The shape (1, k) and dtype of a network's outputs, after a check that each depends on its own sample alone.

    The network is traced on one sample at each call. The first time its outputs on three samples together are compared
    with those on each alone, at a random point near its parameters, for coupling may be hidden where they are (by a
    gate that is 0). Later its equations are compared with the earlier ones: compiled code would not follow a
    function that has changed.

    Args:
        net: the network.
        x: its samples, of which a few are taken.

    Raises:
        UserError: outputs that depend on other samples, on random numbers or on values outside of the network.
    """
    traced = _Traced.of(net, shape_of_one(x, 1))
    (outputs,) = traced.closed.out_avals
    if outputs.shape[0] != 1:
        remedy = "map n samples to (n, ...) outputs, also for n = 1 (squeeze(-1), not squeeze())"
        raise UserError(f"for 1 sample the network returns outputs of shape {outputs.shape}: {remedy}")
    if jnp.issubdtype(outputs.dtype, jnp.float64) and re.search("random_bits|threefry", traced.text):
        remedy = 'pass them among params, or take precision="float32"'
        raise UserError(f"the network draws random numbers inside, and JAX draws others in float64: {remedy}")
    key = signature(net, x)
    before = _seen.get(key)
    if before is None or not traced.same_as(before):
        samples = _three_samples(x)
        if before is not None:
            for params in (moved_off(net.params, _NOISE), net.params):
                once, again = (f(params, net.state, take(samples, slice(1))) for f in (before, traced))
                _refuse_other_answers(once, again, tolerance(traced.closed))
        _check_alone_as_together(net, samples)
    _seen[key] = traced
    return jax.ShapeDtypeStruct(outputs.shape, outputs.dtype)


@dataclasses.dataclass(frozen=True)
class _Traced:
    """A function as it was traced: its equations with the arrays that it holds beside its arguments, and their text."""

    closed: Any
    text: str

    @classmethod
    def of(cls, net: Network, x: Samples) -> "_Traced":
        # A new function each time: JAX does not trace the same one again.
        closed = jax.make_jaxpr(lambda *arguments: net.apply_fn(*arguments))(net.params, net.state, x)
        text = re.sub(r"0x[0-9a-f]+", "", str(closed))  # without addresses of functions
        # Copies of NumPy arrays: whoever owns them may write into them.
        return cls(ClosedJaxpr(closed.jaxpr, detached(list(closed.consts))), text)

    def same_as(self, other: "_Traced") -> bool:
        constants = zip(self.closed.consts, other.closed.consts, strict=False)
        return self.text == other.text and all(a is b or np.array_equal(a, b) for a, b in constants)

    def __call__(self, params: Any, state: Any, x: Samples) -> np.ndarray:
        run = jax.jit(jaxpr_as_fun(self.closed), compiler_options=LIGHT)
        return np.asarray(run(*jax.tree.leaves((params, state, x)))[0])


_seen = RecentlyUsed()


def _check_alone_as_together(net: Network, x: Samples) -> None:
    for params in (moved_off(net.params, _NOISE), net.params):
        together, alone, limit = evaluated(_together_and_alone(net.apply_fn), params, net.state, x)
        if together.shape != alone.shape:
            shape = f"on {number_of(x)} samples together the network's outputs have shape {together.shape}"
            raise UserError(f"{shape}, not {alone.shape}: return one row of outputs for each sample")
        where = _difference(together, alone, limit)
        if where is not None:
            _, again, _ = evaluated(_together_and_alone(net.apply_fn), params, net.state, x)
            _refuse_other_answers(alone, again, limit)
            numbers = f"output {where[1]} of a sample is {alone[where]:.6g} alone, {together[where]:.6g} beside others"
            remedy = "remove what runs over the batch (a mean over axis 0, batch statistics, noise for each row)"
            raise UserError(f"the network does not treat its samples one by one ({numbers}): {remedy}")
        if np.isfinite(alone).all():
            return


def _refuse_other_answers(first: np.ndarray, second: np.ndarray, limit: float) -> None:
    where = _difference(first, second, limit)
    if where is not None:
        numbers = f"{first[where]:.6g} and then {second[where]:.6g}"
        reason = "it draws random numbers or reads values outside of params and x that change"
        remedy = "make them arguments, or create the network again after a change"
        raise UserError(f"the network gives different outputs for the same sample, {numbers}: {reason}; {remedy}")


def _difference(
    first: Float[np.ndarray, "n k"], second: Float[np.ndarray, "n k"], limit: float
) -> tuple[int, int] | None:
    """Row and output of the largest difference beyond rounding, or None.

    Rounding is `limit` times the size of that output, or the square of it times the size of all.
    """
    sizes = np.abs(first, where=np.isfinite(first), out=np.zeros_like(first)).max(axis=0)
    rounding = limit * sizes + 64 * limit**2 * sizes.max()
    close = np.isclose(first, second, rtol=0, atol=rounding, equal_nan=True)
    if close.all():
        return None
    gap = np.where(close, 0, np.nan_to_num(np.abs(first - second), nan=np.inf))
    row, output = np.unravel_index(np.argmax(gap), gap.shape)
    return int(row), int(output)


def _together_and_alone(apply_fn: Callable) -> Callable[[Any, Any, Samples], tuple[Any, Any, float]]:
    """Outputs of all samples in one batch and of each alone, and how exact they are."""

    def both(params, state, x):
        return apply_fn(params, state, x), jax.vmap(lambda one: apply_fn(params, state, take(one, None))[0])(x)

    def run(params, state, x):
        traced = jax.jit(both, compiler_options=LIGHT).trace(params, state, x)
        return *traced.lower().compile()(params, state, x), tolerance(traced.jaxpr)

    return run


def _three_samples(x: Samples) -> Samples:
    """The first samples that differ, filled up with changed ones: equal samples would hide that a batch is centred."""

    def same(one: Samples, other: Samples) -> bool:
        return all(jax.tree.leaves(jax.tree.map(np.array_equal, one, other)))

    def halved(a: np.ndarray) -> np.ndarray:
        return a / 2 if np.issubdtype(a.dtype, np.floating) else a if a.dtype == bool else a // 2

    found = [take(x, 0)]
    for row in range(1, min(number_of(x), _MOST_SEARCHED)):
        if len(found) < 3 and not any(same(take(x, row), one) for one in found):
            found.append(take(x, row))
    while len(found) < 3:
        last = found[-1]
        changed = jax.tree.map(halved, last)
        if same(changed, last):
            changed = jax.tree.map(lambda a: a ^ True if a.dtype == bool else a + 1, last)
        found.append(jax.tree.map(lambda a, like: np.asarray(a, like.dtype), changed, last))
    return jax.tree.map(lambda *rows: np.stack(rows), *found)
