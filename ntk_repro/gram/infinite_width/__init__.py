"""NNGP and NTK of infinitely wide networks: through `nt.stax`, by the closed form of one layer, and as the mean over
random initializations that converges to them.
"""

from ntk_repro.gram.infinite_width.analytic import AnalyticKernel, analytic_kernel, stax_twin
from ntk_repro.gram.infinite_width.closed_form import erf_expectations, fcn_kernels, relu_expectations
from ntk_repro.gram.infinite_width.monte_carlo import MonteCarloKernels, monte_carlo_kernels

__all__ = [
    "AnalyticKernel",
    "MonteCarloKernels",
    "analytic_kernel",
    "erf_expectations",
    "fcn_kernels",
    "monte_carlo_kernels",
    "relu_expectations",
    "stax_twin",
]
