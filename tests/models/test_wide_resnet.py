"""The wide residual network of Table S1: sizes, BatchNorm, two parameterizations, the twin without BatchNorm."""

import functools

import jax
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.structured import structured_plan
from ntk_repro.models import PARAMETERIZATIONS, build_model
from ntk_repro.network import Network
from tests.models.stax_parameters import drawn_network, same_parameters

X = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)
LAYERS = ["conv_init", *(f"group_{g}_block_0/{name}" for g in range(3) for name in ("conv_0", "conv_1", "conv_skip"))]
LAYERS = [layer for layer in LAYERS if layer != "group_0_block_0/conv_skip"]


@functools.cache
def network(parameterization: str, batch_norm: bool = False) -> Network:
    module = build_model(
        "wide_resnet",
        channels=4,
        batch_norm=batch_norm,
        activation="tanh",
        sigma_b=0.3,
        parameterization=parameterization,
    )
    return drawn_network(module, X.shape[1:], 1.0 if parameterization == "ntk" else 0.3)


def test_parameter_counts_of_table_s1():
    """N = 1 and 1,024 channels: a first convolution, two of each group and two skips that halve the image."""
    c = 1024
    shapes = jax.eval_shape(build_model("wide_resnet").init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32))
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in shapes["params"].items()}
    plain, halving = 2 * 9 * c**2 + 4 * c, 2 * 9 * c**2 + c**2 + 4 * c
    groups = {f"group_{g}_block_0": size for g, size in enumerate((plain, halving, halving))}
    assert counts == {"conv_init": 27 * c, **groups, "norm_last": 2 * c, "readout": c}
    deeper = jax.eval_shape(build_model("wide_resnet", blocks=2, width=1 / 256).init, jax.random.key(0), X)["params"]
    assert {"group_1_block_0", "group_1_block_1", "group_2_block_1"} <= set(deeper)
    assert "conv_skip" not in deeper["group_1_block_1"]


def test_images_are_halved_by_the_second_and_third_group():
    module = build_model("wide_resnet", channels=2)
    _, kept = jax.eval_shape(
        lambda key, x: module.init_with_output(key, x, capture_intermediates=True, mutable=True),
        jax.random.key(0),
        np.zeros((1, 32, 32, 3), np.float32),
    )
    sizes = [kept["intermediates"][f"group_{g}_block_0"]["__call__"][0].shape for g in range(3)]
    assert sizes == [(1, 32, 32, 2), (1, 16, 16, 2), (1, 8, 8, 2)]


def test_batch_statistics_are_used_in_training_only():
    net = network("standard", batch_norm=True)
    assert net.has_state
    assert not network("standard").has_state
    fx, state = jax.jit(net.training_fn)(net.params, net.state, X)
    assert np.abs(np.asarray(fx) - net(X)).max() > 0.1 * np.abs(net(X)).max()
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), net.state, state)
    assert min(jax.tree.leaves(moved)) > 0
    np.testing.assert_allclose(net(X[:1]), net(X)[:1], rtol=1e-5)


# Once without BatchNorm, once with it.
@pytest.mark.slow
@pytest.mark.parametrize(("parameterization", "batch_norm"), [("ntk", False), ("standard", True)])
def test_structured_gram_is_that_of_jacobians(parameterization, batch_norm):
    net = network(parameterization, batch_norm)
    assert len(structured_plan(net, X, "mean", 1).layers) == 10
    ours, dense = (empirical_gram(net, X, method=method) for method in ("structured", "jacobian"))
    np.testing.assert_allclose(ours, dense, atol=4e-6 * np.abs(dense).max())


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_the_stax_twin_is_the_same_function(parameterization):
    net = network(parameterization)
    twin_fn, params = same_parameters(net, X.shape[1:], [*LAYERS, "readout"], degree=5)
    np.testing.assert_allclose(net(X), twin_fn(params, X), rtol=1e-4, atol=1e-6)


def test_with_batch_norm_there_is_no_twin():
    with pytest.raises(UserError, match="no analytic kernel with BatchNorm: build it with batch_norm=False"):
        build_model("wide_resnet").stax_twin()
    with pytest.raises(UserError, match="blocks of wide_resnet"):
        build_model("wide_resnet", blocks=0)
