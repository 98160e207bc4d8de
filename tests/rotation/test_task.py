import dataclasses

import numpy as np
import pytest

from ntk_repro.data import class_labels, load_dataset
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.rotation.task import images, task_for
from ntk_repro.rotation.tracking import Config
from tests.rotation.small import SMALL

CONFIG = Config(**SMALL)


@pytest.fixture(scope="module")
def data():
    return images(CONFIG)


def test_the_classes_are_the_first_five_against_the_others(data, tmp_path):
    task = task_for(CONFIG, data, CONFIG.initial_network(data.x_train.shape[1:]), tmp_path)
    np.testing.assert_array_equal(task.y_train, data.y_train < 5)
    np.testing.assert_array_equal(task.y_test, data.y_test < 5)
    assert task.basis is None
    assert task.majority_rate == max(np.mean(data.y_test < 5), np.mean(data.y_test >= 5))


def test_an_eigenfunction_is_one_of_the_kernel_on_all_images(data, tmp_path):
    net = CONFIG.initial_network(data.x_train.shape[1:])
    third = dataclasses.replace(CONFIG, index=3)
    task = task_for(third, data, net, tmp_path)
    vectors = np.linalg.eigh(empirical_gram(net, data.x).astype(np.float64))[1][:, ::-1]
    expected = vectors[:, 2] >= 0
    labels = np.concatenate([task.y_train, task.y_test]).astype(bool)
    assert np.array_equal(labels, expected) or np.array_equal(labels, ~expected)
    assert task.basis is not None
    assert task.basis.values.shape == (3,)
    assert task_for(third, data, net, tmp_path, 7).basis.values.shape == (7,)  # pyright: ignore


def test_seeds_decide_over_start_and_order(data):
    configs = (CONFIG, Config(**SMALL), Config(**{**SMALL, "seed": 1}))
    one, again, other = (config.initial_network(data.x_train.shape[1:])(data.x_test) for config in configs)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    one, again, other = (config.recipe.minibatches(config.seed, 150) for config in configs)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.arange(40) % 12 - 1, "labels from -1"), (np.zeros(40, int), "cannot be split into 0 and 1: take another")],
)
def test_other_classes_are_refused(labels, message, tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 6, 6))
    np.savez(tmp_path / "custom.npz", x_train=x, y_train=labels, x_test=x[:9], y_test=labels[:9])
    with pytest.raises(UserError, match=message):
        class_labels(load_dataset(tmp_path / "custom.npz"), "take another data set")


def test_more_eigenfunctions_than_images_are_refused(data, tmp_path):
    with pytest.raises(UserError, match="201 eigenfunctions need at least 201 samples, not 200"):
        task_for(CONFIG, data, CONFIG.initial_network(data.x_train.shape[1:]), tmp_path, 201)
