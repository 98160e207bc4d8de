import dataclasses

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import training
from ntk_repro.finite_width.task import images, targets
from ntk_repro.record.config import settings_to_dict
from ntk_repro.training import train
from tests.finite_width.small import TRAINING
from tests.interruption import interrupted

RUN = training.run
CONFIG = training.Config(**TRAINING)


def test_every_array_has_the_documented_shape(done):
    result = done.result()
    for kind in ("network", "linearized"):
        assert result[f"{kind}_loss"].shape == (2,)
        assert result[f"{kind}_one_mean"].shape == result["followed_epochs"].shape == result["outputs_apart"].shape
        assert result[f"{kind}_zero_quantiles"].shape == (3, 5)
        start, *_, end = result[f"{kind}_distance_followed"]
        assert (start, end) == (0, pytest.approx(result[f"{kind}_distance"], rel=1e-6))
        assert 0 <= result[f"{kind}_test_accuracy"] <= 1
    assert all(np.isfinite(array).all() for array in result.values())
    assert 0.5 < result["logistic_test_accuracy"] <= 1


def test_both_models_start_equal_and_separate(done):
    for name in ("outputs_apart", "outputs_moved"):
        difference = done.result()[name]
        assert difference[0] == pytest.approx(0, abs=1e-5)
        assert difference[-1] > 1e-4


def test_the_linearization_is_that_of_an_explicit_training(done):
    data = images(CONFIG)
    y = targets(data)
    net = CONFIG.initial_network(data.x_train.shape[1:], 10).linearization()
    # The study's loss is the mean of (f - y)^2 over batch and outputs, a fifth of half the squared error.
    rescaled = {"learning_rate": CONFIG.learning_rate / 5, "weight_decay": CONFIG.weight_decay * 5}
    recipe = dataclasses.replace(CONFIG.recipe, loss="half_squared_error", **rescaled)
    trained = train(net, data.x_train, y.y_train, recipe=recipe, batches=recipe.minibatches(0, 60))
    result = done.result()
    assert result["linearized_distance"] == pytest.approx(trained.l2_distance, rel=1e-4)
    np.testing.assert_allclose(result["linearized_loss"], trained.train_loss / 5, rtol=1e-4)


def test_one_model_alone_is_the_same_model(done, root):
    alone = training.run(dataclasses.replace(CONFIG, models="linearized", baseline=False), root=root).result()
    assert "network_loss" not in alone
    assert "logistic_test_accuracy" not in alone
    np.testing.assert_array_equal(alone["linearized_loss"], done.result()["linearized_loss"])


def test_a_killed_run_keeps_its_finished_model(done, tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})  # one after the other
    trained, _ = interrupted(monkeypatch, training, "train", 2, done, training.run, CONFIG, tmp_path)
    assert trained == ["network", "linearized", "linearized"]


def test_a_training_that_diverges_leaves_nan_and_does_not_stop_the_other(root):
    config = dataclasses.replace(CONFIG, loss_reduction="sum", learning_rate=1e6, baseline=False)
    with pytest.warns(UserWarning, match="diverged"):
        result = training.run(config, root=root).result()
    assert np.isnan(result["network_test_accuracy"])
    assert np.isnan(result["linearized_test_accuracy"])
    assert np.isnan(result["outputs_apart"][-1])


@pytest.mark.slow
def test_double_precision_moves_the_weights_alike(done, root):
    single = done.result()
    double = training.run(dataclasses.replace(CONFIG, precision="float64", baseline=False), root=root).result()
    for kind in training.KINDS:
        moved = [result[f"{kind}_distance_followed"] for result in (double, single)]
        np.testing.assert_allclose(*moved, rtol=1e-4)
        assert np.any(moved[0] != moved[1])
    assert double["outputs_moved"].dtype == np.float64


@pytest.mark.slow
def test_cross_entropy_is_another_training(done, root):
    config = dataclasses.replace(CONFIG, loss="cross_entropy", models="network", follow=0, baseline=False)
    result = training.run(config, root=root).result()
    assert abs(result["network_distance"] / done.result()["network_distance"] - 1) > 0.01
    assert result["network_distance_followed"][-1] == pytest.approx(result["network_distance"], rel=1e-6)
    assert "linearized_distance" not in result


def test_a_sum_over_outputs_is_of_the_squared_error():
    with pytest.raises(UserError, match="leave it out with --loss cross_entropy"):
        _ = training.Config(loss="cross_entropy", loss_reduction="sum").recipe


def test_settings_at_their_default_do_not_change_the_name_of_a_run():
    assert "loss" not in settings_to_dict(training.Config())
    assert training.Config(loss="cross_entropy").label == "lenet5 x1 on mnist5k, cross_entropy"
