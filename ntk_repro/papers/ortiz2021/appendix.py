"""What appendices A and B say about trainings, data, networks and eigenfunctions: claims of Figures 2 and 12."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.ortiz2021.conditions import SIGNIFICANT_LEAD, SIGNIFICANT_POINTS, copy_note, other_settings
from ntk_repro.papers.ortiz2021.curves import lead
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Interval, all_hold_jointly, student_interval
from ntk_repro.papers.thresholds import MUCH, NEAR_ZERO_LOSS, NEARLY_IDENTICAL, PRINTED_SHARE


@claim(
    f"100 epochs are enough for close-to-zero training losses of the networks (at most {NEAR_ZERO_LOSS:g} in the last "
    "epoch of every task)",
    over="nets", place="appendix A",
)  # fmt: skip
def close_to_zero(net: str, curves: Numbers) -> Iterator[Verdict]:
    """On the largest loss over tasks, by seeds."""
    worst = student_interval(np.array(curves["network_final_loss"], float).max(axis=1), complete=True)
    holds = worst.below(NEAR_ZERO_LOSS)
    if worst.seeds == 1:  # whose noise is taken to be a factor of 2
        holds = Interval(worst.mean, worst.mean / MUCH, worst.mean * MUCH, 1).below(NEAR_ZERO_LOSS)
    unless = other_settings("eigenfunctions", net, curves)
    note = f"95% interval up to {worst.high:.3g}" if worst.seeds > 1 else "one seed"
    yield judged(net, holds, worst.mean, "largest mean loss of the last epoch", note, unless=unless)


@claim(
    f"100 epochs are enough for a stable test accuracy of linearizations (within {SIGNIFICANT_POINTS} of that after "
    "half of them)",
    over="nets", place="appendix A",
)  # fmt: skip
def stable(net: str, curves: Numbers) -> Iterator[Verdict]:
    """On the change of every task's accuracy, of the same seeds and images halfway and at the end."""
    if "linearized_halfway" not in curves["by_seed"]:
        yield judged(net, None, math.nan, "", unless="trained in weight space, where no accuracy on the way is kept")
        return

    def changes(of: int) -> list[Interval]:
        return [lead(curves, "linearized", "linearized_halfway", [at], of=of) for at in range(len(curves["index"]))]

    holds = all_hold_jointly(lambda of: [one.within(-SIGNIFICANT_LEAD, SIGNIFICANT_LEAD) for one in changes(of)])
    furthest = np.abs([change.mean for change in changes(1)]).max()
    meaning = "largest change of a task's accuracy in the second half of the epochs"
    yield judged(net, holds, furthest, meaning, unless=other_settings("eigenfunctions", net, curves))


@claim(
    f"MLP and LeNet are much smaller than ResNet18 (by a factor of {MUCH:g} or more in parameters)",
    place="appendix B",
)
def smaller(numbers: Numbers) -> Iterator[Verdict]:
    """On the larger of the two."""
    sizes = {net: curves["parameters"] for net, curves in numbers["nets"].items() if curves["width"] == 1}
    others = [size for net, size in sizes.items() if net in ("mlp", "lenet")]
    unless = "" if others and "resnet18" in sizes else "without all of them at full width"
    ratio = math.nan if unless else sizes["resnet18"] / max(others)
    note = ", ".join(f"{net} {size:,}" for net, size in sizes.items())
    yield judged("ResNet18", ratio >= MUCH, ratio, "its parameters over the larger of the two", note, unless=unless)


@claim(
    "BatchNorm is effectively deactivated by its statistics at initialization (outputs as of a network without, "
    f"to {100 * NEARLY_IDENTICAL:g}%)",
    place="appendix B",
)
def deactivated(numbers: Numbers) -> Iterator[Verdict]:
    """On outputs at initialization, of networks with BatchNorm."""
    for net, curves in numbers["nets"].items():
        effect = curves["normalization_effect"]
        if effect is not None:
            unless, meaning = other_settings("network", net, curves), "relative change of the outputs without it (RMS)"
            yield judged(net, effect <= NEARLY_IDENTICAL, effect, meaning, unless=unless)


@claim(
    f"an eigenfunction and its sign have an inner product of about 0.78 (within {PRINTED_SHARE:g}; j from 2 to 1,000 "
    "on all 60,000 images)",
    place="appendix B",
)
def sign_overlap(numbers: Numbers) -> Iterator[Verdict]:
    """On the mean over eigenfunctions, which stand in for seeds."""
    printed = printed_numbers("ortiz2021")["appendixB"]
    paper, wanted = printed["sign_overlap"], printed["eigenfunctions"]
    for net, curves in numbers["nets"].items():
        mean = student_interval(curves["sign_overlap"])
        last = len(curves["sign_overlap"]) + 1
        why = other_settings("eigenvectors", net, curves) or ("" if last == wanted else f"j to {last:,}")
        holds = mean.within(paper - PRINTED_SHARE, paper + PRINTED_SHARE)
        meaning = f"mean inner product, j from 2 to {last:,}"
        yield judged(net, holds, mean, meaning, copy_note(numbers), unless=why, paper=paper)
