"""Settings that experiments of the study share: fully connected networks, regression data, full-batch descent."""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ntk_repro.data import RegressionData, one_hot, signed_targets
from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSource, Settings, StudyConfig
from ntk_repro.models import build_model
from ntk_repro.module_functions import check_size
from ntk_repro.network import Network
from ntk_repro.ranges import check_counts, check_positive
from ntk_repro.record import RunFolder
from ntk_repro.samples import one_sample
from ntk_repro.training import Descent, descend


def check_increasing(name: str, values: Sequence[int]) -> None:
    """Checks that a list of numbers is not empty, starts at 1 or above and increases.

    Args:
        name: of the setting, for the message.
        values: its value.

    Raises:
        UserError: it does not.
    """
    if not values or values[0] < 1 or any(b <= a for a, b in itertools.pairwise(values)):
        raise UserError(f"{name} must be increasing whole numbers from 1, such as 64 128 256, not {list(values)}")


def check_outputs_for_loss(loss: str, classes: tuple[int, ...] | None) -> None:
    """Checks that networks for these classes have the outputs that the loss needs.

    Raises:
        UserError: cross-entropy for two classes, which are targets +1 and -1 of one output.
    """
    if loss == "cross_entropy" and classes is not None and len(classes) == 2:
        raise UserError("cross_entropy needs an output for each class: name three classes or more, or none for all")


@dataclass(frozen=True)
class FcnSettings(StudyConfig):
    """Fully connected networks of one depth."""

    depth: int = 3
    """Hidden layers."""
    activation: str = "relu"
    """Activation function: relu, tanh, erf, gelu, softplus or identity."""
    sigma_w_squared: float = 2.0
    """Variance of the weights, sigma_w^2."""
    sigma_b_squared: float = 0.1
    """Variance of the biases, sigma_b^2 (0: no biases)."""

    @property
    def sigmas(self) -> dict[str, float]:
        """Standard deviations of weights and biases, as `build_model` takes them."""
        return {"sigma_w": self.sigma_w_squared**0.5, "sigma_b": self.sigma_b_squared**0.5}

    def module(self, width: int, num_outputs: int = 1, parameterization: str = "ntk") -> Any:
        """The network of one width."""
        settings: dict[str, Any] = {"depth": self.depth, "activation": self.activation, **self.sigmas}
        settings |= {"num_outputs": num_outputs, "parameterization": parameterization}
        return build_model("fcn", hidden=width, **settings)

    def largest_network(self, num_outputs: int = 1) -> Any:
        """The module with the most parameters that a run makes."""
        raise NotImplementedError(f"{type(self)} needs a largest_network")

    def check_networks(self, input_shape: tuple[int, ...], num_outputs: int = 1) -> None:
        """Refuses networks that do not fit into memory.

        Raises:
            UserError: the largest does not.
        """
        check_size(self.largest_network(num_outputs), one_sample(input_shape, np.float32))


@dataclass(frozen=True)
class WidthsSettings(FcnSettings):
    """Fully connected networks of many widths."""

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Units per hidden layer."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_increasing("widths", self.widths)
        self.module(self.widths[0])
        return super().canonical()

    def largest_network(self, num_outputs: int = 1) -> Any:
        """The widest module."""
        return self.module(self.widths[-1], num_outputs)

    @property
    def layers(self) -> str:
        """The networks without their widths as text."""
        return f"fcn of {self.depth} {self.activation} layer{'s' if self.depth > 1 else ''}"

    @property
    def width_range(self) -> str:
        """The widths as text."""
        first, last = self.widths[0], self.widths[-1]
        return f"widths {first:,} to {last:,}" if len(self.widths) > 1 else f"width {first:,}"


@dataclass(frozen=True)
class Subset(DataSource):
    """A data set; the seed of the subset is part of a run's identity even where all images are taken."""

    @property
    def is_subset(self) -> bool:
        """Whether `data_seed` distinguishes runs."""
        return True

    def regression_data(self) -> RegressionData:
        """The images with their targets: +-1 where two classes are named, else one-hot rows.

        Source: Lee et al. 2019, Section 3 (two classes as targets +1 and -1).

        Raises:
            UserError: from `load_dataset`.
        """
        data = self.load()
        if self.classes is not None and len(self.classes) == 2:
            return RegressionData.of(data, signed_targets)
        return RegressionData.of(data, functools.partial(one_hot, k=int(data.y.max()) + 1))


class _NetworksOnImages(Protocol):
    def regression_data(self) -> RegressionData: ...
    def check_networks(self, input_shape: tuple[int, ...], num_outputs: int = 1) -> None: ...


def checked_regression_data(config: _NetworksOnImages) -> RegressionData:
    """The images of a config, for networks that fit into memory.

    Raises:
        UserError: from `Subset.regression_data` and `FcnSettings.check_networks`.
    """
    data = config.regression_data()
    config.check_networks(data.x_train.shape[1:], data.num_outputs)
    return data


@dataclass(frozen=True)
class RegressionSettings(Subset):
    """Some classes of a data set."""

    classes: tuple[int, ...] | None = None
    """Classes to take; two of them are targets +1 and -1 of one output, otherwise targets are one-hot. None: all."""


@dataclass(frozen=True)
class DescentSettings(Settings):
    """Gradient descent below the critical learning rate."""

    learning_rate: float = 1.0
    """Learning rate, for the loss 1/2 mean (f - y)^2 over images and outputs."""
    force: bool = False
    """Train even if the learning rate is above the critical one."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_positive(learning_rate=self.learning_rate)
        return super().canonical()


@dataclass(frozen=True)
class StepSettings(DescentSettings):
    """Full-batch gradient descent with intermediate observations."""

    steps: int = 1024
    """Steps of full-batch gradient descent; results are also taken at a half, a quarter ... of them (to 1/64)."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_counts(steps=self.steps)
        return super().canonical()

    @property
    def observed(self) -> tuple[int, ...]:
        """The steps after which results are taken: steps/64, steps/32 ... steps (those that are at least 1)."""
        return tuple(sorted({self.steps // 2**i for i in range(7)} - {0}))

    def descend(
        self, net: Network, x: np.ndarray, y: np.ndarray, observe: Callable, folder: RunFolder, name: str
    ) -> Descent:
        """Trains a network on all images in every step and observes its parameters at the steps of `observed`."""
        return descend(
            net,
            x,
            y,
            learning_rate=self.learning_rate,
            steps=self.steps,
            observe_at=self.observed,
            observe_fn=observe,
            force=self.force,
            folder=folder,
            name=f"descent_{name}",
        )
