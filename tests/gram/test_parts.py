"""Kernels of part of the parameters, layer by layer, and diagonals, against whole Jacobians in float64."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.gram import empirical_gram, gram_store
from ntk_repro.gram.structured import structured_plan
from ntk_repro.network import Network
from ntk_repro.parameters import ComplexParameter, layers_of, leaf_names
from ntk_repro.precision import float64_scope
from tests.gram.cases import CASES, by_speed, relative_error, samples
from tests.refusals import refused

NET = Network.create("mlp", 1, (4, 3, 1), width=0.05, num_outputs=2)
PATHS = ["/".join(name) for name in leaf_names(NET.params)]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 4, 3, 1)), RNG.normal(size=(3, 4, 3, 1))
LIMITS = {"float32": 1e-6, "float64": 1e-12}


@functools.cache
def jacobian(name: str = "") -> dict[str, np.ndarray]:
    """By path the derivatives (n, k, ...) of NET's outputs on X, or of a case's on its samples, in float64."""
    net, x = (NET, X) if not name else (CASES[name].network(), samples(name, 5))
    with float64_scope():
        params, state, x = jax.tree.map(
            lambda a: jnp.asarray(a, np.float64) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a,
            (net.params, net.state, x),
        )
        tree = jax.jit(jax.jacrev(lambda params: net.apply_fn(params, state, x)))(params)
        return {
            "/".join(path): np.asarray(leaf).reshape(*leaf.shape[:2], -1)
            for path, leaf in zip(leaf_names(tree), jax.tree.leaves(tree), strict=True)
        }


def oracle(leaves: Any, outputs: str | int = "mean", name: str = "") -> np.ndarray:
    """The kernel of some leaves as `empirical_gram` returns it."""
    j = np.concatenate([jacobian(name)[path] for path in leaves], axis=-1)
    k = np.einsum("nkp,mlp->nkml", j, j)
    if outputs == "full":
        return k.reshape(j.shape[0] * j.shape[1], -1)
    return np.einsum("nkmk->nm", k) / j.shape[1] if outputs == "mean" else k[:, outputs, :, outputs]


@pytest.mark.parametrize(("params_of", "expected"), [("*/bias", [0, 2, 4]), (["Dense_1", "Dense_2/kernel"], [2, 3, 5])])
def test_a_part_of_the_parameters_has_its_own_kernel(params_of, expected):
    leaves = [PATHS[i] for i in expected]
    for outputs in ("mean", "full", 1):
        for precision, limit in LIMITS.items():
            k = empirical_gram(NET, X, outputs=outputs, precision=precision, params_of=params_of)
            assert relative_error(k, oracle(leaves, outputs)) < limit
    for method in ("jacobian", "neural_tangents"):
        assert relative_error(empirical_gram(NET, X, params_of=params_of, method=method), oracle(leaves)) < 1e-6


@settings(max_examples=5)
@given(st.lists(st.integers(0, 2), min_size=len(PATHS), max_size=len(PATHS)))
def test_the_kernels_of_a_partition_add_up(cells):
    """In three cells, some of which may be empty, chosen by list, function and mask in turn."""
    numbers = dict(zip(PATHS, cells, strict=True))
    structure = jax.tree.structure(NET.params)
    choices = [
        [path for path, cell in numbers.items() if cell == 0],
        lambda path, leaf: numbers[path] == 1 and leaf.size > 0,
        structure.unflatten([cell == 2 for cell in cells]),
    ]
    parts = [
        empirical_gram(NET, X, params_of=choice, precision="float64", method="jacobian")
        for cell, choice in enumerate(choices)
        if cell in cells
    ]
    assert relative_error(np.sum(parts, axis=0), oracle(PATHS)) < 1e-12


def test_all_ways_to_choose_agree_whatever_the_container():
    ours = empirical_gram(NET, X, params_of="Dense_1")
    mask = {"Dense_0": False, "Dense_1": {"kernel": True, "bias": np.bool_(True)}, "Dense_2": False}
    for choice in (mask, lambda path, leaf: path.startswith("Dense_1"), ["Dense_1/kernel", "Dense_1/b*"], "*_1"):
        np.testing.assert_array_equal(empirical_gram(NET, X, params_of=choice), ours)
    assert NET.part("*") is NET


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet", "norms", "tokens", "nnx", "in_transformations", "linearization"])
def test_layers_and_a_part_of_every_kind_of_network(name):
    net, x = CASES[name].network(), samples(name, 5)
    paths = ["/".join(leaf) for leaf in leaf_names(net.params)]
    layers = {layer: [paths[i] for i in numbers] for layer, numbers in layers_of(net.params).items()}
    limit = 3e-6 * np.abs(oracle(paths, "full", name)).max()
    found = empirical_gram(net, x, outputs="full", layerwise=True)
    assert list(found) == list(layers)
    for layer, leaves in layers.items():
        assert np.abs(found[layer] - oracle(leaves, "full", name)).max() < limit
    last = list(layers)[-1]
    alone = empirical_gram(net, x, outputs="full", params_of=layers[last])
    assert np.abs(alone - oracle(layers[last], "full", name)).max() < limit


def test_layers_that_are_not_chosen_have_no_features():
    head = NET.part("Dense_2")
    plan = structured_plan(head, X.astype(np.float32), "mean", 2)
    assert [layer.name for layer in plan.layers] == ["Dense_2"]
    assert plan.p_others == 0
    assert plan.floats_per_sample < 50


def test_a_part_is_a_network(tmp_path):
    """Its values, store, linearization and parameters elsewhere; a part of a part; a kernel without its bias."""
    part = NET.part("Dense_2")
    np.testing.assert_array_equal(part(X), NET(X))
    assert part.num_params == NET.num_params - NET.part(["Dense_0", "Dense_1"]).num_params
    assert part.params["Dense_0"] == {"kernel": None, "bias": None}
    moved = jax.tree.map(lambda leaf: 2 * leaf, part.params)
    both = {**NET.params, "Dense_2": jax.tree.map(lambda leaf: 2 * leaf, NET.params["Dense_2"])}
    np.testing.assert_array_equal(part.replace(params=moved)(X), NET.replace(params=both)(X))
    assert not part.has_state
    exact = oracle(["Dense_2/bias", "Dense_2/kernel"])
    for net in (part, part.linearization(), NET.linearization().part("Dense_2")):
        assert relative_error(empirical_gram(net, X), exact) < 1e-6
    assert relative_error(empirical_gram(part, X, params_of="*/kernel"), oracle(["Dense_2/kernel"])) < 1e-6
    store = gram_store(part, X, tmp_path / "k")
    np.testing.assert_array_equal(store.array(), empirical_gram(part, X))
    refused("fingerprint", gram_store, NET, X, tmp_path / "k")


def test_low_rank_updates_beside_fixed_weights():
    """LoRA: tanh((W + A B)^T x) and a head; their kernel with W held fixed, W's features never made."""
    shapes = {"w": (12, 6), "lora_a": (12, 2), "lora_b": (2, 6), "head": (6, 2)}
    params = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}

    def f(p, x):
        x = x.reshape(len(x), -1)
        return jnp.tanh(x @ p["w"] / 4 + x @ p["lora_a"] @ p["lora_b"] / 4) @ p["head"]

    net = Network.from_apply(f, params)
    ours = empirical_gram(net, X, Y, params_of="lora_*", outputs="full", precision="float64")
    lora = {name: value for name, value in params.items() if name.startswith("lora")}
    alone = Network.from_apply(lambda p, x: f({**jax.tree.map(jnp.asarray, params), **p}, x), lora)
    exact = empirical_gram(alone, X, Y, method="jacobian", outputs="full", precision="float64")
    assert relative_error(ours, exact) < 1e-12
    assert [layer.name for layer in structured_plan(net.part("lora_*"), X, 0, 2).layers] == ["lora_a", "lora_b"]


