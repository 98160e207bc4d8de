"""Figures 2 and S1: the distribution of predictions through training."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Claim, Verdict
from ntk_repro.papers.figure import Figure

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

# Two Monte-Carlo errors of the mean on average over the line. Without any error of finite width the average is 0.8, and
# it scatters widely, as neighbouring points of a smooth function are nearly one observation.
_MEAN_ERRORS = 2.0
_STD_RATIO = 1.25  # either way; the Monte-Carlo error of a standard deviation from 100 networks is 7 %
_COVERED = (0.88, 0.995)  # share within two standard deviations; 95.4 % for a Gaussian


def _subject(ensemble: Mapping[str, Any], s: int) -> str:
    seed = f", seed {ensemble['seed']}" if ensemble["seed"] else ""
    return f"width {ensemble['hidden']:,}, step {ensemble['steps'][s]:,}{seed}"


def _arrays(ensemble: Mapping[str, Any], *names: str) -> list[np.ndarray]:
    # Where a network diverged, the numbers are null.
    return [np.array(ensemble[name], float) for name in names]


def _means_agree(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in numbers["ensembles"]:
        mean, std, gp = _arrays(ensemble, "ensemble_mean", "ensemble_std", "ntk_gp_mean")
        z = np.abs(mean - gp) / (std / math.sqrt(ensemble["num_networks"]))
        for s, value in enumerate(z.mean(axis=1)):
            yield Verdict(_subject(ensemble, s), bool(value <= _MEAN_ERRORS), float(value), "mean |z| over the line")


def _spreads_agree(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in numbers["ensembles"]:
        std, gp = _arrays(ensemble, "ensemble_std", "ntk_gp_std")
        for s, ratio in enumerate(np.sqrt((std**2).mean(axis=1) / (gp**2).mean(axis=1))):
            holds = bool(1 / _STD_RATIO <= ratio <= _STD_RATIO)
            yield Verdict(_subject(ensemble, s), holds, float(ratio), "standard deviation over the NTK-GP's")


def _nngp_is_different(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in numbers["ensembles"]:
        mean, std = _arrays(ensemble, "ensemble_mean", "ensemble_std")
        apart = []
        for gp in ("ntk_gp", "nngp"):
            gp_mean, gp_std = _arrays(ensemble, f"{gp}_mean", f"{gp}_std")
            # The 2-Wasserstein distance of two Gaussians, at each point; its root mean square over the line.
            apart.append(math.sqrt(float(((mean[-1] - gp_mean[-1]) ** 2 + (std[-1] - gp_std[-1]) ** 2).mean())))
        ratio = apart[0] / apart[1] if apart[1] else math.nan
        note = f"{apart[0]:.3f} from the NTK-GP, {apart[1]:.3f} from the NNGP"
        yield Verdict(
            _subject(ensemble, -1), ratio < 1, ratio, "distance to the NTK-GP over distance to the NNGP", None, note
        )


def _functions_are_covered(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in numbers["ensembles"]:
        fx, mean, std = _arrays(ensemble, "functions", "ntk_gp_mean", "ntk_gp_std")
        inside = (np.abs(fx - mean) <= 2 * std).mean(axis=(0, 2))
        finite = np.isfinite(fx).all()
        for s, share in enumerate(inside):
            holds = bool(_COVERED[0] <= share <= _COVERED[1])
            meaning = "share of values within two standard deviations"
            yield Verdict(_subject(ensemble, s), holds, float(share) if finite else math.nan, meaning)


def _training_points_are_fitted(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in numbers["ensembles"]:
        alpha, fx, targets = _arrays(ensemble, "alpha", "functions", "targets")
        at = [int(np.argmin(np.abs(alpha - end))) for end in (1.0, 0.0)]
        first, last = (np.sqrt(((fx[:, s][:, at] - targets) ** 2).mean()) for s in (0, -1))
        meaning = "distance to the two targets at the last step over that at the first"
        yield Verdict(_subject(ensemble, -1), bool(last <= 0.25 * first), float(last / first), meaning)


FIGURES = (
    Figure(
        id="lee2019/fig2",
        title="predictive distributions through training: networks, NTK-GP and NNGP",
        source="Lee et al. 2019, Figure 2",
        study="wide_limit.predictive",
        script="lee2019/fig2.py",
        claims=(
            Claim("the networks' mean follows the NTK-GP's (at most 2 Monte-Carlo errors, on average over the line)",
                  _means_agree),
            Claim("their standard deviation is the NTK-GP's (within a factor of 1.25)", _spreads_agree),
            Claim("after training they are nearer to the NTK-GP than to the NNGP", _nngp_is_different),
        ),
    ),
    Figure(
        id="lee2019/figS1",
        title="single functions of an ensemble through training",
        source="Lee et al. 2019, Figure S1",
        study="wide_limit.predictive",
        script="lee2019/figS1.py",
        claims=(
            Claim("functions stay within two standard deviations of the NTK-GP (88 to 99.5 %)", _functions_are_covered),
            Claim("training brings the functions to the two training points (a quarter of the distance, RMS)",
                  _training_points_are_fitted),
        ),
    ),
)  # fmt: skip
