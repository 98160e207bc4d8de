import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.errors import UserError
from ntk_repro.wide_limit.widths import checked_increasing, displayed_widths


@given(st.lists(st.integers(-2, 6), max_size=4))
def test_only_increasing_numbers_from_1_pass(values):
    if values and min(values) >= 1 and values == sorted(set(values)):
        checked_increasing("widths", values)
    else:
        with pytest.raises(UserError, match="widths must be whole numbers"):
            checked_increasing("widths", values)


def test_widths_are_said_by_their_ends():
    assert displayed_widths((64, 128, 1024)) == "widths 64 to 1,024"
    assert displayed_widths((64,)) == "width 64"
