"""Samarin et al. 2022; every module holds some of its figures."""

from ntk_repro.papers.figure import Paper

__all__ = ["PAPER", "WIDTHS"]

PAPER = Paper("samarin2022", "Samarin", 2022, "Feature learning and random features in standard finite-width CNNs")

WIDTHS = {"lenet5": (1, 60), "alexnet": (1, 2, 3, 4)}
"""The width factors that the text names, by network; of LeNet (Figures 2 to 7) the smallest and the largest only."""
