"""Ortiz-Jimenez et al. 2021; every module holds some of its figures."""

from ntk_repro.papers.figure import Paper

__all__ = ["GUESSING_ERROR", "PAPER"]

PAPER = Paper(
    "ortiz2021", "Ortiz-Jimenez", 2021, "What can linearized neural networks actually say about generalization?"
)

GUESSING_ERROR = 0.5
"""The error of guessing on its tasks, which have two classes: thresholds of accuracies are shares of it."""
