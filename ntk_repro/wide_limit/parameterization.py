"""Experiment: test accuracy against the learning rate in NTK and in standard parameterization.

Source: Lee et al. 2019, appendix F (Figure S7, Eq. S37).
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.data import RegressionData
from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSettings, EpochSettings, experiment
from ntk_repro.models import PARAMETERIZATIONS
from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.ranges import check_counts, check_not_negative, check_positive
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for, order_seed
from ntk_repro.training import accuracy, critical_learning_rate, descend, minibatches
from ntk_repro.wide_limit.layerwise_rates import (
    outputs_apart,
    rates_by_parameter,
    standard_learning_rate,
    standard_parameters,
    widest_layer,
)
from ntk_repro.wide_limit.settings import FcnSettings, Subset, checked_regression_data

# The comparison of the parameterizations step by step: training images, an eta_0 that trains and is below critical,
# steps, and initializations, of which the first is the run's.
_COMPARED_IMAGES, _COMPARED_ETA, _COMPARED_STEPS, _COMPARED_STARTS = 32, 0.25, (0, 1, 10, 100), 3


@dataclass(frozen=True)
class Config(EpochSettings, Subset, DataSettings, FcnSettings):
    """Trains one network in both parameterizations at many learning rates: one activation, one loss, one seed."""

    loss: Literal["cross_entropy", "half_mean_squared_error"] = "cross_entropy"
    """Loss: cross_entropy on ten logits, or 1/2 the mean squared distance from one-hot targets."""
    log2_etas: tuple[int, ...] = (-9, -7, -5, -3, -1, 1, 3, 5, 7)
    """Exponents to 2 of the normalised learning rates: eta itself in NTK parameterization, eta / hidden in standard."""
    hidden: int = 512
    """Units of every hidden layer."""
    depth: int = 2
    batch_size: int = 64
    epochs: int = 10
    """Passes over the training images, at every learning rate."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.activation} fcn of width {self.hidden:,}, {_LOSSES[self.loss]} on {self.data}"

    def largest_network(self, num_outputs: int = 1) -> Any:
        """The module of both parameterizations, in one of them."""
        return self.module(self.hidden, num_outputs)

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the learning rates in rising order, each once."""
        if not self.log2_etas:
            raise UserError("--log2-etas is empty: name at least one exponent, such as --log2-etas -3 -1 1")
        check_counts(hidden=self.hidden, depth=self.depth, batch_size=self.batch_size, epochs=self.epochs)
        check_positive(sigma_w_squared=self.sigma_w_squared)
        check_not_negative(sigma_b_squared=self.sigma_b_squared)
        return {**super().canonical(), "log2_etas": tuple(sorted(set(self.log2_etas)))}


_LOSSES = {"cross_entropy": "cross-entropy", "half_mean_squared_error": "squared loss"}


def _load(config: Config) -> RegressionData:
    data = checked_regression_data(config)
    config.check_batches(len(data.x_train))
    return data


@experiment("wide_limit_parameterization", load=_load)
def run(config: Config, data: RegressionData, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one run of the experiment, or continues one that was interrupted, or returns one that is done.

    The result's arrays, for E learning rates: `log2_eta` (E,); for p in ntk, standard `p_learning_rate` (E,), that
    of the parameters; `p_test_accuracy`, `p_train_accuracy`, `p_train_loss` (E,) after the last step, nan where the
    training diverged; `p_eta_critical`, the normalised rate above which full-batch gradient descent on the squared
    loss diverges at initialization (for cross-entropy that of 1/2 the squared loss summed over outputs, which has the
    larger curvature, so rates above it may well converge). Of `outputs_apart`, on the first training images at
    `compared` (4,) steps of full-batch gradient descent, for three initializations: `layerwise_apart` (3, 4) with the
    rates of Eq. S37, and `plain_apart` (3, 4) with eta_0 for all parameters and eta_0 / hidden in standard
    parameterization.
    """
    nets = _networks(config, data)
    # The same minibatches for every training.
    batches = minibatches(order_seed(config.seed), len(data.y_train), config.batch_size, config.epochs)

    etas = 2.0 ** np.array(config.log2_etas)
    # As in Figure S8, whose eta is 0.005 / 2048 for 3072 inputs and hidden layers of 2048: n is the hidden width.
    rates = {"ntk": etas, "standard": standard_learning_rate(1.0, config.hidden) * etas}
    arrays: dict[str, Any] = {"log2_eta": np.array(config.log2_etas)}
    arrays |= _compared(config, data)

    def trained(net: Network, rate: float, critical: float, name: str) -> dict[str, float]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*diverged.*")  # a finding, not a failure
            descent = descend(
                net,
                data.x_train,
                data.y_train,
                learning_rate=rate,
                steps=len(batches),
                batches=batches,
                loss=config.loss,
                observe_at=(len(batches),),
                force=True,
                critical=critical,
                folder=folder,
                name=name,
            )
        return {
            "test_accuracy": accuracy(descent.network(data.x_test), data.y_test),
            "train_accuracy": accuracy(descent.network(data.x_train), data.y_train),
            "train_loss": float(descent.train_loss[-1]),
        }

    with progress(config.label, len(etas) * len(nets), "trainings") as advance:
        for name, net in nets.items():
            # Once: it is the same at every learning rate.
            critical = critical_learning_rate(net, data.x_train, data.num_outputs, config.loss)
            rows = []
            for exponent, rate in zip(config.log2_etas, rates[name], strict=True):
                part, rate = f"{name}_{exponent:+d}", float(rate)
                rows.append(folder.part(part, trained, net, rate, critical, part, phase=part, learning_rate=rate))
                advance(note=f"{part}: {float(rows[-1]['test_accuracy']):.1%}")
            arrays |= {f"{name}_{key}": np.stack([row[key] for row in rows]) for key in rows[0]}
            arrays |= {
                f"{name}_learning_rate": rates[name],
                f"{name}_eta_critical": critical * etas[0] / rates[name][0],
            }
    return arrays


