"""Training by gradient descent on weights: recipes, minibatches, losses, accuracies, and distances from the start.

`train` is a recipe's training (epochs, schedules, Adam); `descend` is the theory's (a constant learning rate, with
intermediate observations), `train_pair` that of a network and its linearization. All run the same steps.
"""

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.training.accuracy import accuracy, binary_accuracies, majority_rate
from ntk_repro.training.batches import epoch_means, minibatches
from ntk_repro.training.checkpoints import Checkpoint
from ntk_repro.training.distances import cosine_distance, l2_distance
from ntk_repro.training.gradient_descent import Descent, critical_learning_rate, descend, train_pair
from ntk_repro.training.landmarks import landmark_epochs
from ntk_repro.training.linearization import LinearizationTraining, train_linearization
from ntk_repro.training.losses import DESCENT_LOSSES, LOSSES, Loss
from ntk_repro.training.problem import training_bytes
from ntk_repro.training.recipe import OPTIMIZERS, SCHEDULES, Recipe
from ntk_repro.training.side_by_side import side_by_side
from ntk_repro.training.weight_space import Training, train

__all__ = [
    "DESCENT_LOSSES",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Checkpoint",
    "Descent",
    "LinearizationTraining",
    "Loss",
    "Recipe",
    "Training",
    "accuracy",
    "binary_accuracies",
    "cosine_distance",
    "critical_learning_rate",
    "descend",
    "epoch_means",
    "epochs_to_loss",
    "l2_distance",
    "landmark_epochs",
    "majority_rate",
    "minibatches",
    "side_by_side",
    "train",
    "train_linearization",
    "train_pair",
    "training_bytes",
]
