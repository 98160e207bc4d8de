"""Axes, titles, legends, and the look."""

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot

from ntk_repro.plot import (
    COLORS,
    LABELS,
    SERIES,
    STYLE,
    epoch_axis,
    integer_axis,
    legend_of,
    ordered_colors,
    style,
    titles,
    width_axis,
)
from ntk_repro.plot.look import LINES, MARKERS
from tests.refusals import refused


def test_titles_side_by_side_are_on_one_height():
    picture, axes = pyplot.subplots(1, 3)
    titles(axes, [("MLP", "20 epochs\n5 seeds"), ("LeNet", ""), ("ResNet18", "8 epochs")])
    picture.canvas.draw()
    assert len({round(ax.title.get_window_extent().y0, 3) for ax in axes}) == 1
    assert [[text.get_text() for text in ax.texts] for ax in axes] == [["20 epochs\n5 seeds"], [], ["8 epochs"]]
    (facts,) = axes[0].texts
    assert axes[0].get_window_extent().y1 < facts.get_window_extent().y0
    assert facts.get_window_extent().y1 < axes[0].title.get_window_extent().y0


def test_indices_have_whole_numbers_as_ticks():
    _, ax = pyplot.subplots()
    integer_axis(ax).plot([2, 5], [0.9, 0.8])
    assert all(tick == int(tick) for tick in ax.get_xticks())


def test_the_legend_of_a_picture_names_each_label_once():
    picture, axes = pyplot.subplots(1, 2)
    axes[0].plot([0], [0], label="network")
    axes[1].plot([0], [0], label="network")
    axes[1].plot([0], [0], label="linearization")
    legend_of(axes, picture, 2)
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["network", "linearization"]


def test_widths_are_factors(ax):
    width_axis(ax, [0.125, 1, 2])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["×1/8", "×1", "×2"]


def test_epochs_must_be_numbers(ax):
    refused("epochs has entries that are not finite", epoch_axis, ax, [0, np.nan])


def test_the_style_ends_with_its_block_and_keeps_what_a_notebook_has_set():
    before, interactive = (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]), mpl.is_interactive()
    with style():
        assert {name: mpl.rcParams[name] for name in STYLE if name != "font.family"} == {
            name: value for name, value in STYLE.items() if name != "font.family"
        }
        mpl.interactive(True)
    assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == before
    assert mpl.is_interactive()
    mpl.interactive(interactive)


def test_no_two_meanings_share_a_colour():
    assert len({*COLORS.values(), *SERIES}) == len(COLORS) + len(SERIES)
    assert LABELS.keys() == COLORS.keys() >= LINES.keys() == MARKERS.keys()


def test_colours_of_an_order_go_from_dark_to_light():
    assert np.all(np.diff(ordered_colors(5)[:, :3].sum(axis=1)) > 0)
    refused("count must be at least 1", ordered_colors, 0)
