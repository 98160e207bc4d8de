"""Initial weights and biases against PyTorch's formula, and against PyTorch."""

from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats

from ntk_repro.models import build_model
from ntk_repro.models.pytorch_initialization import uniform_by_fan_in
from ntk_repro.network import Network

FAN_IN = {"Conv_0": 25, "Conv_1": 25 * 24, "Dense_0": 25 * 64, "Dense_1": 480, "Dense_2": 336}


@pytest.mark.slow
def test_every_array_is_uniform_within_one_over_the_root_of_fan_in():
    """Kolmogorov-Smirnov against U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), for weights and biases."""
    module = build_model("lenet5", width=4, num_outputs=10)
    params: Any = Network.create(module, 0, (28, 28, 1)).params
    assert set(params) == set(FAN_IN)
    for layer, fan_in in FAN_IN.items():
        bound = fan_in**-0.5
        for array in params[layer].values():
            values = np.asarray(array).ravel()[:20_000]
            assert np.abs(values).max() < bound
            assert stats.kstest(values, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
        assert np.abs(params[layer]["kernel"]).max() > 0.99 * bound


@pytest.mark.slow
def test_the_same_distribution_as_pytorchs():
    torch = pytest.importorskip("torch", reason="needs PyTorch to compare with: pip install torch")
    torch.manual_seed(0)
    for layer, fan_in, shape in (
        (torch.nn.Conv2d(20, 40, 5), 500, (5, 5, 20, 40)),
        (torch.nn.Linear(99, 200), 99, (99, 200)),
    ):
        init = uniform_by_fan_in(fan_in)
        for theirs, size in ((layer.weight, shape), (layer.bias, shape[-1:])):
            ours = np.asarray(init(jax.random.key(1), size)).ravel()
            compared: Any = stats.ks_2samp(ours, theirs.detach().numpy().ravel())
            assert compared.pvalue > 1e-3
