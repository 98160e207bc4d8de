"""Three papers on neural tangent kernels, figure by figure, and what they are made of as a library.

The public names are loaded when they are first used: importing the package imports nothing else, not even JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntk_repro.data import Dataset, load_dataset
    from ntk_repro.dynamics import train_in_function_space
    from ntk_repro.errors import UserError
    from ntk_repro.gram import (
        Eigenpairs,
        GramStore,
        effective_rank,
        eigenbasis,
        eigenfunction_labels,
        empirical_gram,
        energy_concentration,
        gram_store,
        nystrom_eigenpairs,
        nystrom_extension,
        top_eigenpairs,
    )
    from ntk_repro.models import build_model
    from ntk_repro.network import Network

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "Eigenpairs",
    "GramStore",
    "Network",
    "UserError",
    "__version__",
    "build_model",
    "effective_rank",
    "eigenbasis",
    "eigenfunction_labels",
    "empirical_gram",
    "energy_concentration",
    "gram_store",
    "load_dataset",
    "nystrom_eigenpairs",
    "nystrom_extension",
    "top_eigenpairs",
    "train_in_function_space",
]

_HOMES = {
    "Dataset": "ntk_repro.data",
    "Eigenpairs": "ntk_repro.gram",
    "GramStore": "ntk_repro.gram",
    "Network": "ntk_repro.network",
    "UserError": "ntk_repro.errors",
    "build_model": "ntk_repro.models",
    "effective_rank": "ntk_repro.gram",
    "eigenbasis": "ntk_repro.gram",
    "eigenfunction_labels": "ntk_repro.gram",
    "empirical_gram": "ntk_repro.gram",
    "energy_concentration": "ntk_repro.gram",
    "gram_store": "ntk_repro.gram",
    "load_dataset": "ntk_repro.data",
    "nystrom_eigenpairs": "ntk_repro.gram",
    "nystrom_extension": "ntk_repro.gram",
    "top_eigenpairs": "ntk_repro.gram",
    "train_in_function_space": "ntk_repro.dynamics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # found once, an ordinary attribute afterwards
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
