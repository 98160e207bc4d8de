"""Figures 1, 4 and 10, Lemma 1 and Theorem 1: neural anisotropy directions and what the paper proves."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Claim, Verdict, monotone, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021.accuracies import left_the_majority
from ntk_repro.papers.ortiz2021.trends import trend
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_NOISE = 0.02  # accuracy: about one standard deviation of 1,000 test samples at chance
_FLATTER = 1 / 3  # of random directions' number of frequencies
_ERRORS = 3.0  # standard errors of the difference
_TREND = 3  # points that a rank correlation needs


def _ends(curve: str):
    def note(curves: Mapping[str, Any]) -> str:
        there = [value for value in curves[curve] if value is not None]
        return f"from {there[0]:.1%} to {there[-1]:.1%}" if there else "no training converged"

    return note


def _hardly_trained(curves: Mapping[str, Any]) -> str:
    """Why a linearization says nothing: on its training samples it has left chance along a direction or two at most.

    Along late directions chance is the finding; along nearly all it is a training that was too short.
    """
    trained = int(left_the_majority(curves["linearized_train_accuracy"], curves["chance"], curves["train_size"]).sum())
    if trained >= _TREND:
        return ""
    count = len(curves["index"])
    return f"not judged: along {count - trained} of {count} directions its training accuracy is that of chance"


def _network_ahead(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        pairs = zip(curves["network_accuracy"], curves["linearized_accuracy"], strict=True)
        leads = [one - two for one, two in pairs if one is not None and two is not None]
        if not leads:
            yield Verdict(net, False, math.nan, "smallest lead", note="no direction at which both converged")
            continue
        note = f"largest lead {100 * max(leads):.1f} points, smallest {100 * min(leads):.1f}"
        holds: bool | None = min(leads) >= -_NOISE and max(leads) > _NOISE
        if why := _hardly_trained(curves):
            holds, note = None, f"{note}; {why}"
        yield Verdict(net, holds, float(np.mean(leads)), "mean lead in accuracy", note=note)


def _concentrated(numbers: Numbers) -> Iterator[Verdict]:
    for basis in numbers["bases"]:
        mean, random = float(np.mean(basis["frequencies"])), basis["random_frequencies"]
        note = f"of {basis['of']:,}; random directions have {random:.0f}"
        meaning = "frequencies with energy, mean of the first"
        yield Verdict(_subject(basis), mean <= _FLATTER * random, mean, meaning, None, note)


def _subject(basis: Mapping[str, Any]) -> str:
    return basis["title"] + ("" if basis["data"] == "origin" else f", {basis['data']} inputs")


def _averaged(numbers: Numbers) -> Iterator[Mapping[str, Any]]:
    return (basis for basis in numbers["bases"] if basis["data"] != "origin")


def _captured_at_the_origin(numbers: Numbers) -> Iterator[Verdict]:
    for basis in _averaged(numbers):
        share, chance, count = basis["captured_at_origin"], basis["captured_at_random"], len(basis["frequencies"])
        number = math.nan
        note = f"averaged over {basis['samples']} inputs"
        if share is not None and chance is not None:
            # Of a flat spectrum any directions capture all: then nothing is above chance.
            number = (share - chance) / (1 - chance) if chance < 1 - 1e-9 else 0.0
            note += f"; {share:.3f}, and {chance:.3f} for random directions"
        meaning = f"alignment of the origin's first {count}, of that of the first {count}, above random directions"
        yield Verdict(_subject(basis), number >= 0.9, number, meaning, None, note)


def _ordered_at_the_origin(numbers: Numbers) -> Iterator[Verdict]:
    for basis in _averaged(numbers):
        alignments = basis["alignment_of_origin"] or []
        rho = spearman(range(len(alignments)), alignments)
        meaning = "Spearman correlation of the direction's index at the origin and its averaged alignment"
        note = f"{len(alignments):,} directions that are not null at the origin"
        if not alignments:
            note = "not in this run: of images that are not square, or computed by an earlier version"
        yield Verdict(_subject(basis), monotone(rho, -1, 0.9), rho, meaning, None, note)


def _theorem_agrees(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        off = np.subtract(panel["monte_carlo"], panel["theorem"]) / np.array(panel["difference_error"])
        worst = float(np.abs(off).max())
        note = f"root mean square {float(np.sqrt(np.mean(off**2))):.2f} over {len(off)} directions (1 expected)"
        yield Verdict(panel["title"], worst <= _ERRORS, worst, "largest difference, in its standard errors", None, note)


def _precise_enough(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        share = float(panel["monte_carlo_error"][0] / panel["monte_carlo"][0])
        yield Verdict(panel["title"], share <= 0.1, share, "standard error of the first alignment, of its value")


def _bound_holds(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        smallest = min(min(ratios) for ratios in panel["ratio"].values())
        count = sum(map(len, panel["ratio"].values()))
        note = f"over {count:,} targets; 1 is equality"
        yield Verdict(panel["title"], smallest >= 1 - 1e-6, smallest, "smallest norm over bound", None, note)


def _eigenfunctions_are_equality(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        off = max(abs(ratio - 1) for ratio in panel["ratio"]["eigen"])
        yield Verdict(panel["title"], off <= 1e-6, off, "largest relative distance of norm and bound")


def _by_gradients(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        one, two = (np.array(panel[f"alignment_by_{name}"]) for name in ("gradients", "gram"))
        off = float(np.abs(one / two - 1).max())
        yield Verdict(panel["title"], off <= 1e-5, off, f"largest relative difference over {len(one)} targets")


def _sign_overlap(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["lemma1"]["sign_overlap"]
    for panel in numbers["panels"]:
        # The paper gives no range; its tasks are the first 1,000 of 60,000. The last eigenvectors live on few samples.
        count = max(2, panel["n"] // 60)
        mean = float(np.mean(panel["sign_overlap"][1:count]))
        note = f"over all j from 2 to {panel['n']:,}: {panel['mean_sign_overlap']:.3f}"
        meaning = f"mean inner product, j from 2 to {count:,}"
        yield Verdict(panel["title"], abs(mean - printed) <= 0.03, mean, meaning, printed, note)


def _random_pairs(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["lemma1"]["random_average"]
    for panel in numbers["panels"]:
        share = panel["random_rms"] * math.sqrt(panel["n"])
        note = f"signed average {panel['random_mean']:.1g}, of the order of {printed:.0e} in the paper"
        yield Verdict(panel["title"], abs(share - 1) <= 0.2, share, "root mean square times sqrt(n)", note=note)


def _flattens(numbers: Numbers) -> Iterator[Verdict]:
    widths, bend = numbers["widths"], numbers["bend"]
    falls = all(one > two for one, two in itertools.pairwise(bend))
    note = ", ".join(f"{value:.2g} of the radius at width {width:,}" for width, value in zip(widths, bend, strict=True))
    yield Verdict("toy network", falls, bend[0] / bend[-1], "narrowest over widest distance from the plane", None, note)


def _figure(name: str, title: str, source: str, experiment: str, *claims: Claim) -> Figure:
    return Figure(
        id=f"ortiz2021/{name}",
        title=title,
        source=f"Ortiz-Jimenez et al. 2021, {source}",
        study=f"nads.{experiment}",
        script=f"ortiz2021/{name}.py",
        claims=claims,
    )


# What is marked as an identity, or as proved, fails only where our numbers are wrong.
FIGURES = (
    _figure(
        "fig1", "the functions of a network, its tangent space, and both trainings", "Figure 1", "tangent_space",
        Claim("a wide network's functions coincide with the tangent space (distance falls with the width)", _flattens),
    ),
    _figure(
        "fig4", "accuracy along the directions, and their predicted alignment", "Figure 4", "separable",
        trend(
            "network accuracy falls with the direction's index, by falling alignment",
            "network_accuracy", "index", -1, note=_ends("network_accuracy"),
        ),
        trend(
            "linearized accuracy falls with it too", "linearized_accuracy", "index", -1,
            note=_ends("linearized_accuracy"), undecided=_hardly_trained,
        ),
        Claim("the network is ahead of its linearization (nowhere 2 points behind, somewhere ahead)", _network_ahead),
    ),
    _figure(
        "fig10", "the first ten directions, in pixels and in Fourier space", "Figure 10", "basis",
        Claim(
            "directions are localized in Fourier space, as its pictures show (the measure is ours: at most a third of "
            "random ones' frequencies)",
            _concentrated,
        ),
        Claim(
            "the first directions at the origin see what the first do on average over inputs (share of the alignment, "
            "above random directions, >= 0.9)",
            _captured_at_the_origin,
        ),
        Claim(
            "the averaged alignment falls along the directions at the origin (Spearman <= -0.9)",
            _ordered_at_the_origin,
        ),
    ),
    _figure(
        "lemma1", "kernel norms against their bound, and binarized eigenfunctions", "Lemma 1 and appendix B", "lemma1",
        Claim("the kernel norm is at least ||f||^4 / alpha(f) (proved)", _bound_holds),
        Claim("the bound is an equality for eigenfunctions (identity, to 1e-6)", _eigenfunctions_are_equality),
        Claim("alpha(f) is the squared norm of the mean of f times its gradient (identity, to 1e-5)", _by_gradients),
        Claim(
            "an eigenfunction and its sign have an inner product of about 0.78 (within 0.03, among the first n / 60)",
            _sign_overlap,
        ),
        Claim("random pairs have inner products of 1 / sqrt(n) (identity on average, within 20 %)", _random_pairs),
    ),
    _figure(
        "theorem1", "alignment of linear predictors, by mixed derivative and by Monte Carlo", "Theorem 1", "theorem1",
        Claim(
            "alpha(g_u) is the squared norm of the mean mixed derivative times u (identity, 3 errors)", _theorem_agrees
        ),
        Claim("the Monte-Carlo estimate could tell (ours: error of the first direction <= 10 %)", _precise_enough),
    ),
)  # fmt: skip
