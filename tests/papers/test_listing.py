"""The list of figures: readable at 80 characters, and right about the runs that are done."""

import os
import re
from pathlib import Path

from ntk_repro.papers import FIGURES, Figure, load_figure_preset, preset_names
from ntk_repro.papers.listing import listing
from ntk_repro.record import RunFolder


def test_every_figure_and_preset_fits_into_80_characters():
    lines = list(listing(FIGURES.values()))
    assert max(map(len, lines)) <= 80
    presets = sum(len(preset_names(figure)) for figure in FIGURES.values())
    assert sum(re.match(r" {14}\w+ +(done|\d+ of \d+ runs) ", line) is not None for line in lines) == presets
    assert [line for line in lines if line and line[0] != " "] == [
        "Lee et al. 2019 (lee2019)",
        "Ortiz-Jimenez et al. 2021 (ortiz2021)",
        "Samarin et al. 2022 (samarin2022)",
    ]


def test_it_counts_the_runs_that_are_done_and_names_the_figure_that_they_belong_to():
    def quick(figure: Figure) -> str:
        return next(line for line in listing([figure]) if line.split()[0] == "quick")

    figure = FIGURES["ortiz2021/fig6"]
    assert quick(figure).split(maxsplit=4)[1:4] == ["0", "of", "1"]
    (config,) = load_figure_preset(figure, "quick").configs
    path = RunFolder.locate(figure.folder, config.resolved(), root=Path(os.environ["NTK_REPRO_RUNS"]))
    path.mkdir(parents=True)
    (path / "DONE").write_text("{}")
    assert quick(figure).split()[1] == "done"
    assert "draws the runs of lee2019/fig2" in quick(FIGURES["lee2019/figS1"])


def test_in_a_narrow_terminal_no_word_is_broken():
    figure = FIGURES["ortiz2021/fig2"]
    narrow, wide = (" ".join(" ".join(listing([figure], width)).split()) for width in (40, 110))
    assert narrow == wide
