"""Figure 2: the distribution of predictions through training, of networks and of both Gaussian processes.

`ntk-repro run lee2019/fig2` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/fig2.py RUN_FOLDER ...`
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from predictive_panels import axes_of, checked, facts, row_label
from scipy.special import ndtr

from ntk_repro.papers.drawing import Drawing, array, draw_command
from ntk_repro.papers.statistics import resampled_moments
from ntk_repro.papers.thresholds import MUCH
from ntk_repro.plot import legend_of, predictive_band
from ntk_repro.record import RunFolder

_POINTS = (-0.5, 0.0, 0.5, 1.0, 1.5)
_RESAMPLES = 500


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each run, a panel for each step: mean and two standard deviations along the line."""
    runs = checked(runs)
    columns = max(len(array(run, "steps")) for run in runs)
    picture, axes = plt.subplots(
        len(runs), columns, figsize=(3 * columns + 0.4, 2.9 * len(runs) + 0.9), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    plotted = []
    for row, run in zip(axes, runs, strict=True):
        curves = _curves(run)
        for s, ax in enumerate(row):
            if s < len(curves["steps"]):
                _panel(ax, run, curves, s)
            else:
                ax.set_visible(False)
        row[0].set_ylabel(row_label(run))
        plotted.append(curves)
    legend_of(axes[0, :1], picture, 4)
    return Drawing(picture, {**facts(picture, runs, preset), "ensembles": plotted})


def _curves(run: RunFolder) -> dict[str, Any]:
    """The plotted numbers, and what they say of the distributions, each [value, low, high] of a 95% interval."""
    names = ("alpha", "steps", "time", "targets", "ntk_gp_mean", "ntk_gp_std", "nngp_mean", "nngp_std")
    found = {name: array(run, name) for name in (*names, "ntk_gp_limit_mean", "bayes_mean", "bayes_std")}
    networks, linearizations, readouts = (
        array(run, f"fx_{name}").astype(float) for name in ("ensemble", "linearized", "readout")
    )
    ntk_gp, nngp = ((found[f"{gp}_mean"], found[f"{gp}_std"]) for gp in ("ntk_gp", "nngp"))
    mean, std = networks.mean(axis=0), networks.std(axis=0, ddof=1)
    end, moved = networks[:, -1:], _rms(ntk_gp[0][-1] - ntk_gp[0][0])
    to_bayes = _apart(end, found["bayes_mean"], found["bayes_std"])
    to_ntk_gp = _apart(end, *(process[-1] for process in ntk_gp))
    beyond = (far - MUCH * near for far, near in zip(to_bayes, to_ntk_gp, strict=True))
    return {
        **found,
        **{key: run.config[key] for key in ("hidden", "parameterization", "seed", "learning_rate")},
        "images": run.environment.get("provenance", {}).get("n_train", run.config["n_train"]),
        "num_networks": len(networks),
        "learning_rate_ratio": float(array(run, "learning_rate_ratio")),
        "ensemble_mean": mean,
        "ensemble_std": std,
        "networks": _compared(networks, found["alpha"], *ntk_gp),
        "linearizations": _compared(linearizations, found["alpha"], *ntk_gp),
        "readouts": _compared(readouts, found["alpha"], *nngp),
        "ntk_gp_left": float(_rms(found["ntk_gp_limit_mean"] - ntk_gp[0][-1]) / moved),
        "bayes_apart": _interval(*(distance / moved for distance in to_bayes))[0],
        "bayes_beyond_ntk_gp": _interval(*(distance / moved for distance in beyond))[0],
    }


def _compared(fx: np.ndarray, alpha: np.ndarray, gp_mean: np.ndarray, gp_std: np.ndarray) -> dict[str, Any]:
    """Outputs (N, S, A) against a Gaussian process (S, A), at each step."""
    scale = _rms(gp_mean - gp_mean[0])
    scale[0] = _rms(gp_std[0])  # before training nothing has moved
    return {
        "mean_apart": _interval(*(distance / scale for distance in _apart(fx, gp_mean, None))),
        "std_apart": _interval(*(distance / _rms(gp_std) for distance in _apart(fx, None, gp_std))),
        "apart": _interval(*_apart(fx, gp_mean, gp_std)),
        "gaussian": _interval(*_distances_from_gaussian(fx, alpha)),
    }


def _apart(fx: np.ndarray, gp_mean: np.ndarray | None, gp_std: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """RMS distance over the line of mean and standard deviation, or of one of them, from those of a process.

    That of both is the 2-Wasserstein distance of two Gaussians at each point. Returns the distances at each step (S,)
    and those of resampled networks (B, S), both less the Monte-Carlo part.
    """
    own = (fx.mean(axis=0), fx.std(axis=0, ddof=1))
    # A standard deviation has half of the mean's variance.
    compared = [(i, gp, share) for i, gp, share in ((0, gp_mean, 1.0), (1, gp_std, 0.5)) if gp is not None]
    noise = sum(share for *_, share in compared) * (fx.var(axis=0, ddof=1) / len(fx)).mean(axis=-1)

    def squared(moments: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.sum([np.mean((moments[i] - gp) ** 2, axis=-1) for i, gp, _ in compared], axis=0)

    # A resampled moment has the noise of the networks and that of drawing from them.
    pairs = ((own, 1), (resampled_moments(fx), 2))
    first, drawn = (np.sqrt(np.maximum(squared(moments) - k * noise, 0)) for moments, k in pairs)
    return first, drawn


def _distances_from_gaussian(fx: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kolmogorov distances (S,) and (B, S) of outputs at five points and of their differences, mean over those."""
    at = [int(np.argmin(np.abs(alpha - point))) for point in _POINTS]
    directions = np.concatenate([fx[..., at], np.diff(fx[..., at], axis=-1)], axis=-1)
    # Outputs at the two training points hardly vary once these are fitted.
    varying = ~(directions.std(axis=0) <= 0.01 * directions[:, 0].std(axis=0))
    drawn = np.random.default_rng(0).integers(0, len(fx), (_RESAMPLES, len(fx)))
    first, resampled = np.empty(fx.shape[1]), np.empty((_RESAMPLES, fx.shape[1]))
    for s in range(fx.shape[1]):
        values = directions[:, s, varying[s]].T  # (directions, N)
        first[s] = _kolmogorov(values).mean()
        resampled[:, s] = _kolmogorov(values[:, drawn]).mean(axis=0)
    # Drawing a network twice adds to every distance.
    return first, resampled + first - resampled.mean(axis=0)


def _kolmogorov(values: np.ndarray) -> np.ndarray:
    """The largest difference between the distribution function of values (..., N) and that of their Gaussian."""
    centred = values - values.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # of few networks a single one may be drawn again and again
        expected = ndtr(np.sort(centred / values.std(axis=-1, ddof=1, keepdims=True), axis=-1))
    below = np.arange(values.shape[-1]) / values.shape[-1]
    return np.maximum(expected - below, below + 1 / values.shape[-1] - expected).max(axis=-1)


def _interval(value: np.ndarray | float, drawn: np.ndarray) -> np.ndarray:
    """[value, low, high] of each step (S, 3), from the value (S,) and resampled ones (B, S); (3,) of a single one."""
    return np.stack([value, *np.quantile(drawn, (0.025, 0.975), axis=0)], axis=-1)


def _rms(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(values**2, axis=-1))


def _panel(ax: Axes, run: RunFolder, curves: dict[str, Any], s: int) -> None:
    alpha = curves["alpha"]
    for name, label in (("ntk_gp", "NTK-GP (all trained)"), ("nngp", "NNGP (readout alone trained)")):
        mean, std = curves[f"{name}_mean"][s], curves[f"{name}_std"][s]
        predictive_band(ax, alpha, mean, std, model=name, label=label)
    mean, std = curves["ensemble_mean"][s], curves["ensemble_std"][s]
    label = f"{curves['num_networks']} networks"
    predictive_band(ax, alpha, mean, std, model="network", label=label, filled=False)
    axes_of(ax, run, s)
    ax.set_xlim(np.min(alpha), np.max(alpha))


if __name__ == "__main__":
    draw_command("lee2019/fig2", draw)
