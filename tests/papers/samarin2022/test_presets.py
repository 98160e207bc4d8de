"""The presets `paper` have the settings that the verdicts ask for."""

import pytest

from ntk_repro.papers.departures import departures
from ntk_repro.papers.index import FIGURES
from ntk_repro.papers.presets import load_figure_preset
from ntk_repro.papers.samarin2022.gaps import figure_of, not_all_widths, settings_of

MNIST = {"train_images": 60_000, "test_images": 10_000}
IMAGES = {"mnist": MNIST, "cifar10": {**MNIST, "train_images": 50_000}, "snakes": {"train_images": 13_000}}


def entries(figure):
    """The settings of the runs at `paper`, with the images of the data sets that are loaded whole."""
    for config in load_figure_preset(FIGURES[f"samarin2022/{figure}"], "paper").configs:
        entry = vars(config)
        images = {} if entry["n_train"] is None else {"train_images": entry["n_train"]}
        yield {**IMAGES[entry["data"]], **images, **entry}


@pytest.mark.parametrize("figure", ["fig1", "fig2", "fig3", "fig4", "fig5", "figA2", "tableA1", "tableA2"])
def test_trainings_are_the_papers(figure):
    """AlexNet's linearization is trained at its own best settings, too."""
    widths = {}
    for entry in entries(figure):
        own = ("learning_rate", "weight_decay") if entry["models"] == "linearized" else ()
        assert departures(settings_of(figure_of(entry)), entry, own) == ""
        widths.setdefault((entry["net"], entry["data"], entry["shift"], own, entry["seed"]), []).append(entry["width"])
    assert {not_all_widths(net, found) for (net, *_), found in widths.items()} == {""}
    assert {seed for *_, seed in widths} == {0, 1, 2, 3, 4}


def test_the_grid_and_other_losses_are_trained_as_the_papers():
    for figure, free in (("grid", ()), ("variants", ("loss", "precision"))):
        for entry in entries(figure):
            assert departures(settings_of(figure_of(entry)), entry, (*free, "learning_rate", "weight_decay")) == ""


@pytest.mark.parametrize("figure", ["fig6", "fig7", "figA3"])
def test_spectra_are_the_papers(figure):
    widths = {}
    for entry in entries(figure):
        assert departures(settings_of("fig6"), {**entry, "rows": 10 * entry["n_train"]}) == ""
        widths.setdefault((entry["net"], entry["shift"]), []).append(entry["width"])
    assert all(not_all_widths(net, found) == "" for (net, _), found in widths.items())


@pytest.mark.parametrize("table", ["table1", "table2"])
def test_tables_are_the_papers(table):
    """Ten classes are trained as in section 4.1, and solved for on fewer images (ours)."""
    widths = set()
    for entry in entries(table):
        if entry["positive"] >= 0:
            own = {**entry, "images": entry["train_images"]}
            assert departures(settings_of("table2" if entry["shift"] else "table1"), own, ("positive",)) == ""
            widths |= {(entry["shift"], entry["width"])} if entry["positive"] == 0 else set()
        else:
            free = ("loss", "loss_reduction", "precision", "train_images")
            assert (
                departures(settings_of("fig3" if entry["shift"] else "fig2"), {**entry, "decay_epochs": None}, free)
                == ""
            )
    shifts = (0,) if table == "table1" else (0, 7)
    assert widths == {(shift, width) for shift in shifts for width in (1, 2, 5, 10, 25, 60)}
