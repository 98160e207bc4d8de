"""Time and memory of LeNet's Gram matrix, stored on disk, against the number of samples.

Each size runs in a separate process: `python -m benchmarks.scaling N FOLDER MEMORY` measures one and prints it.
"""

import functools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child_process import run_child, scratch

SIZES = (2000, 4000, 8000, 16_000, 32_000)
MEMORY = "3GiB"  # holds the features of all sizes, and no matrix of the larger ones


def measured(n: int, memory: str = MEMORY) -> dict[str, Any]:
    """One size, in a fresh process with a fresh store."""
    with scratch() as folder:
        child = run_child([sys.executable, "-m", "benchmarks.scaling", str(n), str(folder / "store"), memory])
    found = {**json.loads(child.output.splitlines()[-1]), "peak_bytes": child.peak_bytes}
    # Tiles in progress: without images and compiled programs, and without features, which grow with n.
    found["working_bytes"] = max(found["peak_bytes"] - found["bytes_before"] - found["feature_bytes"], 1)
    for stage in ("features", "tiles"):
        print(f"n = {n:,}: {stage} {found[stage]:.2f} s, predicted {found[f'predicted_{stage}']:.2f} s")
    print(f"n = {n:,}: peak {child.peak_bytes / 1e9:.2f} GB, store {found['stored_bytes'] / 1e9:.2f} GB")
    return found


def measure_here(n: int, folder: Path, memory: str, shape: tuple[int, ...] = (32, 32, 3)) -> dict[str, Any]:
    """Seconds of features and of tiles (written to disk) in this process, and the predictions of both."""
    import jax  # here, as the process that starts the others does not need it
    import psutil

    from benchmarks.held_features import HeldFeatures, make_all
    from ntk_repro import Network
    from ntk_repro.errors import UserError
    from ntk_repro.gram.arguments import checked_arguments
    from ntk_repro.gram.estimate import estimate
    from ntk_repro.gram.store.gram_store import GramStore
    from ntk_repro.gram.structured.computation import Computation, structured_plan
    from ntk_repro.memory import parse_bytes, remaining_bytes

    x = np.random.default_rng(0).standard_normal((n, *shape), np.float32)
    with checked_arguments(Network.create("lenet", 0, shape), x, None, "mean", "float32") as arguments:
        plan = structured_plan(arguments.net, x, "mean", 1)
        free = remaining_bytes(parse_bytes(memory))
        computation = Computation.planned(arguments, plan, "float32", memory=free)
        rows = computation.schedule.rows
        if not computation.schedule.all_held:
            raise UserError(f"the features of {n:,} samples do not fit into {memory}: allow more or take fewer")
        before = psutil.Process().memory_info().rss
        # Compiles too, so that what follows is the work alone.
        predicted = {stage.name: stage.seconds for stage in estimate(computation, x, 0, folder)}
        start = time.perf_counter()
        blocks = jax.block_until_ready(make_all(computation, x))
        features = time.perf_counter() - start
        held = HeldFeatures.of(computation, blocks)
        with GramStore.open(folder, {"benchmark": "scaling"}, n=n, tile=rows.tile) as store:
            start = time.perf_counter()
            held.run(store.write, x)
            store.finish()
            tiles = time.perf_counter() - start
    first, second = predicted.values()
    return {
        "n": n,
        "tile": rows.tile,
        "features": features,
        "tiles": tiles,
        "predicted_features": first,
        "predicted_tiles": second,
        "bytes_before": before,
        "feature_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(blocks)),
        "stored_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "memory": memory,
    }


PARTS = {str(n): functools.partial(measured, n) for n in SIZES}


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Slopes of a straight line through all sizes on a log-log plot."""
    sizes = sorted((found[part] for part in PARTS if part in found), key=lambda one: one["n"])
    if len(sizes) < 2:
        return {}
    fits = {
        name: _line(sizes, name)[0] for name in ("features", "tiles", "peak_bytes", "working_bytes", "stored_bytes")
    }
    print("slopes: " + ", ".join(f"{name} {slope:.2f}" for name, slope in fits.items()))
    return {"slopes": fits}


def draw(found: dict[str, Any]) -> Any:
    """Seconds and bytes against n, log-log, with the fitted lines."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    sizes = sorted((found[part] for part in PARTS if part in found), key=lambda one: one["n"])
    n = np.array([one["n"] for one in sizes])
    figure = Figure((10, 4), layout="constrained")
    times, memory = figure.subplots(1, 2)
    for axes, name, label in (
        (times, "features", "features"),
        (times, "tiles", "tiles, to disk"),
        (memory, "peak_bytes", "peak memory"),
        (memory, "working_bytes", "peak beyond images and features"),
        (memory, "stored_bytes", "store on disk"),
    ):
        (points,) = axes.loglog(n, [one[name] for one in sizes], "o")
        if len(sizes) > 1:
            slope, shift = _line(sizes, name)
            label += f", slope {slope:.2f}"
            axes.loglog(n, np.exp(shift) * n**slope, "-", color=points.get_color())
        points.set_label(label)
        if axes is times:
            values = [one[f"predicted_{name}"] for one in sizes]
            axes.loglog(n, values, "x", color=points.get_color(), label=f"{name}, predicted by --dry-run")
    times.set(xlabel="samples n", ylabel="seconds", title="LeNet, 32 x 32 x 3")
    memory.set(xlabel="samples n", ylabel="bytes", title=f"{sizes[0]['memory']} allowed")
    for axes in (times, memory):
        axes.xaxis.set_minor_formatter(NullFormatter())  # over so few decades they would run into each other
        axes.set_xticks(n, [f"{size:,}" for size in n])
        axes.legend()
    return figure


def _line(sizes: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Slope and intercept of log(value) over log(n)."""
    slope, shift = np.polyfit(np.log([one["n"] for one in sizes]), np.log([one[name] for one in sizes]), 1)
    return float(slope), float(shift)


if __name__ == "__main__":
    print(json.dumps(measure_here(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])))
