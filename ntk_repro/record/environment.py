"""The environment of a result: commit, digest of the source, versions, device, precision, time."""

import functools
import hashlib
import importlib.metadata
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_PACKAGES = ("ntk_repro", "jax", "jaxlib", "flax", "optax", "neural-tangents", "numpy", "scipy")


def environment(**extra: Any) -> dict[str, Any]:
    """The environment of this process as JSON-able values.

    Devices and matmul precision are read from JAX only where it has been imported already: this never imports it.

    Args:
        extra: further facts to record, for example `provenance=data.provenance.as_dict()`.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_state(),
        "source": source_digest(),
        "versions": versions(),
        "platform": platform.platform(),
        **_accelerator(),
        **extra,
    }


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that results depend on; None where one is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


@functools.cache
def source_digest() -> str:
    """The first 12 hexadecimal digits of a SHA-256 of all Python files of this package, as they are imported."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def git_state() -> dict[str, Any] | None:
    """`{"commit": ..., "changed": ...}` of the clone this package runs from; None for an installed package.

    `changed` says whether tracked files differ from that commit.
    """
    clone = Path(__file__).resolve().parents[2]
    if not (clone / ".git").exists() or not (clone / "pyproject.toml").exists():
        return None
    try:
        commit = _git(clone, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(clone, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None  # no git on this machine, or no commit yet


def _git(clone: Path, *arguments: str) -> str:
    # Without optional locks: a run must not change the index of a clone that someone is working in.
    command = ["git", "--no-optional-locks", "-C", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def _accelerator() -> dict[str, Any]:
    jax = sys.modules.get("jax")
    if jax is None or not hasattr(jax, "devices"):
        return {"device": None, "matmul_precision": None, "x64": None}
    try:
        device = [f"{d.platform}: {d.device_kind}" for d in jax.devices()]
    except RuntimeError as error:  # a platform was asked for that cannot be started
        device = [f"none ({error})"]
    precision = jax.config.jax_default_matmul_precision
    return {"device": device, "matmul_precision": precision or "default", "x64": bool(jax.config.jax_enable_x64)}
