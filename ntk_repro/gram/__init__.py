"""The NTK of a network on data: the Gram matrix by three methods, its spectrum, and its eigenfunctions as tasks."""

from ntk_repro.gram.eigenfunctions import Eigenbasis, eigenbasis, eigenfunction_labels
from ntk_repro.gram.empirical import METHODS, empirical_gram
from ntk_repro.gram.spectrum import Eigenpairs, effective_rank, energy_concentration, top_eigenpairs

__all__ = [
    "METHODS",
    "Eigenbasis",
    "Eigenpairs",
    "effective_rank",
    "eigenbasis",
    "eigenfunction_labels",
    "empirical_gram",
    "energy_concentration",
    "top_eigenpairs",
]
