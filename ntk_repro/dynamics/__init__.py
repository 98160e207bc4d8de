"""Training of linear and linearized models, computed from the kernel: squared error in closed form, with and without
momentum, cross-entropy as an ODE, and minibatch SGD exactly, without weights.

The names are loaded when they are first used, so that the closed forms, which need no JAX, do not wait for it.
"""

from typing import TYPE_CHECKING

from ntk_repro.lazy_names import lazy_names

if TYPE_CHECKING:
    from ntk_repro.dynamics.columns import LiveColumns, live_columns
    from ntk_repro.dynamics.cross_entropy import CrossEntropyDynamics, cross_entropy_dynamics
    from ntk_repro.dynamics.function_space import LOSSES, FunctionSpaceTraining, train_in_function_space
    from ntk_repro.dynamics.learning_rates import (
        averaged_loss_time,
        eta_critical,
        max_learning_rate,
        neural_tangents_time,
    )
    from ntk_repro.dynamics.least_squares import LeastSquares, least_squares_bytes, solve_least_squares
    from ntk_repro.dynamics.momentum import MomentumDynamics, momentum_dynamics
    from ntk_repro.dynamics.mse import MseDynamics, TrainedModel, mse_dynamics
    from ntk_repro.dynamics.spectral import NullSpace, Spectrum
    from ntk_repro.dynamics.weights import weight_change

__all__ = [
    "LOSSES",
    "CrossEntropyDynamics",
    "FunctionSpaceTraining",
    "LeastSquares",
    "LiveColumns",
    "MomentumDynamics",
    "MseDynamics",
    "NullSpace",
    "Spectrum",
    "TrainedModel",
    "averaged_loss_time",
    "cross_entropy_dynamics",
    "eta_critical",
    "least_squares_bytes",
    "live_columns",
    "max_learning_rate",
    "momentum_dynamics",
    "mse_dynamics",
    "neural_tangents_time",
    "solve_least_squares",
    "train_in_function_space",
    "weight_change",
]

__getattr__, __dir__ = lazy_names(__name__)
