import numpy as np
import pytest

from ntk_repro.rotation import cifar2
from ntk_repro.rotation.task import images
from ntk_repro.training import train
from tests.interruption import interrupted
from tests.rotation.small import SMALL

SETTINGS = {name: value for name, value in SMALL.items() if name != "n_train"}
RUN = cifar2.run
CONFIG = cifar2.Config(**SETTINGS, sizes=(40, 150))


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    result = done.result()
    np.testing.assert_array_equal(result.pop("size"), [40, 150])
    assert result.pop("majority_rate").shape == ()
    for name, array in result.items():
        assert array.shape == ((2, 4) if name.endswith("loss") else (2,)), name
        assert np.isfinite(array).all()
    assert len(result) == 9


@pytest.mark.slow
@pytest.mark.parametrize("i", [0, 1])
def test_both_models_are_those_of_weight_space(done, i):
    result, data, size = done.result(), images(CONFIG), CONFIG.sizes[i]
    net = CONFIG.initial_network(data.x_train.shape[1:])
    for what, model in (("network", net), ("linearized", net.linearization())):
        trained = train(
            model,
            data.x_train[:size],
            (data.y_train[:size] < 5).astype(int),
            recipe=CONFIG.recipe,
            batches=CONFIG.recipe.minibatches(CONFIG.seed, size),
            x_test=data.x_test,
            y_test=(data.y_test < 5).astype(int),
        )
        np.testing.assert_allclose(result[f"{what}_loss"][i], trained.train_loss, rtol=1e-3)
        assert result[f"{what}_distance"][i] == pytest.approx(trained.l2_distance, rel=1e-3)
        # One image of 50 may lie on the boundary to rounding.
        assert result[f"{what}_test_accuracy"][i] == pytest.approx(trained.test_accuracy, abs=0.021)


@pytest.mark.slow
def test_a_killed_run_keeps_its_finished_sizes(done, tmp_path, monkeypatch):
    trained, _ = interrupted(monkeypatch, cifar2, "train", 2, done, cifar2.run, CONFIG, tmp_path)
    assert trained == ["network_000040", "network_000150", "network_000150"]
