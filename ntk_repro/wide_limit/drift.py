"""Experiment: how far weights and kernels move in training, against the width of the network.

Source: Lee et al. 2019, Figures 1 and S6, sections 2.4 and 3.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Array

from ntk_repro.command_line import print_table
from ntk_repro.data import RegressionData
from ntk_repro.experiments import NTrain, experiment
from ntk_repro.gram import analytic_kernel, empirical_gram, empirical_nngp
from ntk_repro.network import Network
from ntk_repro.progress import stages
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.wide_limit.settings import RegressionSettings, StepSettings, WidthsSettings, checked_regression_data

QUANTITIES = ("input", "intermediate", "output", "ntk", "nngp")
"""What is measured: the weights of three kinds of layers, the empirical NTK and the empirical NNGP kernel."""


@dataclass(frozen=True)
class Config(StepSettings, RegressionSettings, NTrain, WidthsSettings):
    """Trains fully connected networks of many widths and measures how far their weights and kernels move."""

    n_train: int = 128
    """Training images, all in every step."""
    kernel_outputs: Literal["full", "mean"] = "full"
    """The NTK as in the paper, (n k, n k) with a block for each pair of outputs, or the mean of its diagonal blocks."""
    n_test = 1  # not used

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.layers}, {self.width_range} on {self.data}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`; the NTK of one output has one block."""
        one_output = self.classes is not None and len(self.classes) == 2
        return {**super().canonical(), **({"kernel_outputs": "mean"} if one_output else {})}


