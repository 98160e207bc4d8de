"""The list of figures: readable at 80 characters, narrowed by name, true about what is computed."""

import os
import re
from pathlib import Path

import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, load_figure_preset, preset_names
from ntk_repro.papers.listing import figures_named, listing
from ntk_repro.record import RunFolder


def test_every_figure_and_preset_fits_into_80_characters():
    lines = list(listing())
    assert max(map(len, lines)) <= 80
    presets = sum(len(preset_names(figure)) for figure in FIGURES.values())
    assert sum(re.match(r" {14}\w+ +(done|\d+ of \d+ runs) ", line) is not None for line in lines) == presets
    assert [line for line in lines if line and line[0] != " "] == [
        "Lee et al. 2019 (lee2019)",
        "Ortiz-Jimenez et al. 2021 (ortiz2021)",
        "Samarin et al. 2022 (samarin2022)",
    ]


def test_a_name_narrows_it():
    assert {figure.paper.name for figure in figures_named("ortiz2021")} == {"ortiz2021"}
    assert [figure.id for figure in figures_named("ortiz2021/fig2")] == ["ortiz2021/fig2"]
    assert [figure.paper.name for figure in figures_named("fig2")] == ["lee2019", "ortiz2021", "samarin2022"]
    with pytest.raises(UserError, match="unknown paper or figure 'ortiz202'; did you mean 'ortiz2021'"):
        figures_named("ortiz202")


def test_it_counts_the_runs_that_are_done_and_names_whose_they_are():
    def quick(name: str) -> str:
        return next(line for line in listing(name) if line.split()[0] == "quick")

    figure = FIGURES["ortiz2021/fig6"]
    assert quick(figure.id).split(maxsplit=4)[1:4] == ["0", "of", "1"]
    (config,) = load_figure_preset(figure, "quick").configs
    path = RunFolder.locate(figure.folder, config.resolved(), root=Path(os.environ["NTK_REPRO_RUNS"]))
    path.mkdir(parents=True)
    (path / "DONE").write_text("{}")
    assert quick(figure.id).split()[1] == "done"
    assert "draws the runs of lee2019/fig2" in quick("lee2019/figS1")
