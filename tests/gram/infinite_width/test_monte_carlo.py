"""Monte-Carlo kernels: a sample is a network, averages do not depend on blocks and go to the analytic kernels."""

from typing import Any

import jax
import numpy as np
import pytest

from ntk_repro import memory
from ntk_repro.gram import analytic_kernel, empirical_gram, empirical_nngp, monte_carlo_kernels
from ntk_repro.gram.infinite_width import monte_carlo
from ntk_repro.models import build_model
from ntk_repro.network import Network
from tests.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4, 3, 1)).astype(np.float32)
FCN = build_model("fcn", hidden=128, depth=2, sigma_b=0.3)


@pytest.mark.slow
def test_a_sample_is_a_network():
    key = jax.random.key(4)
    two = monte_carlo_kernels(FCN, 4, 2, X)
    nets = [Network.create(FCN, jax.random.fold_in(key, i), X.shape[1:]) for i in range(2)]
    ntk, nngp = ([kernel(net, X) for net in nets] for kernel in (empirical_gram, empirical_nngp))
    for mean, error, samples in ((two.ntk, two.ntk_error, ntk), (two.nngp, two.nngp_error, nngp)):
        np.testing.assert_allclose(mean, np.mean(samples, 0), rtol=1e-5)
        np.testing.assert_allclose(error, np.abs(samples[0] - samples[1]) / 2, atol=1e-5 * mean.max())
    assert np.array_equal(two.ntk, two.ntk.T)
    assert two.num_samples == 2


@pytest.mark.slow
def test_running_averages_come_from_one_pass_however_it_is_blocked():
    several = monte_carlo_kernels(FCN, 4, (1, 2, 5), X)
    assert several.ntk.shape == several.nngp_error.shape == (3, 5, 5)
    assert several.num_samples == (1, 2, 5)
    assert np.isnan(several.ntk_error[0]).all()
    for i, m in enumerate((1, 2, 5)):
        one = monte_carlo_kernels(FCN, jax.random.key(4), m, X, block=1)
        np.testing.assert_allclose(several.ntk[i], one.ntk, rtol=1e-6)
        np.testing.assert_allclose(several.nngp[i], one.nngp, rtol=1e-6)
        np.testing.assert_allclose(several.ntk_error[i], one.ntk_error, rtol=1e-3)
    array = monte_carlo_kernels(FCN, 4, np.array([1, 2, 5]), X)
    assert array.num_samples == (1, 2, 5)
    np.testing.assert_array_equal(array.ntk, several.ntk)
    across = monte_carlo_kernels(FCN, 4, 5, X[:2], X[2:])
    np.testing.assert_allclose(across.ntk, several.ntk[2][:2, 2:], rtol=1e-5)
    np.testing.assert_allclose(across.nngp, several.nngp[2][:2, 2:], rtol=1e-5)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("fcn", {"hidden": 128, "depth": 2}),
    "erf": ("fcn", {"hidden": 128, "depth": 1, "activation": "erf"}),
    "tanh": ("fcn", {"hidden": 128, "depth": 1, "activation": "tanh"}),
    "standard": ("fcn", {"hidden": 128, "depth": 1, "parameterization": "standard"}),
    "pooling": ("cnn", {"channels": 48, "depth": 1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_averages_go_to_the_analytic_kernel(case):
    """Within the standard error, to 3% at the end, and nearer than at a twentieth of the samples."""
    name, settings = CASES[case]
    module = build_model(name, sigma_b=0.3, **settings)
    x = X if name == "fcn" else X[:3]
    sampled, limit = monte_carlo_kernels(module, 0, (20, 400), x), analytic_kernel(module, x)
    for mean, error, exact in (
        (sampled.ntk, sampled.ntk_error, limit.ntk),
        (sampled.nngp, sampled.nngp_error, limit.nngp),
    ):
        assert np.abs((mean - exact) / error)[-1].max() < 4
        distance = np.linalg.norm(mean - exact, axis=(1, 2)) / np.linalg.norm(exact)
        assert distance[1] < 0.03
        assert distance[1] < distance[0]
        assert np.linalg.norm(error[1]) < 0.04 * np.linalg.norm(exact)


def test_bad_arguments_are_refused(monkeypatch):
    wrong: tuple[Any, ...] = (0, (), (3, 3), (0, 2), (5, 2), 2.5, (1, 2.5), [[1, 2]], np.array([2, 1]))
    for num_samples in wrong:
        refused("num_samples must be at least 1", monte_carlo_kernels, FCN, 0, num_samples, X)
    refused("block must be at least 1", monte_carlo_kernels, FCN, 0, 2, X, block=0)
    refused("MLP has no sigma_w", monte_carlo_kernels, build_model("mlp"), 0, 2, X)
    refused("not finite", monte_carlo_kernels, FCN, 0, 2, np.full_like(X, np.inf))
    refused("they must agree", monte_carlo_kernels, FCN, 0, 2, X, X[:, :1])
    monkeypatch.setattr(monte_carlo, "available_bytes", lambda: 1000)
    monkeypatch.setattr(memory, "host_available_bytes", lambda: 2**40)
    refused("take fewer samples or a narrower network", monte_carlo_kernels, FCN, 0, 2, X)
