"""What the study draws at random, and the stream of each: np.random.default_rng([seed, stream]), no two alike."""

__all__ = [
    "BASIS_RANDOM",
    "BASIS_SAMPLES",
    "LEMMA1_RANDOM",
    "SEPARABLE_TEST",
    "SEPARABLE_TRAIN",
    "THEOREM1_DIRECTIONS",
    "THEOREM1_SAMPLES",
]

SEPARABLE_TRAIN, SEPARABLE_TEST = 0, 1
THEOREM1_SAMPLES, THEOREM1_DIRECTIONS = 2, 3
LEMMA1_RANDOM = 4
BASIS_SAMPLES, BASIS_RANDOM = 5, 6
