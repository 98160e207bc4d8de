"""A finished run of the eigentasks study with chosen curves, so that figures and claims are tested without training."""

from pathlib import Path

import numpy as np

from ntk_repro.eigentasks import EigentasksConfig
from ntk_repro.record import RunFolder

INDICES = (2, 11, 51, 101)


def finished_run(
    root: Path,
    net="mlp",
    seed=0,
    network=None,
    linearized=None,
    epochs_to=None,
    l2_distance=None,
    images=(4000, 1000),
    **settings,
) -> RunFolder:
    """By default both accuracies fall, the linearization is ahead, and the training metrics grow with the index.

    `images` are those for training and for testing.
    """
    config = EigentasksConfig(net=net, seed=seed, indices=INDICES, **settings).resolved()
    every = np.array(config.linearized_indices)
    curve = 0.98 - 0.002 * every if linearized is None else np.interp(every, INDICES, linearized)
    baseline = {"baseline_network_test_accuracy": 0.93 + 0.01 * seed, "baseline_linearized_test_accuracy": 0.9}
    baseline["baseline_alignment"] = 0.4
    with RunFolder.open("eigentasks", config, root=root) as folder:
        counts = dict(zip(("n_train", "n_test"), images, strict=True))
        folder.describe(provenance={"label": "MNIST (5,000 digits)", **counts})
        folder.finish(
            index=np.array(INDICES),
            network_test_accuracy=np.array([0.95, 0.85, 0.75, 0.65] if network is None else network),
            linearized_index=every,
            linearized_test_accuracy=curve,
            majority_rate=np.full(len(every), 0.52),
            network_train_accuracy=np.full(len(INDICES), 0.99),
            linearized_train_accuracy=np.full(len(every), 0.99),
            linearized_halfway_accuracy=curve,
            linearized_loss=np.ones((len(every), config.epochs)),
            alignment=1.0 / every,
            sign_overlap=np.full(every[-1], 0.78),
            parameters=317_501,
            network_loss=_losses([3, 5, 9, np.nan] if epochs_to is None else epochs_to, config.epochs),
            l2_distance=np.array([1.0, 2.0, 4.0, 8.0] if l2_distance is None else l2_distance),
            cosine_distance=np.array([0.1, 0.2, 0.3, 0.4]),
            **(baseline if config.baseline else {}),
        )
    return RunFolder.read(folder.path)


def _losses(epochs_to, epochs: int) -> np.ndarray:
    """Curves that are 0.01 from these epochs on, and 1 before."""
    return np.where(np.arange(1, epochs + 1) >= np.array(epochs_to, float)[:, None], 0.01, 1.0)
