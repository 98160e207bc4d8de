"""Training by gradient descent on weights: recipes, minibatches, the loop, and how well and how far a network went."""

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.training.accuracy import accuracy, binary_accuracies
from ntk_repro.training.batches import epoch_means, minibatches
from ntk_repro.training.distances import cosine_distance, l2_distance
from ntk_repro.training.losses import LOSSES, loss_value
from ntk_repro.training.recipe import OPTIMIZERS, SCHEDULES, Recipe
from ntk_repro.training.weight_space import Training, train

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Recipe",
    "Training",
    "accuracy",
    "binary_accuracies",
    "cosine_distance",
    "epoch_means",
    "epochs_to_loss",
    "l2_distance",
    "loss_value",
    "minibatches",
    "train",
]
