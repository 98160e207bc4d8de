"""Figures 1, S5, S6, S9 and S10: how networks and their kernels change with the width."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.departures import departures
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.lee2019.captions import other_data
from ntk_repro.papers.lee2019.exponents import Decision, at_most, close_to, of_fit
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Interval, Number, PowerLaw, all_hold, number, power_law_fit, student_interval
from ntk_repro.papers.thresholds import CLOSER_TO_ONE, CONVERGED, RATE

_PRINTED = printed_numbers("lee2019")
_KERNELS = {"ntk": "empirical NTK", "nngp": "empirical NNGP kernel"}
_KINDS = ("input", "intermediate", "output")

MOST_SAMPLES = 0.1
"""Largest M / n at which averages over M networks of width n show convergence in M: they lose their spread,
n^-1/2 M^-1/2, but not their bias, n^-1, so the spread dominates only where M is well below n."""


def _printed_settings(panel: Numbers) -> Numbers:
    """Those of Figure 1, or in Figure S6 of its networks with one hidden layer."""
    return _PRINTED["figS6" if panel["depth"] == 1 else "fig1"]["settings"]


def _unlike(panel: Numbers) -> str:
    """The settings that are not the paper's, but for the number of steps; a subset of its data counts."""
    printed = _printed_settings(panel)
    return joined(other_data(panel, printed["data"]), departures(printed, panel, ("data", "steps")))


def _still_training(panel: Numbers, fit: Numbers) -> str:
    """Why an exponent is not yet that of networks that are trained for as long as the paper's."""
    doublings = math.log2(_printed_settings(panel)["steps"] / panel["steps"][-1])
    last = [number(at["exponent"]) for at in fit["fit_by_step"][-2:]]
    # As much again in every doubling of the steps to come, unless there is hardly anything left to learn.
    moves = len(last) == 2 and abs(last[1] - last[0]) * doublings > RATE / 2
    if not moves or math.sqrt(number(panel["loss_left"])) < CONVERGED:
        return ""
    return f"it still changes in training, from {last[0]:.2f} at half of the steps, {doublings:.3g} doublings too early"


def _still_narrow(fit: Numbers, found: Interval, decide: Decision) -> str:
    """Why an exponent is not yet that of large width: going on as it changes, it could turn the verdict."""
    everywhere = number(fit["all_widths"]["exponent"])
    going_on = found._replace(**({"low": -math.inf} if found.mean < everywhere else {"high": math.inf}))
    turns = abs(found.mean - everywhere) > RATE / 2 and decide(going_on) is not decide(found)
    return f"it still changes with the width, from {everywhere:.2f} over all" if turns else ""


def _exponent(
    panel: Numbers,
    name: str,
    subject: str,
    decide: Decision,
    *,
    meaning: str = "exponent of the width",
    of_figure: bool = True,
    paper: Number = None,
) -> Verdict:
    """On the exponent of one of the panel's quantities, fitted to its wider networks.

    Args:
        panel: with the fits.
        name: of the quantity.
        subject: its name in words.
        decide: whether an interval says so.
        meaning: of the exponent.
        of_figure: whether this is said of Figure 1, with its settings and at the end of its training.
        paper: the exponent that is printed.
    """
    fit = panel["curves"][name] if name in panel["curves"] else panel["undrawn"][name]
    found, widths = of_fit(fit), fit["fitted"]
    notes = [f"{found.ends('.2f')}, widths {widths[0]:,.0f} to {widths[-1]:,.0f}"]
    if len(widths) < len(panel["widths"]):
        notes.append(f"all widths: {number(fit['all_widths']['exponent']):.2f}")
    why = (_unlike(panel) or _still_training(panel, fit)) if of_figure else ""
    why = why or _still_narrow(fit, found, decide)
    return judged(f"{panel['title']}, {subject}", decide(found), found, meaning, *notes, unless=why, paper=paper)


def _kinds(panel: Numbers) -> dict[str, str]:
    """The kinds of weights of a panel, with their names in the paper; one hidden layer has no intermediate weights."""
    if panel["depth"] == 1:
        return {"input": "non-read-out weights", "output": "read-out weights"}
    return {kind: f"{kind} weights" for kind in _KINDS}


