"""Network: creation, evaluation and linearization of Linen, NNX and plain functions."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram, kernel_cosine_distance
from ntk_repro.network import Network
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(7, 5, 4, 2)).astype(np.float32)


def lenet(**kw) -> Network:
    return Network.create("lenet", 0, X.shape[1:], **kw)


def test_same_key_same_network_and_seeds_are_keys():
    seed, key, other = (Network.create("lenet", k, X.shape[1:]) for k in (0, jax.random.key(0), 1))
    assert np.array_equal(seed(X), key(X))
    assert not np.allclose(seed(X), other(X))


@pytest.mark.slow
def test_evaluation_drops_no_sample_whatever_the_batch():
    net = lenet(num_outputs=3)
    at_once = np.asarray(net.apply(net.params, X))
    for batch_size in (1, 2, 3, 7, 100):
        np.testing.assert_allclose(net(X, batch_size), at_once, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_linearization_is_the_first_order_expansion():
    """f_lin(theta_0 + d) = f(theta_0) + J d, exactly linear in d, with an error of second order against f."""
    net = lenet(activation="tanh")
    keys = iter(jax.random.split(jax.random.key(1), 99))
    d = jax.tree.map(lambda leaf: jax.random.normal(next(keys), leaf.shape), net.params)
    f_lin = jax.jit(net.linearized())

    def moved(scale):
        return jax.tree.map(lambda p, q: p + scale * q, net.params, d)

    np.testing.assert_allclose(f_lin(net.params, X), net(X), rtol=1e-5, atol=1e-6)
    slope = f_lin(moved(1.0), X) - net(X)
    np.testing.assert_allclose(f_lin(moved(-2.0), X) - net(X), -2 * slope, rtol=1e-4, atol=1e-4)
    errors = [np.abs(net.replace(params=moved(s))(X) - f_lin(moved(s), X)).max() for s in (1e-2, 5e-3)]
    assert 3.3 < errors[0] / errors[1] < 4.8


@pytest.mark.slow
def test_linearization_is_a_network_that_starts_at_the_same_point():
    net = Network.create("resnet18", 0, (8, 8, 3), width=1 / 16, residual_scale_init=1.0)
    x = np.random.default_rng(1).normal(size=(3, 8, 8, 3)).astype(np.float32)
    lin = net.linearization()
    np.testing.assert_allclose(lin(x), net(x), rtol=1e-5, atol=1e-6)
    assert lin.origin is net.params
    assert lin.apply_fn is net.replace(params=lin.params).linearization().apply_fn  # so that it compiles once
    assert net.origin is None
    assert net.has_state
    assert not lin.has_state  # the statistics are frozen inside
    assert np.abs(net.replace(state=jax.tree.map(lambda s: s + 1, net.state))(x) - net(x)).max() > 1e-3


class Train(nn.Module):
    """1 in training, 0 at inference."""

    @nn.compact
    def __call__(self, x, train):
        return self.param("w", nn.initializers.ones, (1, 1)) * jnp.full((len(x), 1), float(train))


class Deterministic(nn.Module):
    """1 in training, 0 at inference."""

    @nn.compact
    def __call__(self, x, deterministic):
        return Train()(x, not deterministic)


class IsTrain(nnx.Module):
    """1 in training, 0 at inference."""

    def __init__(self, rngs):
        self.dense = nnx.Linear(2, 1, rngs=rngs)

    def __call__(self, x, is_train):
        return 0 * self.dense(x) + float(is_train)


@pytest.mark.parametrize(
    ("module", "arguments"), [(Train(), (0, (2,))), (Deterministic(), (0, (2,))), (IsTrain(nnx.Rngs(0)), ())]
)
def test_mode_arguments_are_found_by_name(module, arguments):
    net = Network.create(module, *arguments)
    x = np.ones((3, 2), np.float32)
    assert np.all(net(x) == 0)
    assert np.all(net.training_fn(net.params, net.state, x)[0] == 1)


def test_modules_with_arrays_inside_work_uncached():
    masked = nn.Sequential([nn.Conv(2, (1, 1), mask=np.ones((1, 1, 2, 2), np.float32)), lambda x: x.mean((1, 2))])
    assert Network.create(masked, 0, X.shape[1:])(X).shape == (7, 2)


class NNXNet(nnx.Module):
    def __init__(self, rngs):
        self.dense = nnx.Linear(40, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)

    def __call__(self, x):
        return self.norm(self.dense(x.reshape(len(x), -1)))


def test_nnx_modules_are_networks():
    module = NNXNet(nnx.Rngs(0))
    net = Network.create(module)
    assert net.num_params == 40 * 3 + 3 + 3 + 3
    module.eval()
    np.testing.assert_allclose(net(X), module(X), rtol=1e-5)
    np.testing.assert_allclose(net.linearization()(X), net(X), rtol=1e-5, atol=1e-6)
    fx, state = net.training_fn(net.params, net.state, X)
    np.testing.assert_allclose(np.asarray(fx).mean(0), 0, atol=1e-5)  # normalised by the batch
    after = net.replace(state=state)
    assert np.abs(after(X) - net(X)).max() > 1e-3
    assert jax.tree.structure(state) == jax.tree.structure(net.state)


def test_plain_functions_are_networks():
    net = Network.from_apply(lambda w, x: x.reshape(len(x), -1) @ w, jnp.ones(40))
    np.testing.assert_allclose(net(X)[:, 0], X.reshape(7, -1).sum(1), rtol=1e-4, atol=1e-4)
    assert not net.has_state


# A network is a value.


def test_an_nnx_network_and_its_module_are_independent():
    """Weights, BatchNorm statistics, and the origin of the linearization stay when the module is trained or changed."""
    module = NNXNet(nnx.Rngs(0))
    net = Network.create(module)
    linear = net.linearization()
    before, kernel, state = net(X), empirical_gram(net, X), jax.tree.map(np.array, net.state)
    weights = np.array(module.dense.kernel[...])
    net.training_fn(net.params, net.state, X)  # which does not change the module either
    np.testing.assert_array_equal(module.norm.mean[...], 0)
    np.testing.assert_array_equal(module.dense.kernel[...], weights)
    module.train()
    module(X)  # updates the statistics
    module.dense.kernel[...] = module.dense.kernel[...] * 2
    module.norm.epsilon, module.norm.use_scale = 10.0, False
    np.testing.assert_array_equal(net(X), before)
    np.testing.assert_array_equal(empirical_gram(net, X), kernel)
    jax.tree.map(np.testing.assert_array_equal, net.state, state)
    np.testing.assert_allclose(linear(X), before, rtol=1e-5, atol=1e-6)
    changed = kernel_cosine_distance(empirical_gram(Network.create(module), X), kernel)
    assert changed > 1e-3


def test_a_network_does_not_follow_the_arrays_and_containers_it_was_made_from():
    w, order = np.ones((40, 2), np.float32), np.arange(40)
    params = {"w": w, "order": order}
    net = Network.from_apply(lambda p, x: x.reshape(len(x), -1)[:, p["order"]] @ p["w"], params)
    before, kernel = net(X), empirical_gram(net, X)
    w *= 2
    order[:] = order[::-1]
    params["w"] = np.zeros_like(w)
    np.testing.assert_array_equal(net(X), before)
    np.testing.assert_array_equal(empirical_gram(net, X), kernel)
    changes = {"w": np.ones((40, 2), np.float32)}
    moved = Network.from_apply(lambda p, x: x.reshape(len(x), -1) @ p["w"], changes).replace(params=changes)
    changes["w"][:] = 5
    np.testing.assert_allclose(moved(X)[:, 0], X.reshape(7, -1).sum(1), rtol=1e-4, atol=1e-4)


def test_donated_parameters_are_refused_in_one_line():
    net = Network.from_apply(lambda w, x: x.reshape(len(x), -1) @ w, jnp.ones((40, 1)))
    jax.jit(lambda w: w + 1, donate_argnums=0)(net.params)
    with pytest.raises(
        UserError, match="was donated to a jitted function and no longer exists: give that function a copy"
    ):
        empirical_gram(net, X)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda v: {"params": v}, r"they lack Dense_0/bias and have batch_stats/.*; pass variables\['params'\]"),
        (lambda v: {"params": {"params": v["params"]}}, r"have params/Dense_0/bias; pass variables\['params'\]"),
        (lambda v: {"params": {"Dense_0": v["params"]["Dense_0"]}}, "they lack Norm_0/bias; pass a tree"),
        (lambda v: {"params": v["params"] | {"extra": jnp.ones(1)}}, "they have extra; pass a tree"),
        (lambda v: {"state": {}}, r"they lack batch_stats/Norm_0/mean; .*variables\['batch_stats'\]"),
        (lambda v: {"state": v["batch_stats"]}, "not the network's state: they lack batch_stats/Norm_0/mean"),
    ],
)
def test_trees_with_other_names_are_refused_with_what_to_pass(changes, message):
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Dense(2)(x.reshape(len(x), -1))
            return nn.BatchNorm(use_running_average=True, name="Norm_0")(x)

    net = Network.create(Net(), 0, X.shape[1:])
    refused(message, net.replace, **changes({"params": net.params, **net.state}))


class NeedsMask(nn.Module):
    @nn.compact
    def __call__(self, x, mask):
        return nn.Dense(1)(x * mask)


VARIABLES: Any = {"params": {"w": jnp.ones((2, 1))}, "batch_stats": {"mean": jnp.zeros(2)}}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Network.create("mlp"), "needs a key"),
        (lambda: Network.create(NNXNet), "NNXNet is a class"),
        (lambda: Network.create(nn.Dense(1), 0, (3,), width=2), "only named architectures take settings"),
        (lambda: Network.create(NNXNet(nnx.Rngs(0)), 0, X.shape[1:]), "carries its own parameters"),
        (lambda: Network.create(lambda x: x, 0, (3,)), "from_apply"),
        (lambda: lenet()(X[:0]), "no rows"),
        (lambda: Network.create(NeedsMask(), 0, (2,)), "Mask.__call__ needs mask besides its inputs: give it a"),
        (lambda: Network.create(nn.Embed(5, 2), 0, (3,)), r"Embed does not run .* jnp\.int32 for tokens"),
        (lambda: Network.create(nn.Dense(1).bind({}), 0, (3,)), "is bound to parameters"),
        (lambda: Network.create(nn.Conv(2, (3, 3)), 0, ()), r"Conv does not run on inputs \(\)"),
        (lambda: Network.from_apply(VARIABLES, lambda p, x: x), "takes a function and its parameters, in this order"),
        (lambda: Network.from_apply(lambda v, x: x, VARIABLES), r"running statistics.*params=variables\['params'\]"),
    ],
)
def test_what_cannot_be_a_network_is_refused_in_one_line(call, message):
    refused(message, call)
