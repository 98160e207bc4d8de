import dataclasses

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.training import Recipe


@pytest.mark.parametrize(
    ("n", "settings", "factors"),
    [
        (25, {"epochs": 4}, 1 - np.arange(10) / 10),  # 0 one step after the last
        (25, {"epochs": 4, "schedule": "constant"}, np.ones(10)),
        (20, {"epochs": 5, "schedule": "steps", "decay_epochs": 2}, [1] * 4 + [0.1] * 4 + [0.01] * 2),
    ],
)
def test_schedules(n, settings, factors):
    rates = Recipe(learning_rate=0.05, batch_size=10, **settings).learning_rates(n)
    np.testing.assert_allclose(rates, 0.05 * np.asarray(factors), rtol=1e-6)


@pytest.mark.parametrize(
    ("n", "batch", "epochs", "steps"), [(25, 10, 4, 10), (25, 25, 3, 3), (10, 3, 1, 3), (7, 4, 1, 1)]
)
def test_steps_are_the_whole_batches_of_all_epochs(n, batch, epochs, steps):
    assert Recipe(batch_size=batch, epochs=epochs).steps(n) == steps


def test_a_recipe_is_hashable_and_frozen():
    recipe = Recipe()
    assert hash(recipe) == hash(Recipe())
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(recipe, "epochs", 3)  # noqa: B010


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"schedule": "cosine"}, "schedule"),
        ({"loss": "half_square_error"}, "did you mean 'half_squared_error'"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": float("inf")}, "weight_decay"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": 0}, "epochs"),
        ({"decay_epochs": 0}, "decay_epochs"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Recipe(**settings)


def test_a_batch_above_the_training_set_is_refused():
    with pytest.raises(UserError, match="at most 100"):
        Recipe(batch_size=128).steps(100)
