"""The equations as printed, checked one by one, and Table S1."""

from collections.abc import Iterator

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.lee2019.exponents import Decision
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Interval
from ntk_repro.papers.thresholds import DIFFERENT, IDENTICAL, KURTOSIS, NOTICEABLE, RATE, SAMPLED

_RESIDUAL = "largest difference from another computation, relative"


def _same(interval: Interval) -> bool | None:
    return interval.below(IDENTICAL)


def _other(interval: Interval) -> bool | None:
    return interval.above(DIFFERENT)


def _about_zero(interval: Interval) -> bool | None:
    return interval.within(-SAMPLED, SAMPLED)


def _as_root(interval: Interval) -> bool | None:
    return interval.above(0.5 - RATE)


def _positive(interval: Interval) -> bool | None:
    return interval.above()


def _negative(interval: Interval) -> bool | None:
    return interval.below()


Rows = tuple[tuple[str, Decision, str], ...]
"""Names of rows, each with what it must be and what its number is."""


def _judge(numbers: Numbers, rows: Rows) -> Iterator[Verdict]:
    for name, decide, meaning in rows:
        interval = Interval.read(numbers["rows"][name])
        note = "" if interval.low == interval.high else interval.ends()
        yield judged(_subject(name), decide(interval), interval.mean, meaning, note)


def _subject(name: str) -> str:
    """ "Eq. (S22)" of "S22", "Eq. (3), later" of "3 later", and any other name itself."""
    first, _, more = name.partition(" ")
    return f"Eq. ({first})" + (f", {more}" if more else "") if first[-1].isdigit() else name


def _claim(statement: str, place: str, *rows: str | tuple[str, Decision, str]) -> Claim:
    """The claim that printed formulas are right; a name alone stands for an identity."""
    full = tuple((row, _same, _RESIDUAL) if isinstance(row, str) else row for row in rows)
    return Claim(statement, _judge, (full,), place=place)