@experiment("wide_limit_drift", load=checked_regression_data)
def run(config: Config, data: RegressionData, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains a network of each width, or continues an interrupted run, or returns a finished one.

    The result's arrays, for w widths and s observed steps: `widths` (w,), `steps` (s,); `input`, `output`, `ntk`,
    `nngp` (w, s) and, with two hidden layers or more, `intermediate` (w, s): ||now - before|| / ||before|| in the
    Frobenius norm, for weights over all layers of the kind together, without biases; `activations` (w, s), the same of
    the hidden layers' outputs on the training images; `<kind>_size` (w,), ||weights before|| of each kind, and
    `<kind>_largest` (w, s), the largest change of a single weight of it (both of weights of N(0, 1) at the start);
    `outputs` (w, s), root mean squared change of the training outputs; `ntk_from_analytic` (w,), ||NTK - analytic|| /
    ||NTK|| at the start; `train_loss` (w, s), and `learning_rate_ratio` (w,): learning rate over the critical one of
    the network's kernel. nan from where a training diverged.
    """
    parts = [
        folder.part(f"width={w}", _one_width, config, data, w, folder)
        for w in stages(config.widths, "width {:,}".format)
    ]
    arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return {"widths": np.array(config.widths), "steps": np.array(config.observed), **arrays}


def weights_by_kind(params: Any) -> dict[str, list[Array]]:
    """The input, intermediate and output weights of an `fcn`, without biases.

    All intermediate layers are one kind; a network of one hidden layer has none.

    Source: Lee et al. 2019, Figure 1.
    """
    first, last = "Dense_0", "readout"
    kinds = {"input": [first], "intermediate": sorted(set(params) - {first, last}), "output": [last]}
    return {kind: [params[layer]["kernel"] for layer in layers] for kind, layers in kinds.items() if layers}


def relative_weight_changes(params: Any, params_0: Any) -> dict[str, float]:
    """||W - W_0|| / ||W_0|| (Frobenius) of each of `weights_by_kind`.

    Source: Lee et al. 2019, Figure 1 and Eq. (17).
    """
    now, before = weights_by_kind(params), weights_by_kind(params_0)
    return {kind: _relative(now[kind], before[kind]) for kind in before}


def _one_width(config: Config, data: RegressionData, width: int, folder: RunFolder) -> dict[str, np.ndarray]:
    x = data.x_train
    net = Network.create(config.module(width, data.num_outputs), key_for(config.seed, INIT), x.shape[1:])
    activations_fn = _hidden_activations_fn(net)
    kernels_0, weights_0 = _kernels(net, x, config.kernel_outputs), weights_by_kind(net.params)
    activations_0, fx_0 = activations_fn(net.params, x), np.asarray(net(x), np.float64)

    def observe(params: Any) -> dict[str, np.ndarray]:
        trained, weights = net.replace(params=params), weights_by_kind(params)
        kernels = _kernels(trained, x, config.kernel_outputs)
        changes = relative_weight_changes(params, net.params)
        changes |= {f"{kind}_largest": _largest(weights[kind], weights_0[kind]) for kind in weights}
        changes |= {name: _relative([kernels[name]], [kernels_0[name]]) for name in kernels}
        changes["activations"] = _relative(activations_fn(params, x), activations_0)
        changes["outputs"] = np.sqrt(np.mean((np.asarray(trained(x), np.float64) - fx_0) ** 2))
        return {name: np.asarray(change) for name, change in changes.items()}

    descent = config.descend(net, x, data.y_train, observe, folder, f"{width}")
    part = {name: np.asarray(values, float) for name, values in descent.observations.items()}
    part |= {f"{kind}_size": np.asarray(_norm(weights)) for kind, weights in weights_0.items()}
    exact = np.asarray(analytic_kernel(net, x).ntk)
    if config.kernel_outputs == "full":
        exact = np.kron(exact, np.eye(data.num_outputs))
    part["ntk_from_analytic"] = np.asarray(_relative([exact], [kernels_0["ntk"]]))
    return part | {"train_loss": np.asarray(descent.train_loss), "learning_rate_ratio": np.asarray(descent.ratio)}


def _hidden_activations_fn(net: Network) -> Callable[[Any, np.ndarray], tuple[Array, ...]]:
    """(parameters, inputs) -> outputs (n, width) of every hidden layer."""
    module: Any = net.module

    @jax.jit
    def activations(params: Any, x: np.ndarray) -> tuple[Array, ...]:
        _, kept = module.apply({"params": params}, x, mutable=["intermediates"])
        return kept["intermediates"]["hidden_layers"]

    return activations


def _kernels(net: Network, x: np.ndarray, outputs: str) -> dict[str, np.ndarray]:
    return {"ntk": empirical_gram(net, x, outputs=outputs), "nngp": empirical_nngp(net, x)}


def _relative(now: Sequence[Array | np.ndarray], before: Sequence[Array | np.ndarray]) -> float:
    """||now - before|| / ||before|| over all arrays of two lists."""
    return _norm(_changes(now, before)) / _norm(before)


def _largest(now: Sequence[Array], before: Sequence[Array]) -> float:
    return max(float(np.abs(change).max()) for change in _changes(now, before))


def _changes(now: Sequence[Array | np.ndarray], before: Sequence[Array | np.ndarray]) -> Iterator[np.ndarray]:
    """One at a time: those of wide layers are large."""
    return (np.asarray(a, np.float64) - np.asarray(b, np.float64) for a, b in zip(now, before, strict=True))


def _norm(arrays: Iterable[Array | np.ndarray]) -> float:
    """The Frobenius norm of all arrays together, summed in float64."""
    return float(sum(np.sum(np.asarray(array, np.float64) ** 2) for array in arrays)) ** 0.5


def show(folder: RunFolder) -> None:
    """Prints a run's relative changes at the end of training."""
    result = folder.result()
    names = [name for name in QUANTITIES if name in result]
    columns = {"width": ",", **dict.fromkeys(names, ".3g"), "eta / eta_critical": ".2g"}
    changes = (result[name][:, -1] for name in names)
    rows = zip(result["widths"], *changes, result["learning_rate_ratio"], strict=True)
    print_table(columns, rows, "relative change in training (Frobenius norm)")
