"""A Flax module as functions of its parameters, and what is checked of its code and its outputs."""

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from ntk_repro.errors import UserError, with_article
from ntk_repro.memory import available_bytes, check_memory
from ntk_repro.models import last_line
from ntk_repro.samples import Samples, described

PyTree = Any

# The names that Flax modules give to the switch between training and inference, and its value at inference.
_MODE_ARGUMENTS = {"train": False, "training": False, "is_train": False, "is_training": False, "deterministic": True,
                   "inference": True, "use_running_average": True}  # fmt: skip


def initialized(module: nn.Module, sample: Samples, key: Array) -> dict[str, PyTree]:
    """The variables of a module; their shapes are counted before they are allocated."""
    init = _init_fn(module, sample)
    if not isinstance(key, Tracer):  # then nothing is allocated
        check_size(module, sample, key)
    with _module_errors(module, sample):
        return dict(init(key))


def check_size(module: nn.Module, sample: Samples, key: Array | None = None) -> None:
    """Refuses a module whose variables, initialized from any key or this one, do not fit into memory; allocates none.

    Raises:
        UserError: they do not, or its code raises an error on such a sample.
    """
    with _module_errors(module, sample):
        leaves = jax.tree.leaves(jax.eval_shape(_init_fn(module, sample), jax.random.key(0) if key is None else key))
    count, needed = sum(leaf.size for leaf in leaves), sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    remedy = "take a narrower network, smaller inputs or fewer outputs"
    check_memory(f"a network of {count:,} parameters", needed, available_bytes(), remedy)


@contextlib.contextmanager
def _module_errors(module: nn.Module, sample: Samples) -> Iterator[None]:
    """Errors of a module's code as a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # whatever the code of a module raises
        raise does_not_run(type(module).__name__, described(sample), error) from error


def does_not_run(name: str, inputs: str, error: Exception) -> UserError:
    """The error for a network whose code raised `error` on inputs of that shape (of one sample) and type."""
    return UserError(
        f"{name} does not run on inputs {inputs} ({last_line(error)}): fix the module, or give inputs of the "
        "shape (of one sample) and the type that it is made for, jnp.int32 for tokens"
    )


def two_dimensional(fx: Any) -> Any:
    """Outputs (n, ...) as (n, k).

    Raises:
        UserError: no array, none of real numbers, or without rows or outputs.
    """
    if not isinstance(fx, jax.Array | np.ndarray):
        raise UserError(
            f"the network returns {with_article(type(fx).__name__)}: return one array (n, k), the outputs alone, such "
            "as lambda params, x: f(params, x)[0]"
        )
    if not jnp.issubdtype(fx.dtype, jnp.floating):
        remedy = "real and imaginary parts as separate outputs"
        if not jnp.issubdtype(fx.dtype, jnp.complexfloating):
            remedy = "the logits, not the class"
        raise UserError(f"a network must return real floating-point outputs, not {fx.dtype}: return {remedy}")
    if not fx.ndim:
        raise UserError("a network must map n inputs to (n, ...) outputs, not to shape (): squeeze(-1), not squeeze()")
    if not math.prod(fx.shape[1:]):
        raise UserError(f"the network has no outputs, for {len(fx)} inputs an array of shape {fx.shape}: return some")
    return fx if fx.ndim == 2 else fx.reshape(len(fx), math.prod(fx.shape[1:]))


def cached_by_arguments(function: Callable) -> Callable:
    """A cache by arguments, which lets networks of one module share compiled code: jit is keyed by identity.

    Modules that hold arrays or lists cannot be hashed; for them nothing is shared.
    """
    cached = functools.lru_cache(maxsize=64)(function)

    @functools.wraps(function)
    def call(*args):
        try:
            hash(args)
        except TypeError:
            return function(*args)
        return cached(*args)

    return call


@cached_by_arguments
def _init_fn(module: nn.Module, sample: Samples) -> Callable:
    # Under jit: the forward pass that gives the shapes is not run, and thousands of small dispatches become one. What
    # runs once compiles in a third of the time with few optimizations, to the same bits.
    mode = mode_arguments(module, train=False)
    return jax.jit(
        lambda key: module.init(key, jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), sample), **mode),
        compiler_options={"xla_backend_optimization_level": 1},
    )


@cached_by_arguments
def linen_functions(module: nn.Module) -> tuple[Callable, Callable]:
    """(params, state, x) -> outputs at inference, and (params, state, x) -> (outputs, new state) in training."""
    inference = mode_arguments(module, train=False)
    training = mode_arguments(module, train=True)

    def apply_fn(params, state, x):
        return two_dimensional(module.apply({"params": params, **state}, x, **inference))

    def training_fn(params, state, x):
        variables = {"params": params, **state}
        fx, new_state = module.apply(variables, x, **training, mutable=list(state))
        return two_dimensional(fx), dict(new_state)

    return apply_fn, training_fn


def check_call_arguments(module: Any) -> None:
    """Refuses a module whose call takes no inputs, or needs more than inputs and the switch to inference."""
    name = type(module).__name__
    call = getattr(module, "__call__", None)  # noqa: B004
    taken = list(inspect.signature(call).parameters.values()) if call is not None else []
    if not taken:
        raise UserError(f"{name} has no __call__ that takes inputs: define __call__(self, x)")
    needed = [
        one.name
        for one in taken[1:]
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if one.name not in _MODE_ARGUMENTS
    ]
    if needed:
        raise UserError(
            f"{name}.__call__ needs {', '.join(needed)} besides its inputs: give it a default, or wrap the module in a "
            "function of params and x for Network.from_apply"
        )


def mode_arguments(module: Any, train: bool) -> dict[str, Any]:
    """The keyword argument that sets training or inference mode, if the module has one."""
    known = inspect.signature(type(module).__call__).parameters
    return {name: at_inference != train for name, at_inference in _MODE_ARGUMENTS.items() if name in known}
