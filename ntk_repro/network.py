"""A network at one point of its parameter space: the input of kernels, linearizations and training."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.banded_convolution import with_banded_convolutions
from ntk_repro.described import Described
from ntk_repro.errors import UserError
from ntk_repro.models import is_nnx, network_spec
from ntk_repro.module_functions import (
    cached_by_arguments,
    check_call_arguments,
    check_size,
    does_not_run,
    initialized,
    linen_functions,
    mode_arguments,
    two_dimensional,
)
from ntk_repro.parameters import (
    check_names,
    chosen_paths,
    detached,
    has_statistics,
    kind_of,
    leaf_names,
    with_complex_pairs,
    with_real_parameters,
)
from ntk_repro.ranges import check_counts
from ntk_repro.samples import (
    Samples,
    as_input_shape,
    as_samples,
    check_same_number,
    described,
    filled_up,
    number_of,
    one_sample,
    take,
)
from ntk_repro.seeds import as_key

PyTree = Any
ApplyFn = Callable[[PyTree, Any], Array]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Network(Described):
    """A function f(params, x) and a point in its parameter space.

    Made by `Network.create` from a Flax module or the name of an architecture, or by `Network.from_apply` from any
    JAX function. `state` holds what gradients do not train (BatchNorm statistics); every kernel and linearization
    freezes it, and the default is inference mode.

    A network is a value: later changes to the module, the containers and the NumPy arrays that it was made from do not
    affect it. All its parameters are real: a complex one is a `ComplexParameter`, and leaves without a gradient
    (integers, keys, functions) are fixed, with None in their place.

    Attributes:
        params: the point, a pytree of real floating-point arrays.
        state: the collections that are not parameters, {} if there are none; for a linearization its origin, too.
        apply_fn: (params, state, x) -> outputs in inference mode.
        training_fn: (params, state, x) -> (outputs, new state) with live batch statistics.
        module: the Linen module, or None for other functions.
        origin: of a linearization the parameters it is taken at, else None.
        input_shape: the shape of one input, without the sample axis, where it is known; of several inputs a pytree.
        whole_has_state: of a `part` whether the network that it is part of has state, else None.
    """

    params: PyTree
    state: PyTree
    apply_fn: Callable[[PyTree, PyTree, Any], Array]
    training_fn: Callable[[PyTree, PyTree, Any], tuple[Array, PyTree]]
    module: nn.Module | None = None
    origin: PyTree | None = None
    input_shape: Any = None
    whole_has_state: bool | None = None

    def _facts(self) -> dict[str, str]:
        kind = "of a function" if self.module is None else type(self.module).__name__
        kind = f"linearization {kind}" if self.origin is not None else kind
        facts = {"": kind, "parameters": f"{self.num_params:,}"}
        if self.input_shape is not None:
            facts["inputs"] = str(self.input_shape)
        return {**facts, "state": "batch statistics"} if self.has_state else facts

    def __post_init__(self):
        object.__setattr__(self, "params", detached(self.params))
        object.__setattr__(self, "state", detached(self.state))
        for name, leaf in zip(leaf_names(self.params), jax.tree.leaves(self.params), strict=True):
            if kind_of(leaf) != "real":
                kind = getattr(leaf, "dtype", type(leaf).__name__)
                raise UserError(
                    f"parameter {'/'.join(name) or '(root)'} is {kind}: parameters are real floating-point arrays; "
                    "make a new network from these by Network.create or Network.from_apply"
                )

    @classmethod
    def create(
        cls,
        name_or_module: Any,
        key: Array | int | None = None,
        input_shape: Any = None,
        *,
        input_dtype: Any = jnp.float32,
        **model_kw: Any,
    ) -> "Network":
        """A freshly initialized network.

        Args:
            name_or_module: an architecture's name (`ntk_repro.models.MODELS`), that of a custom network
                (`my_network.py:MyNet`, see `ntk_repro.models.custom`), a Linen module, or an NNX module (which carries
                its own parameters, so it takes neither key nor input_shape).
            key: a PRNG key or a seed.
            input_shape: the shape of one input, without the sample axis, e.g. (32, 32, 3); for a module that is called
                with a dictionary, tuple or other pytree of arrays, the pytree of their shapes.
            input_dtype: dtype of the inputs, an integer type for networks that begin with an embedding; one for all, or
                a pytree of them.
            **model_kw: for a name: width, num_outputs, activation and the settings of the architecture.

        Raises:
            UserError: for an unknown name or setting, and for arguments that are missing, have no use or are no shape.
        """
        if input_shape is not None:
            input_shape = as_input_shape(input_shape)
        key = None if key is None else as_key(key)
        if isinstance(name_or_module, str):
            settings = {"num_outputs": 1, **model_kw}
            module: Any = network_spec(name_or_module).build(key=key, input_shape=input_shape, **settings)
            if is_nnx(type(module)):
                return dataclasses.replace(cls._from_nnx(module), input_shape=input_shape)
        elif model_kw:
            raise UserError(f"{', '.join(model_kw)}: only named architectures take settings; set them on the module")
        else:
            module = name_or_module
        if isinstance(module, type):
            raise UserError(f"{module.__name__} is a class: make a module of it first, {module.__name__}(...)")
        if is_nnx(type(module)):
            if key is not None or input_shape is not None:
                raise UserError("an NNX module carries its own parameters: call Network.create(module) alone")
            return cls._from_nnx(module)
        if not isinstance(module, nn.Module):
            raise UserError(
                f"Network.create takes a name, a Linen or an NNX module, not {type(module).__name__}; "
                "for a plain function use Network.from_apply(apply_fn, params)"
            )
        if key is None or input_shape is None:
            raise UserError("Network.create needs a key (or seed) and the input shape without the sample axis")
        if module.scope is not None:
            raise UserError(
                f"this {type(module).__name__} is bound to parameters: pass module.unbind()[0], and then the "
                "parameters by net.replace(params=...)"
            )
        check_call_arguments(module)
        sample = one_sample(input_shape, input_dtype)
        variables = initialized(module, sample, key)
        params = variables.pop("params", {})
        params, apply_fn, training_fn = with_real_parameters(params, *linen_functions(module))
        return cls(params, variables, apply_fn, training_fn, module, input_shape=input_shape)

    @classmethod
    def from_apply(cls, apply_fn: ApplyFn, params: PyTree) -> "Network":
        """Any differentiable JAX function f(params, x) -> (n, ...), sample by sample, as a network.

        x is one array (n, ...), or a dictionary, tuple or other pytree of arrays that share their first axis (two
        towers, tokens and their mask). The outputs of a sample count as k numbers, flattened in C order.

        Raises:
            UserError: for Flax variables in place of parameters, whose statistics would count as parameters.
        """
        if not callable(apply_fn):
            raise UserError(
                f"Network.from_apply takes a function and its parameters, in this order, not {type(apply_fn).__name__}"
            )
        if has_statistics(params):
            raise UserError(
                "these hold running statistics, which are no parameters: use Network.create(module, seed, input_shape)"
                ".replace(params=variables['params'], state={'batch_stats': variables['batch_stats']}), or of an NNX "
                "module Network.create(module)"
            )

        def inference_fn(params, state, x):
            return two_dimensional(apply_fn(params, x))

        def training_fn(params, state, x):
            return inference_fn(params, state, x), state

        params, inference, training = with_real_parameters(params, inference_fn, training_fn)
        return cls(params, {}, inference, training)

    @classmethod
    def _from_nnx(cls, module: Any) -> "Network":
        from flax import nnx

        check_call_arguments(module)
        graph, params, state = nnx.split(module, nnx.Param, ...)

        def run(params, state, x, train):
            # Merging shares the variables, and training would change the caller's: these are copies.
            copy = nnx.merge(graph, *detached((params, state)))
            copy.train() if train else copy.eval()
            fx = two_dimensional(copy(x, **mode_arguments(copy, train)))
            return fx, nnx.state(copy, nnx.Not(nnx.Param))

        def inference_fn(params, state, x):
            return run(params, state, x, train=False)[0]

        params, inference_fn, training_fn = with_real_parameters(
            params, inference_fn, functools.partial(run, train=True)
        )
        return cls(params, state, inference_fn, training_fn)

    def apply(self, params: PyTree, x: Samples) -> Float[Array, "n k"]:
        """f(params, x) in inference mode with `state` frozen; traceable by JAX transformations."""
        return self.apply_fn(params, self.state, x)

    def __call__(self, x: Samples, batch_size: int = 500) -> Float[np.ndarray, "n k"]:
        """The outputs at `params`, computed in batches of `batch_size` (the last one is padded, none is dropped)."""
        x = as_samples(x)
        check_counts(batch_size=batch_size)
        if not jax.tree.leaves(x) or not all(np.ndim(leaf) and len(leaf) for leaf in jax.tree.leaves(x)):
            raise UserError("no inputs: x has no rows")
        check_same_number(x, "x")
        n = number_of(x)
        size = min(batch_size, n)
        # JAX keeps the compiled code for as long as the function exists.
        forward = jax.jit(with_banded_convolutions(self.apply_fn))
        outputs = []
        # The precision of the kernels, so that a linearization in function space starts at the network's outputs.
        with jax.default_matmul_precision("highest"):
            for start in range(0, n, size):
                block = take(x, slice(start, start + size))
                padded = filled_up(block, size)
                try:
                    fx = forward(self.params, self.state, padded)
                except UserError:
                    raise
                except Exception as error:  # whatever its code raises
                    raise does_not_run("the network", described(x), error) from error
                outputs.append(np.asarray(fx)[: number_of(block)])
        return np.concatenate(outputs)

    def replace(self, **changes: Any) -> "Network":
        """A copy at other `params` or with another `state`, in any container with the same names.

        Raises:
            UserError: for params and state with other names than the network's.
        """
        if "params" in changes:
            changes["params"] = with_complex_pairs(changes["params"])
        for kind in changes.keys() & {"params", "state"}:
            check_names(kind, getattr(self, kind), changes[kind])
        return dataclasses.replace(self, **changes)

    def part(self, params_of: Any) -> "Network":
        """The same function of some of its parameters, the others held fixed where they are.

        Kernels, linearizations and training of the part are those of the chosen parameters alone. The fixed ones are
        in its `state`, and None in its `params`.

        Args:
            params_of: which: a path, of one parameter or of all below it, in which * stands for anything ("head",
                "layers/0/kernel", "*/bias"), or a list of such; a function (path, leaf) -> bool; or a tree of booleans
                with the names of `params`.

        Raises:
            UserError: for a path that matches nothing, and a choice of no parameter.

        >>> net = Network.create("mlp", 0, (4, 4, 1))
        >>> net.part("Dense_2").num_params, net.part("*/bias").num_params
        (101, 201)
        """
        chosen = frozenset(chosen_paths(self.params, params_of))
        leaves, structure = jax.tree.flatten(self.params)
        paths = ["/".join(name) for name in leaf_names(self.params)]
        if len(chosen) == len(paths):
            return self

        def kept(tree: PyTree) -> PyTree:
            of_path = zip(paths, jax.tree.leaves(tree), strict=True)
            return structure.unflatten([leaf if path in chosen else None for path, leaf in of_path])

        fixed = {path: leaf for path, leaf in zip(paths, leaves, strict=True) if path not in chosen}
        params = kept(self.params)
        names = dict(zip([path for path in paths if path in chosen], leaf_names(params), strict=True))
        sources = tuple(names.get(path, path) for path in paths)
        return Network(
            params,
            {"fixed": fixed, "state": self.state},
            *_functions_of_part(self.apply_fn, self.training_fn, structure, sources),
            origin=None if self.origin is None else kept(self.origin),
            input_shape=self.input_shape,
            whole_has_state=self.has_state,
        )

    @property
    def has_state(self) -> bool:
        """Whether training changes more than the parameters (BatchNorm statistics)."""
        if self.whole_has_state is not None:
            return self.whole_has_state
        return self.origin is None and bool(jax.tree.leaves(self.state))

    @property
    def num_params(self) -> int:
        """The number of scalar parameters."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.params))

    def linearized(self) -> ApplyFn:
        """The first-order Taylor expansion around `params`, f_lin(params, x).

        Source: Lee et al. 2019, Eq. (5); Ortiz-Jimenez et al. 2021, Eq. (1).
        """
        return functools.partial(_first_order, self.apply, self.params)

    def linearization(self) -> "Network":
        """The linearized network as a `Network` at the same point; training it changes `params` only."""
        # The point of expansion is an argument: as a constant, millions of weights would be compiled in.
        frozen = {"origin": self.params, "state": self.state}
        return Network(
            self.params,
            frozen,
            *_linearized_functions(self.apply_fn),
            origin=self.params,
            input_shape=self.input_shape,
        )


