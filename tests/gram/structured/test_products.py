from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.gram.capture import Layer, find_layers
from ntk_repro.gram.empirical import empirical_gram
from ntk_repro.gram.structured import products
from ntk_repro.precision import precision_scope
from tests.gram.cases import relative_error, samples
from tests.gram.test_empirical import blocks, network, oracle

POSITIONS = ["shared_conv", "conv_causal_1d", "conv_circular_dilated", "conv_strided", "dense_on_pixels"]
PIXELS = ["lenet", "conv_no_bias", "conv_even_kernel", "conv_valid", "conv_uneven_padding"]


GRADIENT = ["lenet", "shared_conv", "conv_causal_1d", "dense_on_pixels"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "name"),
    [("gradient", name) for name in GRADIENT]
    + [("positions", name) for name in (*POSITIONS, "lenet", "conv_uneven_padding")]
    + [("pixels", name) for name in PIXELS],
)
def test_every_form_of_a_layer_gives_the_same_kernel(form, name, monkeypatch):
    # The forms that counting would not choose for such small networks.
    net, kernel = oracle(name)
    forced = []
    possible: Any = Layer.forms.fget

    def only(layer):
        forms = [form] if form in possible(layer) else ["gradient"]
        forced.append(forms == [form] and (form == "gradient" or layer.positions > 1))
        return forms

    monkeypatch.setattr(Layer, "forms", property(only))
    ours = empirical_gram(net, samples(name, 4), outputs="full", precision="float64")
    assert any(forced)
    assert relative_error(ours, blocks(kernel[:4, :, :4], "full")) < 1e-13


@pytest.mark.parametrize("name", ["conv_strided", "conv_dilated", "conv_3d", "shared_conv"])
def test_pixels_are_for_plain_convolutions_called_once(name):
    net = network(name)
    for layer in find_layers(net, samples(name, 1)):
        assert "pixels" not in layer.forms


@pytest.mark.slow
def test_products_of_pixels_serve_the_mean_over_outputs_too(monkeypatch):
    net, kernel = oracle("lenet")
    possible: Any = Layer.forms.fget
    monkeypatch.setattr(Layer, "forms", property(lambda layer: possible(layer)[-1:]))
    ours = empirical_gram(net, samples("lenet", 5), precision="float64")
    assert relative_error(ours, blocks(kernel[:5, :, :5], "mean")) < 1e-13


@pytest.mark.slow
def test_lower_precision_rounds_the_products_and_nothing_else():
    net, x = network("lenet"), samples("lenet", 40)
    error = relative_error(empirical_gram(net, x, precision="bf16"), empirical_gram(net, x, precision="float64"))
    # bfloat16 has 8 bits: single products are off by 2^-9, sums of thousands of them by less.
    assert 1e-5 < error < 4e-3


@pytest.mark.parametrize(
    ("length", "dtype", "error"), [(95, "float32", 1e-6), (96, "float64", 1e-14), (31, "float32", 1e-6)]
)
def test_long_rows_are_multiplied_piece_by_piece(length, dtype, error, monkeypatch):
    monkeypatch.setattr(products, "_LONG", 32)
    monkeypatch.setattr(products, "_PIECE", 16)
    a, b = (np.random.default_rng(seed).standard_normal((rows, length)) for seed, rows in ((0, 3), (1, 5)))
    with precision_scope(dtype):
        product = np.asarray(products._times(jnp.asarray(a, dtype), jnp.asarray(b, dtype)))
    assert product.dtype == dtype
    np.testing.assert_allclose(product, a @ b.T, rtol=0, atol=error * length)
