"""What the functions draw, read off the lines of the axes."""

import numpy as np
import pytest

from ntk_repro.plot import COLORS, accuracy_by_index, by_epoch, curve, predictive_band, spectrum, spread_of
from tests.refusals import refused


def labelled(ax):
    """The lines that a legend names."""
    return {line.get_label(): line for line in ax.lines if not str(line.get_label()).startswith("_")}


def outlines(ax):
    return [line.get_ydata() for line in ax.lines if line.get_label() == "_outline"]


def test_a_spectrum_has_the_index_from_1_and_leaves_out_what_a_logarithm_cannot_show(ax):
    assert spectrum(ax, [4.0, 2.0, 1.0, 0.0, -1e-9], label="LeNet") is ax
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), [4, 2, 1])
    assert (ax.get_xscale(), ax.get_yscale(), line.get_label()) == ("log", "log", "LeNet")
    assert spectrum(ax, [1.0], log_index=False).get_xlabel() == "Index"
    refused("no value is above 0", spectrum, ax, [0.0, -1.0])
    refused("values has entries that are not finite", spectrum, ax, [1.0, np.nan])
    refused(r"values must be of shape \(n,\), not \(1, 2\)", spectrum, ax, [[1.0, 2.0]])


def test_accuracies_of_seeds_are_their_mean_with_an_outlined_band(ax):
    network = [[0.9, 0.7, 0.6], [0.8, 0.7, np.nan]]
    assert accuracy_by_index(ax, [2, 11, 51], network, [0.95, 0.9, 0.8], baseline=0.93, majority=0.5) is ax
    lines = labelled(ax)
    assert list(lines) == [
        "Linearized network", "Neural network", "Hollow: fewer seeds", "Baseline", "Majority class",
    ]  # fmt: skip
    np.testing.assert_allclose(lines["Neural network"].get_ydata(), [0.85, 0.7, 0.6])
    np.testing.assert_allclose(lines["Linearized network"].get_ydata(), [0.95, 0.9, 0.8])
    np.testing.assert_allclose(lines["Majority class"].get_ydata(), [0.5, 0.5, 0.5])
    assert {lines[name].get_color() for name in ("Neural network", "Linearized network")} == {
        COLORS["network"], COLORS["linearized"],
    }  # fmt: skip
    low, high = outlines(ax)
    std = np.std([0.9, 0.8], ddof=1)
    np.testing.assert_allclose([low, high], [[0.85 - std, 0.7, np.nan], [0.85 + std, 0.7, np.nan]])
    np.testing.assert_array_equal(lines["Hollow: fewer seeds"].get_xydata(), [[51, 0.6]])
    ax.set_ylim(0.5, 1.1)
    ax.set_yticks([0.5, 0.625, 1.0, 1.1])
    ax.figure.canvas.draw()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["50%", "62.5%", "100%", ""]


def test_of_a_linearization_on_all_tasks_the_line_joins_those_of_the_network(ax):
    every = np.array([51, 2, 11, 30])
    accuracy_by_index(ax, [2, 51], linearized=[0.6, 0.9, 0.8, 0.7], linearized_index=every)
    (dots, line) = ax.lines
    np.testing.assert_array_equal(dots.get_xdata(), every)
    np.testing.assert_array_equal(line.get_ydata(), [0.9, 0.6])
    wrong = {"linearized": [0.9, 0.8], "linearized_index": [2, 11]}
    refused("linearized_index has no 51", lambda: accuracy_by_index(ax, [2, 51], **wrong))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ([0.9], r"network must be of shape \(2,\) or \(seeds, 2\), not \(1,\)"),
        (np.zeros((0, 2)), r"network must be of shape \(2,\) or \(seeds, 2\), not \(0, 2\)"),
        (["a", "b"], "network must hold real numbers"),
    ],
)
def test_accuracies_that_are_none_are_refused(ax, network, message):
    refused(message, accuracy_by_index, ax, [2, 11], network)


def test_a_band_of_predictions_is_mean_and_two_standard_deviations_in_the_order_of_x(ax):
    assert predictive_band(ax, [1.0, 0.0], [5.0, 3.0], [1.0, 0.5], model="nngp") is ax
    (line,) = labelled(ax).values()
    np.testing.assert_array_equal(line.get_xdata(), [0, 1])
    np.testing.assert_array_equal(line.get_ydata(), [3, 5])
    np.testing.assert_array_equal(outlines(ax), [[2, 3], [4, 7]])
    assert (line.get_label(), line.get_color()) == ("NNGP, mean ± 2σ", COLORS["nngp"])
    assert len(ax.collections) == 1
    predictive_band(ax, [0.0], [1.0], [1.0], label="30 networks", deviations=1, filled=False)
    assert len(ax.collections) == 1
    assert "30 networks, mean ± 1σ" in labelled(ax)
    refused("std has the entry -1", predictive_band, ax, [0.0], [1.0], [-1.0])
    refused("deviations must be above 0", lambda: predictive_band(ax, [0.0], [1.0], [1.0], deviations=0))
    refused(r"unknown model 'ntk'.*did you mean", lambda: predictive_band(ax, [0.0], [1.0], [1.0], model="ntk"))


def test_a_kernel_through_training_has_few_ticks(ax):
    assert by_epoch(ax, [0, 1, 2, 5, 20], [0.2, 0.3, 0.4, 0.5, 0.6], label="LeNet", share=True) is ax
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2", "5", "20"]
    assert ax.get_xscale() == "symlog"
    np.testing.assert_array_equal(labelled(ax)["LeNet"].get_ydata(), [0.2, 0.3, 0.4, 0.5, 0.6])
    by_epoch(ax, np.arange(101), np.ones(101), model="linearized")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2", "5", "10", "20", "50", "100"]
    refused("unknown model 'lenet'", lambda: by_epoch(ax, [0], [1.0], model="lenet"))


def test_a_curve_of_one_run_has_no_band(ax):
    curve(ax, [1, 2], [3.0, np.nan], color="black")
    assert (len(ax.lines), len(ax.collections), len(ax.texts)) == (1, 0, 0)
    refused("x has entries that are not finite", lambda: curve(ax, [1, np.inf], [1.0, 2.0], color="black"))


def test_the_spread_leaves_out_what_is_nan():
    spread = spread_of([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan]])
    np.testing.assert_allclose(spread.mean, [2, 2, np.nan])
    np.testing.assert_allclose(spread.std, [2**0.5, np.nan, np.nan])
    assert (spread.seeds.tolist(), spread.runs) == ([2, 1, 0], 2)
    refused("with a seed or more", spread_of, [])
