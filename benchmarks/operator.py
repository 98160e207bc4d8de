"""Products of `ntk_operator`: time and peak memory for many parameters and many samples, and against the Gram matrix.

Each part runs in a separate process: `python -m benchmarks.operator PART ARGUMENTS` measures one and prints it.
"""

import functools
import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.child_process import run_child

GIBIBYTES = 6.0  # allowed to each part in all
MEMORY = 3 * 2**30  # of it, to the products
FORESEEN = 60_000  # samples
VECTORS = (1, 8)
_NETWORKS = {
    "hundred_million": ("mlp", {"width": 85.8}),  # two hidden layers of 8,580
    "resnet18": ("resnet18", {"width": 1.0, "residual_scale_init": 1.0}),
    "lenet": ("lenet", {}),
}


def measured(part: str, *sizes: int, side: int = 32) -> dict[str, Any]:
    """One part in a fresh process, with its peak memory.

    Args:
        part: the network.
        sizes: numbers of samples.
        side: of the images.
    """
    child = run_child([sys.executable, "-m", "benchmarks.operator", part, str(side), *map(str, sizes)])
    found = {**json.loads(child.output.splitlines()[-1]), "peak_bytes": child.peak_bytes}
    found["kept_within"] = child.peak_bytes <= GIBIBYTES * 2**30
    peak = f"peak {child.peak_bytes / 2**30:.2f} GiB of {GIBIBYTES:g}"
    print(f"{part}, {found['num_params']:,} parameters, {found['samples_a_block']} samples a block: {peak}")
    for row in found["rows"]:
        times = ", ".join(f"{count} vectors {row[f'seconds_{count}']:.2f} s" for count in VECTORS)
        print(f"  n = {row['n']:,}: a product with {times}", end="")
        foreseen = f"{FORESEEN:,} samples foreseen: {row['foreseen_seconds']:,.0f} s a vector"
        if "crossover" in row:
            print(f", the matrix {row['gram_seconds']:.2f} s: as many as {row['crossover']:.1f} vectors", end="")
        print(f"; {foreseen}", flush=True)
    return found


def measure_here(part: str, sizes: tuple[int, ...], side: int) -> dict[str, Any]:
    """Seconds of products in this process, and for LeNet of the matrix; what is compiled was compiled before."""
    from benchmarks.stopwatch import timed  # here, as the process that starts the others does not need JAX
    from ntk_repro import Network, empirical_gram, ntk_operator
    from ntk_repro.gram.operator.jacobian_products import Sizes

    name, settings = _NETWORKS[part]
    net = Network.create(name, 0, (side, side, 3), **settings)
    rng = np.random.default_rng(0)
    block, rows = Sizes.of(net, np.zeros((1, side, side, 3), np.float32), MEMORY), []
    for n in sizes:
        x, vectors = rng.standard_normal((n, side, side, 3), np.float32), rng.standard_normal((n, max(VECTORS)))
        row: dict[str, Any] = {"n": n}
        operator = ntk_operator(net, x, memory=MEMORY)
        compiling = ntk_operator(net, x[: min(n, block.samples)], memory=MEMORY)
        for count in VECTORS:
            compiling.matmat(vectors[: compiling.shape[1], :count])
            row[f"seconds_{count}"] = timed(lambda k=operator, v=vectors[:, :count]: k.matmat(v))[0]
        row["foreseen_seconds"] = row["seconds_1"] * FORESEEN / n
        if part == "lenet":
            empirical_gram(net, x)
            row["gram_seconds"] = timed(lambda x=x: empirical_gram(net, x))[0]
            # Vectors at a time are cheaper; a product with the matrix itself costs next to nothing.
            row["crossover"] = row["gram_seconds"] * max(VECTORS) / row[f"seconds_{max(VECTORS)}"]
        rows.append(row)
    return {"num_params": net.num_params, "samples_a_block": block.samples, "rows": rows}


PARTS = {
    "hundred_million": functools.partial(measured, "hundred_million", 512),
    "resnet18": functools.partial(measured, "resnet18", 2000),
    "lenet": functools.partial(measured, "lenet", 1000, 2000, 4000, 8000),
}


def lines(found: dict[str, Any]) -> list[str]:
    """From how many samples on a product with one vector takes less time than LeNet's matrix."""
    rows = found["lenet"]["rows"] if "lenet" in found else []
    faster = [row["n"] for row in rows if row["seconds_1"] < row["gram_seconds"]]
    first = f"from n = {min(faster):,} on" if faster else "at none of these n"
    return [f"LeNet: one product is faster than the matrix {first}"] if rows else []


def main() -> None:
    """Measures the part that is named in the arguments."""
    part, side, *sizes = sys.argv[1:]
    start = time.perf_counter()
    found = measure_here(part, tuple(map(int, sizes)), int(side))
    print(json.dumps({**found, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
