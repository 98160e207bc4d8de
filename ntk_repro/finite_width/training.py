"""Experiment: a network and its linearization, from one initialization on the same minibatches.

Source: Samarin et al. 2022, section 4.1 (Figures 2 to 5 and A2, Tables A1 and A2), and what sections 3 and 4 say of
cross-entropy and of double precision.
"""

import contextlib
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset, RegressionData
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.finite_width import baselines
from ntk_repro.finite_width.output_statistics import output_statistics
from ntk_repro.finite_width.settings import FiniteWidthSettings, SgdSettings
from ntk_repro.finite_width.task import checked_images, targets
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.precision import cast, float64_scope
from ntk_repro.progress import console
from ntk_repro.ranges import check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, l2_distance, landmark_epochs, side_by_side, train, training_bytes

KINDS = ("network", "linearized")


@dataclass(frozen=True)
class Config(SgdSettings, FiniteWidthSettings):
    """Trains a network and its linearization, and compares their accuracies."""

    models: Literal["both", "network", "linearized"] = "both"
    """What to train: both, only the network or only the linearization."""
    learning_rate: float = 0.1
    """Learning rate, for the loss that --loss-reduction names."""
    epochs: int = 100
    decay_epochs: int | None = None
    """The learning rate is divided by ten every this many passes (the paper: 30 for cifar10 and snakes);
    none: never."""
    loss_reduction: Literal["mean", "sum"] = "mean"
    """The loss is the squared error, averaged over the batch and over the outputs (mean), or summed over the outputs
    (sum: what Eq. 3 prints, with which learning rate 0.1 is too large for wide networks: see `curvature`)."""
    loss: Literal["squared_error", "cross_entropy"] = field(default="squared_error", metadata={"added": True})
    """The loss: the squared error, or the cross-entropy of the softmax, averaged over the batch."""
    precision: Literal["float32", "float64"] = field(default="float32", metadata={"added": True})
    """Of weights, images and every step."""
    follow: int = 200
    """Test images whose outputs are followed through the training."""
    baseline: bool = True
    """Whether to fit a logistic regression on the pixels, too (once for each data set)."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        _ = self.recipe
        check_not_negative(follow=self.follow)
        return super().canonical()

    @property
    def recipe(self) -> Recipe:
        """How both train.

        Raises:
            UserError: for a setting out of range.
        """
        loss = {"mean": "mean_squared_error", "sum": "squared_error"}[self.loss_reduction]
        if self.loss == "cross_entropy":
            if self.loss_reduction == "sum":
                raise UserError("--loss-reduction sum is of the squared error: leave it out with --loss cross_entropy")
            loss = self.loss
        return self.recipe_for(loss, self.decay_epochs)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is trained."""
        return KINDS if self.models == "both" else (self.models,)

    @property
    def followed_epochs(self) -> tuple[int, ...]:
        """Epochs at which outputs and distances are observed: 0, 1, 2, 5, 10, 20, 50 ... and the last."""
        return landmark_epochs(self.epochs)

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        unusual = [name for name in (self.loss, self.precision) if name not in ("squared_error", "float32")]
        return ", ".join([super().label, *unusual])


def _load(config: Config) -> Dataset:
    data = checked_images(config)
    config.check_batches(len(data.x_train))
    return data


