import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import subspace_angles

from ntk_repro.nads import gram_of_directions, neural_anisotropy_directions
from ntk_repro.nads.mixed_derivative import averaged_derivative, derivative_at
from ntk_repro.nads.separable import Config
from ntk_repro.network import Network
from ntk_repro.precision import cast, float64_scope, precision_scope
from ntk_repro.record import RunFolder
from tests.refusals import refused


def dense(net, x, output=0):
    """The mean mixed derivative over samples, (p, d), in float64, all of it at once."""
    with float64_scope():
        params, state = cast((net.params, net.state), np.dtype("float64"))

        def gradient(x):
            return jax.grad(lambda p: net.apply_fn(p, state, x[None])[0, output])(params)

        jacobian = jax.jit(jax.vmap(jax.jacfwd(gradient)))(jnp.asarray(x, jnp.float64))
        leaves = [np.asarray(leaf).mean(axis=0) for leaf in jax.tree.leaves(jacobian)]
    return np.concatenate([leaf.reshape(-1, x[0].size) for leaf in leaves])


def assert_svd(nads, matrix, top=5):
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    flat = nads.directions.reshape(len(nads.directions), -1)
    np.testing.assert_allclose(nads.values[: len(values)], values, atol=1e-6 * values[0])
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-12)
    assert subspace_angles(flat[:top].T, rows[:top].T).max() < 1e-3


@pytest.fixture(scope="module")
def lenet():
    return Network.create("lenet", 0, (8, 8, 1), activation="gelu")


@pytest.fixture(scope="module")
def lenet_nads(lenet):
    return neural_anisotropy_directions(lenet)


class Narrowing(nn.Module):
    """Many channels at four positions: what the few coordinates are for."""

    @nn.compact
    def __call__(self, x):
        x = nn.gelu(nn.Conv(8, (3, 3), strides=2)(x))
        x = nn.gelu(nn.Conv(32, (3, 3), use_bias=False)(x))
        return nn.Dense(1)(nn.LayerNorm()(x).mean(axis=(1, 2)))


A = np.random.default_rng(0).normal(size=(7, 12)).astype(np.float32)


@pytest.mark.parametrize("x", [None, np.ones((1, 3, 4), np.float32), np.ones((5, 3, 4), np.float32)])
def test_of_a_function_linear_in_inputs_and_parameters_they_are_its_singular_vectors(x):
    net = Network.from_apply(lambda w, x: x.reshape(len(x), -1) @ A.T @ w, np.ones(7, np.float32))
    nads = neural_anisotropy_directions(net, x, input_shape=(3, 4))
    _, values, rows = np.linalg.svd(A)
    np.testing.assert_allclose(nads.values[:7], values, rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(nads.directions.reshape(12, 12)[:7] * rows[:7], axis=1)), 1, atol=1e-6)
    np.testing.assert_array_equal(nads.null, np.arange(12) >= 7)
    assert nads.rank == 7
    np.testing.assert_allclose(nads.alignments, nads.values**2)


def test_the_output_is_chosen():
    w = np.ones((4, 2), np.float32)
    net = Network.from_apply(lambda w, x: x @ w * jnp.array([1.0, 3.0]), w)
    for output, value in ((0, 1.0), (1, 3.0)):
        nads = neural_anisotropy_directions(net, output=output, input_shape=(4,))
        np.testing.assert_allclose(nads.values, value, rtol=1e-6)


@pytest.mark.slow
def test_of_lenet_they_are_those_of_the_dense_mixed_derivative(lenet, lenet_nads):
    assert_svd(lenet_nads, dense(lenet, np.zeros((1, 8, 8, 1))))


@pytest.mark.slow
def test_averaged_over_samples_they_are_those_of_the_mean_derivative():
    net = Network.create("mlp", 0, (4, 4, 1), width=0.1, activation="gelu")
    x = np.random.default_rng(1).normal(size=(19, 4, 4, 1)).astype(np.float32)  # no multiple of a pass
    assert_svd(neural_anisotropy_directions(net, x), dense(net, x))


