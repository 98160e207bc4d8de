"""What all experiments of the study set: the network, how wide it is, its images, and how it is trained."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSettings, StudyConfig, WeightDecaySettings
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.models import NetworkSettings
from ntk_repro.ranges import check_counts, check_not_negative
from ntk_repro.training import Recipe


@dataclass(frozen=True)
class Images(DataSettings):
    """A data set, and transformations of its images."""

    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, snakes (with --imagenet), or the path of an
    .npz file."""
    data_seed: int = 0
    """Seed of the subset, where fewer images are used than there are, and of the shifts."""
    imagenet: str | None = field(default=None, metadata={"identity": False, "only_with": {"data": "snakes"}})
    """Folder of ImageNet, one folder of images a class under train/ and val/; for --data snakes."""
    wordnet_ids: tuple[str, ...] = ()
    """Classes to take from there, by their WordNet ids; none: ten snakes."""
    shift: int = 0
    """Pixels by which every image, of training and of test, is shifted at most in each direction, at random."""
    resize: int | None = None
    """Pixels a side to enlarge images to (alexnet needs 63); none: as they are."""

    @property
    def is_subset(self) -> bool:
        """Whether `data_seed` has an effect."""
        return super().is_subset or self.shift > 0

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_counts(resize=self.resize)
        check_not_negative(shift=self.shift)
        if self.data != "snakes" and (self.imagenet or self.wordnet_ids):
            raise UserError("--imagenet and --wordnet-ids are for --data snakes: add that, or leave them out")
        return super().canonical()

    def available(self) -> tuple[int, int] | None:
        """How many training and test images there are; a folder is only counted as it is loaded."""
        return None if self.data == "snakes" else super().available()

    @property
    def displayed_data(self) -> str:
        """The images in a few words."""
        return self.data + (f" shifted by up to {self.shift}" if self.shift else "")


@dataclass(frozen=True)
class FiniteWidthSettings(Images, NetworkSettings, InitialNetwork, StudyConfig):
    """A network and its images."""

    net: str = "lenet5"

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name} x{self.width:g} on {self.displayed_data}"


@dataclass(frozen=True)
class SgdSettings(WeightDecaySettings):
    """Stochastic gradient descent of the network and its linearization."""

    weight_decay: float = 5e-5
    batch_size: int = 32

    def recipe_for(self, loss: str, decay_epochs: int | None = None) -> Recipe:
        """How a loss is minimized: at one learning rate, or at one that is divided by ten every `decay_epochs`.

        Source: Samarin et al. 2022, sections 3 and 4 (SGD with momentum and weight decay).

        Raises:
            UserError: for a setting out of range.
        """
        recipe = Recipe(schedule="constant", loss=loss, **self.values(SgdSettings))
        if decay_epochs is None:
            return recipe
        return dataclasses.replace(recipe, schedule="steps", decay_epochs=decay_epochs)
