"""Theorem 2.1, and what appendices G and H prove on the way: rates in the width, and shares of networks."""

from collections.abc import Callable, Iterator

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.lee2019.exponents import Decision, at_most, close_to, of_fit
from ntk_repro.papers.statistics import Interval, number, share_interval
from ntk_repro.papers.thresholds import IDENTICAL, NEARLY_IDENTICAL, QUADRATURE, WITH_HIGH_PROBABILITY

Where = Callable[[Numbers], bool]

_LAYERS = {"activations": "x^l / sqrt(n)", "deltas": "delta^l"}
_OVER = "trainings"


# Which trainings a statement is about.
def _all(run: Numbers) -> bool:
    return run["activation"] != "identity"


def _flow(run: Numbers) -> bool:
    return _all(run) and run["flow"]


def _descent(run: Numbers) -> bool:
    return _all(run) and not run["flow"]


def _standard(run: Numbers) -> bool:
    return _all(run) and run["parameterization"] == "standard"


def _start(run: Numbers) -> bool:
    """Networks at their start are the same for every training: they are judged once."""
    return _all(run) and run["first"]


def _standard_start(run: Numbers) -> bool:
    return _standard(run) and _start(run)


def _ntk_start(run: Numbers) -> bool:
    return run["parameterization"] == "ntk" and _start(run)


def _exponent(run: Numbers, name: str, decide: Decision, subject: str = "") -> Verdict:
    fit = run["exponents"][name]
    exponent = of_fit(fit)
    notes = (exponent.ends(".2f"), f"fitted to all widths {number(fit['all_widths']):.2f}")
    subject = f"{run['title']}: {subject}" if subject else run["title"]
    return judged(subject, decide(exponent), exponent.mean, "exponent of the width", *notes)


def _rate(statement: str, names: dict[str, str] | str, decide: Decision, place: str, where: Where = _all) -> Claim:
    """The claim that a quantity, or each of several (name: subject), has this exponent of the width."""
    subjects = {names: ""} if isinstance(names, str) else names

    @claim(statement, over=_OVER, place=place)
    def has_rate(run: Numbers) -> Iterator[Verdict]:
        if where(run):
            yield from (_exponent(run, name, decide, subject) for name, subject in subjects.items())

    return has_rate


def _probable(run: Numbers, count: int, total: int, *notes: str, unless: str = "") -> Verdict:
    share = share_interval(count, total)
    notes = (share.ends(".3f"), *notes)
    holds = share.above(WITH_HIGH_PROBABILITY)
    return judged(run["title"], holds, share.mean, "share of the networks", *notes, unless=unless)


def _share(statement: str, name: str, place: str, where: Where = _all) -> Claim:
    """The claim that nearly every network of the largest width keeps a bound."""

    @claim(f"{statement} (nine networks of ten or more at the largest width)", over=_OVER, place=place)
    def keeps(run: Numbers) -> Iterator[Verdict]:
        if where(run):
            counts, total = run["shares"][name], run["networks"]
            each = ", ".join(f"{count} at {width:,}" for count, width in zip(counts, run["widths"], strict=True))
            constants = f"K = {run['K']:.2f} from the smallest width, R_0 = {run['R_0']:.2f}"
            yield _probable(run, counts[-1], total, f"of {total}: {each}", constants)

    return keeps


@claim(
    "the residual contracts as in S49 where n >= (18 K^3 R_0 / lambda_min^2)^2 (nine networks of ten or more)",
    over=_OVER, place="appendix G.1, S67, S68",
)  # fmt: skip
def _width_suffices(run: Numbers) -> Iterator[Verdict]:
    if not (_descent(run) and run["num_inputs"] == 1):
        return
    least = run["sufficient_width"]
    pairs = zip(run["widths"], run["shares"]["contraction"], strict=True)
    wide = {width: count for width, count in pairs if width >= least}
    unless = "" if wide else f"no width reaches {least:,.0f}"
    total = run["networks"]
    count = min(wide.values(), default=total)  # of the width with the fewest
    note = f"n >= {least:,.0f}, K = {run['K']:.2f}, R_0 = {run['R_0']:.2f}"
    yield _probable(run, count, total, note, unless=unless)


@claim(
    "S104 and S105 equal g_lin - g (within 1%)",
    over=_OVER, place="appendix H, S101 to S105",
)  # fmt: skip
def _integral_equation(run: Numbers) -> Iterator[Verdict]:
    if not _flow(run):
        return
    apart, error = (_level(run, name, 0) for name in ("identity_residual", "identity_error"))
    rough = f"the integrals are uncertain by {error.mean:.1%}" if not error.high <= QUADRATURE else ""
    note = f"width {run['widths'][0]:,}; the integrals are known to {error.mean:.2%}"
    meaning = "how far the two sides are apart, over the largest left side"
    yield judged(run["title"], apart.below(QUADRATURE), apart.mean, meaning, note, unless=rough)


