"""Analytic kernels: batches, symmetry, what the two parameterizations mean, and what has none."""

import functools
import warnings
from typing import Any

import flax.linen as nn
import numpy as np
import pytest

from ntk_repro.gram import analytic_kernel, stax_twin
from ntk_repro.gram.infinite_width import analytic
from ntk_repro.gram.infinite_width.closed_form import kernel_step
from ntk_repro.models import build_model
from ntk_repro.network import Network
from tests.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 3, 2, 1)).astype(np.float32)
CNN = build_model("cnn", depth=2, sigma_b=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcn", "cnn"])
def test_batches_change_nothing(name):
    module = build_model(name, depth=2, sigma_b=0.3)
    whole, across = analytic_kernel(module, X), analytic_kernel(module, X[:5], X[3:])
    assert np.array_equal(whole.ntk, whole.ntk.T)
    assert np.array_equal(whole.nngp, whole.nngp.T)
    assert whole.ntk.dtype == whole.nngp.dtype == np.float64
    # The angle between equal samples keeps half of the digits only: the diagonal apart.
    off = ~np.eye(7, dtype=bool)
    for size in (1, 3):
        batched = analytic_kernel(module, X, batch_size=size)
        for one, other in ((whole.ntk, batched.ntk), (whole.nngp, batched.nngp)):
            np.testing.assert_allclose(one[off], other[off], rtol=1e-12)
            np.testing.assert_allclose(np.diag(one), np.diag(other), rtol=1e-7)
        part = analytic_kernel(module, X[:5], X[3:], batch_size=size)
        np.testing.assert_allclose(part.ntk, across.ntk, rtol=1e-7)
    np.testing.assert_allclose(across.ntk, whole.ntk[:5, 3:], rtol=1e-7)


def test_batches_fit_the_memory_there_is(monkeypatch):
    sizes = {}
    for available in (2**40, 10**8, 10**7, 2 * 10**6):
        monkeypatch.setattr(analytic, "available_bytes", lambda available=available: available)
        sizes[available] = analytic._fitting_batch(CNN, (8, 8, 3), 100)
    assert sizes[2**40] > sizes[10**8] > sizes[10**7] >= sizes[2 * 10**6] == 1
    for available, size in sizes.items():
        assert size == 1 or 8 * analytic._COPIES * 64**2 * (size**2 + 2 * size) <= available / 2
    assert analytic._fitting_batch(build_model("fcn"), (8, 8, 3), 100) > 64  # no pixels are kept apart
    refused("one pair of", analytic_kernel, CNN, RNG.normal(size=(2, 32, 32, 3)))
    refused("lower degree", analytic._fitting_batch, build_model("cnn", activation="tanh"), (4, 4, 3), 100)


def test_pooling_over_one_pixel_is_the_recursion():
    """On 1 x 1 images the middle of a 3x3 convolution alone meets the image: a dense layer of sigma_w / 3."""
    x = RNG.normal(size=(4, 1, 1, 5))
    kernel = analytic_kernel(build_model("cnn", depth=2, sigma_w=1.5, sigma_b=0.3), x[:2], x[2:])
    flat = x.reshape(4, 5)
    k12 = 0.25 * (flat[:2] @ flat[2:].T) / 5 + 0.09
    k11, k22 = (0.25 * (a**2).mean(1) + 0.09 for a in (flat[:2], flat[2:]))
    theta = k12
    for sigma_w in (0.5, 1.5):
        k11, k12, k22, theta = kernel_step(k11, k12, k22, theta, "relu", sigma_w, 0.3)
    np.testing.assert_allclose(kernel.nngp, k12, rtol=1e-12)
    np.testing.assert_allclose(kernel.ntk, theta, rtol=1e-12)


def test_linear_networks_by_hand_in_both_parameterizations():
    """f = W2 W1 x: both layers add the same to the NTK; in standard parameterization fan_in times as much."""
    x = X.reshape(7, -1).astype(np.float64)
    inner, s = x @ x.T, 1.5**2
    expected = {"ntk": 2 * s * s * inner / 6, "standard": 50 * s * inner / 6 + s * inner}
    linear = functools.partial(build_model, "fcn", depth=1, hidden=50, sigma_w=1.5, activation="identity")
    for parameterization, ntk in expected.items():
        kernel = analytic_kernel(linear(parameterization=parameterization), X)
        np.testing.assert_allclose(kernel.nngp, s * s * inner / 6, rtol=1e-12)
        np.testing.assert_allclose(kernel.ntk, ntk, rtol=1e-12)
        assert kernel.exact
        assert kernel.error == 0


def test_biases_in_standard_parameterization_add_one():
    """The biases' part is sum over layers of sigma_w^2's product behind them, whatever sigma_b is."""
    settings: Any = {"hidden": 8, "depth": 1, "activation": "identity", "parameterization": "standard"}
    without, with_biases = (analytic_kernel(build_model("fcn", sigma_b=b, **settings), X).ntk for b in (0.0, 1e-6))
    np.testing.assert_allclose(with_biases - without, 1 + 2, rtol=1e-6)


@pytest.mark.slow
def test_numerical_activations_say_how_well_they_converged():
    module = build_model("fcn", activation="tanh", depth=1)
    fine = analytic_kernel(module, X)
    assert not fine.exact
    assert 0 < fine.error < 1e-3
    with pytest.warns(UserWarning, match="has converged to .* raise degree above 6"):
        coarse = analytic_kernel(module, X, degree=6)
    difference = np.abs(coarse.ntk / fine.ntk - 1).max()
    assert 0.1 * difference < coarse.error < 10 * difference
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # for closed forms nothing is said
        analytic_kernel(build_model("fcn", activation="erf", depth=1), X, degree=6)


@pytest.mark.slow
def test_a_network_serves_as_its_architecture():
    net = Network.create(build_model("fcn", hidden=4, depth=2, sigma_b=0.3), 0, (3, 2, 1))
    np.testing.assert_array_equal(analytic_kernel(net, X).ntk, analytic_kernel(net.module, X).ntk)  # pyright: ignore
    assert len(stax_twin(net)) == 3
    whole = np.round(3 * X).astype(np.int64)
    np.testing.assert_array_equal(analytic_kernel(net, whole).ntk, analytic_kernel(net, whole.astype(float)).ntk)


def test_networks_without_an_analytic_kernel_are_refused():
    for network in (build_model("lenet"), nn.Dense(1), Network.create("mlp", 0, (3,)).linearization()):
        refused("has no infinite-width twin: take fcn, cnn or wide_resnet", analytic_kernel, network, X)
    refused("no analytic kernel with BatchNorm", analytic_kernel, build_model("wide_resnet"), X)
    refused("takes images", analytic_kernel, CNN, X.reshape(7, -1))
    refused("they must agree", analytic_kernel, CNN, X, X[:, :2])
    refused("samples of x2 are not finite", analytic_kernel, CNN, X, np.full_like(X, np.nan))
    refused("batch_size must be at least 1", analytic_kernel, CNN, X, batch_size=0)
    refused("degree, the number of points", analytic_kernel, CNN, X, degree=1)
