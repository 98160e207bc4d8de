"""A process that fills a store and says what it has flushed; started, and killed, by the tests of the store.

Arguments: folder, n, tile, writer, seconds to pause after each tile.
"""

import sys
import time

import numpy as np

from ntk_repro.gram.store.gram_store import GramStore


def entries(n):
    """A symmetric matrix that anyone can make again; some of its tiles are zero."""
    rows = np.arange(n, dtype=np.float32)
    k = np.sin(np.outer(rows, rows)).astype(np.float32) + np.minimum.outer(rows, rows)
    k[: n // 4, : n // 4] = 0
    return k


def block(k, store, i, j):
    """A tile of a matrix."""
    return k[i * store.tile : (i + 1) * store.tile, j * store.tile : (j + 1) * store.tile]


def fill(store, k, pause=0.0, report=None):
    for number, (i, j) in enumerate(store.missing()):
        store.write(i, j, block(k, store, i, j))
        time.sleep(pause)
        if report and number % 3 == 2:
            store.flush()
            report(f"{i} {j}", flush=True)
    store.finish(made_by="a test")


if __name__ == "__main__":
    folder, n, tile, writer, pause = sys.argv[1:]
    matrix = entries(int(n))
    print("ready", flush=True)
    with GramStore.open(folder, {"net": "mlp"}, n=int(n), tile=int(tile), writer=writer) as store:
        print("open", flush=True)
        fill(store, matrix, float(pause), print)
    assert "jax" not in sys.modules
