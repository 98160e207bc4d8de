"""Experiment: predictive distributions along a line between two training points, of real networks and of both GPs.

Source: Lee et al. 2019, Figures 2 and S1.
"""

import time
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import RegressionData
from ntk_repro.dynamics import averaged_loss_time, eta_critical, mse_dynamics
from ntk_repro.errors import UserError
from ntk_repro.experiments import NTrain, experiment
from ntk_repro.gp import ensemble, nngp_posterior, ntk_gp_posterior, readout_posterior
from ntk_repro.gram import analytic_kernel, empirical_gram, empirical_nngp
from ntk_repro.network import Network
from ntk_repro.progress import progress, stage
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.wide_limit.settings import DescentSettings, FcnSettings, RegressionSettings, checked_regression_data


@dataclass(frozen=True)
class Config(DescentSettings, RegressionSettings, NTrain, FcnSettings):
    """Trains many networks from different initializations and compares their outputs with the infinite-width GPs."""

    hidden: int = 512
    """Units in each hidden layer."""
    activation: str = "tanh"
    """Activation function: tanh, relu or erf."""
    sigma_w_squared: float = 1.5
    sigma_b_squared: float = 0.0
    parameterization: Literal["ntk", "standard"] = "ntk"
    """Where the scale of a layer sits: in its equation (ntk) or in its initialization (standard)."""
    num_networks: int = 100
    """Networks in the ensemble, each with a different initialization."""
    learning_rate: float = 0.5
    observe_at: tuple[int, ...] = (0, 16, 256, 4096)
    """Steps of full-batch gradient descent after which the outputs are saved; the last one ends the training."""
    alpha_from: float = -0.5
    """The line is x(alpha) = alpha x1 + (1 - alpha) x2 from this alpha ..."""
    alpha_to: float = 1.5
    """... to this one."""
    num_alphas: int = 41
    """Points on the line."""
    classes: tuple[int, int] = (7, 0)
    """The two classes, with targets +1 and -1; x1 is the first training image of one, x2 of the other."""
    n_train: int | None = 128
    n_test = 1  # not used

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.num_networks} networks of width {self.hidden:,} on {self.data}"

    def network(self, num_outputs: int = 1) -> Any:
        """The module of all networks."""
        return self.module(self.hidden, num_outputs, self.parameterization)

    largest_network = network

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the steps in order."""
        steps = tuple(sorted(set(self.observe_at)))
        if not steps or steps[0] < 0 or steps[-1] < 1:
            raise UserError(f"observe_at must be steps from 0 on, at least one of them above 0, not {self.observe_at}")
        if self.num_networks < 2:
            raise UserError(f"a spread needs 2 networks or more: raise num_networks from {self.num_networks}")
        if self.num_alphas < 2 or not self.alpha_from < self.alpha_to:
            raise UserError("the line needs alpha_from below alpha_to and 2 points or more (num_alphas)")
        if self.parameterization == "standard" and self.sigma_b_squared:
            raise UserError("parameterization='standard' takes networks without biases here: set sigma_b_squared to 0")
        return {**super().canonical(), "observe_at": steps}

    @property
    def readout_scale(self) -> float:
        """The readout's own part of the tangent kernel, over the NNGP kernel."""
        return self.hidden / self.sigma_w_squared if self.parameterization == "standard" else 1.0


def _load(config: Config) -> RegressionData:
    config.network()  # impossible networks are refused before the data are loaded
    data = checked_regression_data(config)
    if len(np.unique(data.y_train)) < 2:
        raise UserError("the training images are all of one class: raise n_train, or take another data_seed")
    return data