def _weights_move(panel: Numbers) -> Iterator[Verdict]:
    exponents = _PRINTED["fig1"]["exponent"]
    as_printed = not _unlike(panel) and panel["steps"][-1] == _printed_settings(panel)["steps"]
    for kind, subject in _kinds(panel).items():
        paper = exponents[kind] if as_printed else None
        yield _exponent(panel, kind, subject, close_to(exponents[kind]), paper=paper)


def _kernels_move(panel: Numbers, decide: Decision, *names: str) -> Iterator[Verdict]:
    for name in names or _KERNELS:
        yield _exponent(panel, name, _KERNELS[name], decide)


_CAPTIONS = "captions of Figures 1 and S6"
_DRIFT_CLAIMS = (
    Claim(
        "input and output weights move as n^-1/2, intermediate weights as n^-1 (exponent within 0.1)",
        _weights_move, over="panels", place=_CAPTIONS,
    ),
    Claim(
        "the kernels move by O(n^-1/2) (exponent at most -0.4)",
        _kernels_move, (at_most(-0.5),), over="panels", place=_CAPTIONS,
    ),
    Claim(
        "the kernels' change is closer to n^-1 than to n^-1/2 (exponent below -0.75)",
        _kernels_move, (lambda found: found.below(CLOSER_TO_ONE),), over="panels", place=_CAPTIONS,
    ),
)  # fmt: skip
"""What the caption of Figure 1 says of both figures: Figure S6 is "the same experiment" with other networks."""


_NTK_MOVES = Claim(
    "the tangent kernel moves by O(n^-1) (exponent at most -0.9)",
    _kernels_move, (at_most(-1.0), "ntk"), over="panels", place="section 3",
)  # fmt: skip


@claim(
    "at the start the tangent kernel is O(n^-1/2) away from the analytic one (exponent at most -0.4)",
    over="panels", place="section 3",
)  # fmt: skip
def _start_of_the_ntk(panel: Numbers) -> Iterator[Verdict]:
    yield _exponent(panel, "ntk_from_analytic", "empirical NTK at the start", at_most(-0.5))


@claim(
    "training moves the tangent kernel by a lower order than its distance from the analytic one at the start "
    "(exponent of their ratio below 0)",
    over="panels", place="section 3",
)  # fmt: skip
def _ntk_moves_less(panel: Numbers) -> Iterator[Verdict]:
    meaning = "exponent of the width of change over distance"
    yield _exponent(panel, "ntk_over_distance", "empirical NTK", Interval.below, meaning=meaning)


@claim(
    "intermediate weights differ by their number alone: the absolute change of all kinds has one order "
    "(exponents within 0.1 of each other)",
    over="panels", place="caption of Figure 1",
)  # fmt: skip
def _only_the_number_differs(panel: Numbers) -> Iterator[Verdict]:
    meaning = "exponent of the width of the ratio of absolute changes"
    for other in ("input", "output") if "intermediate" in panel["curves"] else ():
        subject = f"intermediate against {other} weights"
        yield _exponent(panel, f"intermediate_over_{other}", subject, close_to(0.0), meaning=meaning)


@claim(
    "no single weight moves far: the largest change of one vanishes as the width grows (exponent below 0)",
    over="panels", place="section 2.4",
)  # fmt: skip
def _single_weights(panel: Numbers) -> Iterator[Verdict]:
    for kind, subject in _kinds(panel).items():
        yield _exponent(panel, f"{kind}_largest", subject, Interval.below, of_figure=False)


@claim(
    "the wider the network, the less its hidden activations move (exponent of their relative change below 0)",
    over="panels", place="section 2.4",
)  # fmt: skip
def _activations(panel: Numbers) -> Iterator[Verdict]:
    yield _exponent(panel, "activations", "hidden activations", Interval.below, of_figure=False)


@claim(
    "the change of the outputs is finite, it does not depend on the width (exponent within 0.1 of 0)",
    over="panels", place="section 2.4",
)  # fmt: skip
def _outputs(panel: Numbers) -> Iterator[Verdict]:
    yield _exponent(panel, "outputs", "training outputs", close_to(0.0), of_figure=False)


