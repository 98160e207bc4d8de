"""What every experiment of a study has: settings composed of shared ones, and a `run`.

An experiment is a module with `Config`, which inherits `StudyConfig` and the settings that it shares with others,
`run`, made by `experiment`, and `show(folder)`. A shared field and its help text are written once, here (for
networks in `ntk_repro.models.settings`). A study with another default names the field again, without a text: the
command line takes that of the nearest class that has one.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar, cast

from ntk_repro.data import Dataset, Provenance, dataset_sizes, load_dataset
from ntk_repro.ranges import check_batch_size, check_counts, check_not_negative, check_seed
from ntk_repro.record import RunFolder


@dataclass(frozen=True)
class Settings:
    """The methods of all settings."""

    def resolved(self) -> Self:
        """The same settings, checked, in their canonical form: those that mean the same run are equal.

        Raises:
            UserError: for settings that contradict each other or that no run could have.
        """
        return dataclasses.replace(self, **self.canonical())

    def canonical(self) -> dict[str, Any]:
        """Checks the settings; returns the fields that `resolved` replaces: those without effect, and those left open.

        Raises:
            UserError: for settings that contradict each other or that no run could have.
        """
        return {}

    def fitted(self, chosen: Collection[str]) -> tuple[Self, list[str]]:
        """The settings made to fit the available images, and lines that report the changes.

        Args:
            chosen: names of counts that the user asks for, which are not changed.
        """
        return self, []

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """The settings made to fit these numbers of images, and lines that report the changes."""
        return self, []

    def values(self, part: type["Settings"]) -> dict[str, Any]:
        """The fields of one of the classes that these settings are composed of."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(part)}

    def defaults(self, *names: str) -> dict[str, Any]:
        """The default values of some fields."""
        return {field.name: field.default for field in dataclasses.fields(self) if field.name in names}

    def source_texts(self) -> Mapping[str, str]:
        """The user's code that a run folder saves, by path."""
        return {}


