"""Decoded arrays cached on disk, so that a data set is decoded once and not once per run."""

import hashlib
import re
from pathlib import Path

from ntk_repro.cache_folder import cache_dir
from ntk_repro.data.source import Decoded, Source
from ntk_repro.errors import UserError
from ntk_repro.progress import console
from ntk_repro.record import load_arrays, save_arrays

# Increased when the meaning of the cached arrays changes, so that old files are not used for new ones.
_FORMAT = 1


def cache_path(source: Source) -> Path:
    """The cache file of this source's arrays; another version or another copy has another file."""
    identity = f"{_FORMAT} {source.origin} {source.name} {source.version} {source.fingerprint}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", f"{source.name}-{source.version}")
    return cache_dir() / f"{readable}-{digest}.npz"


def decode_cached(source: Source) -> Decoded:
    """The source's arrays: from the cache, or decoded and then cached. A damaged cache file is replaced.

    A cache that cannot be written (full disk, read-only home) is reported in one line on the terminal.
    """
    if not source.cached:
        return source.decode()
    path = cache_path(source)
    try:
        cached = load_arrays(path)
    except PermissionError:
        cached = None
    if cached is not None and set(cached) == set(Decoded.__dataclass_fields__):
        return Decoded(**cached)
    decoded = source.decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(path, decoded.arrays())
    except (OSError, UserError) as error:
        console.print(f"{source.name} could not be cached for the next run: {error}", style="yellow")
    return decoded
