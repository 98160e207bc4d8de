"""Statistics of few numbers: trends, power laws, intervals and what they decide, and the noise of an accuracy."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

Number = float | None
"""A number as JSON has it: None where there is none."""

Values = Sequence[Number] | np.ndarray
"""Several of them, nan being none, too."""

_ERRORS_OF_A_DIFFERENCE = 2.0
_ERRORS_OF_CHANCE = 3.0


def number(value: Number) -> float:
    """The number, nan where there is none."""
    return math.nan if value is None else float(value)


def difference(first: Number, second: Number) -> Number:
    """The first less the second, None where one is missing."""
    return None if first is None or second is None else first - second


def spearman(x: Sequence[float], y: Sequence[Number]) -> float:
    """Spearman's rank correlation; nan where y is constant or fewer than three points have a value."""
    from scipy.stats import rankdata

    values = np.array(y, float)
    known = ~np.isnan(values)
    pairs = np.stack([np.asarray(x, float)[known], values[known]])
    # Two points always correlate perfectly.
    if pairs.shape[1] < 3 or any(len(np.unique(row)) < 2 for row in pairs):
        return math.nan
    return float(np.corrcoef(*map(rankdata, pairs))[0, 1])


class PowerLaw(NamedTuple):
    """A straight line through logarithms, y = prefactor * x^exponent.

    Attributes:
        exponent: the slope; nan where fewer than three values of x are left.
        low: lower end of its 95% confidence interval.
        high: upper end.
        prefactor: y at x = 1.
    """

    exponent: float
    low: float
    high: float
    prefactor: float

    @property
    def interval(self) -> "Interval":
        """The exponent with its interval."""
        return Interval(self.exponent, self.low, self.high, 1)


def power_law_fit(
    x: Sequence[float] | np.ndarray,
    y: np.ndarray | Sequence[Number] | Sequence[Sequence[Number]],
    *,
    of: int = 1,
) -> PowerLaw:
    """Least squares of log y on log x, with Student's confidence interval of the slope.

    Args:
        x: positions (points,), above 0.
        y: values (points,), or (seeds, points): then the interval is that of the mean of the seeds' slopes, as the
            points of one seed are not independent, and of a single seed there is none. None, nan and values that are
            not above 0 are left out.
        of: as for `student_interval`.
    """
    from scipy.stats import linregress, t

    values = np.array(y, float)
    rows = np.atleast_2d(values)
    positions = np.log(np.asarray(x, float))
    fits, half = [], math.nan
    for row in rows:
        usable = np.isfinite(row) & (np.nan_to_num(row) > 0)
        if len(np.unique(positions[usable])) < 3:
            continue
        fit: Any = linregress(positions[usable], np.log(row[usable]))
        fits.append((fit.slope, fit.intercept))
        half = float(fit.stderr * t.ppf(1 - 0.025 / of, usable.sum() - 2))
    if not fits:
        return PowerLaw(math.nan, math.nan, math.nan, math.nan)
    slopes, intercepts = np.transpose(fits)
    slope, low, high = student_interval(slopes, of=of)[:3]
    if values.ndim == 1:
        low, high = slope - half, slope + half
    return PowerLaw(slope, low, high, math.exp(intercepts.mean()))


def last_crossing(index: Sequence[float], first: Values, second: Values) -> float:
    """Where two curves cross for the last time, in either direction, by straight lines between the points.

    Points where one of them is missing (None, nan) are left out.

    Returns:
        Infinity where they do not cross, nan where all points are left out.
    """
    at, lead = np.asarray(index, float), np.array(first, float) - np.array(second, float)
    at, lead = at[~np.isnan(lead)], lead[~np.isnan(lead)]
    if not len(lead):
        return math.nan
    order = np.argsort(at)
    at, lead = at[order], lead[order]
    other = np.flatnonzero(lead * lead[-1] <= 0)
    if not len(other):
        return math.inf
    last = int(other[-1])
    if last == len(at) - 1:  # they meet there
        return float(at[-1])
    share = lead[last] / (lead[last] - lead[last + 1])
    return float(at[last] + share * (at[last + 1] - at[last]))


