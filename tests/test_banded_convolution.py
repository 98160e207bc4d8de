"""Convolutions as products with a banded matrix are XLA's, with all derivatives."""

import gc
import weakref

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro import Network
from ntk_repro.banded_convolution import banded_convolution, tile_for, with_banded_convolutions
from ntk_repro.precision import float64_scope
from ntk_repro.program import Program

pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="needs a CPU, as other devices keep XLA's convolutions: JAX_PLATFORMS=cpu"
)

# (n, height, width, c_in), (rows, columns, c_in, c_out), padding, outputs that are computed together.
CASES = {
    "lenet": ((3, 32, 32, 3), (5, 5, 3, 6), "SAME", 4),
    "lenet5": ((2, 14, 14, 6), (5, 5, 6, 16), "VALID", 4),
    "wide": ((2, 9, 11, 4), (5, 5, 4, 30), "VALID", 2),
    "odd": ((2, 7, 13, 2), (3, 5, 2, 5), "SAME", 4),
    "even_kernel": ((2, 8, 6, 3), (2, 4, 3, 2), "SAME", 3),
    "tile_beyond_the_row": ((1, 5, 6, 1), (3, 3, 1, 2), "VALID", 7),
    "single_outputs": ((2, 6, 5, 3), (3, 3, 3, 4), "SAME", 1),
    "uneven_padding": ((2, 6, 9, 3), (3, 4, 3, 2), ((2, 0), (1, 3)), 4),
    "cut_off": ((2, 9, 9, 2), (3, 3, 2, 3), ((-1, 1), (1, -2)), 2),
}


def _arrays(name, dtype):
    images, kernel, padding, tile = CASES[name]
    rng = np.random.default_rng(0)
    a, k = (jnp.asarray(rng.normal(size=shape), dtype) for shape in (images, kernel))
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(images[1:3], kernel[:2], (1, 1), padding)
    return a, k, padding, tile


def _xla(a, k, padding, **settings):
    return jax.lax.conv_general_dilated(a, k, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), **settings)


