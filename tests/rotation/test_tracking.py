import dataclasses

import jax
import numpy as np
import pytest

from ntk_repro.gram import alignment, empirical_gram
from ntk_repro.network import Network
from ntk_repro.record import config_hash, config_to_dict
from ntk_repro.rotation import tracking
from ntk_repro.rotation.kernel_measurement import KernelMeasurement
from ntk_repro.rotation.task import images
from ntk_repro.training import Checkpoint, train
from tests.interruption import interrupted
from tests.refusals import refused
from tests.rotation.small import SMALL, Normalised

RUN = tracking.run
CONFIG = tracking.Config(**SMALL, index=3, track=(1, 3), kernel_images=60, top=10, num_eigenfunctions=12)


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    shapes = {name: array.shape for name, array in done.result().items()}
    assert shapes == {
        **dict.fromkeys(("epochs", "energy_concentration", "kernel_cosine_distance", "label_alignment"), (4,)),
        **dict.fromkeys(("mean_squared_gradient_norm", "weight_distance", "network_loss"), (4,)),
        **dict.fromkeys(("network_test_accuracy", "network_train_accuracy"), (4,)),
        "energy_by_images": (4, 2),
        "images": (2,),
        "top_eigenvalues": (4, 10),
        "alignment": (4, 12),
        "eigenvalues": (12,),
        "majority_rate": (),
    }
    np.testing.assert_array_equal(done.result()["epochs"], [0, 1, 3, 4])
    np.testing.assert_array_equal(done.result()["images"], [30, 60])


def test_more_eigenvectors_than_images_are_refused_before_anything_is_computed(tmp_path):
    config = dataclasses.replace(CONFIG, kernel_images=None, n_train=60, top=61)
    refused("61 eigenfunctions need at least 61 samples, not 60", tracking.run, config, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_last_measurement_is_of_the_trained_network(done):
    result, data = done.result(), images(CONFIG)
    net = CONFIG.initial_network(data.x_train.shape[1:])
    kernel = empirical_gram(net, data.x, precision="float64")
    values, vectors = np.linalg.eigh(kernel)
    vectors = vectors[:, ::-1][:, :12]
    np.testing.assert_allclose(result["alignment"][0], values[::-1][:12] / 200, rtol=1e-4)
    y = vectors[:150, 2] >= 0
    sign = np.sign(vectors[:, 2] ** 3 @ np.ones(200))
    y = y if sign > 0 else ~y
    trained = train(
        net, data.x_train, y.astype(int), recipe=CONFIG.recipe, batches=CONFIG.recipe.minibatches(CONFIG.seed, 150)
    )
    np.testing.assert_allclose(result["network_loss"], trained.train_loss, rtol=1e-5)
    phi = np.sqrt(200) * vectors
    np.testing.assert_allclose(result["alignment"][-1], alignment(trained.network, data.x, phi), rtol=1e-3)
    norms = np.diagonal(empirical_gram(trained.network, data.x_train[:60])).mean()
    assert result["mean_squared_gradient_norm"][-1] == pytest.approx(norms, rel=1e-4)
    assert result["weight_distance"][-1] == pytest.approx(trained.l2_distance, rel=1e-5)
    assert result["network_train_accuracy"][-1] == pytest.approx(trained.train_accuracy)


@pytest.mark.slow
def test_the_eigenfunction_trained_on_gains_most(tmp_path):
    config = dataclasses.replace(CONFIG, index=6, epochs=40, track=(0,))
    result = tracking.run(config, root=tmp_path).result()
    growth = result["alignment"][-1] / result["alignment"][0]
    assert growth.argmax() == 5
    assert (growth > 1).all()


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_result(done, tmp_path, monkeypatch):
    steps, save = [], Checkpoint.save
    monkeypatch.setattr(Checkpoint, "save", lambda self, at, *rest: steps.append(at) or save(self, at, *rest))
    stop = (monkeypatch, KernelMeasurement, "__call__", 3, done, tracking.run, CONFIG, tmp_path)
    measured, continued = interrupted(*stop, asked_for=lambda args: args[1])
    assert measured == [0, 1, 3, 3, 4]
    assert steps == sorted(steps)  # never back to an earlier epoch
    assert not (continued.path / "parts").exists()


def test_the_classes_before_training_only(tmp_path):
    config = dataclasses.replace(CONFIG, index=None, epochs=0, track=None, num_eigenfunctions=0, kernel_images=None)
    result = tracking.run(config, root=tmp_path).result()
    assert result["network_loss"].shape == (0,)
    np.testing.assert_array_equal(result["epochs"], [0])
    assert result["images"][-1] == 150
    data = images(config)
    vectors = np.linalg.eigh(
        empirical_gram(config.initial_network(data.x_train.shape[1:]), data.x_train, precision="float64")
    )[1]
    y = np.where(data.y_train < 5, 1.0, -1.0)
    expected = np.linalg.norm(vectors[:, -10:].T @ y) / np.sqrt(150)
    assert result["energy_concentration"][0] == pytest.approx(expected, rel=1e-4)
    assert not (tmp_path / "eigenbasis").exists()


def test_a_training_that_diverges_ends_in_nan(tmp_path):
    config = dataclasses.replace(CONFIG, learning_rate=1e30, num_eigenfunctions=0)
    with pytest.warns(UserWarning, match="diverged"):
        result = tracking.run(config, root=tmp_path).result()
    assert np.isfinite(result["energy_concentration"][0])
    assert np.isnan(result["energy_concentration"][1:]).all()


def test_more_eigenvectors_than_images_are_refused(tmp_path):
    refused("with --top", tracking.run, dataclasses.replace(CONFIG, top=61), root=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("trained_statistics", [False, True])
def test_batch_statistics_of_the_kernel_are_the_trained_ones_or_those_before(tmp_path, monkeypatch, trained_statistics):
    seen = []
    real = KernelMeasurement.__call__
    net = Network.create(Normalised(), 0, (8, 8, 1))
    monkeypatch.setattr(tracking.Config, "initial_network", lambda config, shape: net)
    monkeypatch.setattr(
        KernelMeasurement, "__call__", lambda self, epoch, network: seen.append(network) or real(self, epoch, network)
    )
    settings = {"index": None, "num_eigenfunctions": 0, "epochs": 1, "track": None}
    tracking.run(dataclasses.replace(CONFIG, **settings, trained_statistics=trained_statistics), root=tmp_path)
    before, after = (np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(one.state)]) for one in seen)
    assert np.array_equal(before, after) is not trained_statistics


def test_a_setting_that_came_later_leaves_the_hashes_of_runs():
    assert config_hash(tracking.Config(net="mlp", epochs=0).resolved()) == "b8510f436f9d"
    assert "trained_statistics" not in config_to_dict(tracking.Config())
    assert config_to_dict(tracking.Config(trained_statistics=False))["trained_statistics"] is False
    assert tracking.Config(trained_statistics=False, epochs=0).resolved().trained_statistics is True