class Interval(NamedTuple):
    """A mean with its 95% interval, and what it decides.

    Attributes:
        mean: nan where there is no value.
        low: lower end; nan where nothing shows the spread.
        high: upper end.
        seeds: number of independent seeds; 1 where the interval comes from something else, such as test images.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @classmethod
    def exact(cls, value: float) -> "Interval":
        """A number without noise."""
        return cls(value, value, value, 1)

    @classmethod
    def read(cls, parts: Iterable[Number], seeds: int = 1) -> "Interval":
        """From mean, low and high as JSON has them."""
        mean, low, high = map(number, parts)
        return cls(mean, low, high, seeds)

    def one_of(self, count: int) -> "Interval":
        """As wide as one of so many must be of which each can decide (Bonferroni), by the normal distribution."""
        wider = NormalDist().inv_cdf(1 - 0.025 / count) / NormalDist().inv_cdf(0.975)
        low, high = self.mean - wider * (self.mean - self.low), self.mean + wider * (self.high - self.mean)
        return self._replace(low=low, high=high)

    def ends(self, spec: str = ".3g") -> str:
        """Both ends as a note."""
        return "no interval" if math.isnan(self.low) else f"95% interval {self.low:{spec}} to {self.high:{spec}}"

    @property
    def error(self) -> float:
        """The standard error that it is from: of several seeds by Student's t, of one by the normal distribution."""
        from scipy.stats import t

        quantile = t.ppf(0.975, self.seeds - 1) if self.seeds > 1 else NormalDist().inv_cdf(0.975)
        return (self.high - self.low) / 2 / float(quantile)

    def above(self, limit: float = 0.0) -> bool | None:
        """Whether all of it is above the limit, False where all is below; None where it contains it, or has no ends."""
        return True if self.low > limit else False if self.high < limit else None

    def below(self, limit: float = 0.0) -> bool | None:
        """Whether all of it is below the limit; see `above`."""
        return None if (above := self.above(limit)) is None else not above

    def within(self, least: float, most: float) -> bool | None:
        """Whether all of it is between two limits, False where all is outside; None else."""
        if least <= self.low and self.high <= most:
            return True
        return False if self.high < least or self.low > most else None


def all_hold(*verdicts: bool | None) -> bool | None:
    """True where all of several verdicts are, False where one is not; None else."""
    return False if False in verdicts else None if None in verdicts else True


def all_hold_jointly(decide: Callable[[int], Sequence[bool | None]]) -> bool | None:
    """`all_hold` of verdicts that intervals decide, as any one of them may refute by chance.

    They hold by the interval of each, and are refuted by one that allows for the choice among all.

    Args:
        decide: the verdicts, for an `of` of `student_interval`.
    """
    alone = decide(1)
    if False not in alone:
        return all_hold(*alone)
    return False if False in decide(len(alone)) else None


def any_holds(*verdicts: bool | None) -> bool | None:
    """True where one of several verdicts is, False where none is; None else."""
    return True if True in verdicts else None if None in verdicts else False