_CLAIMS = (
    _claim(
        "gradient flow moves the training outputs by -Theta_t times the loss's gradient (identical to 1e-8)",
        "section 1.1; section 2.1, Eq. 3", "3", "3 later",
    ),
    _claim(
        "the linearization's weights and outputs move as printed, whichever the loss (identical to 1e-8)",
        "section 2.2, Eqs. 6, 7", "6", "7",
    ),
    _claim(
        "on the squared loss the linearization's weights and outputs have the printed closed forms, all layers trained "
        "(identical to 1e-8)",
        "section 2.2, Eqs. 8 to 11; section 4", "8", "9", "10", "11",
    ),
    _claim(
        "steps of gradient descent follow with powers of 1 - eta Theta in place of the exponentials (identical to "
        "1e-8; printed with one 1 too many)",
        "section 2.1, end", "discrete steps",
    ),
    _claim("the tangent kernel is the sum over layers of their own kernels (identical to 1e-8)",
           "section 2.1, Eq. 4", "4"),
    _claim(
        "given the training samples the outputs are Gaussian with the printed mean and covariance (identical to 1e-8)",
        "section 2.3, Eq. 13", "13 mean", "13 covariance",
    ),
    _claim(
        "with all layers but the readout frozen, network and linearization are identical (to 1e-8; with all trained "
        "they differ by more than 1%)",
        "section 2.3.1", "readout alone", ("all layers", _other, _RESIDUAL),
    ),
    _claim(
        "with the readout alone trained, Eq. 10 converges to the posterior of Eq. 13 (identical to 1e-8)",
        "section 2.3.1; appendix D", "readout limit mean", "readout limit covariance",
    ),
    _claim("the mean of a linearized network's outputs is Eq. 14 (identical to 1e-8)",
           "section 2.3.1, Eq. 14", "14"),
    _claim("the covariance of a linearized network's outputs is Eq. 15 (identical to 1e-8)",
           "section 2.3.1, Eq. 15", "15"),
    _claim("for t to infinity mean and covariance are those of Eq. 16 (identical to 1e-8)",
           "section 2.3.1, Eq. 16", "16 mean", "16 covariance"),
    _claim(
        "trained networks are not distributed as a Bayesian posterior (covariance of Eq. 16 at least 5% from those "
        "of the kernels K and Theta)",
        "section 2.3.1", *((f"no posterior {name}", lambda interval: interval.above(NOTICEABLE),
                            "relative distance of the covariances, the nearer one") for name in ("tanh", "relu")),
    ),
    _claim(
        "with the identity as activation and no bias NNGP kernel and NTK are proportional (to 1e-8; else they are "
        "off by more than 1%)",
        "section 2.3.1, footnote 10", "footnote 10 identity", "footnote 10 posterior",
        ("footnote 10 others", _other, "smallest ||Theta - c K|| / ||Theta|| with a bias, tanh or ReLU"),
    ),
    _claim("the limit of Eq. 10 is least squares on random features, the gradients (identical to 1e-8)",
           "section 2.4; footnote 11", "random features"),
    _claim("with momentum the linearized outputs follow the printed recursion (identical to 1e-8)",
           "appendix B.1, S2", "S2"),
    _claim(
        "steps with momentum follow the printed second-order equations as eta goes to 0 (distance falls as eta^0.4 "
        "or faster)",
        "appendix B.1, S3, S4",
        *((name, _as_root, "exponent of the distance in eta") for name in ("S3", "S4")),
    ),
    _claim("the equations of momentum can be solved for the squared loss (identical to 1e-8)",
           "appendix B.1", "S4 solved"),
    _claim("the cross-entropy's derivative by the logits is softmax(f) - y (identical to 1e-8)",
           "appendix B.2, below S5", "S5 gradient"),
    _claim(
        "under cross-entropy the outputs move by -Theta_t (softmax(f) - Y), on training and other inputs (identical "
        "to 1e-8)",
        "appendix B.2, S6 to S9", "S8", "S8 later", "S9", "S9 later",
    ),
    _claim("the arc-cosine kernels are as printed, in both forms of J_1 (identical to 1e-8)",
           "appendix C, S12, S13", "S12 k0", "S12 k1"),
    _claim("ReLU's expectations are k_1 and k_0 (identical to 1e-8)", "appendix C, S14, S15", "S14", "S15"),
    _claim("erf's expectations are as printed (identical to 1e-8)", "appendix C, S16, S17", "S16", "S17"),
    _claim(
        "with the readout alone trained, the outputs go from the prior to the posterior (variance falls at all times)",
        "appendix D", "D prior",
        ("D variance", lambda interval: interval.below(IDENTICAL), "largest rise of a variance"),
    ),
    _claim("the flow of the readout's weights gives S20 (identical to 1e-8)", "appendix D, S19, S20", "S20"),
    _claim("mean and variance of the readout's outputs through training are as printed (identical to 1e-8)",
           "appendix D, S22, S23", "S22", "S23"),
    _claim(
        "pre-activations are Gaussian with mean 0 and covariance K, units independent (within 2%; excess kurtosis "
        "within 0.1)",
        "appendix E, S25",
        ("S25 mean", _about_zero, "mean furthest from 0, in standard deviations"),
        ("S25 covariance", _about_zero, "covariance furthest from K, of the variance"),
        ("S25 units", _about_zero, "largest correlation of two units"),
        ("S25 Gaussian", lambda interval: interval.within(-KURTOSIS, KURTOSIS), "largest excess kurtosis"),
    ),
    _claim("the NNGP kernel follows its recursion and base case (identical to 1e-8)",
           "appendix E, S26, S27; section 2.3", "S26", "S27"),
    _claim(
        "the NTK is block diagonal over outputs, with equal blocks (differences fall with the width)",
        "appendix E, S28",
        *((f"S28 {which} outputs", _negative, "exponent of the width") for which in ("other", "equal")),
    ),
    _claim("the NTK follows its recursion (identical to 1e-8)", "appendix E, S29; sections 1, 2.3.1", "S29"),
    _claim(
        "the last layer's part of the NTK converges to K, the others' to sigma_w^2 Theta T' (differences fall with "
        "the width)",
        "appendix E, S31 to S35",
        *((name, _negative, "exponent of the width") for name in ("S31 readout", "S35 other layers")),
    ),
    _claim(
        "Theta is positive definite on the unit sphere where the activation is no polynomial (16 inputs of 4 numbers: "
        "lambda_min / lambda_max above 1e-8, of the identity below)",
        "appendix G, assumption 2",
        *((f"positive {name}", lambda ratio: ratio.above(IDENTICAL), "lambda_min / lambda_max")
          for name in ("tanh", "erf", "relu")),
        ("positive identity", _same, "lambda_min / lambda_max"),
    ),
    _claim(
        "below the critical rate the operator norm of 1 - eta Theta is at most 1 - eta lambda_min, above it is not",
        "appendix G.1, S62",
        ("S62 below", _same, "largest excess at 0.1, 0.5 and 0.99 of the critical rate"),
        ("S62 above", _positive, "smallest excess at 1.01 of it"),
    ),
    _claim(
        "singular values of Gaussian matrices lie in the printed interval with the printed probability",
        "appendix G.3, Theorem G.3",
        *((f"S81 t = {t}", _positive, "share of 2,000 matrices inside, less the bound") for t in (2, 3)),
    ),
    _claim(
        "the linearization's error decays at least as exp(-lambda_0 eta_0 t) (to 1e-8)", "appendix H, S115",
        ("S115", lambda interval: interval.below(1 + IDENTICAL), "largest ratio to the bound"),
    ),
    _claim("at another input network and linearization come apart as printed (identical to 1e-8)",
           "appendix H, S122", "S122"),
)  # fmt: skip

