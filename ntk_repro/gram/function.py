"""`ntk_function`: the NTK as a pure function of parameters and samples, for use inside transformations of JAX."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import check_has_kernel, check_output_exists, checked_outputs
from ntk_repro.gram.capture import capture_fn
from ntk_repro.gram.checks import as_array, check_real
from ntk_repro.gram.sample_by_sample import outputs_of_one_sample
from ntk_repro.gram.structured.computation import structured_plan
from ntk_repro.gram.structured.features import Features, features_of
from ntk_repro.gram.structured.products import kernel_tile
from ntk_repro.module_functions import does_not_run
from ntk_repro.network import Network
from ntk_repro.parameters import chosen_paths, leaf_names
from ntk_repro.samples import Samples, check_same_number, described, named_inputs, shape_of_one

PyTree = Any


def ntk_function(
    net: Network, *, outputs: str | int = "mean", params_of: Any = None
) -> Callable[..., Float[Array, "rows columns"]]:
    """The NTK as a pure function k(params, x1, x2=None) that may be jitted, mapped and differentiated.

    For kernels as a loss, scores of architectures, meta-learning, and a kernel measured inside of a training step. By
    the same features as `empirical_gram`, so that its gradient costs a few times the kernel itself, and all in one
    piece: for few samples. It computes in the type of its arguments (products of bfloat16 are summed, and returned, in
    float32), its products at full precision, and checks their shapes but not their values.

    Source: Lee et al. 2019, section 2.1, Eq. (4) (the tangent kernel at finite width).

    Args:
        net: the network; made outside of transformations. Its state (BatchNorm statistics) is frozen.
        outputs: "mean", "full" or the number of an output, as in `empirical_gram`.
        params_of: the part of the parameters that the kernel's gradients are taken of, as in `Network.part`; k still
            takes all of them, and depends on them.

    Returns:
        k: `params` has the names of `net.params`; x1 and x2 are as in `empirical_gram`, and without x2 the kernel is
        exactly symmetric. (n1, n2), or (n1 k, n2 k) with outputs="full".

    Raises:
        UserError: for a network without parameters or one that is made inside of a transformation, an unknown choice
            of outputs or parameters; by k for other parameters, inputs that do not fit and an output beyond k.

    >>> net, x = Network.create("mlp", 0, (4, 4, 1)), jnp.ones((3, 4, 4, 1))
    >>> k = ntk_function(net)
    >>> jax.grad(lambda params: jnp.trace(k(params, x)))(net.params)["Dense_2"]["kernel"].shape
    (100, 1)
    """
    check_has_kernel(net)
    outputs = checked_outputs(outputs)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((net.params, net.state))):
        raise UserError("ntk_function takes a network made outside of jit, vmap and grad: pass its parameters to k")
    chosen = None if params_of is None else chosen_paths(net.params, params_of)

    def part(whole: Network) -> Network:
        return whole if chosen is None else whole.part(chosen)

    def k(params: PyTree, x1: Samples, x2: Samples | None = None) -> Float[Array, "rows columns"]:
        x1, x2 = _as_arrays(x1, "x1"), _as_arrays(x2, "x2")
        whole = net.replace(params=params)
        # How the weights are used is found out on numbers, not on tracers: on those of the network.
        with jax.ensure_compile_time_eval():
            known = net.replace(params=_values_like(whole.params, net.params))
        at = part(whole)
        num_outputs = _checked_outputs_of(at, x1, x2, outputs)
        with jax.ensure_compile_time_eval():
            probe = _probe(x1)
            outputs_of_one_sample(part(known), probe)  # which refuses outputs of chance, and of other samples
            plan = structured_plan(part(known), probe, outputs, num_outputs)
        capture = capture_fn(at.apply_fn, plan.layers, outputs if isinstance(outputs, int) else None)

        def features(x: Samples) -> Features:
            return features_of(capture(at.params, at.state, x), plan)

        with jax.default_matmul_precision("highest"):
            one = features(x1)
            kernel = kernel_tile(plan, one, one if x2 is None else features(x2))
        kernel = kernel if plan.blocks else kernel / plan.num_cotangents
        return (kernel + kernel.T) / 2 if x2 is None else kernel

    return k


def _checked_outputs_of(net: Network, x1: Samples, x2: Samples | None, outputs: str | int) -> int:
    """The number of outputs, after a check of all shapes."""
    for name, x in {"x1": x1, **({} if x2 is None else {"x2": x2})}.items():
        leaves = named_inputs(x, name)
        if not leaves or any(not np.ndim(leaf) or not len(leaf) for leaf in leaves.values()):
            raise UserError(f"{name} must hold samples along its first axis, (n, ...)")
        check_same_number(x, name)
    if x2 is not None and shape_of_one(x1) != shape_of_one(x2):
        raise UserError(f"x1 and x2 hold samples of shapes {described(x1)} and {described(x2)}: they must agree")
    try:
        fx = jax.eval_shape(net.apply_fn, net.params, net.state, shape_of_one(x1, 1))
    except UserError:
        raise
    except Exception as error:  # whatever a network raises on inputs that it was not made for
        raise does_not_run("the network", described(x1), error) from error
    check_output_exists(outputs, fx.shape[1])
    return fx.shape[1]


def _values_like(params: PyTree, values: PyTree) -> PyTree:
    """Values in the container and the types of other parameters of the same names."""
    by_name = dict(zip(leaf_names(values), jax.tree.leaves(values), strict=True))
    leaves, structure = jax.tree.flatten(params)
    found = []
    for name, leaf in zip(leaf_names(params), leaves, strict=True):
        value = by_name[name]
        if np.shape(value) != np.shape(leaf):
            where = "/".join(name) or "(root)"
            raise UserError(f"parameter {where} has shape {np.shape(leaf)}, that of the network {np.shape(value)}")
        found.append(jnp.asarray(value, leaf.dtype))
    return structure.unflatten(found)


def _as_arrays(x: Samples, name: str) -> Samples:
    """The same with arrays of JAX as leaves; a list is one array, as NumPy reads it."""

    def leaf(one: Any) -> Any:
        if isinstance(one, Tracer | jax.Array):
            return one
        one = as_array(one, name)
        check_real(one, name)
        return jnp.asarray(one)

    return jax.tree.map(leaf, x, is_leaf=lambda node: isinstance(node, list))


def _probe(x: Samples) -> Samples:
    """Two samples of the shapes and types of x: noise, or for integers and flags ones."""
    rng = np.random.default_rng(0)

    def leaf(one: jax.ShapeDtypeStruct) -> np.ndarray:
        numbers = rng.normal(size=one.shape) if jnp.issubdtype(one.dtype, jnp.floating) else np.ones(one.shape)
        return numbers.astype(one.dtype)

    return jax.tree.map(leaf, shape_of_one(x, 2))
