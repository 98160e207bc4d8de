"""A check of the installation: what was found, and a remedy for what is missing."""

import contextlib
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ntk_repro.data import available, cache_dir
from ntk_repro.errors import UserError
from ntk_repro.machine_speed import MachineSpeed, machine_speed
from ntk_repro.papers import FIGURES, load_figure_preset, preset_names
from ntk_repro.papers.costs import duration
from ntk_repro.papers.kernels import kernel_bytes, kernel_images
from ntk_repro.papers.resources import configs_dir, figures_dir
from ntk_repro.record import environment, runs_root

_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        name: of the thing.
        found: its version, place or size.
        remedy: what to do about it, "" if nothing.
    """

    name: str
    found: str
    remedy: str = ""


def examine(data_dir: str | None = None) -> Iterator[Finding]:
    """Checks packages, devices, precision, data sets, memory, disk and speed; downloads nothing.

    It keeps the speed in the cache folder, for expected times, and writes nothing else.

    Args:
        data_dir: folder of prepared TensorFlow data sets, None for the usual one.
    """
    import jax

    places = available(data_dir)
    facts = environment()
    for package, version in facts["versions"].items():
        yield Finding(package, version or "missing", "" if version else f"pip install {package}")
    yield _neural_tangents()
    git = facts["git"]
    yield Finding("installed as", f"clone at {git['commit'][:10]}" if git else "package")
    for name, find in (("configs", configs_dir), ("figures", figures_dir)):
        try:
            yield Finding(name, str(find()))
        except UserError as error:
            yield Finding(name, "missing", str(error))
    for number, device in enumerate(facts["device"]):
        yield Finding(f"device {number}", device)
    on_cpu = jax.default_backend() == "cpu"
    if on_cpu:
        remedy = "with an NVIDIA GPU: pip install 'ntk_repro[cuda]'" if shutil.which("nvidia-smi") else ""
        yield Finding("accelerator", "none, computing on the CPU", remedy)
    precision = f"{facts['matmul_precision']}; Gram matrices: float32 at highest, float64 on request"
    yield Finding("matmul precision", precision)
    yield Finding("float64", "on everywhere" if facts["x64"] else "where it is asked for")
    for name, place in places.items():
        remedy = "downloaded at first use, or name its folder: --data-dir" if place == "missing" else ""
        yield Finding(f"data {name}", place, remedy)
    yield from _memory_and_disk()
    speed = machine_speed(again=True)
    yield _speed(speed)
    for preset in ("quick", "laptop", "days", "paper"):
        yield _preset(preset, {name for name, place in places.items() if place == "missing"}, on_cpu, speed)


def _speed(speed: MachineSpeed) -> Finding:
    """The measured speed, which the other commands take from the cache folder from now on."""
    found = f"products: {speed.product_rate / 1e9:.0f} GFLOP/s (float32), a small network's training step: "
    found += f"{1000 * speed.training:.0f} ms, compiling it: {speed.compiling:.2f} s; the expected times below are "
    found += f"{speed.slowness:.2g} times those of the presets' machine"
    return Finding("speed", found)


def _preset(name: str, missing: set[str], on_cpu: bool, speed: MachineSpeed) -> Finding:
    """How long all figures of a preset take, and what this machine lacks for them."""
    presets = {figure: load_figure_preset(figure, name) for figure in FIGURES.values() if name in preset_names(figure)}
    costs = {figure: preset.cost for figure, preset in presets.items() if preset.cost}
    on_gpu = sum(cost.device == "gpu" for cost in costs.values())
    # At most: some figures share runs, and each gives the cost of all of its own.
    time = "at most " + duration(sum(cost.minutes_here(speed) for cost in costs.values() if cost.device == "cpu"))
    found, lacks = f"all {len(presets)} figures: {time} here", []
    if on_gpu:
        found = f"{on_gpu} of {len(presets)} figures are meant for a GPU, for minutes to weeks"
        found += f"; {len(presets) - on_gpu}: {time} here"
        if on_cpu:
            lacks.append("take a machine with a GPU")
    needs = defaultdict(list)
    for figure, cost in costs.items():
        needs[cost.needs].append(figure.id)
    found += "".join(f"; {', '.join(ids)}: {needed} needed" for needed, ids in needs.items() if needed)
    needed = {config.data for preset in presets.values() for config in preset.configs} & missing
    if needed:
        lacks.append(f"get {', '.join(sorted(needed))}: --data-dir, or let it be downloaded")
    images = max(kernel_images(figure, config) for figure, preset in presets.items() for config in preset.configs)
    found += f"; largest kernel: {images:,} images, {4 * images**2 / _GIB:.1f} GiB"
    if images > _images_in_memory():
        lacks.append(f"free {kernel_bytes(images) / _GIB:.0f} GiB of memory, or take fewer images: --n-train")
    return Finding(f"preset {name}", found, "; ".join(lacks))


def _images_in_memory() -> int:
    return int((psutil.virtual_memory().available / kernel_bytes(1)) ** 0.5)


def _size(folder: Path) -> int:
    """Bytes below a folder, without files that are removed meanwhile."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += Path(parent, name).lstat().st_size
    return size


def _neural_tangents() -> Finding:
    started = time.monotonic()
    try:
        from ntk_repro._neural_tangents import nt  # noqa: F401
    except Exception as error:  # whatever the import raises
        return Finding("neural-tangents import", type(error).__name__, str(error))
    return Finding("neural-tangents import", f"works ({time.monotonic() - started:.1f} s)")


def _memory_and_disk() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    images = _images_in_memory() // 1000 * 1000
    yield Finding("free memory", f"{memory / _GIB:.1f} GiB: a Gram matrix of about {images:,} images")
    for name, folder in (("runs", runs_root()), ("cache", cache_dir())):
        existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
        free, remedy = shutil.disk_usage(existing).free, ""
        if free < _GIB:
            remedy = (
                f"less than 1 GiB free in {existing}: free some, or choose another folder (NTK_REPRO_{name.upper()})"
            )
        elif not os.access(existing, os.W_OK):
            remedy = f"{existing} cannot be written: choose another folder (NTK_REPRO_{name.upper()})"
        held = _held(name, folder)
        yield Finding(f"{name} folder", f"{folder.absolute()} ({held}{free / _GIB:.0f} GiB free)", remedy)


def _held(name: str, folder: Path) -> str:
    if not folder.is_dir():
        return "not there yet, "
    runs = f"{len({path.resolve() for path in folder.glob('*/*/DONE')})} finished runs, " if name == "runs" else ""
    size = _size(folder)
    return runs + (f"{size / _GIB:.1f} GiB, " if size > _GIB / 10 else f"{size / 2**20:.0f} MiB, ")
