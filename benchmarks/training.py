"""A step of training: of a network, of its linearization, of several networks side by side, and PyTorch's."""

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.stopwatch import gemm_peak
from benchmarks.torch_networks import ABSENT, has_torch, torch_lenet, torch_lenet5, torch_mlp, torch_resnet18
from ntk_repro import Network
from ntk_repro.freed_memory import keep_freed_memory
from ntk_repro.training import Loss, Recipe, minibatches, side_by_side, training_bytes
from ntk_repro.training.problem import Problem

BATCHES = 16


def run(
    name: str,
    shape: tuple[int, ...],
    outputs: int,
    batch: int,
    tasks: int,
    torch_network: Callable[[], Any],
    steps: int = 20,
    repeats: int = 7,
    **model_kw: Any,
) -> dict[str, Any]:
    """Seconds per step on random images, SGD with momentum, half the squared error.

    All kinds take turns of `steps` steps, `repeats` times; the shortest turn of each counts. Side by side a turn is
    `steps` steps of each of `tasks` networks, and its time is divided by all of them.

    Args:
        name: the architecture.
        shape: of an image.
        outputs: of the network.
        batch: images a step.
        tasks: networks side by side.
        torch_network: the same layers in PyTorch.
        steps: a turn.
        repeats: turns of each kind.
        **model_kw: settings of the architecture.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES * batch, *shape)).astype(np.float32)
    y = rng.normal(size=(len(x), outputs)).astype(np.float32)
    net = Network.create(name, 0, shape, num_outputs=outputs, **model_kw)
    beside = [stepper(net, x, y, batch) for _ in range(tasks)]
    needed = training_bytes(net, x[:batch], Recipe().rule)
    kinds: dict[str, Callable[[int], Any]] = {
        "network": stepper(net, x, y, batch),
        "linearization": stepper(net.linearization(), x, y, batch),
        f"{tasks}_side_by_side": lambda steps: list(side_by_side(lambda go: go(steps), beside, needed)),
    }
    if has_torch():
        kinds["pytorch_network"] = _pytorch(torch_network(), x, y, batch)
    else:
        print(ABSENT)
    found = shortest_turns(kinds, steps, repeats)
    found[f"{tasks}_side_by_side"] /= tasks
    print(f"{name}, batch {batch}: " + ", ".join(f"{kind} {1e3 * value:.2f} ms" for kind, value in found.items()))
    row: dict[str, Any] = {"batch": batch, "parameters": net.num_params, "seconds": found, "gemm_peak": gemm_peak()}
    if has_torch():
        row["over_pytorch"] = {kind: value / found["pytorch_network"] for kind, value in found.items()}
        print("over PyTorch's network: " + ", ".join(f"{k} {v:.2f}" for k, v in row["over_pytorch"].items()))
    return row


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "lenet": functools.partial(run, "lenet", (32, 32, 3), 1, 128, 8, torch_lenet),
    "lenet5": functools.partial(run, "lenet5", (28, 28, 1), 10, 32, 5, lambda: torch_lenet5(1)),
    "lenet5_x5": functools.partial(run, "lenet5", (28, 28, 1), 10, 32, 5, lambda: torch_lenet5(5), width=5),
    "resnet18": functools.partial(
        run, "resnet18", (28, 28, 1), 1, 32, 4, lambda: torch_resnet18(8), width=0.125, residual_scale_init=1.0
    ),
    "mlp": functools.partial(run, "mlp", (32, 32, 3), 1, 128, 8, torch_mlp),
}


def shortest_turns(kinds: dict[str, Callable[[int], Any]], steps: int, repeats: int) -> dict[str, float]:
    """Seconds per step of each kind, a function that makes a number of steps, in turns."""
    seconds = dict.fromkeys(kinds, float("inf"))
    for work in kinds.values():
        work(1)
    for _ in range(repeats):
        for name, work in kinds.items():
            start = time.perf_counter()
            work(steps)
            seconds[name] = min(seconds[name], (time.perf_counter() - start) / steps)
    return seconds


def stepper(net: Network, x: np.ndarray, y: np.ndarray, batch: int, weight_decay: float = 0.0) -> Callable[[int], Any]:
    """A function that makes a number of steps and nothing else: those of `train`, called as `train` calls them."""
    recipe = Recipe(
        learning_rate=1e-3, weight_decay=weight_decay, batch_size=batch, loss="half_squared_error", epochs=1
    )
    batches = minibatches(0, len(x), batch, 1)
    live, rates = net.origin is None, recipe.learning_rates(len(x))
    problem = Problem(net, x, y, Loss.named(recipe.loss), recipe.rule, rates, batches)
    program, data = problem.program(net, live=live), problem.data(net, live)
    carry = [problem.start(*jax.tree.map(jnp.copy, (net.params, net.state if live else None)))]
    done = [0]

    def go(steps: int) -> Any:
        keep_freed_memory()
        with jax.default_matmul_precision("highest"):
            for _ in range(steps):
                carry[0], _ = program(carry[0], data, done[0], done[0] + 1)
                done[0] = (done[0] + 1) % len(batches)
        return jax.block_until_ready(carry[0])

    return go


def _pytorch(net: Any, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[int], Any]:
    import torch  # pyright: ignore[reportMissingImports]

    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    inputs, targets = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y.copy())
    batches = torch.from_numpy(minibatches(0, len(x), batch, 1).astype(np.int64))

    def go(steps: int) -> None:
        for i in range(steps):
            rows = batches[i % len(batches)]
            optimizer.zero_grad()
            ((net(inputs[rows]) - targets[rows]) ** 2).sum(1).mean().div(2).backward()
            optimizer.step()

    return go
