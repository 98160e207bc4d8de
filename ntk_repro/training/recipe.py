"""How a network is trained: optimizer, learning rates, batches, epochs and loss."""

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import optax
from jaxtyping import Float, Int

from ntk_repro.dynamics.learning_rates import check_momentum
from ntk_repro.errors import UserError, check_name
from ntk_repro.ranges import check_batch_size, check_counts, check_not_negative
from ntk_repro.seeds import order_seed
from ntk_repro.training.batches import minibatches
from ntk_repro.training.losses import LOSSES, Loss

OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("linear", "constant", "steps")
_RECIPE_LOSSES = (*LOSSES, "cross_entropy")


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
        batch_size: samples per step.
        epochs: passes over the training samples.
        loss: one of `LOSSES` or cross_entropy, see `Loss`; learning rate and weight decay are for its normalization.
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
        for kind, known in {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "loss": _RECIPE_LOSSES}.items():
            check_name(kind, getattr(self, kind), known)
        check_momentum(self.momentum)
        check_not_negative(learning_rate=self.learning_rate, weight_decay=self.weight_decay)
        check_counts(batch_size=self.batch_size, epochs=self.epochs, decay_epochs=self.decay_epochs)

    def steps(self, n: int) -> int:
        """The number of steps on n training samples: the full batches in `epochs` passes.

        Raises:
            UserError: when a batch is larger than the training set.
        """
        check_batch_size(self.batch_size, n)
        return self.epochs * n // self.batch_size

    def learning_rates(self, n: int) -> Float[np.ndarray, " steps"]:
        """The learning rate of each step on n training samples, float32."""
        steps = self.steps(n)
        step = np.arange(steps)
        passes = step * self.batch_size // n  # complete passes before the step
        tenths = passes // self.decay_epochs
        factors = {"linear": 1 - step / steps, "constant": np.ones(steps), "steps": 0.1**tenths}
        return (self.learning_rate * factors[self.schedule]).astype(np.float32)

    def minibatches(self, seed: int, n: int) -> Int[np.ndarray, "steps b"]:
        """The batch of each step on n training samples, the same for all that trains identically in a run of this seed.

        Raises:
            UserError: when a batch is larger than the training set.
        """
        return minibatches(order_seed(seed), n, self.batch_size, self.epochs)

    @property
    def rule(self) -> "UpdateRule":
        """The rule that turns gradients into the directions that the learning rates multiply."""
        return UpdateRule(self.optimizer, self.momentum, self.weight_decay)

    def in_function_space(self, n: int) -> dict[str, Any]:
        """Learning rates, momentum, weight decay and loss for `train_in_function_space`, on n training samples.

        There, each label vector is a model with one output.

        Raises:
            UserError: for adam, cross_entropy (of several outputs), and a batch that is larger than the training set.
        """
        if self.loss == "cross_entropy":
            raise UserError("cross_entropy couples the outputs: train the linearization's weights")
        if self.optimizer != "sgd":
            raise UserError(f"{self.optimizer} is not linear in the gradient: train the linearization's weights")
        # A loss that is c times another takes the same steps at 1/c of the learning rate, with c times the decay.
        multiple = Loss.named(self.loss).multiple
        return {
            "learning_rate": self.learning_rates(n) * multiple,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay / multiple,
            "loss": "binary_cross_entropy" if self.loss == "binary_cross_entropy" else "half_squared_error",
        }


class UpdateRule(NamedTuple):
    """Heavy ball or Adam, with weight decay as a part of the gradient; see `Recipe` for its settings."""

    optimizer: str
    momentum: float
    weight_decay: float = 0.0

    @functools.lru_cache(maxsize=32)  # noqa: B019
    def transform(self) -> optax.GradientTransformation:
        """As an optax transform, the same object for the same settings.

        Its parameters are those that decay: of a linearization their distance from the start.
        """
        if self.optimizer == "adam":
            direction = optax.scale_by_adam()
        else:
            direction = optax.trace(decay=self.momentum) if self.momentum else optax.identity()
        return optax.chain(optax.add_decayed_weights(self.weight_decay), direction) if self.weight_decay else direction
