"""Kernels at parameters of every kind: other containers, complex numbers, without gradient, many outside of layers."""

import collections
import dataclasses
import os
import subprocess
import sys
from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx, struct
from flax.core import freeze

from ntk_repro.errors import UserError
from ntk_repro.gram import alignment, empirical_gram
from ntk_repro.gram.structured import structured_plan
from ntk_repro.network import Network
from ntk_repro.parameters import ComplexParameter
from tests.gram.cases import Compact, assert_exact, dense_kernel, relative_error
from tests.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5)).astype(np.float32)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def two_layers(module, x):
    return nn.Dense(1)(nn.tanh(nn.Dense(6)(x)))


class Named(NamedTuple):
    """In another order than that of the names."""

    second: Any
    first: Any


@struct.dataclass
class Structured:
    second: Any
    first: Any


def by_name(p, x):
    first, second = (p[n] if hasattr(p, "keys") else getattr(p, n) for n in ("first", "second"))
    return jnp.tanh(x @ first) @ second


CONTAINERS = {
    "FrozenDict": freeze,
    "OrderedDict": lambda p: collections.OrderedDict(reversed(p.items())),
    "defaultdict": lambda p: collections.defaultdict(dict, p),
    "nnx.State": lambda p: nnx.State(p),
    "NamedTuple": lambda p: Named(**p),
    "dataclass": lambda p: Structured(**p),
}


