"""Ensembles: outputs of many networks trained by full-batch gradient descent, against a Python loop of trainings."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ntk_repro import build_model
from ntk_repro.gp import ensemble
from ntk_repro.network import Network
from ntk_repro.training import critical_learning_rate

LEARNING_RATE = 0.5


def wide(
    width: int = 512, networks: int = 100, steps: int = 100, samples: int = 128, inputs: int = 784
) -> dict[str, Any]:
    """100 networks of 3 hidden tanh layers of 512 units on 128 images of 28 x 28 pixels (Figure 2's, narrower)."""
    return compare(width, networks, steps, samples, inputs)


def narrow(
    width: int = 16, networks: int = 100, steps: int = 5000, samples: int = 16, inputs: int = 4
) -> dict[str, Any]:
    """100 networks of 3 hidden layers of 16 units on 16 points, where one network does not use the full processor."""
    return compare(width, networks, steps, samples, inputs)


PARTS = {"wide": wide, "narrow": narrow}


def compare(width: int, networks: int, steps: int, samples: int, inputs: int) -> dict[str, Any]:
    """Seconds of both, without compilation, and the largest difference between their outputs at 20 test inputs."""
    rng = np.random.default_rng(0)
    x, x_test = (rng.normal(size=(n, inputs)).astype(np.float32) for n in (samples, 20))
    y = np.sign(rng.normal(size=(samples, 1))).astype(np.float32)
    module = build_model("fcn", hidden=width, depth=3, activation="tanh", sigma_w=1.5**0.5)
    key = jax.random.key(0)
    first = Network.create(module, jax.random.fold_in(key, 0), (inputs,))
    critical = critical_learning_rate(first, x, 1)
    rate = min(LEARNING_RATE, 0.02 * critical)  # closer to the critical rate narrow networks amplify rounding
    step = _step(first, rate)

    def ours(num):
        return ensemble(module, key, num, x, y, x_test, learning_rate=rate, steps=steps, critical=critical)[:, 0]

    def loop(num):
        nets = (Network.create(module, jax.random.fold_in(key, i), (inputs,)) for i in range(num))
        return np.stack([_train(step, net, jnp.asarray(x), jnp.asarray(y), steps)(x_test) for net in nets])

    found: dict[str, Any] = {
        "width": width, "networks": networks, "steps": steps, "samples": samples, "inputs": inputs,
        "parameters": first.num_params, "devices": len(jax.local_devices()), "backend": jax.default_backend(),
    }  # fmt: skip
    outputs = {}
    for method, work in (("ensemble", ours), ("loop", loop)):
        work(networks if method == "ensemble" else 1)  # compiles; a block holds at most all networks
        started = time.perf_counter()
        outputs[method] = work(networks)
        found[method] = time.perf_counter() - started
    found["ratio"] = found["loop"] / found["ensemble"]
    found["difference"] = float(np.abs(outputs["ensemble"] - outputs["loop"]).max())
    # The inputs have no gradient, so the first layer has two products a step and the others three.
    work = samples * (6 * first.num_params - 2 * inputs * width) * steps * networks
    found["gflops"] = {what: work / found[what] / 1e9 for what in outputs}
    print(f"{networks} networks of width {width}, {steps} steps: {found['ensemble']:.1f} s as an ensemble")
    print(f"one after the other, steps called from Python: {found['loop']:.1f} s, {found['ratio']:.2f} times as long")
    print(f"outputs differ by {found['difference']:.1e}")
    return found


def _step(net: Network, rate: float):
    """A step of optax.sgd, compiled once for all networks."""
    optimizer = optax.sgd(rate)

    @jax.jit
    def step(params, state, x, y):
        gradient = jax.grad(lambda params: 0.5 * jnp.mean((net.apply(params, x) - y) ** 2))(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state

    return optimizer.init, step


def _train(step, net: Network, x, y, steps: int) -> Network:
    init, advance = step
    params, state = net.params, init(net.params)
    for _ in range(steps):
        params, state = advance(params, state, x, y)
    return net.replace(params=params)
