"""What the study draws at random, and the stream of each."""

import enum


@enum.unique
class Stream(enum.IntEnum):
    """The second entry of the seed of each draw, `np.random.default_rng([seed, stream])`."""

    SEPARABLE_TRAIN = 0
    SEPARABLE_TEST = 1
    THEOREM1_SAMPLES = 2
    THEOREM1_DIRECTIONS = 3
    LEMMA1_RANDOM = 4
    BASIS_SAMPLES = 5
    BASIS_RANDOM = 6
