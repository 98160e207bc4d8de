import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.rotation.tracker import Tracker
from tests.refusals import refused

NET = Network.from_apply(lambda params, x: x @ params, np.ones((2, 1)))


def tracker(folder, epochs, calls):
    def measure(epoch, network):
        assert network is NET
        calls.append(epoch)
        return {"square": epoch**2, "row": np.arange(3) + epoch}

    return Tracker(folder, epochs, measure)


def test_measurements_are_stacked_in_the_order_of_epochs(folder):
    calls = []
    track = tracker(folder, (0, 2, 5), calls)
    for epoch in (2, 0, 5):
        track(epoch, NET)
    collected = track.collect()
    np.testing.assert_array_equal(collected["square"], [0, 4, 25])
    np.testing.assert_array_equal(collected["row"], [[0, 1, 2], [2, 3, 4], [5, 6, 7]])
    assert [(line["epoch"], line["square"]) for line in folder.metrics()] == [(2, 4.0), (0, 0.0), (5, 25.0)]


def test_no_measurement_is_made_twice(folder):
    calls = []
    tracker(folder, (0, 2), calls)(0, NET)
    again = tracker(folder, (0, 2), calls)
    again(0, NET)
    again(2, NET)
    assert calls == [0, 2]
    assert len(folder.metrics()) == 2


def test_a_part_is_saved_after_its_line_is_logged(folder, monkeypatch):
    lines = []
    real = RunFolder.save_part
    monkeypatch.setattr(
        RunFolder, "save_part", lambda self, name, **rest: (lines.append(len(self.metrics())), real(self, name, **rest))
    )
    tracker(folder, (0,), [])(0, NET)
    assert lines == [1]


def test_a_training_that_diverged_has_no_later_measurements(folder):
    track = tracker(folder, (0, 2, 5), [])
    track(0, NET)
    track(2, NET)
    collected = track.collect(until=4)
    np.testing.assert_array_equal(collected["square"], [0, 4, np.nan])
    np.testing.assert_array_equal(collected["row"][2], [np.nan] * 3)


@pytest.mark.parametrize("until", [None, 2])
def test_a_lost_measurement_is_reported(folder, until):
    track = tracker(folder, (0, 2, 5), [])
    track(0, NET)
    if until is None:
        track(2, NET)
    refused("is missing or damaged: delete the folder", track.collect, until)
