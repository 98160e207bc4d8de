"""Exact kernel regression from a store: its Cholesky factor in memory and on disk, against the float64 product peak.

Each part runs in a process of its own: `python -m benchmarks.kernel_solve N FOLDER MEMORY` measures one and prints it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child_process import run_child, scratch

N = 20_000
FEATURES, TARGETS, NUGGET = 500, 10, 1e-3


def measured(n: int, memory: str) -> dict[str, Any]:
    """A random kernel of n rows in a fresh process; memory is what the factor may take."""
    with scratch() as folder:
        child = run_child([sys.executable, "-m", "benchmarks.kernel_solve", str(n), str(folder), memory])
    found = {**json.loads(child.output.splitlines()[-1]), "peak_bytes": child.peak_bytes}
    print(
        f"n = {n:,}, {found['factor']}: {found['seconds']:.1f} s, on disk foreseen {found['foreseen']:.1f} s; "
        f"{found['gflops']:.1f} GFLOP/s, {found['share_of_peak']:.0%} of {found['gemm_peak']:.1f}; peak "
        f"{child.peak_bytes / 1e9:.2f} GB, before {found['bytes_before'] / 1e9:.2f} GB; one more solve "
        f"{found['solve']:.1f} s, leave-one-out {found['leave_one_out']:.1f} s; residual {found['residual']:.1e}"
    )
    return found


def in_memory(n: int = N) -> dict[str, Any]:
    """The factor by LAPACK: 3.2 GB at n = 20,000."""
    return measured(n, "64GB")


def on_disk(n: int = N) -> dict[str, Any]:
    """The factor from disk to disk, in a third of the memory that it takes as a whole."""
    return measured(n, f"{round(8 * n**2 / 3 / 1e6)}MB")


PARTS = {"in_memory": in_memory, "on_disk": on_disk}


def measure_here(n: int, folder: Path, memory: str) -> dict[str, Any]:
    """Seconds of the solution, of further targets and of leave-one-out in this process."""
    import psutil

    from benchmarks.stopwatch import gemm_peak, timed
    from ntk_repro import kernel_solve
    from ntk_repro.gram.estimate import factor_stage
    from ntk_repro.gram.store.gram_store import GramStore
    from ntk_repro.memory import parse_bytes

    rng = np.random.default_rng(0)
    features, y = rng.standard_normal((n, FEATURES)) / FEATURES**0.5, rng.standard_normal((n, TARGETS))
    with GramStore.open(folder / "kernel", {"random": n}, n=n, tile=min(1024, -(-n // 16)), dtype="float64") as store:
        for i, j in store.missing():
            rows, columns = (slice(block * store.tile, (block + 1) * store.tile) for block in (i, j))
            tile = features[rows] @ features[columns].T
            store.write(i, j, tile + NUGGET * np.eye(*tile.shape) if i == j else tile)
        store.finish()
    allowed = parse_bytes(memory)
    stage = factor_stage(n, folder, allowed, store.tile, 8)
    peaks, before = [gemm_peak(dtype="float64")["numpy"]], psutil.Process().memory_info().rss
    seconds, solution = timed(lambda: kernel_solve(store, y, memory=allowed))
    more, _ = timed(lambda: solution.solve(y))
    peaks.append(gemm_peak(dtype="float64")["numpy"])
    leave_one_out, left = timed(solution.leave_one_out)
    gflops = stage.operations / 1e9 / (seconds - more)
    return {
        "n": n,
        "memory": memory,
        "factor": type(solution.inverse).__name__,
        "seconds": seconds - more,  # of the factor alone
        "foreseen": stage.seconds,
        "gflops": gflops,
        "gemm_peak": max(peaks),
        "share_of_peak": gflops / max(peaks),
        "solve": more,
        "leave_one_out": leave_one_out,
        "leave_one_out_error": float(np.mean(left.error)),
        "residual": solution.residual,
        "bytes_before": before,
    }


if __name__ == "__main__":
    print(json.dumps(measure_here(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])))
