"""Kernel regression in one solve: K + ridge I factored in memory or on disk, and what follows from the factor."""

from ntk_repro.gram.solve.cholesky import cholesky, full_rank_factor
from ntk_repro.gram.solve.factor import CholeskyFactor, FactorInMemory
from ntk_repro.gram.solve.regression import KernelSolution, LeftOut, kernel_solve, ridge_path
from ntk_repro.gram.solve.rounding import NotPositiveDefiniteError

__all__ = [
    "CholeskyFactor",
    "FactorInMemory",
    "KernelSolution",
    "LeftOut",
    "NotPositiveDefiniteError",
    "cholesky",
    "full_rank_factor",
    "kernel_solve",
    "ridge_path",
]
