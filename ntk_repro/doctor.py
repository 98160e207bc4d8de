"""A look over the installation: what is there, and for what is missing the remedy."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from ntk_repro.data import available, cache_dir
from ntk_repro.errors import UserError
from ntk_repro.papers.resources import configs_dir, figures_dir
from ntk_repro.record import environment, runs_root

__all__ = ["Finding", "examine"]

_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: the thing.
        found: what there is of it.
        remedy: what to do about it, "" where all is well.
    """

    what: str
    found: str
    remedy: str = ""


def examine(data_dir: str | None = None) -> Iterator[Finding]:
    """Looks at packages, devices, precision, data sets, memory and disk; changes and downloads nothing.

    Args:
        data_dir: folder of prepared TensorFlow data sets, None for the usual one.
    """
    import jax

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
    if jax.default_backend() == "cpu":
        yield Finding("accelerator", "none, computing on the CPU", _accelerator_remedy())
    precision = f"{facts['matmul_precision']}; Gram matrices: float32 at highest, float64 on request"
    yield Finding("matmul precision", precision)
    yield Finding("float64", "on everywhere" if facts["x64"] else "where it is asked for")
    for name, place in available(data_dir).items():
        remedy = "downloaded at first use, or name its folder: --data-dir" if place == "missing" else ""
        yield Finding(f"data {name}", place, remedy)
    yield from _room()


def _neural_tangents() -> Finding:
    started = time.monotonic()
    try:
        from ntk_repro._neural_tangents import nt  # noqa: F401
    except Exception as error:  # whatever a foreign import raises is what the user has to see
        return Finding("neural-tangents import", type(error).__name__, str(error))
    return Finding("neural-tangents import", f"works ({time.monotonic() - started:.1f} s)")


def _accelerator_remedy() -> str:
    return "with an NVIDIA GPU: pip install 'ntk_repro[cuda]'" if shutil.which("nvidia-smi") else ""


def _room() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    # The Gram matrix of n images takes 4 n^2 bytes; its eigenvectors and one working copy about as much again.
    images = int((memory / 8) ** 0.5) // 1000 * 1000
    yield Finding("free memory", f"{memory / _GIB:.1f} GiB: a Gram matrix of about {images:,} images")
    for name, folder in (("runs", runs_root()), ("cache", cache_dir())):
        there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
        free = shutil.disk_usage(there).free
        remedy = "" if os.access(there, os.W_OK) else f"{there} cannot be written: choose another folder"
        if free < _GIB:
            remedy = f"less than 1 GiB free in {there}: free some, or choose another folder"
        if remedy:
            remedy += f" ({'NTK_REPRO_RUNS' if name == 'runs' else 'NTK_REPRO_CACHE'})"
        yield Finding(f"{name} folder", f"{folder} ({free / _GIB:.0f} GiB free)", remedy)
