"""A step of a linearized network: one forward and one backward derivative for any outputs, max pooling too."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.training import Loss, Recipe
from tests.models.stax_parameters import drawn_network
from tests.training.small import in_both_spaces

SMALL: dict[str, Any] = {"lenet5": {"image_size": 16, "channels": (2, 3), "hidden": (5, 4)}}
SMALL["alexnet"] = {"channels": (2, 3, 2, 3, 2), "hidden": (5, 4)}
SHAPES = {"lenet5": (12, 12, 1), "alexnet": (63, 63, 3)}
PRODUCTS = ("conv_general_dilated", "dot_general")


def products(jaxpr: Any) -> int:
    """The number of convolutions and matrix products in a program and its parts."""
    count = 0
    for equation in jaxpr.eqns:
        count += equation.primitive.name in PRODUCTS
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(part, "jaxpr", part)
                count += products(inner) if hasattr(inner, "eqns") else 0
    return count


def gradient_products(net: Network, name: str, outputs: int) -> int:
    x, y = jnp.zeros((3, *SHAPES[name])), jnp.zeros((3, outputs))

    def loss(params, state):
        return Loss.named("half_squared_error")(net.training_fn(params, state, x)[0], y)

    return products(jax.make_jaxpr(jax.grad(loss))(net.params, net.state).jaxpr)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_step_has_as_many_products_for_ten_outputs_as_for_one(name):
    """Per layer: one forward and two backward for a network; for its linearization at most two more forward."""
    counts = {}
    for outputs in (1, 10):
        net = drawn_network(build_model(name, num_outputs=outputs, **SMALL[name]), SHAPES[name])
        counts[outputs] = gradient_products(net, name, outputs), gradient_products(net.linearization(), name, outputs)
    assert counts[1] == counts[10]
    network, linearization = counts[10]
    assert network < linearization <= 5 / 3 * network + 1


@pytest.mark.slow
def test_max_pooling_trains_as_in_function_space():
    """LeNet-5's linearization with one output, momentum and decay."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, *SHAPES["lenet5"])).astype(np.float32), rng.integers(0, 2, 12)
    net = drawn_network(build_model("lenet5", **SMALL["lenet5"]), SHAPES["lenet5"], scale=0.2)
    batches = rng.integers(0, 8, (10, 4))
    recipe = Recipe(
        learning_rate=0.1, schedule="constant", weight_decay=0.01, batch_size=4, epochs=5, loss="half_squared_error"
    )
    _, expected = in_both_spaces(net, x[:8], y[:8], x[8:], recipe, batches)
    assert np.abs(expected.fx_train - net(x[:8])).max() > 0.05
