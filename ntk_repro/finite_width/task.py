"""What a network of the study is trained on."""

import dataclasses
import functools

import jax
import numpy as np

from ntk_repro.data import SNAKES, Dataset, RegressionData, load_image_folder, one_hot, shifted
from ntk_repro.errors import UserError
from ntk_repro.finite_width.settings import FiniteWidthSettings, Images


def images(config: Images) -> Dataset:
    """The images of a config, standardised, then shifted, then enlarged.

    Raises:
        UserError: for images that cannot be loaded.
    """
    if config.data == "snakes":
        if config.imagenet is None:
            raise UserError("the snakes are a part of ImageNet: name its folder, --imagenet DIR")
        classes = config.wordnet_ids or SNAKES
        data = load_image_folder(config.imagenet, classes, config.n_train, config.n_test, config.data_seed)
    else:
        data = config.load()
    if config.shift:
        data = shifted(data, config.shift, config.data_seed)
    return data if config.resize is None else _enlarged(data, config.resize)


def checked_images(config: FiniteWidthSettings, positive: int | None = None) -> Dataset:
    """The images of a config, with targets that a network can learn and a network that takes them.

    Raises:
        UserError: from `images`, `targets` and `InitialNetwork.check_network`.
    """
    data = images(config)
    config.check_network(data.x_train.shape[1:], targets(data, positive).num_outputs)
    return data


def _enlarged(data: Dataset, side: int) -> Dataset:
    parts = {}
    for name in ("x_train", "x_test"):
        x = getattr(data, name)
        parts[name] = np.asarray(jax.image.resize(x, (len(x), side, side, x.shape[-1]), "linear"))
    provenance = dataclasses.replace(data.provenance, label=f"{data.provenance.label}, enlarged to {side} x {side}")
    return dataclasses.replace(data, provenance=provenance, **parts)


def targets(data: Dataset, positive: int | None = None) -> RegressionData:
    """The images with one-hot rows of the classes, or with `positive` 1 for that class and 0 for the others.

    Source: Samarin et al. 2022, sections 3 (one-hot) and 4.3 (0 against the other digits).

    Raises:
        UserError: for a class of none or all of the training or test images.
    """
    if data.y.min() < 0:
        raise UserError(f"classes are counted from 0, and {data.provenance.name} has {data.y.min()}")
    if positive is None:
        # All classes of the source: a subset may lack the last ones, and its network would have fewer outputs.
        k = max(data.provenance.num_classes or 0, int(data.y.max()) + 1)
        if k < 2:
            raise UserError(f"{data.provenance.name} has one class only: take data with two classes or more")
        if k > max(1000, len(data.y)):  # labels that are no classes; a small subset may lack classes
            classes = f"{len(np.unique(data.y))} classes with numbers up to {k - 1:,}"
            raise UserError(f"{data.provenance.name} has {classes}, each number an output: count the classes from 0")
        return RegressionData.of(data, functools.partial(one_hot, k=k))
    for part, y in (("training", data.y_train), ("test", data.y_test)):
        if len(np.unique(y == positive)) < 2:
            raise UserError(
                f"class {positive} cannot be learned: all or none of the {part} images belong to it: name another class"
            )
    return RegressionData.of(data, lambda y: (y == positive).astype(np.float32)[:, None])