def check_network(name: str, input_shape: tuple[int, ...], outputs: int | None, **model_kw: Any) -> None:
    """Checks that a network fits into memory, and of a custom one that it takes such inputs and has such outputs.

    Args:
        name: the network's name.
        input_shape: of one input.
        outputs: the number of outputs that are needed, None for any number.
        **model_kw: as in `Network.create`.

    Raises:
        UserError: it does not.
    """
    spec = network_spec(name)
    asked = {} if outputs is None else {"num_outputs": outputs}
    if spec.custom is None:
        module = spec.build(**{"num_outputs": 1, **model_kw, **asked})
        check_size(module, one_sample(input_shape, jnp.float32))
        return
    net = Network.create(spec, 0, input_shape, **{**model_kw, **asked})
    try:
        fx = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((2, *input_shape), jnp.float32))
    except UserError:
        raise
    except Exception as error:  # whatever a user's code raises
        raise does_not_run(spec.display_name, f"{input_shape} of type float32", error) from error
    if not net.num_params:
        raise UserError(f"{spec.display_name} has no parameters, so nothing can be trained: add a layer that has some")
    if fx.shape[0] != 2:
        raise UserError(f"{spec.display_name} gives {fx.shape[0]} rows for 2 inputs: it must give one for each")
    if outputs is not None and fx.shape[1] != outputs:
        raise UserError(
            f"{spec.display_name} gives outputs (n, {fx.shape[1]}) where (n, {outputs}) is needed: let it take "
            "num_outputs, or change its last layer"
        )
    x = np.random.default_rng(0).standard_normal((2, *input_shape)).astype(np.float32)
    if not np.isfinite(net(x)).all():
        raise UserError(f"{spec.display_name} gives outputs that are not finite on random inputs: fix the module")