def student_interval(values: Values, *, further: int = 0, of: int = 1, complete: bool = False) -> Interval:
    """The mean of values of independent seeds and its 95% confidence interval; None and nan are left out.

    Args:
        values: one for each seed.
        further: where above 0, the interval is that of the mean of so many further seeds (a prediction interval), for a
            number that a paper prints of so many runs.
        of: how many intervals are looked at for one that decides; each is then wider (Bonferroni).
        complete: whether there is no interval where the value of a seed is missing, because what is missing, such as
            a training that diverged, counts against the statement.

    >>> student_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    finite = np.array(values, float)
    finite = finite[np.isfinite(finite)]
    if not len(finite) or (complete and len(finite) < len(values)):
        return Interval(math.nan, math.nan, math.nan, 0)
    deviation = float(finite.std(ddof=1)) if len(finite) > 1 else None
    return interval_from_moments(float(finite.mean()), deviation, len(finite), further=further, of=of)


def interval_from_moments(mean: float, deviation: Number, seeds: int, *, further: int = 0, of: int = 1) -> Interval:
    """`student_interval` of seeds of which mean and standard deviation are known; without ends for a single one."""
    from scipy.stats import t

    half = math.nan
    if seeds > 1 and deviation is not None:
        variance = 1 / seeds + (1 / further if further else 0)
        half = float(deviation * math.sqrt(variance) * t.ppf(1 - 0.025 / of, seeds - 1))
    return Interval(mean, mean - half, mean + half, seeds)


def largest(intervals: Sequence[Interval]) -> Interval:
    """The largest of several means, of intervals that allow for the choice (`of` in `student_interval`).

    It is above a limit where one of them is, and below where all are.
    """
    ends = np.array([interval[:3] for interval in intervals], float).reshape(-1, 3)
    mean, low = (max(column[~np.isnan(column)], default=math.nan) for column in ends.T[:2])
    high = max(ends[:, 2]) if len(ends) and not np.isnan(ends[:, 2]).any() else math.nan
    return Interval(float(mean), float(low), float(high), min((one.seeds for one in intervals), default=0))


def resampled_moments(
    samples: Float[np.ndarray, "samples ..."], resamples: int = 2000
) -> tuple[Float[np.ndarray, "resamples ..."], Float[np.ndarray, "resamples ..."]]:
    """Mean and standard deviation of as many samples drawn with replacement, entry by entry; always the same draws."""
    count, centre = len(samples), samples.mean(axis=0)
    flat = (samples - centre).reshape(count, -1)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), resamples) / count
    mean = drawn @ flat
    variance = np.maximum(drawn @ flat**2 - mean**2, 0) * count / (count - 1)
    return mean.reshape(-1, *centre.shape) + centre, np.sqrt(variance).reshape(-1, *centre.shape)


def mean_and_errors(
    rows: Sequence[Values] | np.ndarray, samples: int | None = None
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """The means over seeds and their standard errors, such that two of these are half of the 95% interval.

    Args:
        rows: (seeds, points); None and nan are left out. Infinite ones mean beyond all others: where all seeds are,
            so is the mean, without an error; where only some are, there is no mean.
        samples: test images of each value, where the values are accuracies: they give the error of a single seed.

    Returns:
        Both (points,), nan where there is none.
    """
    means, errors = [], []
    for column in np.array(rows, float).T:
        known = column[~np.isnan(column)]
        beyond = np.isinf(known)
        if beyond.any():
            mean, error = (math.inf, 0.0) if beyond.all() else (math.nan, math.nan)
        else:
            mean, low, high, seeds = student_interval(known)
            error = (high - low) / 4
            if seeds == 1 and samples:
                error = math.sqrt(_variance([mean], [1.0], samples))
        means.append(mean)
        errors.append(error)
    return np.array(means), np.array(errors)


def share_interval(count: int, total: int) -> Interval:
    """The share of `total` independent trials that succeeded, and its exact (Clopper-Pearson) 95% interval."""
    from scipy.stats import binomtest

    ends = binomtest(count, total).proportion_ci(0.95)
    return Interval(count / total, float(ends.low), float(ends.high), total)


def signed_sum(
    terms: Sequence[Mapping[int, Number]], signs: Sequence[float], samples: int | None = None, *, of: int = 1
) -> Interval:
    """A sum of accuracies such as network less linearization, and its 95% interval.

    Args:
        terms: each of them by seed.
        signs: +1 or -1 of each, or another weight.
        samples: test images of each accuracy. Of a single seed the interval is then that of drawing them, as if anew
            for each term; None: a single seed has no interval.
        of: as for `student_interval`.

    Returns:
        The mean over the seeds that all terms have. Without such a seed the means' sum, with no interval.
    """
    known = [{seed: value for seed, value in term.items() if value is not None} for term in terms]
    common = sorted(set.intersection(*map(set, known)))
    if not common:
        means = [student_interval(list(term.values())).mean for term in known]
        return Interval(float(np.dot(signs, means)), math.nan, math.nan, 0)
    values = np.array([[term[seed] for seed in common] for term in known], float)
    found = student_interval(np.dot(signs, values), of=of)
    if len(common) > 1 or samples is None:
        return found
    half = _ERRORS_OF_A_DIFFERENCE * math.sqrt(_variance(values.ravel(), signs, samples))
    return Interval(found.mean, found.mean - half, found.mean + half, 1).one_of(of)


class Order(NamedTuple):
    """How far values follow an order.

    Attributes:
        share: of the pairs that noise cannot turn, those in the order; nan where there is none.
        pairs: number of those pairs.
    """

    share: float
    pairs: int


def order(
    x: Values,
    y: Values,
    sign: int,
    errors: float | Values,
    x_errors: float | Values = 0.0,
) -> Order:
    """How far y grows (sign +1) or falls (sign -1) along x, counting the pairs that differ by more than their noise.

    Args:
        x: positions; pairs with a missing one (None, nan) are left out.
        y: values; infinite ones are above all others, and those with a missing one are left out.
        sign: +1 or -1.
        errors: standard error of each value, or of all; 0 where there is no noise. A pair counts where its difference
            is more than two standard errors of that difference.
        x_errors: the same of the positions.
    """
    step, there = _beyond_noise(x, x_errors)
    rise, here = _beyond_noise(y, errors)
    counted, rise = here & there, rise * np.sign(step)
    pairs = int(counted.sum())
    return Order(float((sign * rise[counted] > 0).mean()) if pairs else math.nan, pairs)


def _beyond_noise(values: Values, errors: float | Values) -> tuple[np.ndarray, np.ndarray]:
    """The differences of all pairs, and which are more than two standard errors of the difference."""
    value = np.array(values, float)
    variance = np.broadcast_to(np.square(np.array(errors, float)), value.shape)
    first, second = np.triu_indices(len(value), 1)
    with np.errstate(invalid="ignore"):  # two infinite ones do not differ
        rise = value[second] - value[first]
    return rise, np.abs(rise) > _ERRORS_OF_A_DIFFERENCE * np.sqrt(variance[first] + variance[second])


def _variance(shares: Sequence[float] | np.ndarray, weights: Sequence[float], samples: int) -> float:
    """Of a weighted sum of shares of so many images.

    As if two more images were right and two wrong (Agresti and Coull): a share of 0 or 1 has noise, too.
    """
    counted = (samples * np.array(shares, float) + 2) / (samples + 4)
    return float(np.square(np.array(weights, float)) @ (counted * (1 - counted))) / (samples + 4)


def left_the_majority(
    train_accuracy: Values, majority_rate: float | np.ndarray, samples: int | Sequence[int]
) -> Bool[np.ndarray, " points"]:
    """Where a model fits its training samples better than the more frequent label does, by three standard errors.

    Where it does not, it has hardly been trained, and its accuracy does not show what it can learn.

    Args:
        train_accuracy: of the model, on its training samples; a missing one counts as not fitting better.
        majority_rate: share of the more frequent label.
        samples: number of training samples, of all points or of each.
    """
    return np.array(train_accuracy, float) > majority_rate + _ERRORS_OF_CHANCE * 0.5 / np.sqrt(
        np.asarray(samples, float)
    )


def deviation_interval(values: Values) -> Interval:
    """The standard deviation of values of independent seeds and its 95% confidence interval, by chi-square."""
    from scipy.stats import chi2

    finite = np.array(values, float)
    finite = finite[np.isfinite(finite)]
    seeds = len(finite)
    if seeds < 2:
        return Interval(math.nan, math.nan, math.nan, seeds)
    low, high = np.sqrt((seeds - 1) / chi2.ppf([0.975, 0.025], seeds - 1))
    deviation = float(finite.std(ddof=1))
    return Interval(deviation, float(low * deviation), float(high * deviation), seeds)
