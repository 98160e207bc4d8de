import flax.linen as nn
import jax
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.wide_limit.batch_normalization import calibrated, normalised, with_batch_statistics


class Normalised(nn.Module):
    """Two layers, each behind a BatchNorm."""

    @nn.compact
    def __call__(self, x, train: bool = False):
        for features in (5, 2):
            x = nn.BatchNorm(use_running_average=not train, momentum=0.7)(x)
            x = nn.tanh(nn.Dense(features)(x))
        return x


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(1.0, 2.0, (6, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def net(x):
    return Network.create(Normalised(), 0, x.shape[1:])


@pytest.fixture(scope="module")
def live(net, x):
    return net.training_fn(net.params, net.state, x)[0]


@pytest.mark.slow
def test_calibrated_statistics_are_those_of_the_batch(net, x, live):
    np.testing.assert_allclose(calibrated(net, x)(x), live, atol=1e-6)
    assert np.abs(net(x) - live).max() > 0.1  # the initial statistics are others


def test_calibration_does_not_depend_on_the_earlier_statistics(net, x, live):
    other = net.replace(state=jax.tree.map(lambda leaf: leaf + 3, net.state))
    np.testing.assert_allclose(calibrated(other, x)(x), live, atol=1e-6)


def test_a_network_without_batch_norm_is_unchanged(x):
    dense = Network.create(nn.Dense(2), 0, x.shape[1:])
    assert calibrated(dense, x) is dense
    assert normalised(dense, "batch") is dense


def test_outputs_by_batch_statistics_are_those_of_training(net, x, live):
    np.testing.assert_allclose(with_batch_statistics(net)(x), live, atol=1e-6)


@pytest.mark.slow
def test_the_linearization_differentiates_the_batch_statistics(net, x):
    batch = with_batch_statistics(net)
    step = jax.tree.map(lambda leaf: 0.1 * np.ones_like(leaf), net.params)
    moved = jax.tree.map(lambda a, b: a + b, net.params, step)
    live, slope = jax.jvp(lambda params: net.training_fn(params, net.state, x)[0], (net.params,), (step,))
    np.testing.assert_allclose(batch.linearization().replace(params=moved)(x), live + slope, atol=1e-6)


@pytest.mark.parametrize("mode", ["batch", "frozen", "live"])
def test_outputs_depend_on_the_other_samples_in_one_mode_only(mode, net, x):
    made = normalised(calibrated(net, x), mode)
    assert (np.abs(made(x[:3]) - made(x)[:3]).max() > 1e-3) == (mode == "batch")
    assert made.has_state == (mode != "batch")
