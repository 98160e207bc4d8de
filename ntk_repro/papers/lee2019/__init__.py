"""Lee et al. 2019."""

from ntk_repro.papers.figure import in_order
from ntk_repro.papers.lee2019 import parameterization, predictive, trajectories, width

__all__ = ["FIGURES"]

FIGURES = in_order((*parameterization.FIGURES, *predictive.FIGURES, *trajectories.FIGURES, *width.FIGURES))