def test_a_complex_parameter_is_chosen_whole_and_is_one_layer():
    params = {"w": (RNG.normal(size=(12, 2)) + 1j).astype(np.complex64), "b": np.ones(2, np.float32)}
    net = Network.from_apply(lambda p, x: jnp.abs(x.reshape(len(x), -1) @ p["w"]) + p["b"], params)
    assert isinstance(net.part("w").params["w"], ComplexParameter)
    assert net.part("w").num_params == 48
    assert layers_of(net.params) == {"b": [0], "w": [1, 2]}
    layers = empirical_gram(net, X, layerwise=True, precision="float64")
    assert relative_error(layers["b"] + layers["w"], empirical_gram(net, X, precision="float64")) < 1e-12


# Layer by layer.


@pytest.mark.parametrize("outputs", ["mean", "full", 1])
def test_layers_add_up_to_the_kernel(outputs):
    for precision, limit in LIMITS.items():
        found = empirical_gram(NET, X, outputs=outputs, precision=precision, layerwise=True)
        assert list(found) == ["Dense_0", "Dense_1", "Dense_2"]
        for number, k in enumerate(found.values()):
            assert relative_error(k, oracle(PATHS[2 * number : 2 * number + 2], outputs)) < limit
            assert np.array_equal(k, k.T)
        assert relative_error(np.sum([*found.values()], axis=0), oracle(PATHS, outputs)) < limit


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_layers_in_many_tiles_and_between_other_samples():
    x, y = (RNG.normal(size=(n, 4, 3, 1)).astype(np.float32) for n in (20, 11))
    for x2 in (None, y):
        exact = empirical_gram(NET, x, x2, method="jacobian", precision="float64", layerwise=True, outputs="full")
        for name, k in empirical_gram(NET, x, x2, layerwise=True, outputs="full").items():
            assert relative_error(k, exact[name]) < 1e-6
    part = empirical_gram(NET, x, y, params_of=["Dense_0", "Dense_2/bias"], layerwise=True)
    assert list(part) == ["Dense_0", "Dense_2"]
    np.testing.assert_allclose(part["Dense_2"], 1)  # of a bias, the mean over two outputs


