"""Whether eigenfunction labels agree between matrix libraries: their code for other processors, and one thread.

The same kernel and its eigenvectors are computed in processes in which OpenBLAS and XLA take the code that they have
for other processors. Labels are signs of eigenvectors, which are fixed up to rounding, but where two eigenvalues
nearly coincide any rotation of the two vectors is as good. Runs of `ntk_repro.eigentasks` save their labels for that.
"""

import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.child_process import run_child
from ntk_repro.data import load_dataset
from ntk_repro.gram import eigenbasis
from ntk_repro.network import Network

NETS, K = ("mlp", "lenet"), 1000
VARIANTS: dict[str, dict[str, str]] = {
    "as it is": {},
    "again": {},
    "one thread": {"OPENBLAS_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"},
    "OpenBLAS for Sandy Bridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
    "OpenBLAS for Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "XLA for AVX": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX"},
}
_FEW = 0.01  # share of labels that differ
_NEAR = 1e-3  # distance to the next eigenvalue over the eigenvalue
_BANDS = (1, 10, 100, 300, 600)


def run(nets: Sequence[str] = NETS, samples: int = 5000, k: int = K) -> dict[str, Any]:
    """On digits, by network and variant: shares of labels that differ from those of the machine as it is."""
    found: dict[str, Any] = {}
    bands = [bound for bound in _BANDS if bound < k] + [k]
    for net in nets:
        values, labels = {}, {}
        for name, variables in VARIANTS.items():
            with tempfile.TemporaryDirectory() as folder:
                run_child([sys.executable, "-m", "benchmarks.labels", net, folder, str(samples), str(k)], variables)
                saved = np.load(Path(folder) / "labels.npz")
                values[name], labels[name] = saved["values"], saved["labels"]
        first, *others = VARIANTS
        gaps = gaps_of(values[first])
        found[net] = {"near_degenerate": [[int(at + 1), float(gaps[at])] for at in np.flatnonzero(gaps < _NEAR)]}
        print(f"{net}: {len(found[net]['near_degenerate'])} of {k} eigenvalues within {_NEAR:g} of a neighbour")
        for name in others:
            shares = differing(labels[first], labels[name])
            far = np.flatnonzero(shares > _FEW)
            found[net][name] = {"shares": shares.tolist(), "differ": [[int(at + 1), float(gaps[at])] for at in far]}
            means = ", ".join(f"{low} to {high}: {shares[low - 1 : high].mean():.3%}" for low, high in pairwise(bands))
            named = "; ".join(f"{at + 1} ({shares[at]:.1%}, gap {gaps[at]:.1g})" for at in far[:12])
            print(f"  {name}: {means}; above {_FEW:.0%}: {len(far)} {named}", flush=True)
    return found


def gaps_of(values: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """The distance of each eigenvalue, of falling ones, to its nearest neighbour, over the eigenvalue."""
    apart = -np.diff(values)
    return np.minimum(np.append(apart, np.inf), np.append(np.inf, apart)) / values


def differing(one: Bool[np.ndarray, "n k"], other: Bool[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    """The share of labels of each column that differ, up to the sign of the eigenvector."""
    shares = np.mean(one != other, axis=0)
    return np.minimum(shares, 1 - shares)


def _child(net: str, folder: str, samples: str, k: str) -> None:
    x = load_dataset("mnist5k").x[: int(samples)]
    basis = eigenbasis(Network.create(net, 0, x.shape[1:]), x, int(k), identity={"net": net}, root=Path(folder))
    np.savez(Path(folder) / "labels.npz", values=basis.values, labels=basis.vectors >= 0)


if __name__ == "__main__":
    _child(*sys.argv[1:])