def _level(run: Numbers, name: str, index: int) -> Interval:
    level = run["levels"][name][index]
    return Interval.read((level[part] for part in ("mean", "low", "high")), level["seeds"])


@claim(
    "deep linear networks are linear in their inputs (to 1e-8) and not in their parameters (off the linearization by "
    "more than 10% of the outputs' change), wide networks the reverse (off a straight line by more than 10% of the "
    "range, off the linearization by 10% at most)",
    over=_OVER, place="section 1.1",
)  # fmt: skip
def _linear_in_what(run: Numbers) -> Iterator[Verdict]:
    if run["num_inputs"] == 1 or run["flow"]:
        return
    linear = run["activation"] == "identity"
    index = 0 if linear else -1  # linear networks are narrow, the others wide
    bend, rest = (_level(run, name, index) for name in ("bend", "rest"))
    title = f"{run['title']}, width {run['widths'][index]:,}"
    straight = bend.below(IDENTICAL) if linear else bend.above(NEARLY_IDENTICAL)
    yield judged(f"{title}: inputs", straight, bend.mean, "distance from a straight line, over the range")
    in_parameters = rest.above(NEARLY_IDENTICAL) if linear else rest.below(NEARLY_IDENTICAL)
    note = rest.ends(".3f")
    yield judged(
        f"{title}: parameters", in_parameters, rest.mean, "distance from the linearization, over the change", note
    )


