"""The NTK of a network on data: the Gram matrix by three methods, in memory or in a store on disk, or an operator
without the matrix; its spectrum, and its eigenfunctions as tasks; NNGP and NTK at infinite width, and at finite width
averaged over initializations.

The names are loaded when they are first used, so that what needs no JAX (the store) does not wait for it.
"""

from typing import TYPE_CHECKING

from ntk_repro.lazy_names import lazy_names

if TYPE_CHECKING:
    from ntk_repro.gram.alignments import alignment, alignment_from_gram, kernel_cosine_distance
    from ntk_repro.gram.eigenfunctions import Eigenbasis, eigenbasis, eigenfunction_labels
    from ntk_repro.gram.empirical import METHODS, empirical_gram
    from ntk_repro.gram.function import ntk_function
    from ntk_repro.gram.infinite_width import (
        AnalyticKernel,
        MonteCarloKernels,
        analytic_kernel,
        erf_expectations,
        fcn_kernels,
        monte_carlo_kernels,
        relu_expectations,
        stax_twin,
    )
    from ntk_repro.gram.nngp import empirical_nngp
    from ntk_repro.gram.on_disk import gram_store
    from ntk_repro.gram.operator import NTKOperator, ntk_operator
    from ntk_repro.gram.solve import KernelSolution, LeftOut, kernel_solve, ridge_path
    from ntk_repro.gram.spectrum import (
        BlockKrylov,
        Eigenpairs,
        Eigensolver,
        Estimate,
        Lapack,
        SingularSpectrum,
        effective_rank,
        energy_concentration,
        nystrom_eigenpairs,
        nystrom_extension,
        nystrom_residuals,
        singular_spectrum,
        stochastic_effective_rank,
        stochastic_frobenius_norm,
        stochastic_participation_ratio,
        stochastic_trace,
        top_eigenpairs,
    )
    from ntk_repro.gram.store import GramStore

__all__ = [
    "METHODS",
    "AnalyticKernel",
    "BlockKrylov",
    "Eigenbasis",
    "Eigenpairs",
    "Eigensolver",
    "Estimate",
    "GramStore",
    "KernelSolution",
    "Lapack",
    "LeftOut",
    "MonteCarloKernels",
    "NTKOperator",
    "SingularSpectrum",
    "alignment",
    "alignment_from_gram",
    "analytic_kernel",
    "effective_rank",
    "eigenbasis",
    "eigenfunction_labels",
    "empirical_gram",
    "empirical_nngp",
    "energy_concentration",
    "erf_expectations",
    "fcn_kernels",
    "gram_store",
    "kernel_cosine_distance",
    "kernel_solve",
    "monte_carlo_kernels",
    "ntk_function",
    "ntk_operator",
    "nystrom_eigenpairs",
    "nystrom_extension",
    "nystrom_residuals",
    "relu_expectations",
    "ridge_path",
    "singular_spectrum",
    "stax_twin",
    "stochastic_effective_rank",
    "stochastic_frobenius_norm",
    "stochastic_participation_ratio",
    "stochastic_trace",
    "top_eigenpairs",
]

__getattr__, __dir__ = lazy_names(__name__)