def _pooled(lines: list[Numbers]) -> PowerLaw:
    """The power law of all lines together: the exponents of each seed are averaged over the lines."""
    values = np.array([line["values"] for line in lines], float)  # (lines, seeds, points)
    return power_law_fit(lines[0]["x"], np.exp(np.log(values).mean(axis=0)))


def _overall(subject: str, lines: list[Numbers], decide: Decision, quantity: str) -> Verdict:
    found = _pooled(lines).interval
    each = ", ".join(f"{number(line['exponent']):.2f} ({line['of']:,})" for line in lines)
    notes = (found.ends(".2f"), f"each: {each}" if len(lines) > 1 else "")
    return judged(subject, decide(found), found.mean, f"exponent of the {quantity}", *notes)


def _sizes(lines: list[Numbers]) -> str:
    return " to ".join(f"{size:,}" for size in dict.fromkeys((lines[0]["of"], lines[-1]["of"])))


@claim(
    "overall, the error falls as the width grows, whichever the loss (exponent below 0)",
    place="section 1, contributions; section 3, effects of dataset size",
)
def _falls_with_width(numbers: Numbers) -> Iterator[Verdict]:
    for name, lines in (("squared loss", "against_width"), ("cross-entropy", "cross_entropy")):
        if numbers[lines]:
            subject = f"{name}, |D| = {_sizes(numbers[lines])}"
            yield _overall(subject, numbers[lines], Interval.below, "width")


@claim(
    "the parameters, too, come nearer to the linearization's as the width grows, whichever the loss (distance over how "
    "far they move, exponent below 0)",
    place="section 1, contributions; section 4",
)
def _weights_fall_with_width(numbers: Numbers) -> Iterator[Verdict]:
    for name, loss in (("squared loss", "half_mean_squared_error"), ("cross-entropy", "cross_entropy")):
        if lines := numbers["weights"].get(loss):
            yield _overall(f"{name}, |D| = {_sizes(lines)}", lines, Interval.below, "width")


@claim(
    "overall, the error grows with the number of training images (exponent above 0)",
    place="section 3, effects of dataset size",
)
def _grows_with_data(numbers: Numbers) -> Iterator[Verdict]:
    lines = numbers["against_size"]
    yield _overall(f"n = {_sizes(lines)}", lines, Interval.above, "number of images")


@claim(
    "a wider network makes up for more images: its error on the most is below that of the narrowest on the fewest",
    place="section 3, effects of dataset size",
)
def _width_makes_up(numbers: Numbers) -> Iterator[Verdict]:
    fewest, most = numbers["against_width"][0], numbers["against_width"][-1]
    ratios = np.array(most["values"], float) / np.array(fewest["values"], float)[:, :1]  # (seeds, widths)
    found = student_interval(np.log(ratios[:, -1]))
    enough = [width for width, ratio in zip(most["x"], np.log(ratios).mean(axis=0), strict=True) if ratio < 0]
    ratio = Interval.read(map(math.exp, found[:3]), found.seeds)
    needed = f"width {enough[0]:,.0f} is enough on average" if enough else ""
    subject = f"n = {most['x'][-1]:,.0f}, |D| = {most['of']:,} against n = {most['x'][0]:,.0f}, |D| = {fewest['of']:,}"
    yield judged(subject, found.below(), ratio.mean, "ratio of the errors", ratio.ends(".2f"), needed)


def _subject(panel: Numbers) -> str:
    layers = "one hidden layer" if panel["depth"] == 1 else f"{panel['depth']} hidden layers"
    return f"{panel['kernel'].upper()}, {layers}"


def _all_fall(subject: str, fits: Iterable[tuple[str, PowerLaw]], quantity: str) -> Verdict:
    """Whether the exponents of all lines are below 0; the number is that of the line that is nearest to growing."""
    lines = [(label, fit.interval) for label, fit in fits if not math.isnan(fit.exponent)]
    holds = all_hold(*(found.below() for _, found in lines))
    slope, notes = math.nan, ["too few points"]
    if lines:
        label, worst = max(lines, key=lambda line: line[1].mean if math.isnan(line[1].high) else line[1].high)
        slope, notes = worst.mean, [f"{label}, {worst.ends('.2f')}"]
        notes.append("all: " + ", ".join(f"{found.mean:.2f} ({label})" for label, found in lines))
    return judged(subject, holds, slope, f"largest exponent of the {quantity}", *notes)