@experiment("finite_width_training", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains both models, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, with <kind> network and linearized (those that were trained), E epochs and F followed ones:
    `num_params`; `<kind>_train_accuracy`, `<kind>_test_accuracy`, `<kind>_distance` (||theta - theta_0||),
    `<kind>_loss` (E,) in the loss that was minimized, `<kind>_distance_followed` (F,), `<kind>_one_mean` and the other
    statistics of `output_statistics` (F, ...) on the test images that were followed; `followed_epochs` (F,);
    `outputs_apart` (F,), the root mean square difference of the two models' outputs there, and `outputs_moved` (F,),
    that of the network's outputs from their start; `majority_rate` of the test labels; with a baseline
    `logistic_train_accuracy` and `logistic_test_accuracy`. Accuracies lie between 0 and 1; nan where a training
    diverged.
    """
    y = targets(data)
    net = config.initial_network(data.x_train.shape[1:], y.num_outputs)
    followed = followed_images(len(data.x_test), config.follow)
    found: dict[str, np.ndarray] = {
        "num_params": np.asarray(net.num_params),
        "followed_epochs": np.array(config.followed_epochs),
        "majority_rate": np.asarray(y.y_test.mean(axis=0).max()),
    }
    if config.baseline:
        fitted = baselines.run(baselines.Config.of(config), folder.root, data).result()
        found |= {name: fitted[name] for name in ("logistic_train_accuracy", "logistic_test_accuracy")}
    # Both precisions start from the same weights and take the same minibatches: in double precision JAX draws others.
    batches = config.recipe.minibatches(config.seed, len(data.x_train))
    outputs = {}
    with float64_scope() if config.precision == "float64" else contextlib.nullcontext():
        net = net.replace(params=cast(net.params, np.dtype(config.precision)))
        models = {kind: net if kind == "network" else net.linearization() for kind in config.kinds}
        x = np.asarray(data.x_train[: config.batch_size], config.precision)
        images = (data.x_train.size + data.x_test.size) * x.itemsize
        needed = images + training_bytes(models[config.kinds[-1]], x, config.recipe.rule)

        def trained(kind: str) -> dict[str, np.ndarray]:
            return folder.part(kind, _one, config, kind, models[kind], y, batches, followed, folder, phase=kind)

        for kind, part in zip(models, side_by_side(trained, config.kinds, needed), strict=True):
            outputs[kind] = part.pop("outputs")
            part |= output_statistics(outputs[kind], y.y_test[followed])
            found |= {f"{kind}_{name}": value for name, value in part.items()}
    if len(outputs) == 2 and config.follow:
        now = np.asarray(outputs["network"], np.float64)
        for name, other in (("outputs_apart", outputs["linearized"]), ("outputs_moved", now[:1])):
            found[name] = np.sqrt(np.mean((now - other) ** 2, axis=(1, 2)))
    return found


def followed_images(available: int, count: int) -> Int[np.ndarray, " f"]:
    """Which test images are followed, the same for every network; drawn, as images of a folder are sorted by class."""
    return np.sort(np.random.default_rng(0).permutation(available)[:count])


def _one(
    config: Config,
    kind: str,
    net: Network,
    data: RegressionData,
    batches: Int[np.ndarray, "steps b"],
    followed: Int[np.ndarray, " f"],
    folder: RunFolder,
) -> dict[str, Any]:
    """The result of training one model, with what is observed at the epochs followed; nan where it had diverged."""
    console.print(f"  {kind}, {net.num_params:,} parameters", highlight=False)
    x_train, x_test = (np.asarray(x, config.precision) for x in (data.x_train, data.x_test))
    x = x_test[followed]
    epochs = {epoch: f"{kind}_followed_{epoch:05d}" for epoch in config.followed_epochs}
    diverged = {"fx": np.full((len(x), data.num_outputs), np.nan, np.float32), "distance": np.nan}

    def observe(epoch: int, now: Network) -> None:
        distance = l2_distance(now.params, net.params)
        folder.save_part(epochs[epoch], fx=now(x) if len(x) else diverged["fx"], distance=distance)

    training = train(
        net,
        x_train,
        data.y_train,
        recipe=config.recipe,
        batches=batches,
        x_test=x_test,
        y_test=data.y_test,
        checkpoint_at=epochs,
        checkpoint_fn=observe,
        folder=folder,
        name=kind,
    )
    observed = [folder.load_part(part) or diverged for part in epochs.values()]
    return {
        "train_accuracy": training.train_accuracy,
        "test_accuracy": training.test_accuracy,
        "distance": training.l2_distance,
        "loss": training.train_loss,
        "distance_followed": np.array([one["distance"] for one in observed], float),
        "outputs": np.stack([one["fx"] for one in observed]),
    }


def show(folder: RunFolder) -> None:
    """Prints the accuracies of both models."""
    result, config = folder.result(), folder.config
    columns = {"model": "", "training accuracy": ".2%", "test accuracy": ".2%", "weight distance": ".3g"}
    rows: list[tuple[Any, ...]] = [
        (kind, *(result[f"{kind}_{name}"] for name in ("train_accuracy", "test_accuracy", "distance")))
        for kind in KINDS
        if f"{kind}_loss" in result
    ]
    if config["baseline"]:
        rows.append(("logistic regression", result["logistic_train_accuracy"], result["logistic_test_accuracy"], ""))
    title = f"{display_name(config['net'])} x{config['width']:g}, {result['num_params']:,} parameters"
    print_table(columns, rows, title)
