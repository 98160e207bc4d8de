"""Whether a network treats its samples one by one and answers alike each time, as every kernel here assumes."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.probing import LIGHT, evaluated, moved_off, signature, tolerance
from ntk_repro.network import Network

__all__ = ["outputs_of_one_sample"]

_MOST_REMEMBERED = 16
_MOST_SEARCHED = 64  # samples, for one that differs from the first


def outputs_of_one_sample(net: Network, x: np.ndarray) -> jax.ShapeDtypeStruct:
    """The shape (1, k) and dtype of a network's outputs, after a check that each depends on its own sample alone.

    The network is traced on one sample at each call. The first time also its outputs on two samples together are held
    against those on each alone, at a random point near its parameters, for coupling may be hidden where they are (by a
    gate that is 0). Later its equations are held against those of the first time: what has been compiled since then
    would not follow a function that has changed.

    Args:
        net: the network.
        x: its samples, of which one or two are taken.

    Raises:
        UserError: outputs that depend on other samples, on random numbers or on values outside of the network.
    """
    traced = _Traced.of(net, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype))
    (outputs,) = traced.closed.out_avals
    if outputs.shape[0] != 1 or not outputs.shape[1]:
        raise UserError(
            f"for 1 sample the network returns {outputs.shape[0]} rows of {outputs.shape[1]} outputs: it must map n "
            "samples to (n, k) or (n,) outputs, also for n = 1 (squeeze(-1), not squeeze())"
        )
    key = signature(net, x)
    if key not in _seen:
        _check_alone_as_together(net, _two_different(x))
    elif not traced.same_as(_seen[key]):
        _check_unchanged(net, x[:1], _seen.pop(key), traced)
    _seen[key] = traced
    if len(_seen) > _MOST_REMEMBERED:
        del _seen[next(iter(_seen))]
    return jax.ShapeDtypeStruct(outputs.shape, outputs.dtype)


@dataclasses.dataclass(frozen=True)
class _Traced:
    """A function as it was traced: its equations with the arrays that it holds beside its arguments, and their text."""

    closed: Any
    text: str

    @classmethod
    def of(cls, net: Network, x: jax.ShapeDtypeStruct) -> "_Traced":
        # A function of its own each time: JAX would not call one again that it has traced before.
        closed = jax.make_jaxpr(lambda *arguments: net.apply_fn(*arguments))(net.params, net.state, x)
        return cls(closed, re.sub(r"0x[0-9a-f]+", "", str(closed)))  # without addresses of functions

    def same_as(self, other: "_Traced") -> bool:
        constants = zip(self.closed.consts, other.closed.consts, strict=False)
        return self.text == other.text and all(a is b or np.array_equal(a, b) for a, b in constants)

    def __call__(self, net: Network, x: np.ndarray) -> np.ndarray:
        run = jax.jit(jaxpr_as_fun(self.closed), compiler_options=LIGHT)
        return np.asarray(run(*jax.tree.leaves((net.params, net.state, x)))[0])


_seen: dict[tuple, _Traced] = {}


def _check_alone_as_together(net: Network, x: np.ndarray) -> None:
    for params in (moved_off(net.params), net.params):
        together, alone, limit = evaluated(_together_and_alone(net.apply_fn), params, net.state, x)
        if together.shape != alone.shape:
            raise UserError(
                f"on two samples together the network's outputs have shape {together.shape}, on each alone "
                f"{alone.shape}: give one row of outputs a sample"
            )
        where = _difference(together, alone, limit)
        if where is not None:
            _, again, _ = evaluated(_together_and_alone(net.apply_fn), params, net.state, x)
            _refuse_other_answers(alone, again, limit)
            raise UserError(
                f"the network does not treat its samples one by one: near its parameters, output {where[1]} of a sample"
                f" is {alone[where]:.6g} alone and {together[where]:.6g} beside another sample, and a kernel needs "
                "outputs that depend on their own sample alone: take out what runs over the batch (a mean over axis 0, "
                "BatchNorm in training mode, random numbers for each row)"
            )
        if np.isfinite(alone).all():
            return


def _check_unchanged(net: Network, x: np.ndarray, first: _Traced, now: _Traced) -> None:
    _refuse_other_answers(first(net, x), now(net, x), tolerance(now.text))


def _refuse_other_answers(first: np.ndarray, second: np.ndarray, limit: float) -> None:
    where = _difference(first, second, limit)
    if where is not None:
        raise UserError(
            f"the network gives different outputs for the same sample, {first[where]:.6g} and then {second[where]:.6g}:"
            " it draws random numbers (np.random, a new key each time) or reads values outside of params and x that "
            "change; make them arguments, or make the network anew after a change"
        )


def _difference(
    first: Float[np.ndarray, "n k"], second: Float[np.ndarray, "n k"], limit: float
) -> tuple[int, int] | None:
    """Row and output of the largest difference above `limit` times the largest output, or None."""
    scale = np.abs(first, where=np.isfinite(first), out=np.zeros_like(first)).max()
    close = np.isclose(first, second, rtol=0, atol=limit * scale, equal_nan=True)
    if close.all():
        return None
    gap = np.where(close, 0, np.nan_to_num(np.abs(first - second), nan=np.inf))
    row, output = np.unravel_index(np.argmax(gap), gap.shape)
    return int(row), int(output)


def _together_and_alone(apply_fn: Callable) -> Callable[[Any, Any, np.ndarray], tuple[Any, Any, float]]:
    """Outputs of all samples in one batch and of each in a batch of its own, and how exact they are."""

    def both(params, state, x):
        return apply_fn(params, state, x), jax.vmap(lambda one: apply_fn(params, state, one[None])[0])(x)

    def run(params, state, x):
        traced = jax.jit(both, compiler_options=LIGHT).trace(params, state, x)
        return *traced.lower().compile()(params, state, x), tolerance(str(traced.jaxpr))

    return run


def _two_different(x: np.ndarray) -> np.ndarray:
    """The first sample and one that differs from it; equal ones would hide that a batch is centred."""
    for other in x[1:_MOST_SEARCHED]:
        if not np.array_equal(other, x[0]):
            return np.stack([x[0], other])
    halved = x[0] // 2 if np.issubdtype(x.dtype, np.integer) else x[0] / 2
    return np.stack([x[0], halved if x[0].any() else np.ones_like(x[0])]).astype(x.dtype)
