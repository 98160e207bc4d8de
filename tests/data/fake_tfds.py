"""Writes small data sets in the format of tensorflow-datasets: `python -m tests.data.fake_tfds <data dir>`.

A separate process, so that the tests' process does not import TensorFlow.
"""

import sys

import numpy as np

# name, version, shape, encoding; versions that tensorflow-datasets has never published.
FAKES = [("mnist", "1.2.0", (28, 28, 1), "png"), ("cifar10", "1.0.0", (32, 32, 3), "jpeg")]


def fake_images(shape, n, seed):
    """Smooth random images, so that JPEG keeps them nearly as they are."""
    rng = np.random.default_rng(seed)
    rows, columns = np.linspace(0, 1, shape[0])[:, None], np.linspace(0, 1, shape[1])[None, :]
    a, b = rng.uniform(60, 110, (2, n, 1, 1))
    gray = (a * rows + b * columns).astype(np.uint8)
    return np.repeat(gray[..., None], shape[2], axis=-1), (np.arange(n) % 10).astype(np.int64)


def fake_parts(shape):
    """Images and labels of the training and the test part."""
    return {"train": fake_images(shape, 30, 0), "test": fake_images(shape, 10, 1)}


def main(data_dir):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    for name, version, shape, encoding in FAKES:
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=shape, encoding_format=encoding),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
        )
        splits = {
            split: tf.data.Dataset.from_tensor_slices({"image": x, "label": y})  # pyright: ignore[reportArgumentType]
            for split, (x, y) in fake_parts(shape).items()
        }
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name, version=version, features=features, split_datasets=splits, data_dir=data_dir
        )


if __name__ == "__main__":
    main(sys.argv[1])
