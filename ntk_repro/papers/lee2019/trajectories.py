"""Figures 3, 4, S2, S3, S4 and S8: a network and its linearization through training."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged, trend
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.lee2019 import PAPER

_OUTPUTS = 0.2  # of the change of the network's outputs
_LOSS = 0.05  # of the loss at the start
_ACCURACY = 0.03
_WEIGHTS = 0.5
_SAME = 1e-3  # relative: a closed form and float32 training of the same linear model
_EARLY, _HALF_WAY = 0.1, 0.5  # of the steps
_MODELS = ("network", "linearized")


def _subject(run: Numbers) -> str:
    return f"{run['net']}, width {run['width']:,}" + (f", seed {run['seed']}" if run["seed"] else "")


def _curve(run: Numbers, name: str) -> np.ndarray:
    # Where a training diverged, the numbers are null.
    return np.array(run[name], float)


def _rmse_over_change(run: Numbers, name: str) -> float:
    """The largest RMSE of a curve, over the change of the network's test outputs by the end (root mean square)."""
    return float(_curve(run, name).max()) / float(_curve(run, "network_rms_change")[-1])


@claim("the linearization's test outputs follow the network's (RMSE <= 20 % of their change)", over="trajectories")
def _outputs(run: Numbers) -> Iterator[Verdict]:
    meaning = "largest RMSE of test outputs over how far the network's moved (RMS)"
    ratio = _rmse_over_change(run, "linearized_rmse")
    yield judged(_subject(run), ratio <= _OUTPUTS, ratio, meaning)


@claim("training and test loss agree (within 5 % of the loss at the start)", over="trajectories")
def _losses(run: Numbers) -> Iterator[Verdict]:
    meaning = "largest difference of the losses over the loss at the start"
    for part in ("train", "test"):
        network, linearized = (_curve(run, f"{kind}_{part}_loss") for kind in _MODELS)
        difference = float(np.abs(network - linearized).max() / network[0])
        ends = (_ratio(losses[-1], network[0]) for losses in (network, linearized))
        note = "at the end {} of it, linearization {}".format(*ends)
        yield judged(f"{_subject(run)}, {part}", difference <= _LOSS, difference, meaning, note)


def _ratio(loss: float, start: float) -> str:
    return f"{loss / start:.3g}" if start and math.isfinite(loss / start) else "undetermined"


@claim("the test accuracies agree (within 3 points)", over="trajectories")
def _accuracies(run: Numbers) -> Iterator[Verdict]:
    network, linearized = (float(_curve(run, f"{kind}_test_accuracy")[-1]) for kind in _MODELS)
    note, difference = f"network {network:.1%}, linearization {linearized:.1%}", network - linearized
    yield judged(_subject(run), abs(difference) <= _ACCURACY, difference, "difference of the test accuracies", note)


@claim("single weights move alike (difference <= half of the change)", over="trajectories")
def _single_weights(run: Numbers) -> Iterator[Verdict]:
    meaning = "difference of the weights' changes over the changes (norms)"
    network, linearized = (_curve(run, f"{kind}_weights")[-1] for kind in _MODELS)
    ratio = float(np.linalg.norm(network - linearized) / np.linalg.norm(network))
    yield judged(_subject(run), ratio <= _WEIGHTS, ratio, meaning)


@claim("the empirical kernel predicts the outputs better than the analytic one", over="trajectories")
def _empirical_is_closer(run: Numbers) -> Iterator[Verdict]:
    meaning = "RMSE with the empirical kernel over that with the analytic one"
    if "analytic" in run["kinds"]:
        empirical, analytic = (float(_curve(run, f"{kind}_rmse").mean()) for kind in ("empirical", "analytic"))
        note = f"{empirical:.4f} against {analytic:.4f}, means over the steps shown"
        yield judged(_subject(run), empirical < analytic, empirical / analytic, meaning, note)


@claim("the closed form is what training the linearization gives (within 0.1 %)", over="trajectories")
def _closed_form(run: Numbers) -> Iterator[Verdict]:
    meaning = "largest RMSE between the two over how far the network's outputs moved (RMS)"
    if "empirical_apart" in run:
        ratio = _rmse_over_change(run, "empirical_apart")
        yield judged(_subject(run), ratio <= _SAME, ratio, meaning)


def _deviation(run: Numbers, share: float) -> float:
    """The deviation after this share of the steps."""
    steps = np.asarray(run["steps"], float)
    return float(np.interp(share * steps[-1], steps, _curve(run, "linearized_rmse")))


@claim("logits that deviate early deviate late (Spearman >= 0.8)")
def _late_follows_early(numbers: Numbers) -> Iterator[Verdict]:
    runs = numbers["trajectories"]
    early, late = ([_deviation(run, share) for run in runs] for share in (_EARLY, 1))
    rows = zip(runs, early, late, strict=True)
    note = ", ".join(f"width {run['width']:,}: {a:.3f} then {b:.3f}" for run, a, b in rows)
    yield trend("all widths", early, late, +1, "of the deviation after a tenth of the steps and at the end", note)


@claim("the deviation grows late in training (after half of the steps)", over="trajectories")
def _deviation_grows(run: Numbers) -> Iterator[Verdict]:
    half_way, late = _deviation(run, _HALF_WAY), _deviation(run, 1)
    ratio = late / half_way if half_way else math.nan
    yield judged(_subject(run), ratio > 1, ratio, "deviation at the end over that after half of the steps")


@claim("the deviation falls with the width (Spearman <= -0.8)")
def _deviation_falls_with_width(numbers: Numbers) -> Iterator[Verdict]:
    widths, deviations = zip(*((run["width"], _deviation(run, 1)) for run in numbers["trajectories"]), strict=True)
    yield trend("all widths", widths, deviations, -1, "of width and deviation at the end")


def _figure(name: str, title: str, *claims: Claim) -> Figure:
    return PAPER.figure(name, title, "wide_limit.trajectories", *claims)


FIGURES = (
    _figure(
        "fig3", "outputs, weights and loss through training, against the closed form, fully connected network",
        _empirical_is_closer, _outputs, _losses, _single_weights, _closed_form,
    ),
    _figure(
        "fig4", "a wide residual network and its linearization, SGD with momentum on the squared loss",
        _outputs, _losses, _accuracies,
    ),
    _figure(
        "figS2", "a convolutional network and its linearization, full batch with momentum",
        _outputs, _losses, _accuracies, _single_weights, _closed_form,
    ),
    _figure(
        "figS3", "a network and its linearization, SGD with momentum on cross-entropy",
        _outputs, _losses, _accuracies, _single_weights,
    ),
    _figure(
        "figS4", "deviation of the logits under cross-entropy, narrow to wide",
        _late_follows_early, _deviation_grows, _deviation_falls_with_width,
    ),
    _figure(
        "figS8", "the trajectories of Figure 3 in standard parameterization",
        _empirical_is_closer, _outputs, _losses, _accuracies, _single_weights, _closed_form,
    ),
)  # fmt: skip
