"""Three papers on neural tangent kernels, reproduced figure by figure, and a library of the methods behind them.

The public names are imported when they are first used: importing the package imports nothing else, not even JAX.
"""

from typing import TYPE_CHECKING

from ntk_repro import interrupts as _interrupts  # noqa: F401  as early as may be, see there
from ntk_repro.lazy_names import lazy_names

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
        kernel_solve,
        ntk_function,
        ntk_operator,
        nystrom_eigenpairs,
        nystrom_extension,
        ridge_path,
        top_eigenpairs,
    )
    from ntk_repro.models import build_model
    from ntk_repro.nads import neural_anisotropy_directions
    from ntk_repro.network import Network
    from ntk_repro.saved_parameters import load_network
    from ntk_repro.training import descend, train_pair

__version__ = "0.2.0"

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
    "kernel_solve",
    "load_dataset",
    "load_network",
    "momentum_dynamics",
    "mse_dynamics",
    "neural_anisotropy_directions",
    "nngp_posterior",
    "ntk_function",
    "ntk_gp_posterior",
    "ntk_operator",
    "nystrom_eigenpairs",
    "nystrom_extension",
    "readout_posterior",
    "ridge_path",
    "top_eigenpairs",
    "train_in_function_space",
    "train_pair",
]

__getattr__, __dir__ = lazy_names(__name__)
