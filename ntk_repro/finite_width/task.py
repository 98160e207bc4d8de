"""What a network of the study is trained on, and the network."""

import dataclasses
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float32, Int

from ntk_repro.data import SNAKES, Dataset, load_image_folder, one_hot, shifted
from ntk_repro.errors import UserError
from ntk_repro.finite_width.settings import Images, Settings
from ntk_repro.network import Network, check_network
from ntk_repro.seeds import INIT, key_for, order_seed
from ntk_repro.training import minibatches

__all__ = ["Targets", "batches_for", "checked_images", "images", "network_for", "targets"]


@dataclass(frozen=True, eq=False)
class Targets:
    """What outputs are fitted to: rows with a 1 at the class, or one number that is 1 for a class and 0 for others.

    Attributes:
        train: of the training images.
        test: of the test images.
    """

    train: Float32[np.ndarray, "n k"]
    test: Float32[np.ndarray, "m k"]

    @property
    def outputs(self) -> int:
        """How many outputs a network for it has."""
        return self.train.shape[1]


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


def checked_images(config: Settings, positive: int | None = None) -> Dataset:
    """The images of a config, with targets that a network can learn and a network that takes them.

    Raises:
        UserError: from `images`, `targets` and `check_network`.
    """
    data = images(config)
    check_network(config.net, data.x_train.shape[1:], targets(data, positive).outputs, **config.model_settings)
    return data


def _enlarged(data: Dataset, side: int) -> Dataset:
    parts = {}
    for name in ("x_train", "x_test"):
        x = getattr(data, name)
        parts[name] = np.asarray(jax.image.resize(x, (len(x), side, side, x.shape[-1]), "linear"))
    provenance = dataclasses.replace(data.provenance, label=f"{data.provenance.label}, enlarged to {side} x {side}")
    return dataclasses.replace(data, provenance=provenance, **parts)


def targets(data: Dataset, positive: int | None = None) -> Targets:
    """One-hot rows of the classes, or with `positive` that class against the others.

    Source: Samarin et al. 2022, sections 3 (one-hot) and 4.3 (0 against the other digits).

    Raises:
        UserError: a class that the training or test images lack, or images of nothing else.
    """
    if data.y.min() < 0:
        raise UserError(f"classes are counted from 0, and {data.provenance.name} has {data.y.min()}")
    if positive is None:
        # Of the whole source: a subset may lack the last classes, and another subset would have another network.
        k = max(data.provenance.num_classes or 0, int(data.y.max()) + 1)
        if k < 2:
            raise UserError(f"{data.provenance.name} has one class only: there is nothing to distinguish")
        if k > max(1000, len(data.y)):  # labels that are numbers of something else; a small subset may lack classes
            classes = f"{len(np.unique(data.y))} classes with numbers up to {k - 1:,}"
            raise UserError(f"{data.provenance.name} has {classes}, each number an output: count the classes from 0")
        return Targets(one_hot(data.y_train, k), one_hot(data.y_test, k))
    for part, y in (("training", data.y_train), ("test", data.y_test)):
        if len(np.unique(y == positive)) < 2:
            raise UserError(f"class {positive} cannot be learned: all {part} images are of it, or none is")
    parts = ((y == positive).astype(np.float32)[:, None] for y in (data.y_train, data.y_test))
    return Targets(*parts)


def network_for(config: Settings, data: Dataset, outputs: int) -> Network:
    """The network before training."""
    settings = config.model_settings
    return Network.create(
        config.net, key_for(config.seed, INIT), data.x_train.shape[1:], num_outputs=outputs, **settings
    )


def batches_for(seed: int, n: int, batch_size: int, epochs: int) -> Int[np.ndarray, "steps b"]:
    """The minibatches of a training on n images, the same for a network and its linearization."""
    return minibatches(order_seed(seed), n, batch_size, epochs)
