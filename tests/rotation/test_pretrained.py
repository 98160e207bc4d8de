import jax
import numpy as np
import pytest

from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.rotation import pretrained
from ntk_repro.rotation.task import images, task_for
from ntk_repro.training import train
from tests.interruption import interrupted
from tests.rotation.small import SMALL, Normalised

RUN = pretrained.run
CONFIG = pretrained.Config(**SMALL, index=3, linearize_at=(2,))


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    shapes = {name: array.shape for name, array in done.result().items()}
    assert shapes == {
        **dict.fromkeys(("linearized_test_accuracy", "linearized_train_accuracy", "linearized_distance"), (3, 2)),
        "linearized_loss": (3, 2, 4),
        "eta_over_critical": (3,),
        **dict.fromkeys(("epochs", "mean_squared_gradient_norm", "label_alignment", "checkpoint_test_accuracy"), (3,)),
        **dict.fromkeys(("network_test_accuracy", "network_train_accuracy", "majority_rate"), ()),
        "network_loss": (4,),
    }
    np.testing.assert_array_equal(done.result()["epochs"], [0, 2, 4])
    assert done.result()["checkpoint_test_accuracy"][-1] == done.result()["network_test_accuracy"]


def test_the_learning_rate_is_reported_in_units_of_the_critical_one(done, root):
    data = images(CONFIG)
    kernel = empirical_gram(CONFIG.initial_network(data.x_train.shape[1:]), data.x_train).astype(np.float64)
    largest = np.linalg.eigvalsh(kernel)[-1]
    ratio = done.result()["eta_over_critical"]
    assert ratio[0] == pytest.approx(CONFIG.learning_rate * largest / 2 / 150, rel=1e-3)
    lines = [line for line in done.metrics() if line.get("phase") == "tracking"]
    assert [line["eta_over_critical"] for line in lines] == pytest.approx(ratio.tolist())


@pytest.mark.slow
def test_both_kinds_are_those_of_weight_space(done, root):
    result, data = done.result(), images(CONFIG)
    net = CONFIG.initial_network(data.x_train.shape[1:])
    task = task_for(CONFIG, data, net, root)
    training = {"recipe": CONFIG.recipe, "batches": CONFIG.recipe.minibatches(CONFIG.seed, 150)}
    end = train(net, data.x_train, task.y_train, **training).network
    biased = end.linearization()

    def without_start(params, x):
        return biased.apply(params, x) - end.apply(end.params, x)

    unbiased = Network.from_apply(without_start, end.params)
    for kind, model in enumerate((biased, unbiased)):
        trained = train(model, data.x_train, task.y_train, **training)
        np.testing.assert_allclose(result["linearized_loss"][-1, kind], trained.train_loss, rtol=5e-3)
        assert result["linearized_distance"][-1, kind] == pytest.approx(trained.l2_distance, rel=5e-3)
        assert result["linearized_train_accuracy"][-1, kind] == pytest.approx(trained.train_accuracy, abs=0.014)


@pytest.mark.slow
@pytest.mark.parametrize("trained_statistics", [False, True])
def test_batch_statistics_are_the_trained_ones_or_those_before(tmp_path, monkeypatch, trained_statistics):
    seen = []
    real = pretrained._linearized

    def spy(config, data, task, net, where, batches):
        seen.append(net)
        return real(config, data, task, net, where, batches)

    net = Network.create(Normalised(), 0, (8, 8, 1))
    monkeypatch.setattr(pretrained, "_linearized", spy)
    monkeypatch.setattr(pretrained.Config, "initial_network", lambda config, shape: net)
    settings = {**SMALL, "epochs": 1, "trained_statistics": trained_statistics}
    folder = pretrained.run(pretrained.Config(**settings), root=tmp_path)
    before, after = seen
    same = [np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (before.state, after.state)), strict=True)]
    assert all(same) is not trained_statistics
    moved = [np.abs(a - b).max() for a, b in zip(*map(jax.tree.leaves, (before.params, after.params)), strict=True)]
    assert max(moved) > 0
    result = folder.result()
    assert result["checkpoint_test_accuracy"][-1] == result["network_test_accuracy"]  # with its own statistics


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_result(done, tmp_path, monkeypatch):
    rounding = {"rtol": 1e-5, "atol": 1e-6}
    interrupted(monkeypatch, pretrained, "_linearized", 2, done, pretrained.run, CONFIG, tmp_path, **rounding)


def test_the_classes_are_a_task_too(tmp_path):
    config = pretrained.Config(**{**SMALL, "epochs": 1})
    assert pretrained.run(config, root=tmp_path).result()["linearized_loss"].shape == (2, 2, 1)
    assert not (tmp_path / "eigenbasis").exists()
