"""Data sets through tensorflow-datasets: found on disk, or downloaded where there is a network."""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

from ntk_repro.data.source import Decoded, Source
from ntk_repro.errors import UserError, check_name
from ntk_repro.progress import progress
from ntk_repro.record import load_arrays

LABELS = {"cifar10": "CIFAR-10", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
"""The TFDS data sets that can be loaded, and their names in figures."""

# One file of each data set's download, requested (headers only) before a download of minutes is started.
_PROBES = {
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
}
_PROBE_SECONDS = 3.0
_REFUSED = {403, 407, 502, 503, 504}  # how proxies answer when they let nothing through
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def tfds_dir(data_dir: Path | str | None = None) -> Path:
    """The TFDS data directory: the argument, else `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`."""
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR")
    return Path(chosen).expanduser() if chosen else Path.home() / "tensorflow_datasets"


def find_prepared(name: str, data_dir: Path | str | None = None) -> Path | None:
    """The folder `<data dir>/<name>/<version>` of the newest prepared version, or None.

    Looks at file names only: TensorFlow is not imported.
    """
    root = tfds_dir(data_dir) / name
    versions = [path for path in root.glob("*.*.*") if (path / "dataset_info.json").is_file() and any(_records(path))]
    return max(versions, key=lambda path: [int(n) if n.isdigit() else -1 for n in path.name.split(".")], default=None)


def tfds_source(name: str, data_dir: Path | str | None = None) -> Source:
    """A TFDS data set, downloaded now where it is not on disk and the network lets us.

    The label says where images are stored as JPEG although the original is lossless: their fine detail is gone.
    `$NTK_REPRO_DOWNLOAD` decides about downloads: `auto` (default: if the server answers within three seconds),
    `always` or `never`.

    Raises:
        UserError: the given data directory does not exist; the data set is neither in it nor can be downloaded.
    """
    if data_dir is not None and not tfds_dir(data_dir).is_dir():
        raise UserError(f"there is no data directory {data_dir}: create it, or leave --data-dir out")
    prepared = find_prepared(name, data_dir)
    if prepared is None:
        _download(name, tfds_dir(data_dir))
        prepared = find_prepared(name, data_dir)
        if prepared is None:
            raise _missing(name, tfds_dir(data_dir), "the download left no files")
    label, note = LABELS[name], ""
    if _is_jpeg(prepared):
        label += " (JPEG copy)"
        note = "images recompressed as JPEG: counts and means as in the original, fine detail smoothed"
    fingerprint, version = _fingerprint(prepared), prepared.name
    return Source(name, label, "tensorflow-datasets", version, fingerprint, partial(_decode, prepared), note=note)


def _records(prepared: Path) -> list[Path]:
    """The files that hold the examples, whatever their format."""
    return sorted(path for path in prepared.iterdir() if f"{prepared.parent.name}-" in path.name)


def _is_jpeg(prepared: Path) -> bool:
    # TFDS does not write the encoding into features.json unless it was asked for, but each image begins with a
    # signature; the first record starts within the first few bytes of the file.
    for path in _records(prepared):
        with open(path, "rb") as handle:
            start = handle.read(65_536)
        jpeg, png = start.find(_JPEG), start.find(_PNG)
        if max(jpeg, png) >= 0:
            return png < 0 or 0 <= jpeg < png
    return False


def _fingerprint(prepared: Path) -> str:
    """Changes with the description, the files, their sizes and their first bytes; reads almost nothing."""
    digest = hashlib.sha256()
    for path in sorted(prepared.glob("*.json")):
        digest.update(path.read_bytes())
    for path in _records(prepared):
        with open(path, "rb") as handle:
            digest.update(f"{path.name} {path.stat().st_size} ".encode() + handle.read(65_536))
    return digest.hexdigest()


def _decode(prepared: Path) -> Decoded:
    with (
        tempfile.TemporaryDirectory(prefix="ntk_repro-") as folder,
        progress(f"decoding {prepared.parent.name}, once", total=1) as advance,
    ):
        target = Path(folder) / "decoded.npz"
        ended = _child("decode", str(prepared), str(target))
        arrays = load_arrays(target)
        if ended.returncode != 0 or arrays is None:
            message = f"{prepared} could not be read ({_last_line(ended.stderr)})"
            raise UserError(f"{message}: delete that folder and let it be downloaded again")
        advance(1)
        return Decoded(**arrays)


def _download(name: str, data_dir: Path) -> None:
    policy = os.environ.get("NTK_REPRO_DOWNLOAD", "auto")
    check_name("value of NTK_REPRO_DOWNLOAD", policy, ("auto", "always", "never"))
    if policy == "never":
        raise _missing(name, data_dir, "NTK_REPRO_DOWNLOAD=never forbids the download")
    fault = _unreachable(_PROBES[name]) if policy == "auto" else None
    if fault is not None:
        raise _missing(name, data_dir, f"its server cannot be reached: {fault}")
    with progress(f"downloading {name} to {data_dir}", total=1) as advance:
        ended = _child("download", name, str(data_dir))
        if ended.returncode != 0:
            raise _missing(name, data_dir, f"the download failed: {_last_line(ended.stderr)}")
        advance(1)


def _missing(name: str, data_dir: Path, reason: str) -> UserError:
    return UserError(
        f"{name} is not in {data_dir} and {reason}; give the command again on a network so that it is downloaded, "
        f"name a folder that has it with --data-dir (or TFDS_DATA_DIR), or use the embedded digits with --data mnist5k"
    )


def _unreachable(url: str, seconds: float = _PROBE_SECONDS) -> str | None:
    """Why the server does not answer, or None when it does; proxies of the environment are used."""
    answer: list[str | None] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
                answer.append(None)
        except urllib.error.HTTPError as error:
            # Any other answer, also "moved" and "not found", shows that there is a network: TFDS knows the addresses.
            refused = error.code in _REFUSED
            answer.append(f"{error.code} {error.reason}" if refused else None)
        except (OSError, ValueError) as error:
            answer.append(str(getattr(error, "reason", error)))

    # In a separate thread, because looking up a host name has no timeout.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answer[0] if answer else f"no answer within {seconds:g} seconds"


def _child(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs TensorFlow in a separate process.

    So it shares no log, threads or memory with JAX, and it cannot take the GPU.
    """
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", "ntk_repro.data.tfds_process", *arguments]
    # The child must find this package where we found it, installed or not.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    environment = {**os.environ, **settings, "PYTHONPATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "the process ended without an error message"
