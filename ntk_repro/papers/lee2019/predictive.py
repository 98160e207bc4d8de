"""Figures 2 and S1: the distribution of predictions through training."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER

# Two Monte-Carlo errors of the mean on average over the line. Without any error of finite width the average is 0.8, and
# it scatters widely, as neighbouring points of a smooth function are nearly one observation.
_MEAN_ERRORS = 2.0
_STD_RATIO = 1.25  # either way; the Monte-Carlo error of a standard deviation from 100 networks is 7 %
_COVERED = (0.88, 0.995)  # share within two standard deviations; 95.4 % for a Gaussian


def _subject(ensemble: Numbers, s: int) -> str:
    seed = f", seed {ensemble['seed']}" if ensemble["seed"] else ""
    return f"width {ensemble['hidden']:,}, step {ensemble['steps'][s]:,}{seed}"


def _arrays(ensemble: Numbers, *names: str) -> list[np.ndarray]:
    # Where a network diverged, the numbers are null.
    return [np.array(ensemble[name], float) for name in names]


@claim(
    "the networks' mean follows the NTK-GP's (at most 2 Monte-Carlo errors, on average over the line)", over="ensembles"
)
def _means_agree(ensemble: Numbers) -> Iterator[Verdict]:
    mean, std, gp = _arrays(ensemble, "ensemble_mean", "ensemble_std", "ntk_gp_mean")
    z = np.abs(mean - gp) / (std / math.sqrt(ensemble["num_networks"]))
    for s, value in enumerate(z.mean(axis=1)):
        yield judged(_subject(ensemble, s), value <= _MEAN_ERRORS, value, "mean |z| over the line")


@claim("their standard deviation is the NTK-GP's (within a factor of 1.25)", over="ensembles")
def _spreads_agree(ensemble: Numbers) -> Iterator[Verdict]:
    std, gp = _arrays(ensemble, "ensemble_std", "ntk_gp_std")
    for s, ratio in enumerate(np.sqrt((std**2).mean(axis=1) / (gp**2).mean(axis=1))):
        holds = 1 / _STD_RATIO <= ratio <= _STD_RATIO
        yield judged(_subject(ensemble, s), holds, ratio, "standard deviation over the NTK-GP's")


@claim("after training they are nearer to the NTK-GP than to the NNGP", over="ensembles")
def _nngp_is_different(ensemble: Numbers) -> Iterator[Verdict]:
    mean, std = _arrays(ensemble, "ensemble_mean", "ensemble_std")
    distances = []
    for gp in ("ntk_gp", "nngp"):
        gp_mean, gp_std = _arrays(ensemble, f"{gp}_mean", f"{gp}_std")
        # The 2-Wasserstein distance of two Gaussians, at each point; its root mean square over the line.
        distances.append(math.sqrt(((mean[-1] - gp_mean[-1]) ** 2 + (std[-1] - gp_std[-1]) ** 2).mean()))
    ratio = distances[0] / distances[1] if distances[1] else math.nan
    note = f"{distances[0]:.3f} from the NTK-GP, {distances[1]:.3f} from the NNGP"
    meaning = "distance to the NTK-GP over distance to the NNGP"
    yield judged(_subject(ensemble, -1), ratio < 1, ratio, meaning, note)


@claim("functions stay within two standard deviations of the NTK-GP (88 to 99.5 %)", over="ensembles")
def _functions_are_covered(ensemble: Numbers) -> Iterator[Verdict]:
    fx, mean, std = _arrays(ensemble, "functions", "ntk_gp_mean", "ntk_gp_std")
    inside = (np.abs(fx - mean) <= 2 * std).mean(axis=(0, 2))
    finite = np.isfinite(fx).all()
    for s, share in enumerate(inside):
        holds, number = _COVERED[0] <= share <= _COVERED[1], share if finite else math.nan
        yield judged(_subject(ensemble, s), holds, number, "share of values within two standard deviations")


@claim("training brings the functions to the two training points (a quarter of the distance, RMS)", over="ensembles")
def _training_points_are_fitted(ensemble: Numbers) -> Iterator[Verdict]:
    meaning = "distance to the two targets at the last step over that at the first"
    alpha, fx, targets = _arrays(ensemble, "alpha", "functions", "targets")
    at = [int(np.argmin(np.abs(alpha - end))) for end in (1.0, 0.0)]
    first, last = (np.sqrt(((fx[:, s][:, at] - targets) ** 2).mean()) for s in (0, -1))
    yield judged(_subject(ensemble, -1), last <= 0.25 * first, last / first, meaning)


FIGURES = (
    PAPER.figure(
        "fig2",
        "predictive distributions through training: networks, NTK-GP and NNGP",
        "wide_limit.predictive",
        _means_agree,
        _spreads_agree,
        _nngp_is_different,
    ),
    PAPER.figure(
        "figS1",
        "single functions of an ensemble through training",
        "wide_limit.predictive",
        _functions_are_covered,
        _training_points_are_fitted,
    ),
)
