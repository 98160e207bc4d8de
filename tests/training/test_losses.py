import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.training import DESCENT_LOSSES, LOSSES, Loss, Recipe

rng = np.random.default_rng(0)
FX = rng.standard_normal((5, 3))
Y = np.eye(3)[[0, 2, 1, 1, 0]]
NATS = -np.sum(Y * (FX - np.log(np.exp(FX).sum(axis=1, keepdims=True))))
SUMS = {
    "binary_cross_entropy": -np.sum(Y * -np.log1p(np.exp(-FX)) + (1 - Y) * -np.log1p(np.exp(FX))) / 5,
    "cross_entropy": NATS / 5,
    "half_squared_error": 0.5 * np.sum((FX - Y) ** 2) / 5,
    "half_mean_squared_error": 0.5 * np.sum((FX - Y) ** 2) / 15,
    "squared_error": np.sum((FX - Y) ** 2) / 5,
    "mean_squared_error": np.sum((FX - Y) ** 2) / 15,
}


@pytest.mark.parametrize("name", [*LOSSES, *DESCENT_LOSSES])
def test_a_loss_is_the_sum_of_its_terms_over_their_number(name):
    loss = Loss.named(name)
    value = float(loss(jnp.asarray(FX, jnp.float32), jnp.asarray(Y, jnp.float32)))
    assert value == pytest.approx(SUMS[name], rel=1e-6)
    if name in DESCENT_LOSSES:  # the theory has the sum
        total = NATS if name == "cross_entropy" else 0.5 * np.sum((FX - Y) ** 2)
        assert value * loss.averaged_terms(5, 3) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_settings_in_function_space_are_those_of_its_own_loss(name):
    """One step on one output: learning rate times gradient, and learning rate times decay, stay."""
    recipe = Recipe(loss=name, learning_rate=0.3, weight_decay=0.02, batch_size=4, schedule="constant")
    found = recipe.in_function_space(8)
    fx, y = jnp.array([[0.7], [0.2]]), jnp.array([[1.0], [0.0]])
    factor = float(Loss.named(name)(fx, y) / Loss.named(found["loss"])(fx, y))
    np.testing.assert_allclose(found["learning_rate"], 0.3 * factor, rtol=1e-6)
    np.testing.assert_allclose(found["learning_rate"] * found["weight_decay"], 0.3 * 0.02, rtol=1e-6)
    with pytest.raises(UserError, match="not linear in the gradient"):
        Recipe(optimizer="adam").in_function_space(8)
