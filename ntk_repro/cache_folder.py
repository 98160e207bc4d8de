"""The folder of files that are kept between runs and can be made again."""

import os
import sys
from pathlib import Path


def cache_dir() -> Path:
    """`$NTK_REPRO_CACHE`, else the platform's folder for caches: decoded data sets lie there, among others."""
    chosen = os.environ.get("NTK_REPRO_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ntk_repro"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "ntk_repro" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ntk_repro"
