"""The convolutional network of Lee et al. 2019: its equation and its two parameterizations."""

import numpy as np

from ntk_repro.models import PARAMETERIZATIONS, build_model
from tests.models.stax_parameters import cnn

X = np.random.default_rng(0).normal(size=(3, 4, 3, 2)).astype(np.float32)


def test_the_function_is_the_papers_equation():
    p = cnn("ntk").params
    h = X.astype(np.float64)
    for layer in ("Conv_0", "Conv_1"):
        kernel, padded = p[layer]["kernel"], np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = sum(padded[:, i : i + 4, j : j + 3] @ kernel[i, j] for i in range(3) for j in range(3))
        h = np.tanh(1.3 / (9 * h.shape[-1]) ** 0.5 * patches + 0.4 * p[layer]["bias"])
    fx = 1.3 / 5**0.5 * h.mean((1, 2)) @ p["readout"]["kernel"] + 0.4 * p["readout"]["bias"]
    np.testing.assert_allclose(cnn("ntk")(X), fx, rtol=1e-4, atol=1e-6)


def test_scaled_parameters_are_the_same_function_in_standard_parameterization():
    fx = [cnn(p)(X) for p in PARAMETERIZATIONS]
    np.testing.assert_allclose(*fx, rtol=1e-4, atol=1e-6)


def test_width_multiplies_channels():
    assert build_model("cnn", width=0.25).channels == 128
