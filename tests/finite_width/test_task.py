import dataclasses

import numpy as np
import pytest
from PIL import Image

from ntk_repro.data import load_dataset
from ntk_repro.errors import UserError
from ntk_repro.finite_width.settings import Images
from ntk_repro.finite_width.task import images, targets
from tests.refusals import refused


@pytest.fixture(scope="module")
def data():
    return load_dataset("digits", n_train=60, n_test=30)


def test_all_classes_are_one_hot(data):
    y = targets(data)
    assert y.num_outputs == 10
    np.testing.assert_array_equal(y.y_train.argmax(axis=1), data.y_train)
    np.testing.assert_array_equal(y.y_test.sum(axis=1), 1)


def test_the_outputs_are_the_classes_of_the_source_for_every_subset():
    few = load_dataset("digits", n_train=3, n_test=2)
    assert int(few.y.max()) < 9
    assert targets(few).num_outputs == few.provenance.num_classes == 10


def test_large_class_numbers_of_few_classes_are_refused(data):
    named = dataclasses.replace(data.provenance, num_classes=None)
    far = dataclasses.replace(data, y_train=data.y_train + 1_000_000, y_test=data.y_test + 1_000_000, provenance=named)
    refused("digits has 10 classes with numbers up to 1,000,009, each number an output", targets, far)


def test_one_class_against_the_others_is_one_and_zero(data):
    y = targets(data, 3)
    assert y.num_outputs == 1
    np.testing.assert_array_equal(y.y_train[:, 0], data.y_train == 3)


def test_a_missing_class_is_refused(data):
    refused("class 11 cannot be learned", targets, data, 11)


def test_shifted_and_enlarged_images_are_those_of_the_data_set(data):
    config = Images(data="digits", n_train=60, n_test=30)
    np.testing.assert_array_equal(images(config).x_train, data.x_train)
    moved = images(Images(data="digits", n_train=60, n_test=30, shift=2, resize=16))
    assert moved.x_train.shape == (60, 16, 16, 1)
    assert not np.allclose(moved.x_train[:, ::2, ::2], data.x_train, atol=0.1)
    assert "enlarged to 16 x 16" in moved.provenance.label


def test_snakes_without_a_folder_are_refused_when_loaded():
    refused("--imagenet DIR", images, Images(data="snakes").resolved())


def test_snakes_are_read_from_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 3), ("val", 1)):
        for name in ("n1", "n2"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 255, (256, 256, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    config = Images(data="snakes", imagenet=str(tmp_path), wordnet_ids=("n2", "n1")).resolved()
    data = images(config)
    assert data.x_train.shape == (6, 224, 224, 3)
    assert sorted(data.y_test) == [0, 1]
    small = Images(data="snakes", imagenet=str(tmp_path), wordnet_ids=("n2", "n1"), resize=64).resolved()
    assert images(small).x_test.shape == (2, 64, 64, 3)
    with pytest.raises(UserError, match="--imagenet DIR"):  # a folder of TensorFlow data sets is none of images
        images(Images(data="snakes", data_dir=str(tmp_path)).resolved())
