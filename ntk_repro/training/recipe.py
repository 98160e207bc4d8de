"""How a network is trained: optimizer, learning rates, batches, epochs and loss."""

import dataclasses
import math

import numpy as np
import optax
from jaxtyping import Float

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.training.losses import LOSSES

__all__ = ["OPTIMIZERS", "SCHEDULES", "Recipe"]

OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("linear", "constant", "steps")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The settings of one training, the paper's by default; hashable.

    Source: Ortiz-Jimenez et al. 2021, appendix A.

    Attributes:
        optimizer: "sgd" (heavy ball) or "adam".
        learning_rate: of the first step, for the loss averaged over the batch.
        schedule: "linear" (falls linearly and would reach 0 one step after the last), "constant", or "steps" (a tenth
            after every `decay_epochs` passes).
        momentum: of sgd; adam has its own (0.9, 0.999).
        weight_decay: added to the gradient, for adam too, as its product with the parameters; for a linearization
            with their distance from the start.
        batch_size: samples a step.
        epochs: passes over the training samples.
        loss: "binary_cross_entropy" or "half_squared_error", see `ntk_repro.training.losses`.
        decay_epochs: of the schedule "steps".
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.05
    schedule: str = "linear"
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 128
    epochs: int = 100
    loss: str = "binary_cross_entropy"
    decay_epochs: int = 30

    def __post_init__(self):
        for kind, name, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("loss", self.loss, LOSSES),
        ):
            if name not in known:
                raise unknown_name(kind, name, known)
        if not 0 <= self.learning_rate < math.inf:
            raise UserError(f"learning_rate must be finite and not negative, not {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum must be at least 0 and below 1, not {self.momentum}")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay must be finite and not negative, not {self.weight_decay}")
        if min(self.batch_size, self.epochs, self.decay_epochs) < 1:
            raise UserError(
                f"batch_size, epochs and decay_epochs must be at least 1, not {self.batch_size}, {self.epochs} and "
                f"{self.decay_epochs}"
            )

    def steps(self, n: int) -> int:
        """The number of steps on n training samples: the whole batches in `epochs` passes.

        Raises:
            UserError: when a batch is larger than the training set.
        """
        if self.batch_size > n:
            raise UserError(f"batch_size {self.batch_size} is above the {n} training samples; choose at most {n}")
        return self.epochs * n // self.batch_size

    def learning_rates(self, n: int) -> Float[np.ndarray, " steps"]:
        """The learning rate of each step on n training samples, float32."""
        steps = self.steps(n)
        if self.schedule == "steps":
            passes = np.arange(steps) * self.batch_size // n  # whole passes before the step
            return (self.learning_rate * 0.1 ** (passes // self.decay_epochs)).astype(np.float32)
        fall = np.arange(steps) / steps if self.schedule == "linear" else np.zeros(steps)
        return (self.learning_rate * (1 - fall)).astype(np.float32)

    def transform(self) -> optax.GradientTransformation:
        """What turns gradients (with the decay) into the direction that the learning rate multiplies."""
        return optax.scale_by_adam() if self.optimizer == "adam" else optax.trace(decay=self.momentum)
