"""Training the linearization of a network through its kernel, by a recipe."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

from ntk_repro.dynamics.function_space import FunctionSpaceTraining, train_in_function_space
from ntk_repro.training.accuracy import binary_accuracies
from ntk_repro.training.batches import epoch_ends, epoch_means
from ntk_repro.training.losses import Loss
from ntk_repro.training.recipe import Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class LinearizationTraining(FunctionSpaceTraining):
    """Linearizations with one output trained on T tasks, and how their training went.

    Attributes:
        fx_test: outputs at the test samples after the last step.
        train_loss: mean of the recipe's loss over the batches of each epoch, each before its step.
        train_accuracy: share of the training samples that are classified correctly.
        test_accuracy: the same of the test samples.
        test_curve: the same after the epochs of `observe_at`.
    """

    fx_test: Float[np.ndarray, "m T"]
    train_loss: Float[np.ndarray, "T epochs"]
    train_accuracy: Float[np.ndarray, " T"]
    test_accuracy: Float[np.ndarray, " T"]
    test_curve: Float[np.ndarray, "s T"]


def train_linearization(
    k_train_train: Float[np.ndarray, "n n"],
    k_test_train: Float[np.ndarray, "m n"],
    y_train: Shaped[np.ndarray, " n"] | Shaped[np.ndarray, "n T"],
    y_test: Shaped[np.ndarray, " m"] | Shaped[np.ndarray, "m T"],
    fx_train_0: Float[np.ndarray, "n 1"] | Float[np.ndarray, "n T"],
    fx_test_0: Float[np.ndarray, "m 1"] | Float[np.ndarray, "m T"],
    *,
    recipe: Recipe,
    batches: Int[np.ndarray, "steps b"],
    observe_at: Sequence[int] = (),
) -> LinearizationTraining:
    """Trains linearizations of a network by `train_in_function_space`, each on another task.

    Args:
        k_train_train: the kernel of one output on the training samples.
        k_test_train: the kernel between test and training samples.
        y_train: labels 0 and 1 of one task, or of a task a column.
        y_test: the same of the test samples.
        fx_train_0: outputs at the training samples before training.
        fx_test_0: outputs at the test samples before training.
        recipe: how they train.
        batches: row indices of every step.
        observe_at: increasing numbers of epochs from 0 to the last, after which the test accuracy is kept.

    Raises:
        UserError: as `train_in_function_space` and `Recipe.in_function_space`.
        DivergedError: when training diverges.
    """
    y_train, y_test = (np.asarray(y).reshape(len(y), -1) for y in (y_train, y_test))
    n, loss = len(y_train), Loss.named(recipe.loss)
    trained = train_in_function_space(
        k_train_train,
        y_train.astype(np.float32),
        batches=batches,
        **recipe.in_function_space(n),
        fx_train_0=fx_train_0,
        k_test_train=k_test_train,
        fx_test_0=fx_test_0,
        observe_at=[epoch_ends(len(batches), n, recipe.batch_size)[epoch] for epoch in observe_at],
    )
    assert trained.fx_test is not None
    assert trained.observed is not None
    curve = [binary_accuracies(fx, y_test, loss.threshold) for fx in trained.observed]
    return LinearizationTraining(
        **vars(trained),
        train_loss=loss.multiple * epoch_means(trained.loss, n, recipe.batch_size).T,
        train_accuracy=binary_accuracies(trained.fx_train, y_train, loss.threshold),
        test_accuracy=binary_accuracies(trained.fx_test, y_test, loss.threshold),
        test_curve=np.array(curve).reshape(len(curve), y_test.shape[1]),
    )
