"""Samarin et al. 2022."""

from ntk_repro.papers.figure import in_order
from ntk_repro.papers.samarin2022 import spectra, tables, widths

__all__ = ["FIGURES"]

FIGURES = in_order((*spectra.FIGURES, *tables.FIGURES, *widths.FIGURES))