def _all_fall_in_samples(panel: Numbers, samples: Sequence[float], by_width: Mapping[float, np.ndarray]) -> Verdict:
    """Of the errors of each width (seeds, samples)."""
    few = {width: np.array(samples) <= MOST_SAMPLES * width for width in by_width}
    fits = (
        (f"n = {width:,.0f}", power_law_fit(np.array(samples)[few[width]], errors[:, few[width]], of=len(by_width)))
        for width, errors in by_width.items()
    )
    return _all_fall(_subject(panel), fits, "number of samples")


@claim(
    "kernels of single networks approach the analytic ones as O(n^-1/2) (M = 1, exponent at most -0.4)",
    over="panels", place="section 1.1; section 2.3.1; appendix D; appendix G; appendix I",
)  # fmt: skip
def _single_networks(panel: Numbers) -> Iterator[Verdict]:
    found, note = Interval(math.nan, math.nan, math.nan, 0), "no line of single networks, M = 1"
    for line in panel["lines"]:
        if line["of"] == 1:
            found = of_fit(line)
            note = found.ends(".2f")
    printed = _PRINTED["figS9"]
    paper = printed["exponent"] if panel["input_size"] == printed["input_size"] else None
    yield judged(_subject(panel), at_most(-0.5)(found), found, "exponent of the width", note, paper=paper)


@claim(
    "kernels converge to the analytic ones as the width grows (every M, exponent below 0)",
    over="panels", place="appendix I; caption of Figure S9",
)  # fmt: skip
def _converges_in_width(panel: Numbers) -> Iterator[Verdict]:
    lines = panel["lines"]
    fits = ((f"M = {line['of']:,}", power_law_fit(line["x"], line["values"], of=len(lines))) for line in lines)
    yield _all_fall(_subject(panel), fits, "width")


@claim(
    "kernels converge to the analytic ones as the number of samples grows (every width, M <= n/10, exponent below 0)",
    over="panels", place="appendix I; caption of Figure S9",
)  # fmt: skip
def _deep_kernels_converge_in_samples(panel: Numbers) -> Iterator[Verdict]:
    """Of networks with several hidden layers; Figure S10 has those with one."""
    if panel["depth"] > 1:
        samples = [line["of"] for line in panel["lines"]]
        values = np.array([line["values"] for line in panel["lines"]], float)  # (samples, seeds, widths)
        yield _all_fall_in_samples(panel, samples, dict(zip(panel["lines"][0]["x"], values.T, strict=True)))


@claim(
    "kernels of one hidden layer converge to the analytic ones by sampling (every width, M <= n/10, exponent below 0)",
    over="panels", place="caption of Figure S10",
)  # fmt: skip
def _kernels_converge_in_samples(panel: Numbers) -> Iterator[Verdict]:
    by_width = {line["of"]: np.array(line["values"], float) for line in panel["lines"]}
    yield _all_fall_in_samples(panel, panel["lines"][0]["x"], by_width)


FIGURES = (
    PAPER.figure(
        "fig1", "how far weights and kernels move in training, against width",
        "wide_limit.drift",
        *_DRIFT_CLAIMS,
        _NTK_MOVES, _start_of_the_ntk, _ntk_moves_less, _only_the_number_differs,
        _single_weights, _activations, _outputs,
    ),
    PAPER.figure(
        "figS5", "difference between network and linearization, against width and number of images",
        "wide_limit.linearization_error",
        _falls_with_width, _weights_fall_with_width, _grows_with_data, _width_makes_up,
    ),
    PAPER.figure(
        "figS6", "Figure 1 for one hidden ReLU layer on two classes, and for three tanh layers",
        "wide_limit.drift",
        *_DRIFT_CLAIMS,
    ),
    PAPER.figure(
        "figS9", "Monte-Carlo kernels against analytic ones, one and three hidden layers, against width",
        "wide_limit.kernel_convergence",
        _single_networks, _converges_in_width, _deep_kernels_converge_in_samples,
    ),
    PAPER.figure(
        "figS10", "Monte-Carlo kernels against analytic ones, one hidden layer, against the number of samples",
        "wide_limit.kernel_convergence",
        _kernels_converge_in_samples,
    ),
)  # fmt: skip
