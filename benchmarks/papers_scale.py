"""The papers' Gram matrices by the command line, each in a separate process: wall time and memory.

Needs CIFAR-10: TFDS_DATA_DIR names its folder, else ../shared/tfds beside the project is taken where it is. Minutes to
tens of minutes; `papers_scale:lenet` and so on runs one part.
"""

import functools
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child_process import ROOT, run_child, scratch
from ntk_repro.gram.store.gram_store import GramStore

TOLERANCE = 1e-3
_ALL = ("--data", "cifar10", "--k", "1000")
_RESNET18 = ("--residual-scale-init", "1", "--data", "cifar10", "--n-train", "1000", "--n-test", "1000")


def measured(net: str, *options: str, minutes: float, gibibytes: float) -> dict[str, Any]:
    """A fresh run of `python -m ntk_repro.gram`, beside the time and memory that it is meant to keep within.

    Args:
        net: the architecture.
        options: further arguments of the command.
        minutes: the time allowed.
        gibibytes: the memory allowed.
    """
    arguments = ["-m", "ntk_repro.gram", "--net", net, *options]
    name = options[options.index("--data") + 1]
    with scratch() as folder:
        # An empty compilation cache, so that repetitions measure the same; decoding the data is not part of the time.
        environment = {
            **_data_folder(),
            "NTK_REPRO_RUNS": str(folder / "runs"),
            "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        }
        decoding = f"from ntk_repro.data import load_dataset; load_dataset({name!r})"
        run_child([sys.executable, "-c", decoding], environment)
        child = run_child([sys.executable, *arguments], environment)
        on_disk = _results_on_disk(folder / "runs")
    found = {
        "command": " ".join(["python", *arguments]),
        "seconds": child.seconds,
        "peak_bytes": child.peak_bytes,
        "allowed": {"seconds": 60 * minutes, "peak_bytes": gibibytes * 2**30, "residual": TOLERANCE},
        **on_disk,
        "output": child.output,
    }
    found["kept_within"] = (
        child.seconds <= 60 * minutes
        and child.peak_bytes <= gibibytes * 2**30
        and on_disk.get("residual", 0.0) <= TOLERANCE
    )
    residual = f", residuals up to {on_disk['residual']:.2g}" if "residual" in on_disk else ""
    print(f"{found['command']}\n  {child.seconds:.0f} s of {60 * minutes:.0f}", end="")
    print(f", {child.peak_bytes / 2**30:.1f} GiB of {gibibytes:g}{residual}", flush=True)
    return found


_FULL = functools.partial(measured, minutes=10, gibibytes=20)
_FROM_DISK = functools.partial(measured, minutes=30, gibibytes=6)
PARTS = {
    "lenet": functools.partial(_FULL, "lenet", *_ALL),
    "lenet_from_disk": functools.partial(_FROM_DISK, "lenet", *_ALL, "--memory", "6GiB"),
    "mlp": functools.partial(_FULL, "mlp", *_ALL),
    "mlp_from_disk": functools.partial(_FROM_DISK, "mlp", *_ALL, "--memory", "6GiB"),
    "resnet18": functools.partial(measured, "resnet18", *_RESNET18, "--memory", "16GiB", minutes=8, gibibytes=16),
}


def draw(found: dict[str, Any]) -> Any:
    """Time and memory of each part, as shares of what it is allowed."""
    from matplotlib.figure import Figure

    parts = [part for part in PARTS if part in found]
    figure = Figure((10, 0.6 * len(parts) + 1.5), layout="constrained")
    time, memory = figure.subplots(1, 2, sharey=True)
    for axes, name, size in ((time, "seconds", 60), (memory, "peak_bytes", 2**30)):
        values = [found[part][name] / size for part in parts]
        limits = [found[part]["allowed"][name] / size for part in parts]
        axes.barh(parts, limits, color="0.9", label="allowed")
        axes.bar_label(axes.barh(parts, values, height=0.5, label="measured"), fmt="%.1f", padding=3)
    time.legend(loc="lower right")
    time.set(xlabel="minutes", title="wall time")
    memory.set(xlabel="GiB", title="peak memory")
    time.invert_yaxis()
    return figure


def _data_folder() -> dict[str, str]:
    beside = ROOT.parent / "shared" / "tfds"
    return {"TFDS_DATA_DIR": str(beside)} if beside.is_dir() and "TFDS_DATA_DIR" not in os.environ else {}


def _results_on_disk(runs: Path) -> dict[str, Any]:
    """The results of a run on disk: of its store and, if there are any, of its eigenpairs."""
    (folder,) = (path.parent for path in runs.glob("gram/*/manifest.json"))
    store = GramStore.read(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    found: dict[str, Any] = {
        "n": store.n,
        "tile": store.tile,
        "stored_bytes": size,
        "gram_seconds": store.facts["seconds"],
    }
    for path in runs.glob("eigenbasis/*/result.npz"):
        with np.load(path, allow_pickle=False) as pairs:
            found |= {"k": len(pairs["values"]), "residual": float(pairs["residuals"].max())}
            found |= {name: int(pairs[name]) for name in ("products", "passes")}
    return found