def test_kernels_and_biases_in_separate_nodes_are_separate_layers():
    net = Network.from_apply(lambda p, x: jnp.tanh(x @ p["w"] + p["b"]), {"w": np.ones((3, 2)), "b": np.ones(2)})
    x = RNG.normal(size=(4, 3))
    exact = empirical_gram(net, x, method="jacobian", precision="float64", layerwise=True)
    found = empirical_gram(net, x, precision="float64", layerwise=True)
    assert list(found) == list(exact) == ["b", "w"]
    for name, k in found.items():
        assert relative_error(k, exact[name]) < 1e-12


# Diagonals.


@pytest.mark.parametrize("method", ["structured", "jacobian"])
@pytest.mark.parametrize("outputs", ["mean", "full", 1])
def test_the_diagonal_is_that_of_the_kernel(outputs, method):
    for precision, limit in LIMITS.items():
        kw = {"outputs": outputs, "precision": precision, "method": method, "diagonal": True}
        exact = np.diag(oracle(PATHS, outputs)).reshape((5, 2) if outputs == "full" else 5)
        found = empirical_gram(NET, X, **kw)
        assert found.shape == exact.shape
        assert relative_error(found, exact) < limit
        layers = empirical_gram(NET, X, layerwise=True, params_of=["Dense_0", "Dense_1"], **kw)
        exact = np.diag(oracle(PATHS[:4], outputs)).reshape(exact.shape)
        assert relative_error(np.sum([*layers.values()], axis=0), exact) < limit


@pytest.mark.parametrize("name", by_speed(["lenet", "conv_circular", "shared_conv", "tokens", "own_parameters"]))
def test_the_diagonal_of_every_form_of_layer(name):
    """Of more samples than one batch holds."""
    net, x = CASES[name].network(), samples(name, 40)
    exact = empirical_gram(net, x[[0, 31, 32, 39]], outputs="full", method="jacobian", precision="float64")
    found = empirical_gram(net, x, outputs="full", diagonal=True)
    assert relative_error(found[[0, 31, 32, 39]].reshape(-1), np.diag(exact)) < 3e-6


# Refusals.


def test_choices_of_nothing_are_refused_with_what_is_close():
    refused("'Dense_3' matches no parameter; close to it are Dense_", empirical_gram, NET, X, params_of="Dense_3")
    refused("close to it are .*Dense_0/kernel.*/bias", empirical_gram, NET, X, params_of="kernel")
    refused("'head' matches no parameter; close", empirical_gram, NET, X, params_of=["Dense_0", "head"])
    refused("chooses none of the 6 parameters", empirical_gram, NET, X, params_of=lambda path, leaf: False)
    nothing = jax.tree.map(lambda _: False, NET.params)
    refused("chooses none of the 6 parameters", NET.part, nothing)
    refused("lacks Dense_0/bias: give it the names", NET.part, {"Dense_1": True})
    refused("has other, no parameter", NET.part, {**nothing, "other": True})
    for wrong in (3, None, [], NET.params, ["Dense_0", 1]):
        refused("must be a path such as .*, a list of paths, a function", NET.part, wrong)


def test_what_has_no_diagonal_is_refused():
    for kw in ({"x2": X}, {"precision": "bf16"}, {"method": "neural_tangents"}):
        refused("is of x1 with itself: leave out x2 and take method", empirical_gram, NET, X, diagonal=True, **kw)
    refused("first argument must be a Network", empirical_gram, NET.params, X, params_of="Dense_0")


def test_layers_that_do_not_fit_into_memory_are_refused():
    x = np.broadcast_to(np.float32(1), (10**6, 4, 3, 1))
    refused("needs 10.9 TiB", empirical_gram, NET, x, layerwise=True)
