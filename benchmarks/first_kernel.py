"""Seconds to the first kernel of a custom network in a new process, here and by neural-tangents."""

import subprocess
import sys
import tempfile
from typing import Any

SAMPLES, OTHER, REPEATS = 100, 130, 3

# Both make the network first, in the time that counts; neural-tangents takes all samples in batches of a quarter.
_PROGRAM = """
import json, sys, time
import flax.linen as nn, jax, jax.numpy as jnp, numpy as np
from ntk_repro import Network, empirical_gram
from ntk_repro._neural_tangents import nt
from ntk_repro.gram import empirical

class Custom(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.avg_pool(nn.relu(nn.Conv(16, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        return nn.Dense(1)(x.reshape(len(x), -1))

def neural_tangents(net, x):
    kernel_fn = nt.empirical_kernel_fn(net.apply, trace_axes=(-1,))
    batch = next(b for b in (25, 26) if len(x) % b == 0)
    return np.asarray(nt.batch(kernel_fn, batch_size=batch)(x, None, "ntk", net.params))

which, cache, sizes = sys.argv[1], sys.argv[2], map(int, sys.argv[3:])
if cache:
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
kernel = {"ntk_repro": empirical_gram, "neural_tangents": neural_tangents}[which]
x = np.random.default_rng(0).normal(size=(200, 16, 16, 3)).astype(np.float32)
jax.block_until_ready(jnp.zeros(3) + 1)
found, start = [], time.perf_counter()
net = Network.create(Custom(), 0, x.shape[1:])
for n in sizes:
    kernel(net, x[:n])
    found.append(time.perf_counter() - start)
    start = time.perf_counter()
print(json.dumps(found))
"""


def run(repeats: int = REPEATS) -> dict[str, Any]:
    """Each the shortest of some new processes: without and with a filled compilation cache, again, and of another n."""
    with tempfile.TemporaryDirectory() as cache:
        _seconds("ntk_repro", cache)
        rounds = [
            (_seconds("neural_tangents", ""), _seconds("ntk_repro", ""), _seconds("ntk_repro", cache))
            for _ in range(repeats)
        ]
    theirs, cold, cached = (
        [min(times) for times in zip(*process, strict=True)] for process in zip(*rounds, strict=True)
    )
    found = {
        "neural_tangents": theirs[0],
        "cold": cold[0],
        "cached": cached[0],
        "again": cold[1],
        "another_n": cold[2],
        "neural_tangents_another_n": theirs[2],
    }
    found |= {f"{kind}_over_neural_tangents": found[kind] / theirs[0] for kind in ("cold", "cached", "another_n")}
    print(f"first kernel, network and n = {SAMPLES}: {cold[0]:.2f} s, with the cache {cached[0]:.2f} s; "
          f"neural-tangents {theirs[0]:.2f} s")  # fmt: skip
    print(f"the same again {cold[1]:.2f} s, n = {OTHER} {cold[2]:.2f} s (neural-tangents {theirs[2]:.2f} s)")
    return found


def _seconds(which: str, cache: str) -> list[float]:
    command = [sys.executable, "-c", _PROGRAM, which, cache, *map(str, (SAMPLES, SAMPLES, OTHER))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(number) for number in done.stdout.split("\n")[-2].strip("[]").split(",")]
