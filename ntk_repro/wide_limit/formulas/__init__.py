"""The equations of Lee et al. 2019 as they are printed, each against an independent computation; a file a topic."""

from ntk_repro.wide_limit.formulas import expectations, kernels, posteriors, training

__all__ = ["FORMULAS"]

FORMULAS = expectations.FORMULAS | kernels.FORMULAS | posteriors.FORMULAS | training.FORMULAS
"""(generator) -> a number with its interval, by the equation, footnote or section."""
