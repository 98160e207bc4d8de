"""Losses for training networks, and the conventions of each: its terms, and over what it is a mean."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from ntk_repro.dynamics.function_space import check_binary_labels
from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.checks import check_finite

LOSSES = ("binary_cross_entropy", "half_squared_error", "squared_error", "mean_squared_error")
DESCENT_LOSSES = ("half_mean_squared_error", "cross_entropy")


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss of a batch of b samples with k outputs: a mean over the samples, and a sum or a mean over the outputs.

    | name | of one sample and output | over the outputs |
    |---|---|---|
    | binary_cross_entropy | logits and labels in {0, 1}, in nats | sum |
    | cross_entropy | that of the softmax with rows of probabilities (one-hot labels), in nats | sum |
    | half_squared_error | 1/2 (f - y)^2 | sum |
    | half_mean_squared_error | 1/2 (f - y)^2 | mean |
    | squared_error | (f - y)^2 | sum |
    | mean_squared_error | (f - y)^2 | mean |

    On one output binary_cross_entropy and half_squared_error are the losses of `train_in_function_space`.

    Attributes:
        name: see above.
        terms: (outputs, targets), both (b, k), -> the terms of the sum or mean, (b, k).
        mean_over_outputs: whether the outputs are averaged.
        labels: "binary" for 0 and 1, "probabilities" for rows that sum to 1, "any" for numbers.
        multiple: for squared errors of one output, how many times half_squared_error the loss is.
    """

    name: str
    terms: Callable[[Array, Array], Array]
    mean_over_outputs: bool = False
    labels: Literal["any", "binary", "probabilities"] = "any"
    multiple: float = 1.0

    @classmethod
    def named(cls, name: str, known: tuple[str, ...] = LOSSES + DESCENT_LOSSES) -> "Loss":
        """The loss of this name.

        Raises:
            UserError: the name is not among those known.
        """
        check_name("loss", name, known)
        return next(loss for loss in _LOSSES if loss.name == name)

    def __call__(self, fx: Float[Array, "b k"], y: Float[Array, "b k"]) -> Float[Array, ""]:
        """The loss of a batch."""
        terms = self.terms(fx, y)
        return terms.mean() if self.mean_over_outputs else terms.sum(axis=1).mean()

    def averaged_terms(self, samples: int, outputs: int) -> int:
        """The number of terms that the loss is a mean over: eta for the mean is eta * terms for the sum of the theory.

        So gradient flow on the summed loss (Lee et al. 2019, footnote 6) has reached t = eta * steps / terms.

        >>> Loss.named("half_mean_squared_error").averaged_terms(128, 10)
        1280
        >>> Loss.named("cross_entropy").averaged_terms(128, 10)
        128
        """
        return samples * outputs if self.mean_over_outputs else samples

    @property
    def threshold(self) -> float:
        """The output between the two labels of one output: a logit of 0, or the middle of the targets 0 and 1."""
        return 0.5 if self.labels == "any" else 0.0

    def check_targets(self, y: Float[np.ndarray, "n k"]) -> None:
        """Checks that the loss is defined for these targets.

        Raises:
            UserError: it is not.
        """
        check_finite(y, "y_train")
        if self.labels == "binary":
            check_binary_labels(y)
        if self.labels == "probabilities" and (
            y.shape[1] < 2 or np.any(y < 0) or not np.allclose(y.sum(axis=1), 1, atol=1e-3)
        ):
            raise UserError(
                f"{self.name} takes rows of probabilities over two classes or more: give one_hot(labels, k)"
            )


_LOSSES = (
    Loss("binary_cross_entropy", optax.sigmoid_binary_cross_entropy, labels="binary"),
    Loss("cross_entropy", lambda fx, y: -y * jax.nn.log_softmax(fx), labels="probabilities"),
    Loss("half_squared_error", lambda fx, y: (fx - y) ** 2 / 2),
    Loss("half_mean_squared_error", lambda fx, y: (fx - y) ** 2 / 2, mean_over_outputs=True),
    Loss("squared_error", lambda fx, y: (fx - y) ** 2, multiple=2.0),
    Loss("mean_squared_error", lambda fx, y: (fx - y) ** 2, mean_over_outputs=True, multiple=2.0),
)
