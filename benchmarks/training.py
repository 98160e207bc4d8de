"""An epoch of training LeNet, against PyTorch's if PyTorch is installed."""

from typing import Any

import numpy as np

from benchmarks.stopwatch import seconds
from benchmarks.torch_lenet import ABSENT, has_torch, torch_lenet
from ntk_repro import Network
from ntk_repro.training import Recipe, minibatches, train

SAMPLES, BATCH = 10_000, 128


def run() -> dict[str, Any]:
    """Seconds of one epoch of 10,000 CIFAR-shaped images in minibatches of 128, SGD with momentum."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, 32, 32, 3)).astype(np.float32)
    y = rng.integers(0, 2, SAMPLES)
    found: dict[str, Any] = {"ours": _epoch(lambda epochs: _ours(x, y, epochs))}
    print(f"LeNet, an epoch of {SAMPLES:,} images in batches of {BATCH}: {found['ours']:.2f} s")
    if not has_torch():
        print(ABSENT)
        return found
    found["pytorch"] = _epoch(lambda epochs: _pytorch(x, y, epochs))
    found["ratio"] = found["pytorch"] / found["ours"]
    print(f"PyTorch: {found['pytorch']:.2f} s, {found['ratio']:.2f} times ours")
    return found


def _epoch(train_for) -> float:
    """One epoch: half the difference of three epochs and one, without one-time work (evaluation, copies)."""
    return (seconds(lambda: train_for(3)) - seconds(lambda: train_for(1))) / 2


def _ours(x: np.ndarray, y: np.ndarray, epochs: int):
    recipe = Recipe(epochs=epochs, batch_size=BATCH, schedule="constant")
    net = Network.create("lenet", 0, x.shape[1:])
    return train(net, x, y, recipe=recipe, batches=minibatches(0, len(x), BATCH, epochs)).network.params


def _pytorch(x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    inputs = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(y).float()[:, None]
    net = torch_lenet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loss_fn = nn.BCEWithLogitsLoss()
    for batch in minibatches(0, len(x), BATCH, epochs):
        rows = torch.from_numpy(np.asarray(batch, np.int64))
        optimizer.zero_grad()
        loss_fn(net(inputs[rows]), labels[rows]).backward()
        optimizer.step()
