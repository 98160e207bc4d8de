"""How fast this machine is, measured once and kept in the cache folder: what expected times go by."""

import contextlib
import functools
import importlib.metadata
import json
import os
import platform
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntk_repro.data import cache_dir
from ntk_repro.errors import UserError
from ntk_repro.record import from_dict
from ntk_repro.record.atomic import read_json, write_text

_PATIENCE = 0.3  # seconds of each measurement, after what has to be compiled
_SIDE = 2048  # of the matrices that are multiplied


@dataclass(frozen=True)
class MachineSpeed:
    """What three kinds of work take, in seconds.

    Attributes:
        product: a product of two float32 matrices of side 2,048, by XLA.
        training: a step of gradient descent of a small convolutional network.
        compiling: compiling this step.
    """

    product: float
    training: float
    compiling: float

    @property
    def slowness(self) -> float:
        """How much longer than on the machine of `REFERENCE`: the mean of the three."""
        return float(np.mean([getattr(self, kind) / seconds for kind, seconds in vars(REFERENCE).items()]))

    @property
    def product_rate(self) -> float:
        """Floating-point operations a second of the product."""
        return 2.0 * _SIDE**3 / self.product


# Two cores with AVX2, on which eleven presets were timed; the minutes of the others are of earlier machines.
REFERENCE = MachineSpeed(product=0.107, training=0.032, compiling=0.33)

_known: dict[Path, MachineSpeed] = {}  # by their files


def machine_speed(again: bool = False) -> MachineSpeed:
    """The speed of this machine: as it was measured before, else measured now, which takes a few seconds.

    Where JAX may not use the processor (`JAX_PLATFORMS=cuda`) it is that of the presets' machine.

    Args:
        again: measure now in any case.
    """
    path, machine = cache_dir() / f"speed-{socket.gethostname()}.json", _machine()
    if not again and path in _known:
        return _known[path]
    saved = read_json(path) or {}
    if not again and saved.get("machine") == machine:
        with contextlib.suppress(UserError):  # the file of another version: measured anew
            return _known.setdefault(path, from_dict(MachineSpeed, saved.get("speed", {}), str(path)))
    try:
        speed = _known[path] = _measured()
    except RuntimeError:  # JAX has no such device
        return REFERENCE
    # A cache that cannot be written: the next process measures again.
    with contextlib.suppress(OSError, UserError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"machine": machine, "speed": asdict(speed)}, indent=1) + "\n")
    return speed


def _machine() -> dict[str, Any]:
    """What a measurement holds for."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"machine": platform.machine(), "processors": processors, "jax": importlib.metadata.version("jax")}


def _measured() -> MachineSpeed:
    import jax
    import jax.numpy as jnp

    # On the processor even where there is an accelerator: that is where the presets' minutes hold.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        rng = np.random.default_rng(0)
        matrix = jnp.asarray(rng.standard_normal((_SIDE, _SIDE), np.float32))
        times = jax.jit(functools.partial(jnp.matmul, precision="highest"))
        product = _shortest(lambda: times(matrix, matrix))
        shapes = {"one": (5, 5, 3, 16), "two": (5, 5, 16, 32), "last": (8 * 8 * 32, 10)}
        params = {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
        x = rng.standard_normal((64, 32, 32, 3)).astype(np.float32)
        # A constant that was not there before: a program that JAX has compiled already would take no time.
        step = jax.jit(functools.partial(_step, rate=0.01 + time.time_ns() % 10**9 * 1e-12)).lower(params, x)
        started = time.perf_counter()
        compiled = step.compile()
        compiling = time.perf_counter() - started
        return MachineSpeed(product, _shortest(lambda: compiled(params, x)), compiling)


def _step(params, x, rate):
    import jax
    import jax.numpy as jnp

    def loss(params):
        h = x
        for name in ("one", "two"):
            layout = ("NHWC", "HWIO", "NHWC")
            h = jax.lax.conv_general_dilated(h, params[name], (1, 1), "SAME", dimension_numbers=layout)
            h = jax.nn.relu(h).reshape(len(x), h.shape[1] // 2, 2, h.shape[2] // 2, 2, -1).mean((2, 4))
        return jnp.mean((h.reshape(len(x), -1) @ params["last"]) ** 2)

    return jax.tree.map(lambda p, g: p - rate * g, params, jax.grad(loss)(params))


def _shortest(work: Callable[[], Any]) -> float:
    """Seconds of the shortest of a few calls, after a first one."""
    import jax

    jax.block_until_ready(work())
    best, end = float("inf"), time.perf_counter() + _PATIENCE
    while time.perf_counter() < end:
        started = time.perf_counter()
        jax.block_until_ready(work())
        best = min(best, time.perf_counter() - started)
    return best
