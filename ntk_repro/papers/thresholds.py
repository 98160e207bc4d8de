"""What the papers' words are taken to mean: one threshold for each, used by every claim that has the word."""


class Threshold(float):
    """A number that stands for words.

    Attributes:
        words: the words of the papers.
        meaning: the threshold in words.
    """

    words: str
    meaning: str

    def __new__(cls, value: float, words: str, meaning: str) -> "Threshold":
        """A threshold of this value."""
        made = super().__new__(cls, value)
        made.words, made.meaning = words, meaning
        return made

    def __reduce__(self) -> tuple:
        return Threshold, (float(self), self.words, self.meaning)


# Accuracies. Samarin et al. call 4.67 points of ten classes "substantial".
SIGNIFICANT = Threshold(
    1 / 30,
    "significant, substantial, prominent, appreciable, dramatic, clear advantage (accuracy); less is slight, small, "
    "minor, similar, comparable, stable, no significant difference",
    "a thirtieth of the error of guessing: 3 points of ten classes, 1.7 of two equal ones, 0.33 of one against nine; "
    "similar near 100%: at most the error that is left",
)
LARGE = Threshold(
    1 / 10,
    "far better or worse, much better or lower, strong, large, heavily, greatly, very significant (accuracy)",
    "a tenth of the error of guessing: 5 points of two equal classes",
)
SECOND_DECIMAL = Threshold(
    0.001, "agrees up to the second decimal place, matches, fluctuations in the second decimals", "0.1 points"
)
REASONABLE_DEGREE = Threshold(
    0.0025, "matches to a reasonable degree", "0.25 points (Samarin et al. say so of differences of 0.08 to 0.20)"
)
ABOUT_PER_CENT = Threshold(0.01, "about 93%, close to 100% (accuracy)", "1 point")

# Distances between a network and its linearization.
NEARLY_IDENTICAL = Threshold(
    0.1,
    "excellent, remarkably good, strong agreement, nearly identical, accurately",
    "10% of how far the network's own outputs move (RMS), or its weights (norm)",
)
SIMILAR = Threshold(
    0.2,
    "similar, well, follow; more is deviates significantly",
    "20% of how far the network's own outputs move (RMS), or its weights (norm)",
)
NOTICEABLE = Threshold(
    0.05,
    "noticeably different (though similar)",
    "5% of how far the outputs move (RMS), and twice the distance to what is not different; of two covariances 5%",
)
LOSSES_AGREE = Threshold(0.05, "agree well (loss)", "5% of the loss at the start")
IDENTICAL = Threshold(1e-8, "identical, equals, is (a formula)", "1e-8 relative in float64")
DIFFERENT = Threshold(0.01, "is not identical, is another (a formula)", "1% relative")
SAMPLED = Threshold(0.02, "is (a moment, estimated from random draws)", "2% of the variance or standard deviation")
KURTOSIS = Threshold(0.1, "Gaussian (pre-activations, with the moments that are printed)", "an excess kurtosis of 0.1")
CONVERGED = Threshold(0.05, "converge to (a target)", "5% of the distance at the start (RMS)")
GAUSSIAN = Threshold(
    0.1,
    "Gaussian",
    "distribution functions differ by at most 0.1, mean over directions (100 samples: Gaussian 0.06, uniform 0.09, "
    "exponential 0.17)",
)
QUADRATURE = Threshold(0.01, "equals (an integral along a training)", "1%, the integral by Simpson's rule")

# Trends and rates.
ORDERED = Threshold(
    0.9,
    "progressively drops, falls, grows with, correlates, ranks, good proxy, in the same order",
    "90% of the pairs whose values differ by more than two standard errors, three pairs at least; "
    "of a claim that names two ends (from the narrowest to the widest): the interval of their difference excludes 0",
)
RATE = Threshold(
    0.1,
    "scales as n^-a; O(n^-a), upper bounded by; independent of n",
    "the exponent's interval lies within 0.1 of -a; its upper end is at most -a + 0.1; it lies within 0.1 of 0",
)
CLOSER_TO_ONE = Threshold(-0.75, "closer to n^-1 than to n^-1/2", "the exponent's interval lies below -0.75")
WITH_HIGH_PROBABILITY = Threshold(
    0.9, "with high probability, arbitrarily close to 1", "the interval of the share of seeds lies above 0.9"
)

# Ratios and counts.
MUCH = Threshold(
    2.0,
    "much more, much lower, significantly lower, greatly reduced, much faster, far below, much worse (ratio); less is "
    "does not change much, roughly the same",
    "a factor of 2",
)
ENERGY_GROWS = Threshold(
    1 / 3,
    "significantly grows, greatly increases, clearly showing an increase (energy)",
    "a third of what is missing to 100%",
)
ALL_OTHERS = Threshold(0.95, "all other eigenfunctions", "95% of them")
MARGINAL = Threshold(0.25, "marginally", "growth by at most 25%")
ABOUT = Threshold(0.1, "about, roughly, around (counts and sizes)", "within 10%")
PRINTED_SHARE = Threshold(0.02, "approximately (a share printed with two digits)", "0.02 on both sides")
STRONG_BIAS = Threshold(
    10.0, "strong directional bias, strong rotational variance", "the largest alignment is 10 times the mean of all"
)
NEARLY_ALL = Threshold(0.8, "nearly all, generally", "80% of the cases")
MOST = Threshold(0.5, "most, mostly, in most cases", "more than half of the cases; some: one at least")
NEAR_ZERO_LOSS = Threshold(
    0.01, "near-zero, close to zero, low loss, perfectly fits", "a cross-entropy of 0.01 nats (Ortiz-Jimenez, Figure 3)"
)
SMALL_SET = Threshold(1000, "small training sets, small data", "1,000 images or fewer")
FEW_EPOCHS = Threshold(5, "a few epochs, a few iterations, very rapidly", "5 epochs")
