"""Figures 1, 4 and 10, Lemma 1 and Theorem 1: neural anisotropy directions and what the paper proves."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import LARGE_LEAD, other_settings
from ntk_repro.papers.ortiz2021.curves import agree, ahead, falls
from ntk_repro.papers.statistics import Interval, all_hold, number, order, power_law_fit, student_interval
from ntk_repro.papers.thresholds import ABOUT, IDENTICAL, MUCH, NEARLY_IDENTICAL, ORDERED, RATE, STRONG_BIAS

_CNNS = ("lenet", "resnet18")  # of whose directions the paper speaks
_FLOAT64 = np.finfo(np.float64).eps
_UNLIKELY = 0.001  # a probability
_KNOWN = ABOUT / 2  # half of a 95% interval: a wider one would hardly fit between the bounds
_TOO_NOISY = 0.1  # standard error of the first alignment, of its value
_MOST_ERRORS = 6.0  # standard errors of the largest of many differences
_EXACT = "(identity, to 1e-8)"


def _other(net: str, curves: Numbers) -> str:
    """Why a statement about trainings along the directions cannot be judged."""
    last, count = curves["index"][-1], curves["not_null"]
    null = f"only {count:,} directions are not null, and the order of the others means nothing" if last > count else ""
    return other_settings("directions", net, curves) or null


def _by_seed(entries: Iterable[Numbers], *names: str) -> list[list[Numbers]]:
    """Those that agree in these settings, each list ordered by seed."""
    groups = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry["seed"]):
        groups[tuple(entry[name] for name in names)].append(entry)
    return [*groups.values()]


@claim(
    f"the NTK has a strong directional bias (largest alignment of a direction {STRONG_BIAS:g} times the mean or more)",
    over="nets", place="section 3.2; section 1",
)  # fmt: skip
def _directional_bias(net: str, curves: Numbers) -> Iterator[Verdict]:
    if net not in _CNNS:
        return
    beyond = [bias >= STRONG_BIAS for bias in curves["bias"]]  # exact, of each initialization
    holds = True if all(beyond) else None if any(beyond) else False
    seeds = len(beyond)
    note = f"{seeds} initialization{'s' * (seeds > 1)}; 1 for a kernel without a preferred direction"
    unless = other_settings("network", net, curves)
    yield judged(net, holds, np.mean(curves["bias"]), "largest alignment over the mean of all", note, unless=unless)


@claim(
    "directions averaged over the data are those at the origin (the origin's first see the same share of the alignment "
    f"as the first averaged ones, above random directions, to {100 * NEARLY_IDENTICAL:g}%)",
    place="appendix C.2",
)
def _captured_at_the_origin(numbers: Numbers) -> Iterator[Verdict]:
    averaged = [basis for basis in numbers["bases"] if basis["data"] != "origin"]
    for bases in _by_seed(averaged, "net", "width", "residual_scale_init", "data"):
        share, first = student_interval([_above_random(basis) for basis in bases]), bases[0]
        notes = (f"averaged over {first['samples']} inputs", f"{share.seeds} seeds", share.ends(".3f"))
        meaning = f"share of the alignment of the first {len(first['frequencies'])}, above random directions"
        unless = other_settings("network", first["net"], first) or ("one seed" if share.seeds == 1 else "")
        subject, holds = f"{first['title']}, {first['data']} inputs", share.above(1 - NEARLY_IDENTICAL)
        yield judged(subject, holds, share.mean, meaning, *notes, unless=unless)


def _above_random(basis: Numbers) -> float:
    share, chance = number(basis["captured_at_origin"]), number(basis["captured_at_random"])
    # Of a flat spectrum any directions capture all: then nothing is above chance.
    return (share - chance) / (1 - chance) if chance < 1 - 1e-9 else 0.0


@claim(
    "alpha(g_u) is the squared norm of the mean mixed derivative times u (within "
    f"{100 * ABOUT:g}% in every direction whose difference is known to {100 * _KNOWN:g}%, and p of 0.001 or more by "
    "a chi-square test over all)",
    over="panels", place="Theorem 1, Eq. (4); appendix D.2",
)  # fmt: skip
def _theorem_agrees(panel: Numbers) -> Iterator[Verdict]:
    from scipy.stats import chi2

    if panel["activation"] == "relu":
        return  # whose gradient jumps: another claim
    errors = np.subtract(panel["monte_carlo"], panel["theorem"]) / np.array(panel["difference_error"])
    p = float(chi2.sf(np.sum(errors**2), len(errors)))
    halves = 2 * np.array(panel["difference_error"]) / panel["monte_carlo"]
    shares = np.subtract(panel["theorem"], panel["monte_carlo"]) / panel["monte_carlo"]
    known = [Interval(d, d - half, d + half, 1) for d, half in zip(shares, halves, strict=True) if half <= _KNOWN]
    notes = (
        f"root mean square {np.sqrt(np.mean(errors**2)):.2f} errors over {len(errors)} directions (1 expected)",
        f"{len(known)} differences known to {100 * _KNOWN:g}% of the alignment",
        f"the largest {max(abs(one.mean) for one in known):.1%}" if known else "",
    )
    # A test that does not reject shows little where the errors are large.
    parts = [one.within(-ABOUT, ABOUT) for one in known] or [None]
    holds = False if p < _UNLIKELY else all_hold(*parts)
    yield judged(panel["title"], holds, p, "probability of such differences", *notes, unless=_noisy(panel))


def _noisy(panel: Numbers) -> str:
    share = panel["monte_carlo_error"][0] / panel["monte_carlo"][0]
    return f"the Monte-Carlo error is {share:.0%} of the first alignment" if share > _TOO_NOISY else ""


@claim(
    "with ReLU, whose gradient jumps, the mixed derivative misses a part of the alignment "
    f"({100 * NEARLY_IDENTICAL:g}% or more, first direction)",
    over="panels", place="appendix C.2",
)  # fmt: skip
def _relu_misses(panel: Numbers) -> Iterator[Verdict]:
    if panel["activation"] != "relu":
        return
    alignment, seen = panel["monte_carlo"][0], panel["theorem"][0]
    missed, half = 1 - seen / alignment, 2 * panel["difference_error"][0] / alignment
    share = Interval(missed, missed - half, missed + half, 1)
    note = share.ends(".0%")
    holds = share.above(NEARLY_IDENTICAL)
    yield judged(panel["title"], holds, missed, "share of the alignment that is missed", note, unless=_noisy(panel))


@claim(
    "all predictors u.x have the same norm, and their alignment is inversely proportional to their kernel norm "
    f"(exponent within {RATE:g} of -1)",
    over="panels", place="footnote 3",
)  # fmt: skip
def _inversely_proportional(panel: Numbers) -> Iterator[Verdict]:
    if panel["activation"] == "relu":
        return
    off = np.abs(np.subtract(panel["mean_square"], 1)) / np.array(panel["mean_square_error"])
    fit = power_law_fit(panel["alignment_on_inputs"], panel["norm_on_inputs"])
    exponent = fit.interval.within(-1 - RATE, -1 + RATE)
    notes = (
        fit.interval.ends(".2f"),
        f"mean squares within {off.max():.1f} standard errors of 1",
        f"on {panel['inputs']:,} inputs",
    )
    holds = exponent if off.max() <= _MOST_ERRORS else False
    # On some inputs the norm is smaller than on all of the distribution, which the footnote is about.
    growth = np.divide(panel["norm_on_inputs"], panel["norm_on_half"]).max() - 1
    unless = f"the norm still grows by {growth:.0%} from half of the inputs on" if growth > NEARLY_IDENTICAL else ""
    meaning = "exponent of the kernel norm in the alignment"
    yield judged(panel["title"], holds, fit.exponent, meaning, *notes, unless=unless)


@claim("the kernel norm is at least ||f||^4 / alpha(f) (proved)", over="panels", place="Lemma 1; appendix D.1")
def _bound_holds(panel: Numbers) -> Iterator[Verdict]:
    ratios = list(itertools.chain.from_iterable(panel["ratio"].values()))
    note = f"over {len(ratios):,} targets; 1 is equality"
    holds = min(ratios) >= 1 - _rounding(panel)
    yield judged(panel["title"], holds, min(ratios), "smallest norm over bound", note, unless=_singular(panel))


def _rounding(panel: Numbers) -> float:
    """What rounding may do to a norm."""
    return max(IDENTICAL, panel["condition"] * _FLOAT64)


def _singular(panel: Numbers) -> str:
    return f"condition number {panel['condition']:.1g}" if panel["condition"] * _FLOAT64 > IDENTICAL else ""


def _identity(statement: str, first: str, second: str, place: str) -> Claim:
    """The claim that two ways to compute a quantity of targets agree."""

    @claim(f"{statement} {_EXACT}", over="panels", place=place)
    def same(panel: Numbers) -> Iterator[Verdict]:
        one, two = np.array(panel[first]), np.array(panel[second])
        error, of = np.abs(one / two - 1).max(), f"{one.size} target{'s' * (one.size > 1)}"
        unless = _singular(panel) if "norm" in second else ""
        yield judged(panel["title"], error <= IDENTICAL, error, f"largest relative difference over {of}", unless=unless)

    return same


def _initializations(numbers: Numbers) -> list[list[Numbers]]:
    return _by_seed(numbers["panels"], "net", "width", "residual_scale_init", "activation", "n")


@claim(
    "the norm needs the smallest eigenvalues (without the lower half of them it changes by more than "
    f"{100 * ABOUT:g}%, for each class against the others)",
    place="section 2",
)
def _smallest_matter(numbers: Numbers) -> Iterator[Verdict]:
    for panels in _initializations(numbers):
        shares = np.array([panel["norm_beyond_half"] for panel in panels])
        least = student_interval(shares.min(axis=1))
        notes = (least.ends(".1%"), f"{least.seeds} seeds", f"up to {shares.max():.1%}, of {shares.shape[1]} classes")
        meaning = "smallest change of a norm without the lower half, mean over seeds"
        yield judged(panels[0]["title"], least.above(ABOUT), least.mean, meaning, *notes)


@claim(
    "a high alignment means a small kernel norm, so weights close to the start: among binarized eigenfunctions the "
    f"norm falls with the alignment ({100 * ORDERED:g}% of the pairs whose alignments differ by a factor of {MUCH:g})",
    place="section 2; section 4.2",
)
def _proxy(numbers: Numbers) -> Iterator[Verdict]:
    for panels in _initializations(numbers):
        # The last eigenvectors live on few samples; the paper's tasks are the first 1,000 of 60,000 from the second on.
        count = max(4, panels[0]["n"] // 6)
        share = student_interval([_share_in_order(panel, count) for panel in panels])
        classes = [np.median(panel["class_alignment"]) / np.median(panel["random_alignment"]) for panel in panels]
        notes = (
            f"sign(phi_2) to sign(phi_{count})", share.ends(".3f"), f"{share.seeds} seeds",
            f"the classes' alignment is {np.mean(classes):.3g} times that of random labels",
        )  # fmt: skip
        meaning = "share of pairs in order, of alignment and norm, mean over seeds"
        yield judged(panels[0]["title"], share.above(ORDERED), share.mean, meaning, *notes)


def _share_in_order(panel: Numbers, count: int) -> float:
    alignments, norms = np.log(panel["sign_alignment"][1:count]), panel["sign_norm"][1:count]
    apart = math.log(MUCH) / math.sqrt(8)  # two of which, of the difference of two, are this factor
    return order(alignments, norms, -1, 0.0, apart).share


@claim(
    "with growing width a network's functions coincide with the tangent space (exponent of their distance below 0)",
    place="Figure 1, caption; section 2",
)
def _flattens(numbers: Numbers) -> Iterator[Verdict]:
    fit = power_law_fit(numbers["widths"], numbers["bend"])
    note = fit.interval.ends(".2f")
    unless = "" if len(numbers["seeds"]) > 1 else "one seed"
    yield judged(
        "toy network", fit.interval.below(), fit.exponent, "exponent of the distance in the width", note, unless=unless
    )


@claim(
    "near the start the network is its first-order expansion (its distance from the tangent plane vanishes faster than "
    "the radius: exponent above 1)",
    place="Eq. (1); Figure 1, caption",
)
def _tangent(numbers: Numbers) -> Iterator[Verdict]:
    radii = numbers["radii"]
    by_width = np.moveaxis(np.array(numbers["distance"], float), 1, 0)
    for width, distances in zip(numbers["widths"], by_width, strict=True):
        fit = power_law_fit(radii, distances)
        note = fit.interval.ends(".2f")
        unless = "" if len(numbers["seeds"]) > 1 else "one seed"
        meaning = "exponent of the distance in the radius"
        holds = fit.interval.above(1)
        yield judged(f"{width:,} hidden units", holds, fit.exponent, meaning, note, unless=unless)


@claim(
    "training the linearization stays in the tangent plane, which training the narrowest network leaves (to 1e-8 of "
    "the radius)",
    place="Figure 1, caption",
)
def _restricted(numbers: Numbers) -> Iterator[Verdict]:
    stays = np.max(numbers["off_plane"]) / numbers["radius"]
    leaves = np.array(numbers["network_off_plane"], float)[:, 0] / numbers["radius"]
    holds = bool(stays <= IDENTICAL) and bool((leaves > IDENTICAL).all())
    note = f"the network of {numbers['widths'][0]:,} leaves it by {leaves.min():.2g} of the radius or more"
    yield judged("toy network", holds, stays, "largest distance of the linearization, of the radius", note)


# What is marked as an identity, or as proved, fails only where our numbers are wrong.
FIGURES = (
    PAPER.figure(
        "fig1", "the functions of a network, its tangent space, and both trainings", "nads.tangent_space",
        _flattens, _tangent, _restricted,
    ),
    PAPER.figure(
        "fig4", "accuracy along the directions, and their predicted alignment", "nads.separable",
        *(
            falls(model, place=place, why=_other, nets=_CNNS)
            for model, place in (("network", "section 1; section 3.2; Figure 4"), ("linearized", "section 3.2"))
        ),
        ahead(
            "along the directions the network has a strong advantage", "network", LARGE_LEAD,
            place="section 3.2", why=_other, nets=_CNNS,
        ),
        agree("directions", place="section 3.2", why=_other, nets=_CNNS),
        _directional_bias,
    ),
    PAPER.figure(
        "fig10", "the first ten directions, in pixels and in Fourier space", "nads.basis", _captured_at_the_origin
    ),
    PAPER.figure(
        "lemma1", "kernel norms against their bound, and binarized eigenfunctions", "nads.lemma1",
        _bound_holds,
        _identity(
            "alpha(f) is the squared norm of the mean of f times its gradient", "alignment_by_gradients",
            "alignment_by_gram", "Lemma 1, Eq. (10); appendix B",
        ),
        _identity(
            "alpha(f) is the sum of the eigenvalues times squared products with the eigenfunctions",
            "alignment_by_spectrum", "alignment_by_gram", "appendix D.1, Eq. (6)",
        ),
        _identity("alpha(phi_j) is lambda_j", "first_alignments", "first_eigenvalues", "section 3.1; footnote 6"),
        _identity(
            "the kernel norm is the sum of squared products with the eigenfunctions over the eigenvalues",
            "compared_norm_by_sum", "compared_norm", "Eq. (3); Eq. (7)",
        ),
        _identity(
            "the kernel norm of a trained linearization is how far its weights moved", "trained_distance",
            "trained_norm", "section 4.2",
        ),
        _smallest_matter, _proxy,
        label="Lemma 1 and appendix B",
    ),
    PAPER.figure(
        "theorem1", "alignment of linear predictors, by mixed derivative and by Monte Carlo", "nads.theorem1",
        _theorem_agrees, _relu_misses, _inversely_proportional,
    ),
)  # fmt: skip
