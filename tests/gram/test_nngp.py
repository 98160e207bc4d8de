"""The empirical NNGP kernel: the readout's part of the NTK, and its limit."""

import functools
from collections.abc import Callable

import jax
import numpy as np
import pytest
from flax import linen as nn

from ntk_repro.gram import empirical_gram, empirical_nngp, fcn_kernels
from ntk_repro.models import PARAMETERIZATIONS
from ntk_repro.network import Network
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


@functools.cache
def network(**settings) -> Network:
    return Network.create("fcn", 1, (6,), **{"hidden": 9, "depth": 2, "sigma_b": 0.4, "num_outputs": 2, **settings})


@pytest.mark.slow
def test_it_is_the_kernel_of_the_readouts_gradients():
    net = network()
    frozen = {name: net.params[name] for name in ("Dense_0", "Dense_1")}
    readout = Network.from_apply(lambda p, x: net.apply({**frozen, "readout": p}, x), net.params["readout"])
    for xs in ((X,), (X[:2], X)):
        np.testing.assert_allclose(empirical_nngp(net, *xs), empirical_gram(readout, *xs), rtol=1e-5)


@pytest.mark.slow
def test_both_parameterizations_have_the_same():
    ours = [empirical_nngp(network(parameterization=p), X) for p in PARAMETERIZATIONS]
    np.testing.assert_allclose(*ours, rtol=1e-5)
    assert np.array_equal(ours[0], ours[0].T)


@pytest.mark.slow
def test_float64_and_the_limit_of_width():
    net = network(hidden=2048)
    k = empirical_nngp(net, X, precision="float64")
    assert k.dtype == np.float64
    np.testing.assert_allclose(empirical_nngp(net, X), k, rtol=1e-5)
    limit = fcn_kernels(X, depth=2, sigma_b=0.4)[0]
    assert np.linalg.norm(k - limit) < 4 / 2048**0.5 * np.linalg.norm(limit)


@pytest.mark.slow
def test_more_samples_than_a_batch():
    x = np.random.default_rng(1).normal(size=(600, 6)).astype(np.float32)
    k = empirical_nngp(network(), x)
    np.testing.assert_allclose(k[300:310, 5:9], empirical_nngp(network(), x[300:310], x[5:9]), rtol=1e-5)


class Counted(nn.Module):
    """A readout of the inputs themselves, which counts how often it is traced."""

    traced: Callable[[], None]
    sigma_w: float = 1.0
    sigma_b: float = 0.0

    @nn.compact
    def __call__(self, x):
        self.traced()
        self.sow("intermediates", "readout_inputs", x)
        return nn.Dense(1, use_bias=False)(x)


def test_networks_of_one_module_share_compiled_code():
    calls = []
    module = Counted(lambda: calls.append(1))
    nets = [Network.create(module, seed, (6,)) for seed in range(2)]
    np.testing.assert_allclose(empirical_nngp(nets[0], X), X @ X.T / 6, rtol=1e-5, atol=1e-6)
    before = len(calls)
    empirical_nngp(nets[1], X)
    assert len(calls) == before


def test_networks_without_a_readout_are_refused():
    net = network()
    refused("MLP has no sigma_w and sigma_b", empirical_nngp, Network.create("mlp", 0, (6,)), X)
    refused("this network has no sigma_w", empirical_nngp, net.linearization(), X)
    refused("unknown precision 'bf16'", empirical_nngp, net, X, precision="bf16")
    refused("they must agree", empirical_nngp, net, X, X[:, :3])
    refused("not finite", empirical_nngp, net.replace(params=jax.tree.map(lambda a: a * np.nan, net.params)), X)