@pytest.mark.parametrize("first", ["dict", "other"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_the_kernel_does_not_depend_on_the_container(name, first):
    """Whichever comes first: what was found out about one must not be taken for the other."""
    params = {"first": normal(5, 5), "second": normal(5, 5)}
    net = Network.from_apply(by_name, params)
    nets = [net, net.replace(params=CONTAINERS[name](params))]
    for one in nets if first == "dict" else nets[::-1]:
        assert_exact(one, X, net, layers=2)


@pytest.mark.parametrize("name", ["FrozenDict", "OrderedDict", "defaultdict"])
@pytest.mark.parametrize("first", ["dict", "other"])
def test_the_kernel_of_a_linen_module_does_not_depend_on_the_container(name, first):
    net = Network.create(Compact(two_layers), 0, (5,))
    nets = [net, net.replace(params=CONTAINERS[name](net.params))]
    one, other = (empirical_gram(one, X) for one in (nets if first == "dict" else nets[::-1]))
    np.testing.assert_array_equal(one, other)
    assert relative_error(one, dense_kernel(net, X)) < 3e-6


def test_partitioned_parameters_are_parameters():
    def partitioned(module, x):
        init = nn.with_partitioning(nn.initializers.lecun_normal(), (None, "model"))
        h = nn.tanh(nn.Dense(6, kernel_init=init)(x))
        return nn.Dense(2)(h)

    net = Network.create(Compact(partitioned), 0, (5,))
    assert [layer.name for layer in structured_plan(net, X, "full", 2).layers] == ["Dense_0", "Dense_1"]
    assert_exact(net, X, net.replace(params=nn.meta.unbox(net.params)))


# Complex parameters: the oracle is the same function of real and imaginary parts as parameters of their own.

W, V = normal(5, 3) + 1j * normal(5, 3), normal(3, 2) + 1j * normal(3, 2)


def complex_net(p, x):
    z = (x @ p["w"]) ** 2 @ p["v"]
    return jnp.abs(z) * p["scale"] + z.imag


COMPLEX = {"w": W.astype(np.complex64), "v": V.astype(np.complex64), "scale": np.float32(0.7)}


def real_net(p, x):
    return complex_net({"w": p[0] + 1j * p[1], "v": p[2] + 1j * p[3], "scale": p[4]}, x)


REAL = [W.real, W.imag, V.real, V.imag, np.float32(0.7)]


@pytest.mark.parametrize("outputs", ["mean", "full", 1])
@pytest.mark.parametrize("method", ["structured", "jacobian", "neural_tangents"])
def test_complex_parameters_have_the_kernel_of_their_real_formulation(method, outputs):
    ours, oracle = (
        empirical_gram(Network.from_apply(f, p), X, X[:2], method=method, outputs=outputs, precision="float64")
        for f, p in ((complex_net, COMPLEX), (real_net, REAL))
    )
    assert ours.dtype == np.float64
    assert relative_error(ours, oracle) < 1e-13


def test_complex_parameters_by_hand():
    """f = Re(p x)^2 + 3 Im(p x) at p = a + ib, x real: df/da = 2 a x^2, df/db = 3 x."""
    net = Network.from_apply(lambda p, x: jnp.real(p * x) ** 2 + 3 * jnp.imag(p * x), np.complex64(2 - 1j))
    x = np.array([[1.0], [-2.0]])
    gradients = np.concatenate([2 * 2 * x**2, 3 * x], axis=1)
    np.testing.assert_allclose(empirical_gram(net, x, precision="float64"), gradients @ gradients.T, rtol=1e-12)


def test_alignment_and_linearization_follow_the_real_formulation():
    one, other = Network.from_apply(complex_net, COMPLEX), Network.from_apply(real_net, REAL)
    targets = normal(4, 3)
    ours, oracle = (alignment(net, X, targets, precision="float64") for net in (one, other))
    np.testing.assert_allclose(ours, oracle, rtol=1e-12)
    assert one.num_params == other.num_params == 2 * (15 + 6) + 1
    moved = one.replace(params=jax.tree.map(lambda leaf: leaf * 1.5, one.params))
    twin = other.replace(params=jax.tree.map(lambda leaf: leaf * 1.5, other.params))
    np.testing.assert_allclose(
        one.linearization().replace(params=moved.params)(X), other.linearization().replace(params=twin.params)(X), 1e-5
    )
    assert isinstance(one.params["w"], ComplexParameter)


def test_a_complex_linen_module():
    def complex_layer(module, x):
        return jnp.abs(nn.Dense(3, param_dtype=jnp.complex64)(x.astype(jnp.complex64))) @ jnp.ones((3, 1))

    net = Network.create(Compact(complex_layer), 0, (5,))
    kernel, bias = net.params["Dense_0"]["kernel"], net.params["Dense_0"]["bias"]
    by_parts = Network.from_apply(
        lambda p, x: jnp.abs(x @ (p[0] + 1j * p[1]) + p[2] + 1j * p[3]) @ jnp.ones((3, 1)),
        [kernel.real, kernel.imag, bias.real, bias.imag],
    )
    assert_exact(net, X, by_parts)


@pytest.mark.parametrize("name", ["FrozenDict", "OrderedDict"])
def test_complex_and_fixed_leaves_in_another_container(name):
    params = COMPLEX | {"act": jnp.tanh, "times": 2}
    net = Network.from_apply(lambda p, x: complex_net(p, x) * p["times"], params)
    other = net.replace(params=CONTAINERS[name](net.params))
    assert relative_error(empirical_gram(other, X), empirical_gram(net, X)) < 3e-6
    complex_ones = {name: COMPLEX[name] for name in ("w", "v", "scale")} | {"act": None, "times": None}
    np.testing.assert_array_equal(empirical_gram(net.replace(params=complex_ones), X), empirical_gram(net, X))


# Leaves without a gradient are kept as they are.


def test_integers_keys_and_functions_among_the_parameters_stay_fixed():
    w = normal(5, 2)
    plain = Network.from_apply(lambda p, x: jnp.tanh(x[:, [3, 1, 0, 2, 4]] @ p) * 3, w)
    order = np.array([3, 1, 0, 2, 4])
    fixed = {"w": w, "order": order, "times": 3, "key": jax.random.key(1), "act": jnp.tanh, "on": True}
    net = Network.from_apply(lambda p, x: p["act"](x[:, p["order"]] @ p["w"]) * p["times"] * p["on"], fixed)
    assert net.num_params == 10
    np.testing.assert_allclose(net(X), plain(X), rtol=1e-6)
    for kw in ({}, {"precision": "float64"}, {"method": "jacobian"}, {"method": "neural_tangents"}):
        assert_exact(net, X, plain, layers=1, **kw)
    np.testing.assert_allclose(net.linearization()(X), plain(X), rtol=1e-5)
    other = Network.from_apply(lambda p, x: x @ p["w"] * p["times"], fixed | {"times": 2})
    assert relative_error(empirical_gram(other, X), 4 * X @ X.T) < 3e-6


def test_an_equinox_module_is_a_network():
    """Its activation is a leaf of the tree."""
    module = eqx.nn.MLP(5, 2, 7, 2, key=jax.random.key(0))
    net = Network.from_apply(lambda module, x: jax.vmap(module)(x), module)
    np.testing.assert_allclose(net(X), jax.vmap(module)(jnp.asarray(X)), rtol=1e-5)
    assert_exact(net, X, layers=3)


def test_an_equinox_module_with_dropout_and_flags():
    first, last = (eqx.nn.Linear(d, k, key=jax.random.key(d)) for d, k in ((5, 6), (6, 2)))
    module = eqx.nn.inference_mode(eqx.nn.Sequential([first, eqx.nn.Dropout(0.5), last]))
    arrays, static = eqx.partition(module, eqx.is_inexact_array)
    net = Network.from_apply(lambda module, x: jax.vmap(module)(x), module)
    oracle = jax.jacrev(lambda arrays: jax.vmap(eqx.combine(arrays, static))(jnp.asarray(X)))(arrays)
    j = np.concatenate([np.asarray(leaf).reshape(8, -1) for leaf in jax.tree.leaves(oracle)], axis=1)
    assert relative_error(empirical_gram(net, X, outputs="full"), j @ j.T) < 3e-6


class Attention(NamedTuple):
    """A field that is called as NNX calls the inside of a variable."""

    query: Any
    value: Any


def test_a_parameter_may_be_called_value():
    params = {"query": normal(5, 2), "value": normal(5, 2)}
    net = Network.from_apply(
        lambda p, x: jnp.tanh(x @ p["a"].query) + jnp.tanh(x @ p["a"].value), {"a": Attention(**params)}
    )
    assert_exact(net, X, layers=2)
    named = Network.from_apply(lambda p, x: x @ p["a"]["query"], {"a": params})
    assert named.replace(params={"a": Attention(**params)}).num_params == 20


def test_running_statistics_are_no_parameters():
    class Normalised(nnx.Module):
        def __init__(self, rngs):
            self.dense, self.norm = nnx.Linear(5, 4, rngs=rngs), nnx.BatchNorm(4, use_running_average=True, rngs=rngs)

        def __call__(self, x):
            return self.norm(self.dense(x))

    module = Normalised(nnx.Rngs(0))
    graph, everything = nnx.split(module)
    variables = {"params": {"w": W.real}, "batch_stats": {"mean": np.zeros(3, np.float32)}}
    wrong = [
        (lambda s, x: nnx.merge(graph, s)(x), everything),
        (lambda m, x: m(x), module),
        (lambda v, x: x @ v["model"]["params"]["w"], {"model": variables}),
    ]
    for f, params in wrong:
        refused("these hold running statistics, which are no parameters", Network.from_apply, f, params)
    assert Network.create(module).num_params == 5 * 4 + 4 + 4 + 4


def test_parameters_without_a_gradient_are_refused_by_name_in_replace():
    net = Network.from_apply(lambda p, x: x @ p["w"], {"w": normal(5, 2)})
    for wrong, kind in ((np.ones((5, 2), int), "int64"), (jnp.tanh, "")):
        refused(f"parameter w is {kind}.*make a new network", net.replace, params={"w": wrong})
    refused(r"they lack w and have w/imag; pass a tree with the names of net.params", net.replace, params={"w": W})


# Many parameters outside of the recognised layers.


def embedded(module, x):
    return nn.Dense(2)(nn.Embed(513, 64)(x).mean(1))


def long_memory(module, x):
    return nn.Dense(2)(jnp.asarray(nn.RNN(nn.LSTMCell(100))(x))[:, -1])


def many_scales(module, x):
    scale = module.param("scale", nn.initializers.normal(1.0), (2**15 + 1,))
    return jnp.tanh(jnp.tile(x, (1, 3641)) * scale).reshape(len(x), -1, 3).mean(1)


def grouped(module, x):
    x = nn.Conv(256, (3, 3), feature_group_count=2, use_bias=False)(x)
    return nn.Conv(2, (2, 2), padding="VALID", feature_group_count=2, use_bias=False)(x).mean((1, 2))


MANY = {
    "embedding": (embedded, RNG.integers(0, 513, (3, 7)).astype(np.int32), 2),
    "recurrent": (long_memory, normal(3, 4, 3), 2),
    "scales": (many_scales, normal(3, 9), 3),
    "grouped": (grouped, normal(3, 2, 2, 64), 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_more_than_32768_parameters_outside_of_layers(name):
    function, x, k = MANY[name]
    net = Network.create(Compact(function), 0, x.shape[1:], input_dtype=x.dtype)
    precision = "float32" if name == "recurrent" else "float64"
    oracle = empirical_gram(net, x, method="jacobian", precision=precision, outputs="full")
    blocks = oracle.reshape(3, k, 3, k)
    assert relative_error(empirical_gram(net, x, outputs="full"), oracle) < 5e-6
    assert relative_error(empirical_gram(net, x), np.einsum("ikjk->ij", blocks) / k) < 5e-6
    assert relative_error(empirical_gram(net, x, outputs=1), blocks[:, 1, :, 1]) < 5e-6


# Layers that compute in another type than their parameters have.


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("halves", [(True, False), (False, True), (True, True)])
def test_layers_of_half_precision_go_by_autodiff(dtype, halves):
    first, second = (dtype if half else None for half in halves)

    def mixed(module, x):
        x = nn.tanh(nn.Conv(4, (3, 3), dtype=first)(x))
        x = nn.BatchNorm(use_running_average=True, dtype=second)(nn.Conv(4, (3, 3), dtype=second)(x))
        return nn.Dense(2, dtype=second)(x.reshape(len(x), -1))

    net, x = Network.create(Compact(mixed), 0, (6, 6, 3)), normal(3, 6, 6, 3)
    limit = 3e-6 if dtype == jnp.float16 else 1e-3  # XLA rounds some sums to bfloat16 later than others
    for outputs in ("mean", "full", 1):
        ours, dense = (empirical_gram(net, x, method=method, outputs=outputs) for method in ("structured", "jacobian"))
        assert relative_error(ours, dense) < limit
    if second is not None:
        refused(r"computes in b?float16 whatever its parameters are", empirical_gram, net, x, precision="float64")


@pytest.mark.slow
def test_recurrent_networks_in_float64_need_cells_of_float64():
    def recurrent(dtype):
        cell = nn.GRUCell(4, param_dtype=dtype)
        return Compact(lambda module, x: nn.Dense(2)(jnp.asarray(nn.RNN(cell)(x))[:, -1]))

    x = normal(3, 6, 3)
    single = Network.create(recurrent(jnp.float32), 0, (6, 3))
    with pytest.raises(UserError, match=r"make its recurrent cells with param_dtype=jnp\.float64, or take precision"):
        empirical_gram(single, x, precision="float64")
    with pytest.warns(UserWarning, match="float64"):
        double = Network.create(recurrent(jnp.float64), 0, (6, 3))
    ours = empirical_gram(double, x, precision="float64", outputs="full")
    assert relative_error(ours, dense_kernel(double, x)) < 1e-13
    assert relative_error(ours, empirical_gram(single, x, outputs="full")) < 3e-6


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["JAX_NUMPY_DTYPE_PROMOTION=strict", "JAX_CHECK_TRACER_LEAKS=1"])
def test_kernels_run_under_jax_strict_modes(mode):
    """In a process of its own: the search for leaks goes through every object that a process has."""
    code = """
import numpy as np
from ntk_repro import Network, empirical_gram
from tests.gram.cases import dense_kernel, relative_error
net, x = Network.create("lenet", 0, (8, 8, 1), num_outputs=2), np.random.default_rng(0).normal(size=(3, 8, 8, 1))
expected = dense_kernel(net, x)
for precision, limit in (("float32", 3e-6), ("float64", 1e-13), ("bf16", 1e-2)):
    error = relative_error(empirical_gram(net, x, outputs="full", precision=precision), expected)
    assert error < limit, (precision, error)
"""
    name, value = mode.split("=")
    ran = subprocess.run([sys.executable, "-c", code], env={**os.environ, name: value}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_no_parameters_have_no_kernel():
    refused("has no parameters, so it has no tangent kernel", empirical_gram, Network.from_apply(lambda p, x: x, {}), X)


@dataclasses.dataclass
class _Unregistered:
    w: Any


def test_parameters_in_an_unregistered_class_are_none():
    with pytest.raises(UserError, match="has no parameters"):
        empirical_gram(Network.from_apply(lambda p, x: x @ p.w, _Unregistered(normal(5, 2))), X)
