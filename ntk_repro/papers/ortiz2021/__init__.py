"""Ortiz-Jimenez et al. 2021; every module holds some of its figures."""

from ntk_repro.papers.figure import Paper

__all__ = ["PAPER"]

PAPER = Paper(
    "ortiz2021", "Ortiz-Jimenez", 2021, "What can linearized neural networks actually say about generalization?"
)
