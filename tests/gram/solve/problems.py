"""Kernels of a known condition, and the process that factors one on disk until a test kills it.

Arguments of the process: folder of the kernel's store, folder of the factor.
"""

import sys
import time

import numpy as np

from ntk_repro.gram.solve import cholesky
from ntk_repro.gram.store import GramStore


def kernel(n: int, condition: float = 1e6, seed: int = 0) -> np.ndarray:
    """A random rotation of eigenvalues from 1 to `condition`."""
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    k = (rotation * np.geomspace(1, condition, n)) @ rotation.T
    return (k + k.T) / 2


def targets(n: int, columns: int = 2) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((n, columns))


def stored(folder, k: np.ndarray, tile: int, dtype: str = "float64") -> GramStore:
    with GramStore.open(folder, {"net": "mlp"}, n=len(k), tile=tile, dtype=dtype) as store:
        for i, j in store.missing():
            store.write(i, j, k[i * tile : (i + 1) * tile, j * tile : (j + 1) * tile])
        store.finish()
    return GramStore.read(folder)


# Of a kernel of 150 rows: a factor in memory needs 5 times as much, and this cuts it into 9 blocks, two at a time.
TIGHT = 180_000


if __name__ == "__main__":
    write = GramStore.write

    def reported(store, i, j, values):
        write(store, i, j, values)
        print(i, j, flush=True)
        time.sleep(0.02)  # so that a kill falls where the test wants it

    GramStore.write = reported  # pyright: ignore[reportAttributeAccessIssue]
    cholesky(GramStore.read(sys.argv[1]), memory=TIGHT, folder=sys.argv[2])
    assert "jax" not in sys.modules
