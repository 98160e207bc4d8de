"""Three papers on neural tangent kernels, figure by figure, and what they are made of as a library.

The public names are loaded when they are first used: importing the package imports nothing else, not even JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntk_repro.data import Dataset, load_dataset
    from ntk_repro.dynamics import (
        cross_entropy_dynamics,
        eta_critical,
        momentum_dynamics,
        mse_dynamics,
        train_in_function_space,
    )
    from ntk_repro.errors import UserError
    from ntk_repro.gp import Gaussian, ensemble, nngp_posterior, ntk_gp_posterior, readout_posterior
    from ntk_repro.gram import (
        Eigenpairs,
        GramStore,
        alignment,
        analytic_kernel,
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
    from ntk_repro.nads import neural_anisotropy_directions
    from ntk_repro.network import Network
    from ntk_repro.training import descend, train_pair

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "Eigenpairs",
    "Gaussian",
    "GramStore",
    "Network",
    "UserError",
    "__version__",
    "alignment",
    "analytic_kernel",
    "build_model",
    "cross_entropy_dynamics",
    "descend",
    "effective_rank",
    "eigenbasis",
    "eigenfunction_labels",
    "empirical_gram",
    "energy_concentration",
    "ensemble",
    "eta_critical",
    "gram_store",
    "load_dataset",
    "momentum_dynamics",
    "mse_dynamics",
    "neural_anisotropy_directions",
    "nngp_posterior",
    "ntk_gp_posterior",
    "nystrom_eigenpairs",
    "nystrom_extension",
    "readout_posterior",
    "top_eigenpairs",
    "train_in_function_space",
    "train_pair",
]

_HOMES = {
    "Dataset": "ntk_repro.data",
    "Eigenpairs": "ntk_repro.gram",
    "Gaussian": "ntk_repro.gp",
    "GramStore": "ntk_repro.gram",
    "Network": "ntk_repro.network",
    "UserError": "ntk_repro.errors",
    "alignment": "ntk_repro.gram",
    "analytic_kernel": "ntk_repro.gram",
    "build_model": "ntk_repro.models",
    "cross_entropy_dynamics": "ntk_repro.dynamics",
    "descend": "ntk_repro.training",
    "effective_rank": "ntk_repro.gram",
    "eigenbasis": "ntk_repro.gram",
    "eigenfunction_labels": "ntk_repro.gram",
    "empirical_gram": "ntk_repro.gram",
    "energy_concentration": "ntk_repro.gram",
    "ensemble": "ntk_repro.gp",
    "eta_critical": "ntk_repro.dynamics",
    "gram_store": "ntk_repro.gram",
    "load_dataset": "ntk_repro.data",
    "momentum_dynamics": "ntk_repro.dynamics",
    "mse_dynamics": "ntk_repro.dynamics",
    "neural_anisotropy_directions": "ntk_repro.nads",
    "nngp_posterior": "ntk_repro.gp",
    "ntk_gp_posterior": "ntk_repro.gp",
    "nystrom_eigenpairs": "ntk_repro.gram",
    "nystrom_extension": "ntk_repro.gram",
    "readout_posterior": "ntk_repro.gp",
    "top_eigenpairs": "ntk_repro.gram",
    "train_in_function_space": "ntk_repro.dynamics",
    "train_pair": "ntk_repro.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # found once, an ordinary attribute afterwards
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
