"""Images and labels from an .npz file of the user."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ntk_repro.data.source import Decoded, Source
from ntk_repro.errors import UserError

_CHANNELS = (1, 3)
_KEYS = ("x_train", "y_train", "x_test", "y_test")


def npz_source(path: Path | str) -> Source:
    """The data set in an `.npz` with the arrays `x_train`, `y_train`, `x_test` and `y_test`.

    Images: (n, H, W) or (n, H, W, C), uint8 (read as 0..255) or any other real numbers (taken as they are). Labels:
    integers, (n,).

    Raises:
        UserError: no such file. Faults of its contents are raised on decoding.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no data file {path}: check the path, or name a data set such as mnist5k")
    return Source(path.name, path.stem, "npz", "", "", lambda: _decode(path), cached=False)


def _decode(path: Path) -> Decoded:
    arrays = _read(path)
    kinds = {key: arrays[key].dtype for key in ("x_train", "x_test")}
    for part in ("train", "test"):
        x, y = f"x_{part}", f"y_{part}"
        arrays[x] = _images(arrays[x], f"{x} of {path}")
        arrays[y] = _labels(arrays[y], f"{y} of {path}")
        if len(arrays[x]) != len(arrays[y]):
            message = f"{path} has {len(arrays[x])} images in {x} but {len(arrays[y])} labels in {y}"
            raise UserError(f"{message}: give one label per image")
    if (kinds["x_train"] == np.uint8) != (kinds["x_test"] == np.uint8):
        found = f"x_train {kinds['x_train']} and x_test {kinds['x_test']}"
        raise UserError(f"{path} has {found}, and only uint8 is read as 0..255: save both parts with one dtype")
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        shapes = f"{arrays['x_train'].shape[1:]} and {arrays['x_test'].shape[1:]}"
        raise UserError(f"images of x_train and x_test in {path} differ in shape ({shapes}): give both parts one shape")
    return Decoded(**arrays)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The four arrays that are needed; others in the file are not read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            for key in _KEYS:
                if key not in archive:
                    message = f"{path} has no array {key!r}: it needs {', '.join(_KEYS)}"
                    raise UserError(f"{message} (it has {', '.join(archive) or 'none'})")
            return {key: archive[key] for key in _KEYS}
    except UserError:
        raise
    except ValueError as error:
        if "allow_pickle" not in str(error) or not zipfile.is_zipfile(path):  # NumPy takes any text for a pickle
            raise _unreadable(path) from error
        message = f"{path} holds Python objects, which are not read because they can run code"
        raise UserError(f"{message}: save numeric arrays with numpy.savez") from error
    except MemoryError as error:
        raise UserError(f"{path} holds arrays that do not fit into memory ({error}): save fewer images") from error
    except (OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> UserError:
    return UserError(f"{path} is not a readable .npz file: write it again with numpy.savez")


def _images(x: np.ndarray, name: str) -> np.ndarray:
    if x.ndim not in (3, 4):
        raise UserError(f"{name} has shape {x.shape}: reshape the images to (n, H, W) or (n, H, W, C)")
    if x.dtype.kind not in "buif":
        raise UserError(f"{name} has dtype {x.dtype}: convert the images to uint8 or floating point")
    if x.ndim == 4 and x.shape[1] in _CHANNELS and x.shape[3] not in _CHANNELS and x.shape[2] == x.shape[3]:
        message = f"{name} has shape {x.shape}, channels first: images must be (n, H, W, C)"
        raise UserError(f"{message}, save {name.split()[0]}.transpose(0, 2, 3, 1)")
    if 0 in x.shape:
        raise UserError(f"{name} has shape {x.shape}, which holds no pixels: put at least one image into it")
    if x.dtype != np.uint8:
        with np.errstate(over="ignore"):  # too large values become infinite, and infinite images are refused by index
            x = x.astype(np.float32)
    return x[..., None] if x.ndim == 3 else x


def _labels(y: np.ndarray, name: str) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "buif":
        message = f"{name} has shape {y.shape}: labels must be (n,), one class per image"
        raise UserError(f"{message}; of one-hot rows take {name.split()[0]}.argmax(axis=1)")
    if y.dtype.kind not in "iu":
        numbered = "numpy.unique(labels, return_inverse=True)[1]"
        raise UserError(f"{name} has dtype {y.dtype}: number the classes from 0, such as by {numbered}")
    if y.ndim != 1:
        raise UserError(f"{name} has shape {y.shape}: flatten the labels to (n,), one class per image")
    limits = np.iinfo(np.int32)
    if y.size and (y.min() < limits.min or y.max() > limits.max):
        raise UserError(f"{name} has labels beyond 32 bits: number the classes from 0")
    return y.astype(np.int32)
