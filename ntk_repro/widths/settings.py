"""What all experiments of the study set: the network, how wide it is, and its images."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

from ntk_repro.errors import UserError
from ntk_repro.models import NetworkChoice

__all__ = ["Images", "Settings"]


@dataclass(frozen=True)
class Images:
    """A data set, and what is done to its images."""

    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, snakes (with --imagenet), or the path of an
    .npz file."""
    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    imagenet: str | None = field(default=None, metadata={"identity": False})
    """Folder of ImageNet, one folder of images a class under train/ and val/; for --data snakes."""
    wordnet_ids: tuple[str, ...] = ()
    """Classes to take from there, by their WordNet ids; none: ten snakes."""
    n_train: int | None = None
    """Number of training images; none: all of them."""
    n_test: int | None = None
    """Number of test images; none: all of them."""
    data_seed: int = 0
    """Seed of the subset, where fewer images are used than there are, and of the shifts."""
    shift: int = 0
    """Pixels by which every image, of training and of test, is shifted at most in each direction, at random."""
    resize: int | None = None
    """Pixels a side to enlarge images to (alexnet needs 63); none: as they are."""

    def resolved(self) -> Self:
        """The same settings in their canonical form: what has no effect beside the others at its default.

        Raises:
            UserError: for settings that contradict each other or are out of range.
        """
        for name in ("n_train", "n_test", "resize"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        for name in ("seed", "data_seed"):
            if not 0 <= getattr(self, name, 0) < 2**32:
                raise UserError(f"{name} must be from 0 to {2**32 - 1}, not {getattr(self, name)}")
        if self.shift < 0:
            raise UserError(f"shift must be 0 or more pixels, not {self.shift}")
        changes: dict[str, Any] = {}
        if self.n_train is None and self.n_test is None and not self.shift:
            changes["data_seed"] = 0
        if self.data != "snakes" and (self.imagenet or self.wordnet_ids):
            raise UserError("--imagenet and --wordnet-ids are for --data snakes: add that, or leave them out")
        return dataclasses.replace(self, **changes)

    @property
    def spoken_data(self) -> str:
        """The images in a few words."""
        return self.data + (f" shifted by up to {self.shift}" if self.shift else "")


@dataclass(frozen=True)
class Settings(Images, NetworkChoice):
    """A network and its images."""

    net: str = "lenet5"
    """Architecture: lenet5, alexnet or another of the package; or your own: my_network.py:MyNet, or
    package.module:MyNet."""
    width: float = 1.0
    """Factor on every channel count and hidden width (1: the usual network)."""
    activation: str = "relu"
    """Activation function: relu, gelu, tanh, erf, softplus or identity."""
    seed: int = 0
    """Seed of the initialization and of the minibatches."""

    def resolved(self) -> Self:
        """The same settings in their canonical form.

        Raises:
            UserError: for settings that contradict each other or that no network could have.
        """
        return dataclasses.replace(super().resolved(), net=self.checked_net())

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.spoken_net} x{self.width:g} on {self.spoken_data}"