def _all_of(function, a, k):
    """Outputs, gradients, and a derivative forward of a gradient, in random directions."""
    rng = np.random.default_rng(1)
    y, pullback = jax.vjp(function, a, k)
    d = jnp.asarray(rng.normal(size=y.shape), y.dtype)
    moves = tuple(jnp.asarray(rng.normal(size=x.shape), x.dtype) for x in (a, k))
    gradient = jax.grad(lambda a, k: jnp.sum(d * jnp.tanh(function(a, k))), argnums=(0, 1))
    return [y, *pullback(d), *jax.tree.leaves(jax.jvp(gradient, (a, k), moves))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_derivatives_are_those_of_xla(name, dtype):
    with float64_scope(), jax.default_matmul_precision("highest"):
        a, k, padding, tile = _arrays(name, dtype)
        ours = _all_of(lambda a, k: banded_convolution(a, k, padding, tile), a, k)
        expected = _all_of(lambda a, k: _xla(a, k, padding), a, k)
    for one, two in zip(ours, expected, strict=True):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        assert np.abs(one - two).max() <= (1e-5 if dtype == "float32" else 1e-12) * np.abs(two).max()


@pytest.mark.parametrize(
    ("images", "kernel", "tile"),
    [
        ((128, 32, 32, 3), (5, 5, 3, 6), 4),  # LeNet's first layer
        ((32, 14, 14, 6), (5, 5, 6, 16), 2),  # the second of LeNet-5
        ((32, 14, 14, 30), (5, 5, 30, 80), 2),  # at width 5
        ((32, 32, 32, 1), (3, 3, 1, 32), 1),
        ((128, 16, 16, 6), (5, 5, 6, 16), None),  # LeNet's second: as fast either way
        ((32, 32, 32, 8), (3, 3, 8, 8), None),  # ResNet18: XLA's is faster
        ((128, 32, 32, 16), (5, 5, 16, 16), None),  # more strips than the product repays
        ((128, 16, 16, 3), (1, 1, 3, 8), None),
        ((128, 64, 64, 3), (31, 31, 3, 16), None),  # strips would fill the memory
    ],
)
def test_the_tile_is_the_one_that_was_faster(images, kernel, tile):
    assert tile_for(images, kernel) == tile


def _convolutions(function, *args):
    return [step for step in Program.of(function, *args).steps if step.name == "conv_general_dilated"]


class _ManyConvolutions(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.relu(nn.Conv(6, (5, 5))(x))
        x = nn.BatchNorm(use_running_average=not train)(nn.Conv(8, (3, 3), strides=2)(x))
        x = nn.Conv(8, (3, 3), feature_group_count=4)(x)
        x = nn.Conv(6, (5, 5), kernel_dilation=2)(x)
        return nn.Dense(2)(nn.Conv(4, (5, 5), padding="VALID")(x).reshape(len(x), -1))


def test_plain_convolutions_of_a_network_are_replaced_and_nothing_changes():
    net = Network.create(_ManyConvolutions(), 0, (12, 12, 3))
    x = np.random.default_rng(0).normal(size=(4, 12, 12, 3)).astype(np.float32)
    for fn in (net.apply_fn, net.training_fn):
        faster = with_banded_convolutions(fn)
        assert with_banded_convolutions(fn) is faster
        assert len(_convolutions(fn, net.params, net.state, x)) == 5
        left = _convolutions(faster, net.params, net.state, x)  # those with strides, groups and dilation
        assert len(left) == 3
        ours, expected = (f(net.params, net.state, x) for f in (faster, fn))
        assert jax.tree.structure(ours) == jax.tree.structure(expected)
        for one, two in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_functions_that_rematerialize_are_left_alone():
    def deep(k, x):
        for _ in range(3):
            x = jax.checkpoint(lambda k, x: jnp.tanh(_xla(x, k, ((2, 2), (2, 2)))))(k, x)
        return x

    k, x = jnp.ones((5, 5, 3, 3)), jnp.ones((1, 8, 8, 3))
    faster = with_banded_convolutions(deep)
    assert str(jax.make_jaxpr(faster)(k, x)) == str(jax.make_jaxpr(deep)(k, x))


@pytest.mark.parametrize(("dtype", "wide"), [("bfloat16", "float32"), ("int8", "int32")])
def test_sums_of_a_wider_type_stay_xlas(dtype, wide):
    a, k, padding, _ = _arrays("lenet", "float32")
    a, k = (jnp.round(20 * array).astype(dtype) for array in (a, k))
    faster = with_banded_convolutions(lambda a, k: _xla(a, k, padding, preferred_element_type=jnp.dtype(wide)))
    assert len(_convolutions(faster, a, k)) == 1
    assert faster(a, k).dtype == wide


@pytest.mark.parametrize(("images", "kernel"), [((2, 3, 3, 2), (5, 5, 2, 4)), ((0, 8, 8, 2), (5, 5, 2, 4))])
def test_convolutions_without_outputs_have_none(images, kernel):
    a, k = jnp.ones(images), jnp.ones(kernel)
    convolved = with_banded_convolutions(lambda a, k: _xla(a, k, ((0, 0), (0, 0))))
    assert convolved(a, k).size == 0


def test_a_function_is_freed_with_its_arrays():
    large = np.ones(5, np.float32)
    net = Network.from_apply(lambda params, x: params * x @ large, jnp.ones(()))
    net(np.ones((2, 5), np.float32))
    gone = weakref.ref(net.apply_fn)
    del net
    gc.collect()
    assert gone() is None


def test_channels_first_is_understood():
    rng = np.random.default_rng(0)
    x, k = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((2, 3, 12, 10), (6, 3, 5, 5)))

    def convolved(k, x):
        return jax.lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))

    faster = with_banded_convolutions(convolved)
    assert not _convolutions(faster, k, x)
    np.testing.assert_allclose(faster(k, x), convolved(k, x), rtol=1e-4, atol=1e-5)


def test_linearizations_are_replaced_and_stay_linear_in_the_parameters():
    net = Network.create("lenet", 0, (16, 16, 3))
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)
    linear = net.linearization()
    params = jax.tree.map(lambda p: 1.1 * p + 0.01, net.params)
    faster = with_banded_convolutions(linear.apply_fn)
    assert not _convolutions(faster, params, linear.state, x)
    expected = linear.apply_fn(params, linear.state, x)
    np.testing.assert_allclose(faster(params, linear.state, x), expected, rtol=1e-4, atol=1e-5)
    ours, theirs = (
        jax.grad(lambda p, f=f: jnp.sum(f(p, linear.state, x) ** 2))(params) for f in (faster, linear.apply_fn)
    )
    for one, two in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(one - two).max() <= 1e-5 * np.abs(two).max()
