import pytest

from ntk_repro.machine_speed import REFERENCE, MachineSpeed
from ntk_repro.papers import Cost
from ntk_repro.papers.costs import duration
from tests.refusals import refused

THRICE = MachineSpeed(**{kind: 3 * seconds for kind, seconds in vars(REFERENCE).items()})


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(1.5, "1.5 minutes"), (1, "1 minute"), (60, "1 hour"), (90, "1.5 hours"), (4320, "3 days"), (0.1, "6 seconds")],
)
def test_a_time_is_in_the_largest_unit_that_it_has_one_of(minutes, text):
    assert duration(minutes) == text


def test_a_cost_is_a_sentence_of_its_numbers():
    assert Cost(2).text(THRICE) == "6 minutes here"
    assert Cost(3, shared="half of it Figure 2's").text(THRICE) == "9 minutes here, half of it Figure 2's"
    assert Cost(30240, "gpu", needs="ImageNet").text(THRICE) == "about 3 weeks on a GPU, needs ImageNet"


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_cost_of_no_time_is_refused(minutes):
    refused("must be a number above 0", Cost, minutes)
