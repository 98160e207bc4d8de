from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro import ranges
from tests.refusals import refused

WHOLE = [2, np.int8(2), np.uint64(2), np.array(2), jnp.asarray(2)]


@pytest.mark.parametrize("two", WHOLE, ids=repr)
def test_a_whole_number_may_come_from_numpy_and_jax(two):
    number = ranges.check_whole("n", two)
    assert type(number) is int
    assert number == 2
    assert type(ranges.check_seed(two)) is int
    assert ranges.checked_share((0, two)) == (0, 2)
    refused("n must be from 3 to 4, not 2", ranges.check_whole, "n", two, 3, 4)
    refused("n must be at least 3, not 2", ranges.check_whole, "n", two, 3)


@pytest.mark.parametrize(
    "other",
    [True, np.True_, np.array(True), jnp.asarray(True), 2.0, np.array(2.0), np.array([2]), jnp.ones((2, 2), int), None],
    ids=repr,
)
def test_nothing_else_is_one(other):
    refused("n must be a whole number, not ", ranges.check_whole, "n", other, None)


def test_without_a_lowest_one_any_will_do():
    assert ranges.check_whole("n", -5, None) == -5


@pytest.mark.parametrize("half", [0.5, Fraction(1, 2), np.float16(0.5), np.array(0.5), jnp.bfloat16(0.5)], ids=repr)
def test_a_number_is_what_a_float_can_be_made_of(half):
    ranges.check_positive(rate=half)
    ranges.check_not_negative(rate=half)
    refused("rate must be above 0 and finite, not", ranges.check_positive, rate=-half)


@pytest.mark.parametrize(
    "other", ["0.5", b"1", True, np.True_, 1j, None, [1.0], np.ones(1), [[1], [1, 2]], 10**400, np.datetime64(5, "s")]
)
def test_and_nothing_else(other):
    refused("rate must be a number, not ", ranges.check_positive, rate=other)


@pytest.mark.parametrize(
    "stops",
    [[0, 2, 3], (0, 2, 3), np.array([0, 2, 3], np.uint8), jnp.array([0, 2, 3]), [jnp.asarray(0), np.int64(2), 3]],
    ids=repr,
)
def test_stops_may_come_from_numpy_and_jax(stops):
    found = ranges.checked_stops(stops, 3)
    assert found == [0, 2, 3]
    assert {type(one) for one in found} == {int}
    assert ranges.checked_stops((one for one in stops), 3) == [0, 2, 3]


def test_stops_increase_within_the_steps():
    assert ranges.checked_stops(np.zeros(0), 3) == []
    for stops in ([4], [-1], [1, 1], [2, 1], [0.5], [True], ["1"], np.array(1), 1, None, [[1]], [[1], [1, 2]]):
        refused("observe_at must be a list of increasing step numbers from 0 to 3, not", ranges.checked_stops, stops, 3)
