"""`ntk_function`: the same kernel as `empirical_gram`, inside of transformations and differentiated."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.core import freeze

from ntk_repro.gram import alignment, empirical_gram, gram_store, ntk_function
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope
from tests.gram.cases import CASES, by_speed, relative_error, samples
from tests.refusals import refused

NET = Network.create("mlp", 1, (4, 3, 1), width=0.05, num_outputs=2, activation="tanh")
RNG = np.random.default_rng(0)
X, Y = (RNG.normal(size=(n, 4, 3, 1)).astype(np.float32) for n in (5, 3))


def by_jacobian(net: Network):
    """The mean kernel from whole Jacobians, differentiable: the oracle."""

    def k(params, x):
        tree = jax.vmap(lambda one: jax.jacrev(lambda p: net.apply(p, one[None])[0])(params))(x)
        j = jnp.concatenate([leaf.reshape(len(x), -1) for leaf in jax.tree.leaves(tree)], axis=1)
        return j @ j.T / net.apply(params, x).shape[1]

    return k


@pytest.mark.parametrize("outputs", ["mean", "full", 1])
def test_the_function_is_the_kernel(outputs):
    k = jax.jit(ntk_function(NET, outputs=outputs))
    for x2 in (None, Y):
        exact = empirical_gram(NET, X, x2, outputs=outputs, method="jacobian", precision="float64")
        assert relative_error(k(NET.params, X, x2), exact) < 1e-6
        with float64_scope():
            params, x, y = jax.tree.map(lambda a: jnp.asarray(a, float), (NET.params, X, x2))
            assert relative_error(k(params, x, y), exact) < 1e-12


@pytest.mark.parametrize("name", by_speed(["by_hand", "norms", "in_transformations"]))
def test_every_kind_of_network_and_its_gradient(name):
    """The gradient of the kernel goes through all parameters, with the statistics frozen."""
    net, x = CASES[name].network(), samples(name, 3)
    weights = jnp.asarray(RNG.normal(size=(3, 3)))
    with float64_scope():
        params, state, x = jax.tree.map(
            lambda a: jnp.asarray(a, float) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a,
            (net.params, net.state, x),
        )
        net = net.replace(params=params, state=state)
        k, oracle = ntk_function(net), by_jacobian(net)
        ours, exact = (jax.jit(jax.grad(lambda p, f=f: (weights * f(p, x)).sum()))(params) for f in (k, oracle))
        size = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(exact))
        for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(exact), strict=True):
            assert jnp.abs(one - other).max() < 1e-11 * size


def test_gradients_of_the_kernel_are_those_of_whole_jacobians():
    weights = RNG.normal(size=(5, 5))
    ours, exact = (
        jax.jit(jax.grad(lambda p, x, f=f: (weights * f(p, x)).sum(), argnums=(0, 1)))(NET.params, X)
        for f in (ntk_function(NET), by_jacobian(NET))
    )
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5 * float(np.abs(other).max() + 1e-3))


def test_it_lives_in_vmap_over_networks_and_over_batches():
    k = ntk_function(NET)
    nets = [Network.create("mlp", seed, (4, 3, 1), width=0.05, num_outputs=2, activation="tanh") for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[net.params for net in nets])
    ensemble = jax.vmap(k, (0, None, None))(stacked, X, Y)
    batches = jax.jit(jax.vmap(k, (None, 0)))(NET.params, jnp.stack([X, 2 * X]))
    for found, net, x, y in [*((ensemble[i], nets[i], X, Y) for i in range(3)), (batches[1], NET, 2 * X, None)]:
        assert relative_error(found, empirical_gram(net, x, y, method="jacobian", precision="float64")) < 1e-6
        assert y is not None or np.array_equal(found, found.T)


def test_a_training_step_that_measures_its_kernel_and_descends_on_it():
    """In one jitted optax step; the kernel is that of the parameters of the moment."""
    k, optimizer = ntk_function(NET), optax.sgd(0.003)

    @jax.jit
    def step(params, moments):
        loss, gradient = jax.value_and_grad(lambda p: jnp.linalg.norm(k(p, X) - jnp.eye(5)) ** 2)(params)
        updates, moments = optimizer.update(gradient, moments)
        return optax.apply_updates(params, updates), moments, loss, k(params, X)

    params, moments, losses = NET.params, optimizer.init(NET.params), []
    before = kernel = None
    for _ in range(4):
        before = params
        params, moments, loss, kernel = step(params, moments)
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True)
    assert relative_error(np.asarray(kernel), empirical_gram(NET.replace(params=before), X)) < 1e-6


def test_the_kernel_of_a_part_depends_on_all_parameters():
    k = ntk_function(NET, params_of="Dense_2")
    assert (
        relative_error(np.asarray(k(NET.params, X)), empirical_gram(NET, X, params_of="Dense_2", method="jacobian"))
        < 1e-6
    )
    moved = jax.tree.map(lambda leaf: 1.1 * leaf, NET.params)
    exact = empirical_gram(NET.replace(params=moved), X, params_of="Dense_2")
    assert relative_error(np.asarray(k(moved, X)), exact) < 1e-6
    gradient = jax.grad(lambda p: jnp.trace(k(p, X)))(NET.params)
    assert np.abs(gradient["Dense_0"]["kernel"]).max() > 0
    part = NET.part("Dense_2")
    np.testing.assert_array_equal(ntk_function(part)(part.params, X), k(NET.params, X))


def test_parameters_may_come_in_another_container_and_be_complex():
    np.testing.assert_array_equal(ntk_function(NET)(freeze(NET.params), X), ntk_function(NET)(NET.params, X))
    w = (RNG.normal(size=(12, 2)) + 1j * RNG.normal(size=(12, 2))).astype(np.complex64)
    net = Network.from_apply(lambda p, x: jnp.abs(x.reshape(len(x), -1) @ p["w"]) ** 2, {"w": w})
    exact = empirical_gram(net, X, method="jacobian", precision="float64")
    for params in (net.params, {"w": jnp.asarray(w)}):
        assert relative_error(jax.jit(ntk_function(net))(params, X), exact) < 1e-6


def test_kernels_of_values_inside_of_transformations_name_the_function(tmp_path):
    for transform in (jax.jit, jax.grad, lambda f: lambda p: jax.vmap(f)(jax.tree.map(lambda a: a[None], p))):
        for kernel in (
            lambda net, x: empirical_gram(net, x),
            lambda net, x: alignment(net, x, np.ones(5)),
            lambda net, x: gram_store(net, x, tmp_path / "k"),
        ):
            refused(
                r"inside of jit, vmap or grad: take k = ntk_function\(net\) outside",
                transform(lambda p, kernel=kernel: kernel(NET.replace(params=p), X)),
                NET.params,
            )
    refused("ntk_function", jax.jit(lambda x: empirical_gram(NET, x)), X)
    refused("ntk_function", jax.jit(lambda: empirical_gram(NET, X)))
    assert not (tmp_path / "k").exists()


def test_a_list_is_one_array_of_samples():
    net = Network.from_apply(lambda p, x: jnp.tanh(x @ p), RNG.normal(size=(4, 2)).astype(np.float32))
    x = [[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 1.0, 1.0]]
    found = ntk_function(net)(net.params, x)
    assert relative_error(np.asarray(found), empirical_gram(net, np.array(x, np.float32))) < 1e-6


def test_bad_arguments_are_refused():
    refused("must be a Network", ntk_function, NET.params)
    refused("known: full, mean", ntk_function, NET, outputs="average")
    refused("'head' matches no parameter", ntk_function, NET, params_of="head")
    refused("has no parameters", ntk_function, Network.from_apply(lambda p, x: x, {}))
    refused("made outside of jit", jax.jit(lambda p: ntk_function(NET.replace(params=p))(p, X)), NET.params)
    k = jax.jit(ntk_function(NET))
    refused("outputs 0 to 1", ntk_function(NET, outputs=2), NET.params, X)
    refused("the network does not run on inputs", k, NET.params, X[:, 1:])
    refused("they must agree", k, NET.params, X, Y[:, 1:])
    refused("must hold samples", k, NET.params, jnp.float32(1))
    refused("must hold samples", k, NET.params, X[:0])
    refused("they lack Dense_0/bias and have one array alone", ntk_function(NET), X, NET.params)
    pair = Network.from_apply(lambda p, x: x["a"] @ p + x["b"], np.ones((4, 2), np.float32))
    unequal = {"a": np.ones((3, 4), np.float32), "b": np.ones((2, 2), np.float32)}
    refused(r"x1\['a'\] has 3 samples and x1\['b'\] 2", ntk_function(pair), pair.params, unequal)
    refused("they lack Dense_1/bias", k, {"Dense_0": NET.params["Dense_0"]}, X)
    wider = Network.create("mlp", 1, (4, 3, 1), width=0.1, num_outputs=2).params
    refused(r"parameter Dense_0/bias has shape \(10,\), that of the network \(5,\)", k, wider, X)
