"""Ortiz-Jimenez et al. 2021."""

from ntk_repro.papers.figure import in_order
from ntk_repro.papers.ortiz2021 import eigentasks, nads, rotation

__all__ = ["FIGURES"]

FIGURES = in_order((*eigentasks.FIGURES, *nads.FIGURES, *rotation.FIGURES))