_OUTPUTS = (
    _rate(
        "sup_t |f_t(x) - f_lin_t(x)| = O(n^-1/2) (exponent -0.4 or below)", "test_difference", at_most(-0.5),
        "abstract; section 1; section 2.4, Theorem 2.1, Eq. 17; section 3; section 4; appendix H, Theorem H.1",
    ),
    _rate(
        "sup_t |f_t - f_lin_t| on the training inputs = O(n^-1/2) (exponent -0.4 or below)",
        "train_difference", at_most(-0.5), "appendix H, Theorem H.1, S100",
    ),
    _rate(
        "f_t(x) and f_lin_t(x) get the same distribution: at the end their difference over the networks' spread, which "
        "bounds the Wasserstein distance, vanishes (exponent below 0)",
        "end_difference", Interval.below, "section 2.4",
    ),
    _rate(
        "sup_t ||theta_t - theta_0|| / sqrt(n), over ||g(theta_0)||, = O(n^-1/2) (exponent -0.4 or below)",
        "distance_per_root", at_most(-0.5), "section 2.4, Theorem 2.1, Eq. 17",
    ),
    _rate(
        "parameters train as the linearization's: sup_t ||theta_t - theta_lin_t|| / ||theta_T - theta_0|| vanishes "
        "(exponent below 0)",
        "weights_apart", Interval.below, "section 1, contributions; section 4",
    ),
    _rate(
        "all parameters together move little: ||theta_t - theta_0|| / ||theta_0|| vanishes (exponent below 0)",
        "distance_relative", Interval.below, "section 1.1",
    ),
    _rate(
        "sup_t ||Theta_t - Theta_0||_F = O(n^-1/2) (exponent -0.4 or below)", "kernel_change", at_most(-0.5),
        "section 2.4, Theorem 2.1, Eq. 17; appendix G, S50, S52, S98; appendix H, S119",
    ),
    _rate(
        "sup_t ||Theta_t - Theta_0|| between test and training inputs = O(n^-1/2) (exponent -0.4 or below)",
        "test_kernel_change", at_most(-0.5), "appendix H, S127",
    ),
)  # fmt: skip
_CONVERGENCE = (
    _share(
        "||g(theta_t)|| <= (1 - eta_0 lambda_min / 3)^t R_0, of gradient flow exp(-eta_0 lambda_min t / 3) R_0",
        "contraction", "section 1; section 2.4; appendix G, Theorems G.1, G.2, G.4, S49, S51, S97",
    ),
    _share(
        "||1 - eta J J^T||_op <= 1 - eta_0 lambda_min / 3 along the trajectory",
        "operator", "appendix G.1, S60", _descent,
    ),
    _share("every step is at most as long as S54 says", "step", "appendix G.1, S54", _descent),
    _share("the summed steps keep the geometric bound", "sum", "appendix G, S49; appendix G.4, S97", _descent),
    _rate(
        "the summed steps, over ||g(theta_0)||, are O(n^-1/2) in standard parameterization (exponent -0.4 or below)",
        "steps_sum", at_most(-0.5), "appendix G, Theorem G.1, S49", lambda run: _standard(run) and _descent(run),
    ),
    _rate(
        "the summed steps, over ||g(theta_0)||, are O(1) in NTK parameterization (exponent 0.1 or below)", "steps_sum",
        at_most(0.0), "appendix G.4, Theorem G.4, S97",
        lambda run: run["parameterization"] == "ntk" and _descent(run),
    ),
    _share("||theta_t - theta_0|| keeps the bound of S51 under gradient flow", "distance", "appendix G, S51", _flow),
    _share("||Theta_0 - Theta_t||_F <= 2 K^2 ||theta_0 - theta_t||", "kernel", "appendix G.1, S71", _standard),
    _share("Theta_t >= lambda_min / 3 along the trajectory", "floor", "appendix G.2, S74, S76"),
    _share("the smallest eigenvalue of Theta_0 is above lambda_min / 3", "start", "appendix H", _start),
    _rate(
        "||g(theta_0)|| is bounded independently of n (exponent 0.1 or below)", "residual_start", at_most(0.0),
        "appendix G, S44", _standard_start,
    ),
    _share(
        "||Theta - Theta_0||_F <= lambda_min / 3, as S64 to S66 need it (S61 prints eta_0 more)", "kernel_start",
        "appendix G.1, S61", lambda run: _start(run) and run["num_inputs"] == 1,
    ),
    _width_suffices,
)  # fmt: skip
_LEMMAS = (
    _rate(
        "the Jacobian's Lipschitz constant, over sqrt(n), is bounded independently of n (exponent 0.1 or below)",
        "lipschitz", at_most(0.0), "appendix G, Lemma 1, S47", _standard_start,
    ),
    _rate(
        "||J||_F / sqrt(n) is bounded independently of n (exponent 0.1 or below)", "jacobian", at_most(0.0),
        "appendix G, Lemma 1, S47", _standard_start,
    ),
    _rate(
        "in NTK parameterization the Jacobian's Lipschitz constant is bounded independently of n (exponent 0.1 or "
        "below)",
        "lipschitz", at_most(0.0), "appendix G.4, Lemma 2, S99", _ntk_start,
    ),
    _rate(
        "in NTK parameterization ||J||_F is bounded independently of n (exponent 0.1 or below)",
        "jacobian", at_most(0.0), "appendix G.4, Lemma 2, S99", _ntk_start,
    ),
    _share("the operator norms of the weights keep the bounds of S84", "weights", "appendix G.3, S84", _standard),
    _rate(
        "||x^l|| / sqrt(n) and ||delta^l|| are bounded independently of n (exponent 0.1 or below)", _LAYERS,
        at_most(0.0), "appendix G.3, S85", _standard,
    ),
    _rate(
        "the Lipschitz constants of x^l / sqrt(n) and delta^l are bounded independently of n (exponent 0.1 or below)",
        {f"{name}_lipschitz": symbol for name, symbol in _LAYERS.items()}, at_most(0.0),
        "appendix G.3, S86", _standard_start,
    ),
)  # fmt: skip
_GROWTH = (
    _integral_equation,
    _share(
        "||g_lin - g|| keeps the bound of S118, with the constant 1", "growth_ratio",
        "section 2.4; appendix H, S114 to S118", _flow,
    ),
    _share(
        "lambda_0 stays above sup_t ||Theta_t - Theta_0||_op, so that S120 is finite", "gap", "appendix H, S120", _flow
    ),
    _rate("the supremum of S120 is O(1) (exponent 0.1 or below)", "growth", at_most(0.0), "appendix H, S120", _flow),
)  # fmt: skip
_RATES = (
    _rate(
        "both parameterizations normalize what goes forward: ||x^l|| / sqrt(n) (exponent within 0.1 of 0)",
        "activations", close_to(0.0), "section 2.1", _start,
    ),
    _rate(
        "standard parameterization does not normalize what goes backward: ||J||_F grows as n^1/2 (exponent of "
        "||J||_F / sqrt(n) within 0.1 of 0)",
        "jacobian", close_to(0.0), "section 2.1", _standard_start,
    ),
    _rate(
        "NTK parameterization normalizes what goes backward: ||J||_F (exponent within 0.1 of 0)",
        "jacobian", close_to(0.0), "section 2.1", _ntk_start,
    ),
    _rate(
        "in NTK parameterization one learning-rate scale serves all widths: eta_critical (exponent within 0.1 of 0)",
        "eta_critical", close_to(0.0), "section 2.1, footnote 7", _ntk_start,
    ),
    _rate(
        "in standard parameterization the learning rate must fall as 1 / n: eta_critical (exponent within 0.1 of -1)",
        "eta_critical", close_to(-1.0), "section 2.1, footnote 7; appendix F", _standard_start,
    ),
)  # fmt: skip

FIGURES = (
    PAPER.figure(
        "theorem2_1", "the bounds of Theorem 2.1 and of its proof, measured on small networks, against width",
        "wide_limit.theorems",
        *_OUTPUTS, *_CONVERGENCE, *_LEMMAS, *_GROWTH, *_RATES, _linear_in_what,
        label="Theorem 2.1",
    ),
)  # fmt: skip
