"""The NTK of a network on data: the Gram matrix by three methods, in memory or in a store on disk, its spectrum, and
its eigenfunctions as tasks.

The names are loaded when they are first used, so that what needs no JAX (the store) does not wait for it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntk_repro.gram.eigenfunctions import Eigenbasis, eigenbasis, eigenfunction_labels
    from ntk_repro.gram.empirical import METHODS, empirical_gram
    from ntk_repro.gram.on_disk import gram_store
    from ntk_repro.gram.spectrum import (
        Eigenpairs,
        effective_rank,
        energy_concentration,
        nystrom_eigenpairs,
        nystrom_extension,
        nystrom_residuals,
        top_eigenpairs,
    )
    from ntk_repro.gram.store import GramStore

__all__ = [
    "METHODS",
    "Eigenbasis",
    "Eigenpairs",
    "GramStore",
    "effective_rank",
    "eigenbasis",
    "eigenfunction_labels",
    "empirical_gram",
    "energy_concentration",
    "gram_store",
    "nystrom_eigenpairs",
    "nystrom_extension",
    "nystrom_residuals",
    "top_eigenpairs",
]

_HOMES = {
    "eigenfunctions": {"Eigenbasis", "eigenbasis", "eigenfunction_labels"},
    "empirical": {"METHODS", "empirical_gram"},
    "store": {"GramStore"},
    "on_disk": {"gram_store"},
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "spectrum")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
