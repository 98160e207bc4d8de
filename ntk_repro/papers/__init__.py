"""The figures of the papers: each with its runs, its drawing script and the paper's claims about it."""

from ntk_repro.papers.claims import Claim, Verdict, claim, evaluate, judged
from ntk_repro.papers.costs import Cost
from ntk_repro.papers.figure import Figure, Paper
from ntk_repro.papers.index import FIGURES, find_figures
from ntk_repro.papers.presets import Preset, load_figure_preset, preset_names, study_settings
from ntk_repro.papers.run import Plan, Reproduction, draw_figure, reproduce

__all__ = [
    "FIGURES",
    "Claim",
    "Cost",
    "Figure",
    "Paper",
    "Plan",
    "Preset",
    "Reproduction",
    "Verdict",
    "claim",
    "draw_figure",
    "evaluate",
    "find_figures",
    "judged",
    "load_figure_preset",
    "preset_names",
    "reproduce",
    "study_settings",
]
