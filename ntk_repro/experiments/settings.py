"""Settings that studies share: small frozen dataclasses that a study's `Config` inherits, so that they stay flat.

Each field and its help text stands here once. A study that has another default names the field again, without a text:
the command line takes that of the nearest class that has one.
"""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ntk_repro.data import Dataset, dataset_sizes, load_dataset
from ntk_repro.errors import UserError
from ntk_repro.seeds import check_seed

__all__ = [
    "DataFolder",
    "DataSettings",
    "DataSource",
    "EpochSettings",
    "MinibatchSettings",
    "NTest",
    "NTrain",
    "SeedSettings",
    "Settings",
    "StudyConfig",
    "TrainingSettings",
]


@dataclass(frozen=True)
class Settings:
    """What all settings can do."""

    def resolved(self) -> Self:
        """The same settings, checked, in their canonical form: those that mean the same run are equal.

        Raises:
            UserError: for settings that contradict each other or that no run could have.
        """
        return dataclasses.replace(self, **self.canonical())

    def canonical(self) -> dict[str, Any]:
        """Checks the settings; returns the fields that `resolved` replaces: what has no effect, what is left open.

        Raises:
            UserError: for settings that contradict each other or that no run could have.
        """
        return {}

    def fitted(self, chosen: Collection[str]) -> tuple[Self, list[str]]:
        """The settings made to fit the images that there are, and lines that say so.

        Args:
            chosen: the counts that the user asks for, which stay.
        """
        return self, []

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """The settings without what so few images cannot give, and lines that say so."""
        return self, []

    def values(self, part: type["Settings"]) -> dict[str, Any]:
        """The fields of one of the classes that these settings are composed of."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(part)}

    def defaults(self, *names: str) -> dict[str, Any]:
        """The default values of some fields."""
        return {field.name: field.default for field in dataclasses.fields(self) if field.name in names}

    def source_texts(self) -> Mapping[str, str]:
        """What a run folder keeps of the user's own code, by path."""
        return {}


@dataclass(frozen=True)
class SeedSettings(Settings):
    """A seed."""

    seed: int = 0
    """Seed of what a run draws: initializations, minibatches, random inputs."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_seed(self.seed)
        return super().canonical()


@dataclass(frozen=True)
class StudyConfig(SeedSettings):
    """The settings of one run of a study: what the `Config` of every experiment is."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        raise NotImplementedError(f"{type(self)} needs a label")


@dataclass(frozen=True)
class DataFolder(Settings):
    """Where data sets lie."""

    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""


@dataclass(frozen=True)
class DataSource(DataFolder):
    """A data set, and which images of it."""

    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, or the path of an .npz file."""
    data_seed: int = 0
    """Seed of the subset, where fewer images are used than there are."""

    # All of them, where an experiment has no such setting.
    n_train = n_test = classes = None

    @property
    def is_subset(self) -> bool:
        """Whether `data_seed` has an effect."""
        return self.n_train is not None or self.n_test is not None

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        for name, count in (("n_train", self.n_train), ("n_test", self.n_test)):
            if count is not None and count < 1:
                raise UserError(f"{name} must be at least 1, not {count}")
        check_seed(self.data_seed, "data_seed")
        return {**super().canonical(), **({} if self.is_subset else self.defaults("data_seed"))}

    def load(self) -> Dataset:
        """The images.

        Raises:
            UserError: from `load_dataset`.
        """
        return load_dataset(
            self.data,
            self.data_dir,
            n_train=self.n_train,
            n_test=self.n_test,
            seed=self.data_seed,
            classes=self.classes,
        )

    def available(self) -> tuple[int, int] | None:
        """How many training and test images there are; None where only loading them tells."""
        return dataset_sizes(self.data, self.data_dir, classes=self.classes)

    def fitted(self, chosen: Collection[str]) -> tuple[Self, list[str]]:
        """As `Settings.fitted`: counts that the data set cannot satisfy become all that it has."""
        available = self.available()
        if available is None:
            return (self, []) if self.n_train is None else self.within(self.n_train, self.n_test or 0)
        names = {field.name for field in dataclasses.fields(self)}
        parts = (("n_train", "training", self.n_train), ("n_test", "test", self.n_test))
        changes, left, lines = {}, [], []
        for (name, part, count), most in zip(parts, available, strict=True):
            if name in names and name not in chosen and (count or 0) > most:
                lines.append(f"{self.data} has {most:,} {part} images, not the {count:,} of the preset: all are taken")
                changes[name] = count = most
            left.append(count if name in names and count else most)
        fit, more = dataclasses.replace(self, **changes).within(*left)
        return fit, lines + more


@dataclass(frozen=True)
class NTrain(DataSource):
    """A data set with a number of training images."""

    n_train: int | None = None
    """Number of training images; none: all of them."""


@dataclass(frozen=True)
class NTest(DataSource):
    """A data set with a number of test images."""

    n_test: int | None = None
    """Number of test images; none: all of them."""


@dataclass(frozen=True)
class DataSettings(NTrain, NTest):
    """A data set with numbers of training and test images."""


@dataclass(frozen=True)
class MinibatchSettings(Settings):
    """Minibatches."""

    batch_size: int | None = None
    """Images per minibatch; none: all of them in every step."""

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: fewer images than a minibatch are one."""
        fit, lines = super().within(n_train, n_test)
        if self.batch_size is None or self.batch_size <= n_train:
            return fit, lines
        line = f"all {n_train:,} training images are one batch, not {self.batch_size} of them"
        return dataclasses.replace(fit, batch_size=n_train), [line, *lines]


@dataclass(frozen=True)
class EpochSettings(MinibatchSettings):
    """Minibatches and epochs."""

    batch_size: int = 128
    """Images per minibatch."""
    epochs: int = 20
    """Passes over the training images."""


@dataclass(frozen=True)
class TrainingSettings(EpochSettings):
    """Stochastic gradient descent."""

    learning_rate: float = 0.05
    """Learning rate at the first step."""
    momentum: float = 0.9
    """Momentum of SGD, at least 0 and below 1."""
