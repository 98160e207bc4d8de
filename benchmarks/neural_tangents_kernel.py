"""neural-tangents' empirical kernel at its fastest on this machine, over implementations and batch sizes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.stopwatch import timed
from ntk_repro import Network
from ntk_repro.gram.through_neural_tangents import neural_tangents_kernel_fn
from ntk_repro.memory import available_bytes, readable_bytes

LONG = 5.0  # seconds


@dataclasses.dataclass(frozen=True)
class Setting:
    """A compiled kernel of two batches, and its measured time.

    Attributes:
        batch: samples per batch.
        implementation: of `nt.empirical_kernel_fn`.
        compiled: (params, state, x1, x2) -> the kernel of two batches.
        seconds: of one pair of batches.
    """

    batch: int
    implementation: int
    compiled: Any
    seconds: float

    @property
    def per_entry(self) -> float:
        """Seconds of one entry of the kernel."""
        return self.seconds / self.batch**2

    def as_dict(self) -> dict[str, Any]:
        """The setting as numbers for JSON."""
        return {"batch": self.batch, "implementation": self.implementation, "seconds_of_a_pair": self.seconds}

    def kernel(self, net: Network, x: np.ndarray) -> np.ndarray:
        """The kernel of x with itself, by all pairs of batches; the batch size divides the samples.

        Without `nt.batch`, which goes through the same pairs with more work on the host.
        """
        k = np.empty((len(x), len(x)), np.float32)
        for i in range(0, len(x), self.batch):
            for j in range(0, len(x), self.batch):
                rows, columns = slice(i, i + self.batch), slice(j, j + self.batch)
                k[rows, columns] = self.compiled(net.params, net.state, x[rows], x[columns])
        return k


def fastest(net: Network, x: np.ndarray, settings: Sequence[tuple[int, int]]) -> tuple[Setting, list]:
    """The setting with the least time per entry, and a record of all settings.

    Args:
        net: the network, of one output.
        x: samples, at least as many as the largest batch.
        settings: (batch, implementation) of each; those that do not fit into memory are skipped.
    """
    tried = []
    for batch, implementation in settings:
        arguments = (net.params, net.state, x[:batch], x[:batch])
        kernel_fn: Any = neural_tangents_kernel_fn(net.apply_fn, "mean", implementation)
        compiled = kernel_fn.lower(*arguments).compile()
        needed = getattr(compiled.memory_analysis(), "temp_size_in_bytes", 0)
        name = f"  neural-tangents, batches of {batch}, implementation {implementation}"
        if needed > 0.8 * available_bytes():
            print(f"{name}: needs {readable_bytes(needed)}, skipped", flush=True)
            continue
        time = timed(lambda c=compiled, a=arguments: c(*a))[0]
        if time < LONG:  # in short calls the overhead of the first one shows
            time = min(timed(lambda c=compiled, a=arguments: c(*a))[0] for _ in range(2))
        tried.append(Setting(batch, implementation, compiled, time))
        print(f"{name}: {time:.3f} s per pair, {tried[-1].per_entry * 1e6:.2f} s for 1,000 x 1,000", flush=True)
    best = min(tried, key=lambda setting: setting.per_entry)
    return best, [setting.as_dict() for setting in tried]
