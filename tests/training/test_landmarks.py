import pytest

from ntk_repro.training import landmark_epochs


@pytest.mark.parametrize(
    ("last", "epochs"),
    [(0, (0,)), (1, (0, 1)), (2, (0, 1, 2)), (19, (0, 1, 2, 5, 10, 19)), (200, (0, 1, 2, 5, 10, 20, 50, 100, 200))],
)
def test_they_are_one_two_five_and_their_tens_with_the_ends(last, epochs):
    assert landmark_epochs(last) == epochs