@pytest.mark.slow
def test_few_coordinates_keep_inner_products_away_from_the_origin():
    # Here inputs of layers are not 0, and both terms of the decomposition are there.
    x = np.random.default_rng(2).normal(size=(1, 4, 4, 1))
    v = np.random.default_rng(3).normal(size=(4, 4, 4, 1))
    net = Network.create(Narrowing(), 0, (4, 4, 1))
    expected = dense(net, x) @ v.reshape(4, -1).T
    with precision_scope("float64") as dtype:
        net = net.replace(params=cast(net.params, dtype))
        few, all_ = derivative_at(net, x[0], 0), averaged_derivative(net, x, 0)
        by_three = averaged_derivative(net, x, 0, block=3)
        along, dense_along, in_threes = few(v), all_(v), by_three(v)
    assert (all_.block, by_three.block, averaged_derivative(net, x, 0, block=500).block) == (64, 3, 64)
    np.testing.assert_allclose(in_threes, dense_along, rtol=1e-12, atol=1e-15)
    assert along.shape[1] == few.coordinates < 0.3 * net.num_params
    np.testing.assert_allclose(along @ along.T, expected.T @ expected, rtol=1e-9)
    np.testing.assert_allclose(dense_along.T, expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.slow
def test_of_a_narrow_resnet18_they_are_those_of_the_dense_mixed_derivative():
    net = Network.create("resnet18", 0, (8, 8, 1), width=1 / 32, activation="gelu", residual_scale_init=1.0)
    assert_svd(neural_anisotropy_directions(net), dense(net, np.zeros((1, 8, 8, 1))))


@pytest.mark.slow
def test_the_sign_is_fixed(lenet_nads):
    cubes = np.sum(lenet_nads.directions[:10] ** 3, axis=(1, 2, 3))
    assert (cubes > 0).all()


@pytest.mark.slow
def test_little_memory_changes_nothing(lenet, lenet_nads):
    much = lenet_nads
    little = neural_anisotropy_directions(lenet, memory=10 * 8 * 4 * 2000)
    np.testing.assert_allclose(little.values, much.values, atol=1e-7 * much.values[0])


def test_panels_share_the_memory():
    assert gram_of_directions.panel_size(100, 10, 4, 4000) == 100
    assert gram_of_directions.panel_size(100, 10, 4, 3999) == 34  # three panels, two of 49 at most at a time
    assert gram_of_directions.panel_size(100, 10, 4, 1) == 1


def test_an_interrupted_computation_continues_with_the_products_that_it_has(tmp_path, monkeypatch):
    net = Network.from_apply(lambda w, x: jnp.tanh(x[:, :, None] * w).sum((1, 2)), np.ones((12, 5), np.float32))
    memory = 4 * 60 * 4  # panels of two directions
    made = []
    real = gram_of_directions._products

    def products(one, other):
        if len(made) == 7:
            raise KeyboardInterrupt
        made.append(len(other))
        return real(one, other)

    monkeypatch.setattr(gram_of_directions, "_products", products)
    with RunFolder.open("nads_basis", Config(), root=tmp_path) as folder, pytest.raises(KeyboardInterrupt):
        neural_anisotropy_directions(net, input_shape=(12,), memory=memory, folder=folder)
    monkeypatch.setattr(gram_of_directions, "_products", lambda *a: (made.append(0), real(*a))[1])
    with RunFolder.open("nads_basis", Config(), root=tmp_path) as folder:
        nads = neural_anisotropy_directions(net, input_shape=(12,), memory=memory, folder=folder)
    assert len(made) == 21  # pairs of six panels, each once
    np.testing.assert_allclose(nads.values, neural_anisotropy_directions(net, input_shape=(12,)).values, rtol=1e-6)


def test_a_function_without_a_mixed_derivative_has_null_directions_only():
    net = Network.from_apply(lambda w, x: x.sum(axis=1) + w.sum(), np.ones(3, np.float32))
    nads = neural_anisotropy_directions(net, input_shape=(4,))
    assert nads.null.all()
    assert (nads.values == 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give input_shape"),
        ({"input_shape": (4,), "precision": "bf16"}, "unknown precision of directions 'bf16'"),
        ({"input_shape": (4,), "output": 2}, "outputs=2 is not an output"),
        ({"x": np.ones((2, 4), np.int32)}, "integer"),
        ({"x": np.full((2, 4), np.nan, np.float32)}, "not finite"),
    ],
)
def test_bad_input_is_refused(settings, message):
    net = Network.from_apply(lambda w, x: x @ w, np.ones((4, 1), np.float32))
    refused(message, neural_anisotropy_directions, net, **settings)


def test_a_broken_network_is_refused():
    net = Network.from_apply(lambda w, x: x @ w / (w.sum() - 4), np.ones((4, 1), np.float32))
    refused("not finite", neural_anisotropy_directions, net, input_shape=(4,))
