"""What a linear or linearized model does in training, computed from its kernel."""

from ntk_repro.dynamics.function_space import LOSSES, FunctionSpaceTraining, train_in_function_space

__all__ = ["LOSSES", "FunctionSpaceTraining", "train_in_function_space"]
