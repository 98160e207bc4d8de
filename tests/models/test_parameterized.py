"""What holds of every network of Lee et al. 2019: its twin by `nt.stax`, its structured Gram matrix, its sizes."""

from typing import Any

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.structured import structured_plan
from ntk_repro.models import MODELS, PARAMETERIZATIONS, build_model
from tests.models.stax_parameters import cnn, fcn, same_parameters, wide_resnet

GROUPS = [f"group_{g}_block_0/{name}" for g in range(3) for name in ("conv_0", "conv_1", "conv_skip")]
NETWORKS: dict[str, tuple[Any, tuple[int, ...], list[str], int]] = {  # samples, layers, degree of the quadrature
    "fcn": (fcn, (4, 3, 2, 1), ["Dense_0", "Dense_1", "readout"], 100),
    "cnn": (cnn, (3, 4, 3, 2), ["Conv_0", "Conv_1", "readout"], 9),
    "wide_resnet": (wide_resnet, (3, 4, 4, 2), ["conv_init", *GROUPS[:2], *GROUPS[3:], "readout"], 5),
}


def samples(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_stax_twin_is_the_same_function(name, parameterization):
    network, shape, layers, degree = NETWORKS[name]
    net, x = network(parameterization), samples(shape)
    twin_fn, params = same_parameters(net, shape[1:], layers, degree=degree)
    np.testing.assert_allclose(net(x), twin_fn(params, x), rtol=1e-5 if name == "fcn" else 1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outputs", "settings"),
    [(name, outputs, (p,)) for name, outputs in (("fcn", "full"), ("cnn", "mean")) for p in PARAMETERIZATIONS]
    + [("wide_resnet", "mean", ("ntk",)), ("wide_resnet", "mean", ("standard", True))],  # the last with BatchNorm
)
def test_structured_gram_is_that_of_jacobians(name, outputs, settings):
    network, shape, layers, _ = NETWORKS[name]
    net, x = network(*settings), samples(shape)
    plan = structured_plan(net, x, outputs, 2 if outputs == "full" else 1)
    assert {"/".join(layer.path) for layer in plan.layers} == set(layers)
    ours, dense = (empirical_gram(net, x, method=method, outputs=outputs) for method in ("structured", "jacobian"))
    atol = 4e-6 if name == "wide_resnet" else 2e-6
    np.testing.assert_allclose(ours, dense, atol=atol * np.abs(dense).max())


@pytest.mark.parametrize(("name", "size"), [("fcn", "hidden"), ("cnn", "channels"), ("wide_resnet", "blocks")])
def test_sizes_below_1_are_refused(name, size):
    with pytest.raises(UserError, match=f"{size} must be at least 1, not 0"):
        MODELS[name](**{size: 0})


def test_with_batch_norm_there_is_no_twin():
    with pytest.raises(UserError, match="no analytic kernel with BatchNorm: build it with batch_norm=False"):
        build_model("wide_resnet").stax_twin()
