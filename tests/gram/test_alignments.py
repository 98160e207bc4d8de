import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import ntk_repro
from ntk_repro.gram import (
    alignment,
    alignment_from_gram,
    alignments,
    empirical_gram,
    gram_store,
    kernel_cosine_distance,
    matrices,
)
from ntk_repro.gram.structured import Blocks
from ntk_repro.models import build_model
from ntk_repro.network import Network
from tests.refusals import refused

N = 23


class Convolutional(nn.Module):
    outputs: int = 1

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.tanh(nn.BatchNorm(use_running_average=not train)(nn.Conv(3, (3, 3))(x)))
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(N, 5, 4, 2)).astype(np.float32)


@pytest.fixture(scope="module", params=[build_model("mlp", width=0.2), Convolutional(), Convolutional(outputs=2)])
def net(request, x):
    return Network.create(request.param, 1, x.shape[1:])


@pytest.fixture
def targets():
    return np.random.default_rng(1).normal(size=(N, 5))


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "rtol"), [("float32", 1e-5), ("float64", 1e-11)])
def test_jacobian_averages_equal_the_quadratic_form(net, x, targets, precision, rtol):
    gram = empirical_gram(net, x, precision=precision)
    expected = np.einsum("nt,nm,mt->t", targets, gram.astype(np.float64), targets) / N**2
    np.testing.assert_allclose(alignment(net, x, targets, precision=precision), expected, rtol=rtol)
    np.testing.assert_allclose(alignment_from_gram(gram, targets), expected, rtol=1e-12)


def test_an_eigenfunction_is_aligned_by_its_eigenvalue(net, x):
    gram = empirical_gram(net, x, precision="float64")
    pairs = ntk_repro.top_eigenpairs(gram, 6)
    phi = np.sqrt(N) * pairs.vectors
    for alpha in (alignment(net, x, phi, precision="float64"), alignment_from_gram(gram, phi)):
        np.testing.assert_allclose(alpha, pairs.values / N, rtol=1e-9)


@pytest.mark.slow
def test_any_cut_into_blocks_gives_the_same(net, x, targets, monkeypatch):
    expected = alignment(net, x, targets, precision="float64")
    monkeypatch.setattr(alignments, "_BLOCK_SAMPLES", {"cpu": 5, "other": 5})  # the last block is filled up
    np.testing.assert_allclose(alignment(net, x, targets, precision="float64"), expected, rtol=1e-12)
    each = 8 * net.num_params * net(x[:1]).shape[1]
    assert alignments._blocks(N, 5, each, memory=6 * each) == (Blocks(N, 1, 1), 2)
    np.testing.assert_allclose(alignment(net, x, targets, precision="float64", memory=6 * each), expected, rtol=1e-12)


@pytest.mark.slow
def test_one_output_of_two_is_that_output_alone(x, targets):
    net = Network.create(Convolutional(outputs=2), 1, x.shape[1:])
    parts = [alignment(net, x, targets, outputs=i) for i in (0, 1)]
    for i, part in enumerate(parts):
        np.testing.assert_allclose(part, alignment_from_gram(empirical_gram(net, x, outputs=i), targets), rtol=1e-5)
    np.testing.assert_allclose(np.mean(parts, axis=0), alignment(net, x, targets), rtol=1e-5)


@pytest.mark.slow
def test_a_vector_is_one_target(x, targets):
    net = Network.create("mlp", 1, x.shape[1:], width=0.05)
    expected = alignment(net, x, targets)[:1]
    for alpha in (alignment(net, x, targets[:, 0]), alignment_from_gram(empirical_gram(net, x), targets[:, 0])):
        np.testing.assert_allclose(alpha, expected, rtol=1e-5)


@pytest.mark.slow
def test_any_function_is_accepted_and_targets_enter_squared(x, targets):
    net = Network.from_apply(lambda params, x: jnp.sin(x.reshape(len(x), -1) @ params), jnp.ones((40, 1)) / 10)
    gradients = jax.jacrev(lambda params: net.apply(params, x)[:, 0])(net.params)[..., 0]
    expected = np.sum((targets.T @ np.asarray(gradients, np.float64) / N) ** 2, axis=1)
    np.testing.assert_allclose(alignment(net, x, targets), expected, rtol=1e-5)
    np.testing.assert_allclose(alignment(net, x, -3 * targets), 9 * expected, rtol=1e-5)


def test_a_store_is_read_panel_by_panel(x, targets, tmp_path):
    net = Network.create("mlp", 1, x.shape[1:], width=0.05)
    store = gram_store(net, x, tmp_path / "gram")
    streamed, expected = (alignment_from_gram(k, targets) for k in (store, store.array()))
    np.testing.assert_allclose(streamed, expected, rtol=1e-12)


def test_panels_of_an_array_may_be_narrow(targets, monkeypatch):
    a = np.random.default_rng(2).normal(size=(N, 9))
    expected = np.sum((a.T @ targets) ** 2, axis=0) / N**2
    monkeypatch.setattr(matrices, "_PANEL_ENTRIES", 4 * N)
    np.testing.assert_allclose(alignment_from_gram(a @ a.T, targets), expected, rtol=1e-12)


def test_cosine_distance_of_kernels():
    rng = np.random.default_rng(3)
    a, b = (m @ m.T for m in rng.normal(size=(2, 30, 8)))
    cosine = np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
    assert kernel_cosine_distance(a, b) == pytest.approx(1 - cosine, rel=1e-12)
    assert kernel_cosine_distance(a, 7 * a) == pytest.approx(0, abs=1e-15)
    assert kernel_cosine_distance(np.diag([1.0, 0]), np.diag([0, 1.0])) == pytest.approx(1)


def test_a_small_distance_keeps_its_digits():
    a = np.eye(50)
    b = a + 1e-6 * np.diag([1.0, -1.0] * 25)
    assert kernel_cosine_distance(a, b) == pytest.approx(5e-13, rel=1e-6)


def test_bad_input_is_refused(x):
    net, one = Network.create("mlp", 1, x.shape[1:], width=0.05), np.ones((N, 1))
    refused(r"targets must be of shape \(23,\) or \(23, T\)", alignment, net, x, np.ones((N - 1, 2)))
    refused("not finite", alignment, net, x, np.nan * one)
    refused("the targets must hold real numbers, not complex", alignment, net, x, 1j * one)
    refused('take "mean"', alignment, net, x, one, outputs="full")
    refused("outputs=3 is not an output", alignment, net, x, one, outputs=3)
    for precision in ("bf16", "tf32"):
        refused(f'"{precision}" is for the products of a kernel', alignment, net, x, one, precision=precision)
    broken = net.replace(params=jax.tree.map(lambda p: p * np.nan, net.params))
    refused("overflows", alignment, broken, x, np.ones(N))
    refused("square", alignment_from_gram, np.ones((3, 4)), np.ones((3, 1)))
    refused("the same samples", kernel_cosine_distance, np.eye(2), np.eye(3))
    refused("zeros", kernel_cosine_distance, np.eye(2), np.zeros((2, 2)))
