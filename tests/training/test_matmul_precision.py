"""In which arithmetic weights are trained."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.training import Recipe, minibatches, train

BATCH = 16


@pytest.mark.parametrize("linearized", [False, True])
def test_networks_and_linearizations_train_at_the_same_precision(linearized):
    """Products at full float32 on every device, as those of kernels."""
    seen = set()

    def apply(params, x):
        if len(x) == BATCH:  # in a step
            seen.add(jax.config.jax_default_matmul_precision)  # pyright: ignore[reportAttributeAccessIssue]
        return jnp.tanh(x @ params["w"])

    x = np.random.default_rng(0).standard_normal((32, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    net = Network.from_apply(apply, {"w": jnp.ones((5, 1))})
    net = net.linearization() if linearized else net
    recipe = Recipe(learning_rate=0.1, batch_size=BATCH, epochs=1)
    train(net, x, y, recipe=recipe, batches=minibatches(3, 32, BATCH, 1))
    with jax.default_matmul_precision("highest"):
        assert seen == {jax.config.jax_default_matmul_precision}  # pyright: ignore[reportAttributeAccessIssue]