def _first_order(f: ApplyFn, origin: PyTree, params: PyTree, x: Array | np.ndarray) -> Array:
    """f(origin, x) + J (params - origin)."""
    change = jax.tree.map(jnp.subtract, params, origin)
    fx, change_of_fx = jax.jvp(lambda params: f(params, x), (origin,), (change,))
    return fx + change_of_fx


@cached_by_arguments
def _linearized_functions(apply_fn: Callable) -> tuple[Callable, Callable]:
    def linearized_fn(params, frozen, x):
        return _first_order(lambda params, x: apply_fn(params, frozen["state"], x), frozen["origin"], params, x)

    return linearized_fn, lambda params, frozen, x: (linearized_fn(params, frozen, x), frozen)


@cached_by_arguments
def _functions_of_part(
    apply_fn: Callable, training_fn: Callable, structure: Any, sources: tuple[str | tuple[str, ...], ...]
) -> tuple[Callable, Callable]:
    """The functions of a part; `sources` has for each leaf its name among the params, or its path among the fixed."""

    def given(params, frozen):
        by_name = dict(zip(leaf_names(params), jax.tree.leaves(params), strict=True)) | frozen["fixed"]
        return structure.unflatten([by_name[source] for source in sources])

    def part_fn(params, frozen, x):
        return apply_fn(given(params, frozen), frozen["state"], x)

    def part_training_fn(params, frozen, x):
        fx, state = training_fn(given(params, frozen), frozen["state"], x)
        return fx, {**frozen, "state": state}

    return part_fn, part_training_fn
