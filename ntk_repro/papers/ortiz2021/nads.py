"""Figures 1, 4 and 10, Lemma 1 and Theorem 1: neural anisotropy directions and what the paper proves."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Claim, Verdict, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_ROUNDING = 1e-9  # a correlation of 0.8 must not fail by its last digit
_NOISE = 0.02  # accuracy: about one standard deviation of 1,000 test samples at chance
_FLATTER = 1 / 3  # of random directions' number of frequencies
_ERRORS = 3.0  # standard errors of the difference


def _falls(curve: str) -> Callable[[Numbers], Iterator[Verdict]]:
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for net, curves in numbers["nets"].items():
            rho = spearman(curves["index"], curves[curve])
            # Late directions are all at chance, in an order that means nothing.
            there = [value for value in curves[curve] if value is not None]
            note = f"from {there[0]:.1%} to {there[-1]:.1%}" if there else "no training converged"
            yield Verdict(net, rho <= -0.8 + _ROUNDING, rho, "Spearman correlation with the index", note=note)

    return predicate


def _network_ahead(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        pairs = zip(curves["network_accuracy"], curves["linearized_accuracy"], strict=True)
        leads = [one - two for one, two in pairs if one is not None and two is not None]
        if not leads:
            yield Verdict(net, False, math.nan, "smallest lead", note="no direction at which both converged")
            continue
        note = f"largest lead {100 * max(leads):.1f} points, smallest {100 * min(leads):.1f}"
        holds = min(leads) >= -_NOISE and max(leads) > _NOISE
        yield Verdict(net, holds, float(np.mean(leads)), "mean lead in accuracy", note=note)


def _alignment_ranks(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        rho = spearman(curves["alignment"], curves["network_accuracy"])
        yield Verdict(net, rho >= 0.8 - _ROUNDING, rho, "Spearman correlation of alignment and accuracy")


def _concentrated(numbers: Numbers) -> Iterator[Verdict]:
    for basis in numbers["bases"]:
        mean, random = float(np.mean(basis["frequencies"])), basis["random_frequencies"]
        note = f"of {basis['of']:,}; random directions have {random:.0f}"
        meaning = "frequencies with energy, mean of the first"
        yield Verdict(_subject(basis), mean <= _FLATTER * random, mean, meaning, None, note)


def _subject(basis: Mapping[str, Any]) -> str:
    return basis["title"] + ("" if basis["data"] == "origin" else f", {basis['data']} inputs")


def _as_at_the_origin(numbers: Numbers) -> Iterator[Verdict]:
    for basis in numbers["bases"]:
        share = basis["captured_at_origin"]
        if share is not None:
            count = len(basis["frequencies"])
            meaning = f"alignment of the origin's first {count}, of that of the first {count}"
            note = f"averaged over {basis['samples']} inputs"
            yield Verdict(_subject(basis), share >= 0.9, share, meaning, None, note)


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
        # The paper's are the first 1,000 of 60,000; the very last eigenvectors live on few samples.
        count = max(2, panel["n"] // 10)
        mean = float(np.mean(panel["sign_overlap"][1:count]))
        note = f"all from 2 to {panel['n']:,}: {panel['mean_sign_overlap']:.3f}"
        meaning = f"mean inner product, j from 2 to {count:,}"
        yield Verdict(panel["title"], abs(mean - printed) <= 0.03, mean, meaning, printed, note)


def _random_pairs(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        share = panel["random_rms"] * math.sqrt(panel["n"])
        note = f"signed average {panel['random_mean']:.1g}, of the order of 1e-4 in the paper"
        yield Verdict(panel["title"], abs(share - 1) <= 0.2, share, "root mean square times sqrt(n)", 1.0, note)


def _flattens(numbers: Numbers) -> Iterator[Verdict]:
    widths, bend = numbers["widths"], numbers["bend"]
    falls = all(one > two for one, two in itertools.pairwise(bend))
    note = ", ".join(f"{value:.2g} of the radius at width {width:,}" for width, value in zip(widths, bend, strict=True))
    yield Verdict("toy network", falls, bend[0] / bend[-1], "narrowest over widest distance from the plane", None, note)


def _stays_in_the_plane(numbers: Numbers) -> Iterator[Verdict]:
    off = max(numbers["off_plane"])
    yield Verdict("toy network", off <= 1e-12, off, "largest distance of the linearized path from the plane")


def _figure(name: str, title: str, source: str, experiment: str, *claims: Claim) -> Figure:
    return Figure(
        id=f"ortiz2021/{name}",
        title=title,
        source=f"Ortiz-Jimenez et al. 2021, {source}",
        study=f"nads.{experiment}",
        script=f"ortiz2021/{name}.py",
        claims=claims,
    )


FIGURES = (
    _figure(
        "fig1", "the functions of a network, its tangent space, and both trainings", "Figure 1", "tangent_space",
        Claim("a wide network's functions coincide with the tangent space (distance falls with the width)", _flattens),
        Claim("the linearization is trained within the tangent space", _stays_in_the_plane),
    ),
    _figure(
        "fig4", "accuracy along the directions, and their predicted alignment", "Figure 4", "separable",
        Claim("network accuracy falls with the direction's index (Spearman <= -0.8)", _falls("network_accuracy")),
        Claim("linearized accuracy falls with the direction's index (Spearman <= -0.8)", _falls("linearized_accuracy")),
        Claim("alignment ranks what the network learns (Spearman >= 0.8)", _alignment_ranks),
        Claim("the network is ahead of its linearization (nowhere 2 points behind, somewhere ahead)", _network_ahead),
    ),
    _figure(
        "fig10", "the first ten directions, in pixels and in Fourier space", "Figure 10", "basis",
        Claim("directions are localized in Fourier space (at most a third of random ones' frequencies)", _concentrated),
        Claim("directions averaged over inputs are as at the origin (share of alignment >= 0.9)", _as_at_the_origin),
    ),
    _figure(
        "lemma1", "kernel norms against their bound, and binarized eigenfunctions", "Lemma 1 and appendix B", "lemma1",
        Claim("the kernel norm is at least ||f||^4 / alpha(f)", _bound_holds),
        Claim("the bound is an equality for eigenfunctions (to 1e-6)", _eigenfunctions_are_equality),
        Claim("alpha(f) is the squared norm of the mean of f times its gradient (to 1e-5)", _by_gradients),
        Claim("an eigenfunction and its sign have an inner product of about 0.78 (within 0.03)", _sign_overlap),
        Claim("random pairs have inner products of 1 / sqrt(n) (within 20 %)", _random_pairs),
    ),
    _figure(
        "theorem1", "alignment of linear predictors, by mixed derivative and by Monte Carlo", "Theorem 1", "theorem1",
        Claim("alpha(g_u) is the squared norm of the mean mixed derivative times u (3 errors)", _theorem_agrees),
        Claim("the Monte-Carlo estimate could tell (error of the first direction <= 10 %)", _precise_enough),
    ),
)  # fmt: skip
