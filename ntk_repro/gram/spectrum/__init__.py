"""Eigenpairs of a Gram matrix, in memory or in a store, their continuation to new samples, and what they tell."""

from ntk_repro.gram.spectrum.eigenpairs import Eigenpairs, effective_rank, energy_concentration, top_eigenpairs
from ntk_repro.gram.spectrum.eigensolver import Eigensolver, Lapack
from ntk_repro.gram.spectrum.krylov import BlockKrylov
from ntk_repro.gram.spectrum.nystrom import nystrom_eigenpairs, nystrom_extension, nystrom_residuals
from ntk_repro.gram.spectrum.singular_values import SingularSpectrum, singular_spectrum
from ntk_repro.gram.spectrum.stochastic import (
    Estimate,
    stochastic_effective_rank,
    stochastic_frobenius_norm,
    stochastic_participation_ratio,
    stochastic_trace,
)

__all__ = [
    "BlockKrylov",
    "Eigenpairs",
    "Eigensolver",
    "Estimate",
    "Lapack",
    "SingularSpectrum",
    "effective_rank",
    "energy_concentration",
    "nystrom_eigenpairs",
    "nystrom_extension",
    "nystrom_residuals",
    "singular_spectrum",
    "stochastic_effective_rank",
    "stochastic_frobenius_norm",
    "stochastic_participation_ratio",
    "stochastic_trace",
    "top_eigenpairs",
]