_GROUPS = ("conv1", "conv2", "conv3", "conv4", "avg-pool")


def _of_other_images(numbers: Numbers) -> str:
    size, printed = numbers["image_size"], printed_numbers("lee2019")["tableS1"]["image_size"]
    return "" if size == printed else f"images of {size} x {size}, {printed} x {printed} in the paper"


@claim("the groups have the printed output sizes", place="appendix J, Table S1")
def _output_sizes(numbers: Numbers) -> Iterator[Verdict]:
    sizes, printed = [*numbers["output_size"], 1], printed_numbers("lee2019")["tableS1"]["output_size"]
    why = _of_other_images(numbers)
    for group, size, paper in zip(_GROUPS, sizes, printed, strict=True):
        holds = size == paper and (group != "avg-pool" or numbers["averages"])
        yield judged(group, holds, size, "height and width of the output", unless=why, paper=None if why else paper)


@claim(
    "the groups are one 3 x 3 convolution, three times N blocks of two, and an average over 8 x 8",
    place="appendix J, Table S1",
)
def _block_types(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("lee2019")["tableS1"]
    per_block, blocks = printed["convolutions_per_block"], [1, *[numbers["N"]] * 3]
    meaning = (
        f"3 x 3 convolutions (N = {numbers['N']}; skip connections and the last normalisation are not in the table)"
    )
    for group, count, each, n in zip(_GROUPS, numbers["convolutions"], per_block, blocks, strict=False):
        # The table prints the number of blocks as N, which is 1 in Figure 4.
        yield judged(group, count == each * n, count, meaning, paper=each if n == 1 else None)
    pooled, why = numbers["pooled"], _of_other_images(numbers)
    holds = numbers["averages"] and pooled == printed["pooled"]
    paper = None if why else printed["pooled"]
    yield judged("avg-pool", holds, pooled, "height and width of the average", unless=why, paper=paper)


@claim(
    "the order in a residual block is BatchNorm, ReLU, convolution (to 1e-5, the order reversed is off by 1% or more)",
    place="appendix J, caption of Table S1",
)
def _block_order(numbers: Numbers) -> Iterator[Verdict]:
    printed, reversed_ = numbers["order"]
    note = f"convolution, BatchNorm, ReLU: {reversed_:.2g}"
    yield judged("residual block", printed <= 1e-5 and reversed_ >= DIFFERENT, printed, "relative difference", note)


@claim("every layer has the same number of channels", place="section 3; appendix J, Table S1")
def _constant_channels(numbers: Numbers) -> Iterator[Verdict]:
    channels, width = numbers["channels"], numbers["width"]
    paper = printed_numbers("lee2019")["tableS1"]["channels"]
    note = f"{len(channels)} convolutions, {min(channels):,} to {max(channels):,} channels"
    same = all(count == width for count in channels)
    yield judged("wide_resnet", same, channels[0], "channels", note, paper=paper if width == paper else None)


FIGURES = (
    PAPER.figure(
        "tableS1", "layers of the wide residual network", "wide_limit.architecture",
        _output_sizes, _block_types, _block_order, _constant_channels,
    ),
    PAPER.figure(
        "equations", "printed formulas against independent computations", "wide_limit.equations", *_CLAIMS,
        label="Equations",
    ),
)  # fmt: skip
