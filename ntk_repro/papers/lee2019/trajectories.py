"""Figures 3, 4, S2, S3, S4 and S8: a network and its linearization through training."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Claim, Verdict, monotone, spearman
from ntk_repro.papers.figure import Figure

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_APART = 0.2  # of how far the network's own outputs have moved
_LOSS = 0.05  # of the loss at the start
_ACCURACY = 0.03
_WEIGHTS = 0.5
_SAME = 1e-3  # relative: a closed form and float32 training of the same linear model
_EARLY, _HALF_WAY = 0.1, 0.5  # of the steps


def _subject(run: Mapping[str, Any]) -> str:
    return f"{run['net']}, width {run['width']:,}" + (f", seed {run['seed']}" if run["seed"] else "")


def _curve(run: Mapping[str, Any], name: str) -> np.ndarray:
    # Where a training diverged, the numbers are null.
    return np.array(run[name], float)


def _moved(run: Mapping[str, Any]) -> float:
    """How far the network's test outputs are from where they began, at the end (root mean square)."""
    return float(_curve(run, "network_rms_change")[-1])


def _outputs_agree(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        ratio = float(_curve(run, "linearized_rmse").max()) / _moved(run)
        meaning = "largest RMSE of test outputs over how far the network's moved (RMS)"
        yield Verdict(_subject(run), ratio <= _APART, ratio, meaning)


def _losses_agree(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        for part in ("train", "test"):
            network, linearized = (_curve(run, f"{kind}_{part}_loss") for kind in ("network", "linearized"))
            apart = float(np.abs(network - linearized).max() / network[0])
            meaning = "largest difference of the losses over the loss at the start"
            ends = (_ratio(losses[-1], network[0]) for losses in (network, linearized))
            note = "at the end {} of it, linearization {}".format(*ends)
            yield Verdict(f"{_subject(run)}, {part}", apart <= _LOSS, apart, meaning, None, note)


def _ratio(loss: float, start: float) -> str:
    return f"{loss / start:.3g}" if start and math.isfinite(loss / start) else "undetermined"


def _accuracies_agree(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        network, linearized = (float(_curve(run, f"{kind}_test_accuracy")[-1]) for kind in ("network", "linearized"))
        note = f"network {network:.1%}, linearization {linearized:.1%}"
        apart = network - linearized
        yield Verdict(_subject(run), abs(apart) <= _ACCURACY, apart, "difference of the test accuracies", None, note)


def _weights_agree(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        network, linearized = (_curve(run, f"{kind}_weights")[-1] for kind in ("network", "linearized"))
        apart = float(np.linalg.norm(network - linearized) / np.linalg.norm(network))
        meaning = "difference of the weights' changes over the changes (norms)"
        yield Verdict(_subject(run), apart <= _WEIGHTS, apart, meaning)


def _empirical_is_closer(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        if "analytic" in run["kinds"]:
            empirical, analytic = (float(_curve(run, f"{kind}_rmse").mean()) for kind in ("empirical", "analytic"))
            note = f"{empirical:.4f} against {analytic:.4f}, means over the steps shown"
            meaning = "RMSE with the empirical kernel over that with the analytic one"
            yield Verdict(_subject(run), empirical < analytic, empirical / analytic, meaning, None, note)


def _prediction_is_the_linearization(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        if "empirical_apart" in run:
            ratio = float(_curve(run, "empirical_apart").max()) / _moved(run)
            meaning = "largest RMSE between the two over how far the network's outputs moved (RMS)"
            yield Verdict(_subject(run), ratio <= _SAME, ratio, meaning)


def _deviation(run: Mapping[str, Any], share: float) -> float:
    """The deviation after this share of the steps."""
    rmse, steps = _curve(run, "linearized_rmse"), np.asarray(run["steps"], float)
    return float(np.interp(share * steps[-1], steps, rmse))


def _late_follows_early(numbers: Numbers) -> Iterator[Verdict]:
    early, late = ([_deviation(run, share) for run in numbers["trajectories"]] for share in (_EARLY, 1))
    rho = spearman(early, late)
    note = ", ".join(
        f"width {run['width']:,}: {a:.3f} then {b:.3f}"
        for run, a, b in zip(numbers["trajectories"], early, late, strict=True)
    )
    meaning = "Spearman correlation of the deviation after a tenth of the steps and at the end"
    yield Verdict("all widths", monotone(rho, +1), rho, meaning, None, note)


def _deviation_grows(numbers: Numbers) -> Iterator[Verdict]:
    for run in numbers["trajectories"]:
        half_way, late = _deviation(run, _HALF_WAY), _deviation(run, 1)
        ratio = late / half_way if half_way else math.nan
        yield Verdict(_subject(run), ratio > 1, ratio, "deviation at the end over that after half of the steps")


def _deviation_falls_with_width(numbers: Numbers) -> Iterator[Verdict]:
    runs = numbers["trajectories"]
    rho = spearman([run["width"] for run in runs], [_deviation(run, 1) for run in runs])
    yield Verdict("all widths", monotone(rho, -1), rho, "Spearman correlation of width and deviation at the end")


_OUTPUTS = Claim("the linearization's test outputs follow the network's (RMSE <= 20 % of their change)", _outputs_agree)
_LOSSES = Claim("training and test loss agree (within 5 % of the loss at the start)", _losses_agree)
_ACCURACIES = Claim("the test accuracies agree (within 3 points)", _accuracies_agree)
_SINGLE_WEIGHTS = Claim("single weights move alike (difference <= half of the change)", _weights_agree)
_CLOSER = Claim("the empirical kernel predicts the outputs better than the analytic one", _empirical_is_closer)
_CLOSED_FORM = Claim(
    "the closed form is what training the linearization gives (within 0.1 %)", _prediction_is_the_linearization
)


def _figure(name: str, title: str, number: str, *claims: Claim) -> Figure:
    return Figure(
        id=f"lee2019/{name}",
        title=title,
        source=f"Lee et al. 2019, Figure {number}",
        study="wide_limit.trajectories",
        script=f"lee2019/{name}.py",
        claims=claims,
    )


FIGURES = (
    _figure(
        "fig3", "outputs, weights and loss through training, against the closed form, fully connected network", "3",
        _CLOSER, _OUTPUTS, _LOSSES, _SINGLE_WEIGHTS, _CLOSED_FORM,
    ),
    _figure(
        "fig4", "a wide residual network and its linearization, SGD with momentum on the squared loss", "4",
        _OUTPUTS, _LOSSES, _ACCURACIES,
    ),
    _figure(
        "figS2", "a convolutional network and its linearization, full batch with momentum", "S2",
        _OUTPUTS, _LOSSES, _ACCURACIES, _SINGLE_WEIGHTS, _CLOSED_FORM,
    ),
    _figure(
        "figS3", "a network and its linearization, SGD with momentum on cross-entropy", "S3",
        _OUTPUTS, _LOSSES, _ACCURACIES, _SINGLE_WEIGHTS,
    ),
    _figure(
        "figS4", "deviation of the logits under cross-entropy, narrow to wide", "S4",
        Claim("logits that deviate early deviate late (Spearman >= 0.8)", _late_follows_early),
        Claim("the deviation grows late in training (after half of the steps)", _deviation_grows),
        Claim("the deviation falls with the width (Spearman <= -0.8)", _deviation_falls_with_width),
    ),
    _figure(
        "figS8", "the trajectories of Figure 3 in standard parameterization", "S8",
        _CLOSER, _OUTPUTS, _LOSSES, _ACCURACIES, _SINGLE_WEIGHTS, _CLOSED_FORM,
    ),
)  # fmt: skip