def _compared(config: Config, data: RegressionData) -> dict[str, np.ndarray]:
    """The two parameterizations step by step, by layer-wise rates and by one rate."""
    shown, eta_0 = slice(0, _COMPARED_IMAGES), _COMPARED_ETA
    apart: dict[str, list[np.ndarray]] = {"layerwise_apart": [], "plain_apart": []}
    for start in range(_COMPARED_STARTS):
        nets = _networks(config, data, start)
        params = nets["ntk"].params
        rates = (rates_by_parameter(params, eta_0, **config.sigmas), jax.tree.map(lambda _: eta_0, params))
        for name, by_parameter, n in zip(apart, rates, (widest_layer(params), config.hidden), strict=True):
            found = outputs_apart(
                nets["ntk"],
                nets["standard"],
                data.x_train[shown],
                data.y_train[shown],
                rates=by_parameter,
                standard_rate=standard_learning_rate(eta_0, n),
                **config.sigmas,
                loss=config.loss,
                steps=_COMPARED_STEPS,
            )
            apart[name].append(found)
    return {"compared": np.array(_COMPARED_STEPS), **{name: np.array(found) for name, found in apart.items()}}


def _networks(config: Config, data: RegressionData, start: int = 0) -> dict[str, Network]:
    """One function in both parameterizations; another one for each `start`."""
    key = key_for(config.seed, INIT)
    key = jax.random.fold_in(key, start) if start else key
    nets = {}
    for name in PARAMETERIZATIONS:
        module = config.module(config.hidden, data.num_outputs, name)
        nets[name] = Network.create(module, key, data.x_train.shape[1:])
    params = standard_parameters(nets["ntk"].params, **config.sigmas)
    return {**nets, "standard": nets["standard"].replace(params=params)}


def show(folder: RunFolder) -> None:
    """Prints a run's accuracies."""
    result = folder.result()
    settings = f"{folder.config['activation']}, {_LOSSES[folder.config['loss']]}"
    accuracies = (result[f"{name}_test_accuracy"] for name in PARAMETERIZATIONS)
    critical = (f"{np.log2(result[f'{name}_eta_critical']):.1f}" for name in PARAMETERIZATIONS)
    rows = [*zip(result["log2_eta"], *accuracies, strict=True), ("log2 of eta_critical", *critical)]
    columns = {"log2 eta": "d", **dict.fromkeys(PARAMETERIZATIONS, ".1%")}
    print_table(columns, rows, f"{settings} on {folder.config['data']}: test accuracy")
