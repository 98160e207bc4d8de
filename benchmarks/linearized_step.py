"""A step of training a linearized network with ten outputs: one derivative forward and one back, against L backward
passes (the paper's way) and a step of the network itself. `training` compares steps with PyTorch's.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.training import shortest_turns, stepper
from ntk_repro import Network
from ntk_repro.data import one_hot

WIDTHS = (1.0, 10.0)
BATCH, OUTPUTS, SHAPE, DECAY = 32, 10, (28, 28, 1), 5e-5


def run(widths: tuple[float, ...] = WIDTHS, steps: int = 10, repeats: int = 5) -> dict[str, Any]:
    """Seconds per step of LeNet-5 and of its linearization at each width, batch 32, SGD with momentum and weight decay.

    Both take turns of `steps` steps, `repeats` times, and the ten backward passes a tenth of these steps; the shortest
    turn of each counts. Before that, the gradients of both ways of training the linearization are compared.
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
    return found


def _measured(width: float, steps: int, repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16 * BATCH, *SHAPE)).astype(np.float32)
    y = one_hot(rng.integers(0, OUTPUTS, len(x)), OUTPUTS)
    net = Network.create("lenet5", 0, SHAPE, width=width, num_outputs=OUTPUTS)
    passes, difference = _passes(net, x[:BATCH], y[:BATCH])
    kinds: dict[str, Callable[[int], Any]] = {
        "network": stepper(net, x, y, BATCH, DECAY),
        "linearization": stepper(net.linearization(), x, y, BATCH, DECAY),
    }
    seconds = shortest_turns(kinds, steps, repeats)
    seconds |= shortest_turns({f"{OUTPUTS}_backward_passes": passes}, max(1, steps // OUTPUTS), repeats)
    linear = seconds["linearization"]
    return {
        "parameters": net.num_params,
        "seconds": seconds,
        "ratio_to_network": linear / seconds["network"],
        "ratio_to_passes": seconds[f"{OUTPUTS}_backward_passes"] / linear,
        "gradient_difference": difference,
    }


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
        grads = jax.tree.map(lambda g, p, o: g + DECAY * (p - o), grads, params, origin)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grads)
        return jax.tree.map(lambda p, v: p - 0.01 * v, params, velocity), velocity

    x_batch, y_batch = jnp.asarray(x), jnp.asarray(y)
    carry = [(net.params, jax.tree.map(jnp.zeros_like, net.params))]

    def go(steps: int) -> Any:
        for _ in range(steps):
            params, velocity = carry[0]
            carry[0] = move(params, velocity, net.params, gradient(params, net.params, x_batch, y_batch))
        return jax.block_until_ready(carry[0])

    moved = jax.tree.map(lambda leaf: leaf + 0.01 * jnp.sin(jnp.arange(leaf.size)).reshape(leaf.shape), net.params)

    def loss(params):
        fx = linear.apply_fn(params, {"origin": net.params, "state": net.state}, x_batch)
        return jnp.sum((fx - y_batch) ** 2) / 2 / len(x)

    ours = jax.tree.leaves(jax.jit(jax.grad(loss))(moved))
    theirs = jax.tree.leaves(gradient(moved, net.params, x, y))
    difference = max(float(jnp.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    return go, difference / max(float(jnp.abs(a).max()) for a in ours)
