"""The arguments of a kernel, checked before the work starts and brought into its precision."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.checks import as_array, check_real
from ntk_repro.gram.sample_by_sample import outputs_of_one_sample
from ntk_repro.models import last_line
from ntk_repro.module_functions import does_not_run
from ntk_repro.network import Network
from ntk_repro.precision import cast, precision_scope
from ntk_repro.ranges import shown, whole
from ntk_repro.samples import Samples, as_samples, check_same_number, described, named_inputs, number_of, take


class KernelArguments(NamedTuple):
    """The arguments of a kernel, checked and in its precision.

    Attributes:
        net: the network.
        x1: samples of the rows.
        x2: samples of the columns, None for a symmetric kernel.
        outputs: "mean", "full" or the number of an output.
        num_outputs: k.
    """

    net: Network
    x1: Samples
    x2: Samples | None
    outputs: str | int
    num_outputs: int

    @property
    def output(self) -> int | None:
        """The output to differentiate, None for all of them."""
        return self.outputs if isinstance(self.outputs, int) else None

    @property
    def dtype(self) -> np.dtype:
        """The float type of the kernel."""
        return np.dtype(jnp.result_type(*jax.tree.leaves(self.net.params)))

    @property
    def n1(self) -> int:
        """Samples along the rows."""
        return number_of(self.x1)

    @property
    def n2(self) -> int:
        """Samples along the columns."""
        return number_of(self.x1 if self.x2 is None else self.x2)


@contextlib.contextmanager
def checked_arguments(
    net: Network,
    x1: Samples,
    x2: Samples | None,
    outputs: str | int,
    precision: str,
    params_of: Any = None,
) -> Iterator[KernelArguments]:
    """Yields the checked arguments, within the scope of the precision; the network is the part that is asked for.

    Raises:
        UserError: for unknown names, inputs that are not finite or do not fit each other, an output beyond k, a choice
            of parameters that is none, and within a transformation of JAX.
    """
    check_has_kernel(net)
    # A constant is a tracer where everything is traced, whatever the arguments are.
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((net.params, net.state, x1, x2, jnp.zeros(())))):
        remedy = "take k = ntk_function(net) outside and call k(params, x1, x2) inside"
        raise UserError(f"a kernel of measured values cannot be taken inside of jit, vmap or grad: {remedy}")
    net = net if params_of is None else net.part(params_of)
    outputs = checked_outputs(outputs)
    with precision_scope(precision) as dtype:
        if precision == "tf32" and jax.default_backend() == "cpu":
            raise UserError('precision="tf32" exists on NVIDIA GPUs only: take "float32", or "bf16" to save memory')
        x1, x2 = checked_samples(x1, x2, dtype)
        net = net.replace(params=cast(net.params, dtype), state=cast(net.state, dtype))
        try:
            fx = outputs_of_one_sample(net, x1)
        except UserError:
            raise
        except Exception as error:  # whatever a network raises on inputs that it was not made for
            raise _network_fault(net, x1, precision, error) from error
        if precision == "float64" and fx.dtype != dtype:
            remedy = 'leave its layers\' dtype out, or take precision="float32"'
            raise UserError(f"the network computes in {fx.dtype} whatever its parameters are: {remedy}")
        check_output_exists(outputs, fx.shape[1])
        yield KernelArguments(net, x1, x2, outputs, fx.shape[1])


def check_has_kernel(net: Network) -> None:
    """Refuses what is no network, and one without parameters.

    Raises:
        UserError: says how to make one.
    """
    if not isinstance(net, Network):
        remedy = "make one by Network.create(module, seed, x.shape[1:]) or Network.from_apply(apply_fn, params)"
        raise UserError(f"the first argument must be a Network, not {type(net).__name__}: {remedy}")
    if not net.num_params:
        raise UserError("the network has no parameters, so it has no tangent kernel: put what is trained into params")


def check_output_exists(outputs: str | int, num_outputs: int) -> None:
    """Refuses the number of an output that the network does not have.

    Raises:
        UserError: names those it has.
    """
    if isinstance(outputs, int) and not 0 <= outputs < num_outputs:
        known = f"outputs 0 to {num_outputs - 1}" if num_outputs > 1 else "output 0 alone"
        raise UserError(f"outputs={outputs} is not an output of the network, which has {known}: ask for one of these")


def _network_fault(net: Network, x: Samples, precision: str, error: Exception) -> UserError:
    if isinstance(error, flax.errors.ModifyScopeVariableError):
        remedy = "call BatchNorm with use_running_average=not train, and give the module a train argument"
        return UserError(f"the network updates its statistics at inference: {remedy}")
    if isinstance(error, flax.errors.InvalidRngError):
        remedy = "give the module a train or deterministic argument"
        return UserError(f"the network draws random numbers at inference (dropout): {remedy}")
    if precision == "float64" and _runs_in_float32(net, x):
        remedy = 'make its recurrent cells with param_dtype=jnp.float64, or take precision="float32"'
        return UserError(f"the network runs in float32 alone ({last_line(error)}): {remedy}")
    fits = net.input_shape is None or net.input_shape == jax.tree.map(lambda a: a.shape[1:], x)
    made_for = "" if fits else f" (made for {net.input_shape})"
    return does_not_run(f"the network{made_for}", described(x), error)


def _runs_in_float32(net: Network, x: Samples) -> bool:
    with contextlib.suppress(Exception):
        single = cast((net.params, net.state, take(x, slice(1))), np.dtype("float32"))
        jax.eval_shape(lambda *arguments: net.apply_fn(*arguments), *single)
        return True
    return False


def checked_outputs(outputs: object) -> str | int:
    """The choice of outputs, a number as an int.

    Raises:
        UserError: for another choice.
    """
    if isinstance(outputs, str):
        check_name("choice of outputs", outputs, ("mean", "full"))
        return outputs
    number = whole(outputs)
    if number is None:
        raise UserError(f'outputs must be "mean", "full" or the number of an output, not {shown(outputs)}')
    return number


def checked_samples(
    x1: Samples, x2: Samples | None, dtype: np.dtype, integers: bool = True
) -> tuple[Samples, Samples | None]:
    """Samples (n, ...) in the dtype, one array or a pytree of arrays; integers and booleans stay as they are.

    With `integers=False` they are converted too, and the samples must be one array.

    Raises:
        UserError: without samples along the first axis, for values that are not finite, and for samples of x1 and x2
            that differ in shape or type; it names the argument.
    """

    def checked(x: Samples, name: str) -> Samples:
        x = as_samples(x) if integers else as_array(x, name)
        least = 2 if isinstance(x, np.ndarray) else 1
        leaves = [_checked_array(leaf, label, dtype, integers, least) for label, leaf in named_inputs(x, name).items()]
        if not leaves:
            raise UserError(f"{name} holds no array: give an array of samples (n, ...), or a pytree of such arrays")
        check_same_number(x, name)
        return jax.tree.unflatten(jax.tree.structure(x), leaves)

    x1 = checked(x1, "x1")
    x2 = None if x2 is None else checked(x2, "x2")
    if x2 is not None and (jax.tree.structure(x1) != jax.tree.structure(x2) or described(x1) != described(x2)):
        raise UserError(f"one sample of x1 has shape {described(x1)}, one of x2 {described(x2)}: they must agree")
    return x1, x2


def _checked_array(x: np.ndarray, name: str, dtype: np.dtype, integers: bool, least: int) -> np.ndarray:
    if x.ndim < least or not x.size:
        if not x.ndim:
            raise UserError(f"{name} must be an array of samples (n, ...), not {x.item()!r}".replace("\n", " "))
        raise UserError(f"{name} must hold samples along its first axis, (n, ...), and has shape {x.shape}")
    if np.iscomplexobj(x):
        raise UserError(f"{name} is complex: pass real and imaginary parts along an axis and join them in the network")
    if np.issubdtype(x.dtype, np.integer) or x.dtype == bool:
        if dtype == np.float32 and x.dtype.itemsize > 4 and np.abs(x).max() >= 2**31:
            raise UserError(f'{name} has integers beyond 32 bits: take precision="float64", or smaller numbers')
        return x if integers else x.astype(dtype)
    check_real(x, name)
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        first = f"the first is number {np.argmax(bad)}"
        raise UserError(f"{bad.sum()} of the {len(x)} samples of {name} are not finite, {first}: remove or repair them")
    return x.astype(dtype, copy=False)
