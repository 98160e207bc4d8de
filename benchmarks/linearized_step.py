"""A step of training a linearized network with ten outputs: one derivative forward and one back, against L backward
passes (the paper's way), a step of the network itself, and PyTorch's if that is installed.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.torch_lenet import ABSENT, has_torch
from ntk_repro import Network
from ntk_repro.data import one_hot
from ntk_repro.training import Loss, Recipe, minibatches
from ntk_repro.training.problem import Problem

WIDTHS = (1.0, 10.0)
BATCH, OUTPUTS, SHAPE = 32, 10, (28, 28, 1)


def run(widths: tuple[float, ...] = WIDTHS, steps: int = 10, repeats: int = 5) -> dict[str, Any]:
    """Seconds per step of LeNet-5 and of its linearization at each width, batch 32, SGD with momentum and weight decay.

    All kinds take turns of `steps` steps, the ten backward passes turns of a tenth of that, `repeats` times; the
    shortest turn of each counts. Before that, the gradients of both ways of training the linearization are compared.
    """
    found: dict[str, Any] = {"batch": BATCH, "outputs": OUTPUTS, "steps": steps, "repeats": repeats, "widths": {}}
    for width in widths:
        found["widths"][f"{width:g}"] = row = _measured(width, steps, repeats)
        line = ", ".join(f"{name} {1e3 * row['seconds'][name]:.1f} ms" for name in row["seconds"])
        print(f"LeNet-5 x{width:g}, {row['parameters']:,} parameters: {line}", flush=True)
        print(
            f"  linearization: {row['ratio_to_network']:.2f} steps of the network; {row['ratio_to_passes']:.1f} times "
            f"as fast as {OUTPUTS} backward passes, whose gradient differs by {row['gradient_difference']:.1e}"
        )
    if not has_torch():
        print(ABSENT)
    return found


def _measured(width: float, steps: int, repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16 * BATCH, *SHAPE)).astype(np.float32)
    y = one_hot(rng.integers(0, OUTPUTS, len(x)), OUTPUTS)
    net = Network.create("lenet5", 0, SHAPE, width=width, num_outputs=OUTPUTS)
    passes, difference = _passes(net, x[:BATCH], y[:BATCH])
    kinds: dict[str, Callable[[int], Any]] = {
        "network": _trained(net, x, y),
        "linearization": _trained(net.linearization(), x, y),
        f"{OUTPUTS}_backward_passes": passes,
    }
    if has_torch():
        kinds["pytorch_network"] = _pytorch(net, x, y)
    turns = {name: max(1, steps // OUTPUTS) if work is passes else steps for name, work in kinds.items()}
    seconds = {name: float("inf") for name in kinds}
    for work in kinds.values():
        work(1)
    for _ in range(repeats):
        for name, work in kinds.items():
            start = time.perf_counter()
            jax.block_until_ready(work(turns[name]))
            seconds[name] = min(seconds[name], (time.perf_counter() - start) / turns[name])
    linear = seconds["linearization"]
    row = {
        "parameters": net.num_params,
        "seconds": seconds,
        "ratio_to_network": linear / seconds["network"],
        "ratio_to_passes": seconds[f"{OUTPUTS}_backward_passes"] / linear,
        "gradient_difference": difference,
    }
    if "pytorch_network" in seconds:
        row["ratio_to_pytorch_network"] = linear / seconds["pytorch_network"]
    return row


def _trained(net: Network, x: np.ndarray, y: np.ndarray) -> Callable[[int], Any]:
    """A function that makes a number of steps and nothing else: those of `train`, called as `train` calls them."""
    recipe = Recipe(learning_rate=0.01, weight_decay=5e-5, batch_size=BATCH, loss="half_squared_error", epochs=1)
    batches = minibatches(0, len(x), BATCH, 1)
    live, rates = net.origin is None, recipe.learning_rates(len(x))
    problem = Problem(net, x, y, Loss.named(recipe.loss), recipe.rule, rates, batches)
    program, data = problem.program(net, live=live), problem.data(net, live)
    carry = [problem.start(*jax.tree.map(jnp.copy, (net.params, net.state if live else None)))]
    done = [0]

    def go(steps: int) -> Any:
        with jax.default_matmul_precision("highest"):
            for _ in range(steps):
                carry[0], _ = program(carry[0], data, done[0], done[0] + 1)
                done[0] = (done[0] + 1) % len(batches)
        return carry[0]

    return go


def _passes(net: Network, x: np.ndarray, y: np.ndarray) -> tuple[Callable[[int], Any], float]:
    """Eq. (3) of Samarin et al. 2022, literally: a gradient for every sample and output; SGD with momentum.

    One output after the other, as the gradients of all of them do not fit into memory at large widths. Also returns the
    difference from the gradient by one derivative forward and one back, relative to its largest entry.
    """
    linear = net.linearization()

    @jax.jit
    def add(total, output, params, origin, x, y):
        u = jax.tree.map(jnp.subtract, params, origin)

        def single(params, x):
            return net.apply(params, x[None])[0, output]

        fx, grads = jax.vmap(jax.value_and_grad(single), in_axes=(None, 0))(origin, x)
        pairs = zip(jax.tree.leaves(grads), jax.tree.leaves(u), strict=True)
        residual = (fx + sum(jnp.tensordot(g, d, d.ndim) for g, d in pairs) - y[:, output]) / len(x)
        return jax.tree.map(lambda old, g: old + jnp.tensordot(residual, g, 1), total, grads)

    def gradient(params, origin, x, y):
        # A loop in Python: inside a compiled loop XLA's convolutions are several times slower on a CPU.
        total = jax.tree.map(jnp.zeros_like, params)
        for output in range(OUTPUTS):
            total = add(total, output, params, origin, x, y)
        return total

    @jax.jit
    def move(params, velocity, origin, grads):
        grads = jax.tree.map(lambda g, p, o: g + 5e-5 * (p - o), grads, params, origin)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grads)
        return jax.tree.map(lambda p, v: p - 0.01 * v, params, velocity), velocity

    x_batch, y_batch = jnp.asarray(x), jnp.asarray(y)
    carry = [(net.params, jax.tree.map(jnp.zeros_like, net.params))]

    def go(steps: int) -> Any:
        for _ in range(steps):
            params, velocity = carry[0]
            carry[0] = move(params, velocity, net.params, gradient(params, net.params, x_batch, y_batch))
        return carry[0]

    moved = jax.tree.map(lambda leaf: leaf + 0.01 * jnp.sin(jnp.arange(leaf.size)).reshape(leaf.shape), net.params)

    def loss(params):
        fx = linear.apply_fn(params, {"origin": net.params, "state": net.state}, x_batch)
        return jnp.sum((fx - y_batch) ** 2) / 2 / len(x)

    ours = jax.tree.leaves(jax.jit(jax.grad(loss))(moved))
    theirs = jax.tree.leaves(gradient(moved, net.params, x, y))
    difference = max(float(jnp.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    return go, difference / max(float(jnp.abs(a).max()) for a in ours)


def _pytorch(net: Network, x: np.ndarray, y: np.ndarray) -> Callable[[int], Any]:
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    module: Any = net.module
    (c1, c2), (h1, h2) = module.channels, module.hidden
    theirs = nn.Sequential(
        nn.Conv2d(1, c1, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(c1, c2, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(25 * c2, h1), nn.ReLU(), nn.Linear(h1, h2), nn.ReLU(), nn.Linear(h2, OUTPUTS),
    )  # fmt: skip
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-5)
    inputs, targets = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y.copy())
    batches = torch.from_numpy(minibatches(0, len(x), BATCH, 1).astype(np.int64))

    def go(steps: int) -> None:
        for i in range(steps):
            rows = batches[i % len(batches)]
            optimizer.zero_grad()
            ((theirs(inputs[rows]) - targets[rows]) ** 2).sum(1).mean().div(2).backward()
            optimizer.step()

    return go