@experiment("wide_limit_predictive", load=_load)
def run(config: Config, data: RegressionData, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes the ensemble and both GPs, or continues an interrupted run, or returns a finished one.

    The result's arrays, for N networks, S times and A points on the line: `alpha` (A,), `steps` and `time` (S,), where
    time = learning rate x steps / n is that of the summed loss: outputs of the networks, `fx_ensemble`, of their
    linearizations, `fx_linearized`, and with the readout layer alone trained, `fx_readout` (N, S, A), the last two by
    the closed form of the network's own kernel; `ntk_gp_mean`, `ntk_gp_std` (Eqs. 14, 15), `nngp_mean`, `nngp_std`
    (S22, S23: only the readout layer is trained) (S, A); `ntk_gp_limit_mean` (A,), at infinite time; `bayes_mean`,
    `bayes_std` (A,), exact inference with the NNGP (Eq. 13); `targets` (2,) of x1 and x2 (alpha = 1 and 0);
    `learning_rate_ratio`, eta / eta_critical.
    """
    alpha = np.linspace(config.alpha_from, config.alpha_to, config.num_alphas)
    line, targets = interpolated(data, alpha)
    x, y, n = data.x_train, data.y_train, len(data.x_train)
    steps = np.array(config.observe_at)
    times = averaged_loss_time(steps, config.learning_rate, n)

    module = config.network()
    stage(1, 3, "infinite width")
    started = time.monotonic()
    kernels = analytic_kernel(module, np.concatenate([x, line]))
    nngp = (kernels.nngp[:n, :n], kernels.nngp[n:, :n], kernels.nngp[n:, n:])
    ntk = (kernels.ntk[:n, :n], kernels.ntk[n:, :n])
    ntk_gp = ntk_gp_posterior(*ntk, *nngp, y, t=np.append(times, np.inf))
    readout, bayes = readout_posterior(*nngp, y, t=config.readout_scale * times), nngp_posterior(*nngp, y)
    critical = n * eta_critical(ntk[0])
    folder.log(phase="posteriors", seconds=time.monotonic() - started)

    stage(2, 3, "networks")
    started, key = time.monotonic(), key_for(config.seed, INIT)
    fx = ensemble(
        module,
        key,
        config.num_networks,
        x,
        y,
        line,
        learning_rate=config.learning_rate,
        steps=config.observe_at[-1],
        observe_at=config.observe_at,
        force=config.force,
        critical=critical,
        folder=folder,
    )
    folder.log(phase="ensemble", networks=config.num_networks, seconds=time.monotonic() - started)
    stage(3, 3, "their linearizations")
    started = time.monotonic()
    linearized, readouts = _closed_forms(config, module, key, data, line)
    folder.log(phase="closed forms", networks=config.num_networks, seconds=time.monotonic() - started)
    return {
        "alpha": alpha,
        "steps": steps,
        "time": times,
        "fx_ensemble": np.asarray(fx, np.float32)[..., 0],
        "fx_linearized": linearized,
        "fx_readout": readouts,
        "ntk_gp_mean": ntk_gp.mean[:-1, :, 0],
        "ntk_gp_std": ntk_gp.std[:-1],
        "ntk_gp_limit_mean": ntk_gp.mean[-1, :, 0],
        "nngp_mean": readout.mean[..., 0],
        "nngp_std": readout.std,
        "bayes_mean": bayes.mean[:, 0],
        "bayes_std": bayes.std,
        "targets": targets,
        "learning_rate_ratio": np.asarray(config.learning_rate / critical),
    }


def _closed_forms(
    config: Config, module: Any, key: Any, data: RegressionData, line: Float[np.ndarray, "A H W C"]
) -> tuple[Float[np.ndarray, "N S A"], Float[np.ndarray, "N S A"]]:
    """Outputs of every network's linearization, and of the network with the readout alone trained (S20)."""
    x, y, n, steps = data.x_train, data.y_train, len(data.x_train), np.array(config.observe_at)
    first = Network.create(module, jax.random.fold_in(key, 0), x.shape[1:])
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    with progress("closed forms", config.num_networks, "networks") as advance:
        for i in range(config.num_networks):
            # All by the functions of the first, which are compiled once.
            net = first.replace(params=Network.create(module, jax.random.fold_in(key, i), x.shape[1:]).params)
            points = np.concatenate([x, line])
            fx = net(points)
            kernels = (empirical_gram(net, points), config.readout_scale * empirical_nngp(net, points))
            for kernel, outputs in zip(kernels, found, strict=True):
                dynamics = mse_dynamics(kernel[:n, :n], y)
                _, test = dynamics.outputs_after(steps, config.learning_rate / n, fx[:n], fx[n:], kernel[n:, :n])
                outputs.append(test[..., 0].astype(np.float32))
            advance(1)
    return np.stack(found[0]), np.stack(found[1])


def interpolated(
    data: RegressionData, alpha: Float[np.ndarray, " A"]
) -> tuple[Float[np.ndarray, "A H W C"], Float[np.ndarray, " 2"]]:
    """The points x(alpha) = alpha x1 + (1 - alpha) x2, and the targets of x1 and x2.

    x1 is the first training image with target +1, x2 that with -1.

    Source: Lee et al. 2019, Figure 2.
    """
    rows = [int(np.flatnonzero(data.y_train[:, 0] == target)[0]) for target in (1, -1)]
    weight = alpha.astype(np.float32)[:, None, None, None]
    return weight * data.x_train[rows[0]] + (1 - weight) * data.x_train[rows[1]], data.y_train[rows, 0]


def show(folder: RunFolder) -> None:
    """Prints how the ensemble compares with both GPs at every saved time."""
    result = folder.result()
    fx = result["fx_ensemble"]
    columns, values = {"step": ","}, [result["steps"]]
    for gp, title in (("ntk_gp", "NTK-GP"), ("nngp", "NNGP")):
        columns |= {f"{title}: mean off by": ".3f", f"{title}: spread x": ".3f"}
        values.append(np.sqrt(np.mean((fx.mean(axis=0) - result[f"{gp}_mean"]) ** 2, axis=1)))
        values.append(np.sqrt(fx.var(axis=0, ddof=1).mean(axis=1) / np.mean(result[f"{gp}_std"] ** 2, axis=1)))
    print_table(columns, zip(*values, strict=True), "ensemble against GPs")
    print(f"eta / eta_critical = {float(result['learning_rate_ratio']):.2g}")
