"""Two processes on one Gram matrix against one: wall time, and whether the stores have the same bytes."""

import hashlib
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child_process import run_child, scratch

SAMPLES = 6000


def run(samples: int = SAMPLES, shape: tuple[int, ...] = (32, 32, 3)) -> dict[str, Any]:
    """LeNet by one process, by two as in a job array (--share), and by two through jax.distributed."""
    found: dict[str, Any] = {"n": samples}
    with scratch() as folder:
        data = folder / "random.npz"
        rng = np.random.default_rng(0)
        images, labels = rng.standard_normal((samples, *shape), np.float32), np.zeros(samples, np.int32)
        half = samples // 2
        np.savez(data, x_train=images[half:], y_train=labels[half:], x_test=images[:half], y_test=labels[:half])
        joined = ["--coordinator", f"localhost:{_free_port()}", "--processes", "2", "--process"]
        ways = {
            "one": [[]],
            "two_shares": [["--share", "0", "2"], ["--share", "1", "2"]],
            "two_distributed": [[*joined, "0"], [*joined, "1"]],
        }
        contents = {}
        for way, options in ways.items():
            start = time.perf_counter()
            with ThreadPoolExecutor(len(options)) as pool:
                list(pool.map(lambda one, way=way: _gram(data, folder / way, one), options))
            found[way] = {"seconds": time.perf_counter() - start, "processes": len(options)}
            contents[way] = _contents(folder / way)
            if not contents[way]:
                raise RuntimeError(f"{way}: there is no finished store")
    for way in ways:
        found[way]["same_bytes"] = contents[way] == contents["one"]
        same = "the same bytes" if found[way]["same_bytes"] else "other bytes"
        print(f"LeNet, n = {samples:,}, {way}: {found[way]['seconds']:.1f} s, {same}, {len(contents[way])} files")
    return found


def draw(found: dict[str, Any]) -> Any:
    """Wall time of each way."""
    from matplotlib.figure import Figure

    figure = Figure((6, 2.5), layout="constrained")
    axes = figure.subplots()
    ways = [way for way, one in found.items() if isinstance(one, dict) and "seconds" in one]
    bars = axes.barh([way.replace("_", " ") for way in ways], [found[way]["seconds"] for way in ways])
    axes.bar_label(bars, ["same bytes" if found[way]["same_bytes"] else "other bytes" for way in ways], padding=3)
    axes.margins(x=0.2)
    axes.invert_yaxis()
    axes.set(xlabel="seconds from start to end", title=f"LeNet, n = {found['n']:,}, one machine")
    return figure


def _gram(data: Path, runs: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "ntk_repro.gram", "--net", "lenet", "--data", str(data), *options]
    # An empty compilation cache for each way, so that none profits from the one before.
    run_child(command, {"NTK_REPRO_RUNS": str(runs), "JAX_COMPILATION_CACHE_DIR": str(runs / "jax")})


def _contents(runs: Path) -> dict[str, str]:
    """Name and SHA-256 of the finished store's tiles and checksums; empty if there is no store."""
    found = {}
    for done in runs.glob("gram/*/DONE"):
        folder = done.parent
        for path in sorted([*(folder / "tiles").rglob("*"), folder / "checksums.txt"]):
            if path.is_file():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
