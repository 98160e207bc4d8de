"""The wide residual network of Table S1: its sizes and its BatchNorm."""

import jax
import numpy as np

from ntk_repro.models import build_model
from tests.models.stax_parameters import wide_resnet

X = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)


def test_parameter_counts_of_table_s1():
    """N = 1 and 1,024 channels: a first convolution, two of each group and two skips that halve the image."""
    c = 1024
    shapes = jax.eval_shape(build_model("wide_resnet").init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32))
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in shapes["params"].items()}
    block, skip = 2 * 9 * c**2 + 4 * c, c**2
    groups = {f"group_{g}_block_0": size for g, size in enumerate((block, block + skip, block + skip))}
    assert counts == {"conv_init": 27 * c, **groups, "norm_last": 2 * c, "readout": c}
    deeper = jax.eval_shape(build_model("wide_resnet", blocks=2, width=1 / 256).init, jax.random.key(0), X)["params"]
    assert {"group_1_block_0", "group_1_block_1", "group_2_block_1"} <= set(deeper)
    assert "conv_skip" not in deeper["group_1_block_1"]


def test_images_are_halved_by_the_second_and_third_group():
    module = build_model("wide_resnet", channels=2)
    _, found = jax.eval_shape(
        lambda key, x: module.init_with_output(key, x, capture_intermediates=True, mutable=True),
        jax.random.key(0),
        np.zeros((1, 32, 32, 3), np.float32),
    )
    sizes = [found["intermediates"][f"group_{g}_block_0"]["__call__"][0].shape for g in range(3)]
    assert sizes == [(1, 32, 32, 2), (1, 16, 16, 2), (1, 8, 8, 2)]


def test_batch_statistics_are_used_in_training_only():
    net = wide_resnet("standard", batch_norm=True)
    assert net.has_state
    assert not wide_resnet("standard").has_state
    fx, state = jax.jit(net.training_fn)(net.params, net.state, X)
    assert np.abs(np.asarray(fx) - net(X)).max() > 0.1 * np.abs(net(X)).max()
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), net.state, state)
    assert min(jax.tree.leaves(moved)) > 0
    np.testing.assert_allclose(net(X[:1]), net(X)[:1], rtol=1e-5)