@dataclass(frozen=True)
class SeedSettings(Settings):
    """A seed."""

    seed: int = 0
    """Seed of a run's random numbers: initializations, minibatches, random inputs."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_seed(self.seed)
        return super().canonical()


@dataclass(frozen=True)
class StudyConfig(SeedSettings):
    """The settings of one run of a study, the base of the `Config` of every experiment."""

    data = ""  # the name of the data set, where an experiment has one

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        raise NotImplementedError(f"{type(self)} needs a label")


@dataclass(frozen=True)
class DataFolder(Settings):
    """Where data sets are."""

    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""


@dataclass(frozen=True)
class DataSource(DataFolder):
    """A data set, and which images of it."""

    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, or the path of an .npz file."""
    data_seed: int = 0
    """Seed of the subset, where fewer images are used than there are."""

    # None (all) where an experiment has no such setting.
    n_train = n_test = classes = None

    @property
    def is_subset(self) -> bool:
        """Whether `data_seed` has an effect."""
        return self.n_train is not None or self.n_test is not None

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_counts(n_train=self.n_train, n_test=self.n_test)
        check_seed(self.data_seed, "data_seed")
        return {**super().canonical(), **({} if self.is_subset else self.defaults("data_seed"))}

    @property
    def gram_counts(self) -> tuple[int | None, int | None]:
        """How many training and test images the largest Gram matrix of a run is of; None for all of them."""
        return self.n_train, self.n_test

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
        """How many training and test images there are; None where that is known only after loading."""
        return dataset_sizes(self.data, self.data_dir, classes=self.classes)

    def fitted(self, chosen: Collection[str]) -> tuple[Self, list[str]]:
        """As `Settings.fitted`: counts above the numbers of images become these numbers."""
        check_counts(n_train=self.n_train, n_test=self.n_test)
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
class TrainingSizes(DataSource):
    """A data set with several numbers of training images."""

    sizes: tuple[int, ...] = ()
    """Numbers of training images; a smaller set is the beginning of a larger one."""

    @property
    def n_train(self) -> int | None:
        """The largest number of training images."""
        return max(self.sizes, default=None)

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: sizes above the number of images are left out."""
        (fit, lines), sizes = super().within(n_train, n_test), tuple(size for size in self.sizes if size <= n_train)
        if sizes != self.sizes:
            lines.append(f"sizes beyond {n_train:,} training images are left out")
        return dataclasses.replace(fit, sizes=sizes), lines


@dataclass(frozen=True)
class MinibatchSettings(Settings):
    """Minibatches."""

    batch_size: int | None = None
    """Images per minibatch; none: all of them in every step."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_counts(batch_size=self.batch_size)
        return super().canonical()

    def check_batches(self, n_train: int) -> None:
        """Refuses minibatches of more than so many training images.

        Raises:
            UserError: they are.
        """
        if self.batch_size is not None:
            check_batch_size(self.batch_size, n_train)

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: a minibatch has at most all images."""
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

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_not_negative(learning_rate=self.learning_rate)
        return super().canonical()


@dataclass(frozen=True)
class ScheduleSettings(TrainingSettings):
    """Stochastic gradient descent whose learning rate falls or is constant."""

    schedule: Literal["linear", "constant"] = "linear"
    """Learning rate schedule: linear (falls linearly, to reach 0 one step after the last) or constant."""


@dataclass(frozen=True)
class WeightDecaySettings(TrainingSettings):
    """Stochastic gradient descent with weight decay."""

    weight_decay: float = 0.0
    """Weight decay, on the weights of the network and on the distance from the start of the linearization."""


_C = TypeVar("_C", bound=Settings)
_C_contra = TypeVar("_C_contra", bound=Settings, contravariant=True)


class Run(Protocol[_C_contra]):
    """A function that computes runs."""

    @property
    def load(self) -> Callable[[_C_contra], Any]:
        """Loads and checks the data of a config; gives None where an experiment has none."""
        ...

    def __call__(
        self, config: _C_contra, root: Path | None = None, data: Any = None, *, wait: bool = False
    ) -> RunFolder:
        """Computes a run, or continues one that was interrupted, or returns one that is done.

        Args:
            config: the settings.
            root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
            data: what the experiment loads for this config, where the caller has loaded it already.
            wait: whether to wait for another process that computes the same run, rather than to refuse.

        Raises:
            UserError: for settings or data that cannot be worked with.
            RunInUseError: another process computes the same, and `wait` is False.
        """
        ...


def _recorded(provenance: Provenance | Mapping[str, Any]) -> Mapping[str, Any]:
    return provenance.as_dict() if isinstance(provenance, Provenance) else provenance


def experiment(
    name: str,
    *,
    load: Callable[[Any], Any] | None = None,
    wait: bool = False,
) -> Callable[[Callable[[_C, Any, RunFolder], Mapping[str, Any]]], Run[_C]]:
    """Turns the function that computes the arrays of an experiment's result into `run(config, root=None)`.

    That function is called with the settings in their canonical form, the data and the open run folder, and only where
    the run is not done.

    Args:
        name: of the folder of these runs, the study's and the experiment's, such as "finite_width_spectra".
        load: (config) -> data, with `provenance` (that of a data set, or a mapping that is recorded), or None. Invalid
            settings and data are refused here, before there is a folder. It is called for a finished run too, to
            check that it was computed from the same data.
        wait: whether to wait for another process that computes the same.
    """

    def decorate(compute: Callable[[_C, Any, RunFolder], Mapping[str, Any]]) -> Run[_C]:
        @functools.wraps(compute)
        def run(config: _C, root: Path | None = None, data: Any = None, *, wait: bool = wait) -> RunFolder:
            config = config.resolved()
            data = load(config) if load is not None and data is None else data
            facts = None if data is None else _recorded(data.provenance)
            texts = config.source_texts()
            with RunFolder.open(name, config, root=root, wait=wait, provenance=facts, source=texts) as folder:
                if not folder.done:
                    folder.finish(**compute(config, data, folder))
            return folder

        run.load = load or (lambda config: None)  # pyright: ignore[reportAttributeAccessIssue]
        del run.__wrapped__  # so that its signature is shown, not that of the computation
        return cast(Run[_C], run)

    return decorate
