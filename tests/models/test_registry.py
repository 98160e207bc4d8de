"""The architectures: sizes, widths, and what the registry refuses."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.models import ACTIVATIONS, ResidualNetworkSettings, build_model, network_spec
from ntk_repro.network import Network
from tests.models.torch_parameters import count_parameters


def test_parameter_counts_by_hand():
    mlp = 3072 * 100 + 100 + 100 * 100 + 100 + 100 + 1
    lenet = (75 * 6 + 6) + (150 * 16 + 16) + (1024 * 120 + 120) + (120 * 84 + 84) + (84 + 1)
    convolutions = 9 * (3 * 64 + 4 * 64**2 + 64 * 128 + 3 * 128**2 + 128 * 256 + 3 * 256**2 + 256 * 512 + 3 * 512**2)
    projections = 64 * 128 + 128 * 256 + 256 * 512
    norms = 2 * (5 * 64 + 5 * 128 + 5 * 256 + 5 * 512)
    resnet18 = convolutions + projections + norms + 512 + 1
    for name, expected in {"mlp": mlp, "lenet": lenet, "resnet18": resnet18}.items():
        assert count_parameters(name, (32, 32, 3)) == expected


def test_width_scales_every_size_and_rounds_to_at_least_one():
    assert build_model("mlp", width=0.5).hidden == (50, 50)
    assert (build_model("lenet", width=2).channels, build_model("lenet", width=2).hidden) == ((12, 32), (240, 168))
    assert build_model("resnet18", width=1 / 8).channels == 8
    assert build_model("mlp", width=1e-6).hidden == (1, 1)


def test_a_network_without_hidden_layers_is_linear():
    net = Network.create("mlp", 0, (4,), hidden=())
    x = np.eye(4, dtype=np.float32)
    np.testing.assert_allclose(net(3 * x) - net(0 * x), 3 * (net(x) - net(0 * x)), rtol=1e-5)
    assert net.num_params == 5


def test_settings_may_come_from_numpy_and_jax():
    outputs: Any = np.array(2)
    one = build_model("mlp", hidden=[np.int64(3), jnp.asarray(4)], num_outputs=outputs)
    assert one == build_model("mlp", hidden=(3, 4), num_outputs=2)
    assert hash(one) == hash(build_model("mlp", hidden=(3, 4), num_outputs=2))
    assert build_model("wide_resnet", batch_norm=np.True_).batch_norm is True


@pytest.mark.slow
def test_residual_scale_zero_leaves_hardly_any_gradients():
    """With the last BatchNorm of a block at scale 0 hardly any parameter of ResNet18 moves the output."""
    share = {}
    for scale in (0.0, 1.0):
        net = Network.create("resnet18", 0, (32, 32, 3), residual_scale_init=scale)
        x = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
        grads = jax.jit(jax.grad(lambda params, net=net, x=x: net.apply(params, x).sum()))(net.params)
        leaves = jax.tree.leaves(grads)
        share[scale] = sum(int((leaf != 0).sum()) for leaf in leaves) / sum(leaf.size for leaf in leaves)
    projections_stem_and_norms = 1.7e5 / 11.2e6
    assert 0.6 * projections_stem_and_norms < share[0.0] < 1.4 * projections_stem_and_norms
    assert share[1.0] > 0.5  # all others feed dead units


@pytest.mark.slow
def test_batch_statistics_are_used_in_training_only():
    net = Network.create("resnet18", 0, (8, 8, 3), width=1 / 16, residual_scale_init=1.0)
    x = 3 + np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype(np.float32)
    single = np.concatenate([net(x[i : i + 1]) for i in range(6)])
    np.testing.assert_allclose(net(x), single, rtol=1e-5)  # at inference samples do not affect each other
    fx, state = net.training_fn(net.params, net.state, x)
    assert np.abs(np.asarray(fx) - single).max() > 0.1 * np.abs(single).max()
    before, after = (s["batch_stats"]["norm_init"]["mean"] for s in (net.state, state))
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_used_by_the_network(name):
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 1)).astype(np.float32)
    net = Network.create("mlp", 0, (4, 4, 1), activation=name)
    first = x.reshape(3, -1) @ net.params["Dense_0"]["kernel"]
    second = ACTIVATIONS[name](first) @ net.params["Dense_1"]["kernel"]
    by_hand = ACTIVATIONS[name](second) @ net.params["Dense_2"]["kernel"]
    np.testing.assert_allclose(net(x), by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("resnet", {}, "unknown network 'resnet'; did you mean 'resnet18'"),
        ("mlp", {"activation": "gellu"}, "did you mean 'gelu'"),
        ("resnet18", {"residual_scale": 1.0}, "did you mean 'residual_scale_init'"),
        ("lenet", {"residual_scale_init": 1.0}, "setting of lenet"),
        ("lenet", {"width": 0}, "width must be above 0"),
        ("mlp", {"num_outputs": 0}, "num_outputs must be at least 1, not 0"),
    ],
)
def test_unknown_names_and_values_out_of_range_are_refused(name, settings, message):
    with pytest.raises(UserError, match=message):
        build_model(name, **settings)


def test_settings_of_the_architectures():
    assert network_spec("resnet18").settings == ("stage_sizes", "residual_scale_init")
    assert network_spec("mlp").settings == network_spec("lenet").settings == ()


def test_the_settings_that_a_network_is_given():
    given = {"width": 0.5, "activation": "gelu"}
    residual = ResidualNetworkSettings(net="resnet18", residual_scale_init=1.0, **given)
    assert residual.model_settings == {**given, "residual_scale_init": 1.0}
    assert dataclasses.replace(residual, net="mlp").model_settings == given
    with pytest.raises(UserError, match="mlp has no residual_scale_init: leave out"):
        dataclasses.replace(residual, net="mlp").resolved()
    with pytest.raises(UserError, match="did you mean 'mlp'"):
        _ = dataclasses.replace(residual, net="mlpp").model_settings


@pytest.mark.parametrize("shape", [(1, 3, 8, 1), (1, 8, 8), (2, 12, 8, 8, 1)])
def test_lenet_refuses_images_too_small_for_its_poolings(shape):
    sides = " x ".join(map(str, shape[1:]))
    with pytest.raises(UserError, match=f"of at least 4 x 4 pixels, not {sides}"):
        jax.eval_shape(build_model("lenet").init, jax.random.key(0), np.zeros(shape, np.float32))
    jax.eval_shape(build_model("lenet").init, jax.random.key(0), np.zeros((1, 4, 4, 1), np.float32))
