import pytest

from ntk_repro.campaign import Estimates, Unit
from ntk_repro.experiments import experiment
from ntk_repro.papers.presets import Study
from tests.campaign.test_campaign import Config


def unit(net="mlp", folder="study", preset="quick", seconds=100.0, device="cpu", **facts) -> Unit:
    study = Study("study", Config, experiment("study")(lambda config, data, folder: {}))
    settings = {"value": 1.0, "memory": 5.0} | facts
    return Unit(study, folder, Config(net=net), preset=preset, seconds=seconds, device=device, needs="", **settings)


def test_without_a_finished_unit_it_is_what_the_preset_says():
    assert Estimates().seconds(unit()) == 100
    assert Estimates().memory(unit()) == 5


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ([(unit("lenet"), 300)], 300),
        ([(unit("lenet"), 300), (unit(), 50)], 50),
        ([(unit(), 50), (unit(), 150)], 100),
        ([(unit(preset="laptop", seconds=1000), 500)], 50),
        ([(unit(preset="laptop"), 500), (unit("lenet"), 300)], 300),
        ([(unit(folder="other"), 200)], 100),
        ([(unit(folder="other", device="gpu"), 200)], 100),
    ],
)
def test_the_units_most_alike_scale_it(finished, expected):
    assert Estimates((one, seconds, 0.0) for one, seconds in finished).seconds(unit()) == pytest.approx(expected)


def test_memory_is_the_most_that_a_unit_of_the_same_kind_has_needed():
    estimates = Estimates([(unit(), 1.0, 7.0), (unit(), 1.0, 6.0), (unit("lenet"), 1.0, 9.0)])
    assert estimates.memory(unit()) == 7
    assert estimates.memory(unit(preset="laptop")) == 5


def test_value_per_hour_follows_the_estimate():
    assert Estimates([(unit(), 1800.0, 0.0)]).value_per_hour(unit(value=3.0)) == pytest.approx(6)
