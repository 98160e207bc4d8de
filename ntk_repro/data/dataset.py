"""The data set that every study works on, and `load_dataset`."""

import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int32, Shaped

from ntk_repro.data import embedded
from ntk_repro.data.cache import decode_cached
from ntk_repro.data.npz import npz_source
from ntk_repro.data.source import Decoded, Source
from ntk_repro.data.standardise import channel_moments, standardise
from ntk_repro.data.tfds import LABELS, find_prepared, tfds_source
from ntk_repro.described import Described
from ntk_repro.errors import UserError, unknown_name
from ntk_repro.ranges import check_flags, check_whole, checked_path, shown

# Each takes the data directory, which the embedded sets do not need.
DATASETS: dict[str, Callable[[Path | str | None], Source]] = {
    "mnist5k": lambda data_dir: embedded.mnist5k(),
    "digits": lambda data_dir: embedded.digits(),
    **{name: (lambda data_dir, name=name: tfds_source(name, data_dir)) for name in LABELS},
}
"""The data sets by name. A path that ends in `.npz` is taken as well."""


_KINDS = {"train": "training", "test": "test"}
_KNOWN: dict[tuple[str, ...], tuple[tuple[int, ...], np.ndarray, np.ndarray]] = {}


@dataclass(frozen=True)
class Provenance:
    """Which images these are, and what was done to them; recorded with every result."""

    name: str
    label: str
    """The name of the data in figures, for example "CIFAR-10 (JPEG copy)"."""
    source: str
    version: str
    n_train: int
    n_test: int
    seed: int
    """Seed of the subset; without effect on a part of which all images were taken."""
    standardized: bool
    mean: tuple[float, ...]
    """Mean of each channel over the training part, before standardisation (uint8 images counted as 0 to 1)."""
    std: tuple[float, ...]
    sha256: str
    """Of the images and labels as stored, in the order of this data set."""
    note: str = ""
    classes: tuple[int, ...] | None = None
    """The classes taken, as the source numbers them; None: all."""
    num_classes: int | None = None
    """How many classes the source has, or how many were taken; a subset may lack some of them."""

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, repr=False)
class Dataset(Described):
    """Images and integer classes of a training and a test part."""

    x_train: Float32[np.ndarray, "n_train H W C"]
    y_train: Int32[np.ndarray, " n_train"]
    x_test: Float32[np.ndarray, "n_test H W C"]
    y_test: Int32[np.ndarray, " n_test"]
    provenance: Provenance

    def _facts(self) -> dict[str, str]:
        sides, about = " x ".join(map(str, self.x_train.shape[1:])), self.provenance
        return {
            "": about.label or about.name,
            "training images": f"{len(self.x_train):,}",
            "test images": f"{len(self.x_test):,}",
            "of": sides,
            "classes": str(about.num_classes or len(np.unique(self.y))),
        }

    @property
    def x(self) -> Float32[np.ndarray, "n H W C"]:
        """All images, the training part first."""
        return np.concatenate([self.x_train, self.x_test])

    @property
    def y(self) -> Int32[np.ndarray, " n"]:
        """All labels, the training part first."""
        return np.concatenate([self.y_train, self.y_test])


def load_dataset(
    name: str | Path,
    data_dir: Path | str | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    *,
    classes: Iterable[int] | None = None,
    standardize: bool = True,
) -> Dataset:
    """Loads a data set by name, or from an `.npz` file.

    Args:
        name: one of `DATASETS`, or a path that ends in `.npz` (see `ntk_repro.data.npz`).
        data_dir: a TFDS data directory; default `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`.
        n_train: number of training images; None is all of them in the stored order. A number (any, up to all) is a
            random subset in random order, drawn by `seed`; a smaller one is the beginning of a larger one.
        n_test: the same for the test part.
        seed: of the subsets. Each seed, 0 included, is a random draw.
        classes: take only the images of these classes, and number them 0, 1, ... in the order named; None takes all
            of them unchanged. Numbers of images count these only.
        standardize: subtract the mean and divide by the standard deviation of each channel, both taken from the
            training images that were chosen. A channel that is constant there is only shifted. Without it, uint8
            images are scaled to 0..1 and others are not changed.

    Raises:
        UserError: unknown name; data missing; a class that has no images; more images asked for than there are; images
            with NaN, infinite or constant values.
    """
    return dataset_of(_find(name, data_dir), n_train, n_test, seed, classes=classes, standardize=standardize)


def dataset_of(
    source: Source,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    *,
    classes: Iterable[int] | None = None,
    standardize: bool = True,
) -> Dataset:
    """The data set of a source that was located already; arguments and errors as in `load_dataset`."""
    seed = check_whole("seed", seed, 0)
    check_flags(standardize=standardize)
    classes = None if classes is None else checked_classes(classes)
    decoded = _of_classes(decode_cached(source), classes, source.name)
    first = min(int(y.min()) for y in (decoded.y_train, decoded.y_test) if len(y))
    if first:
        remedy = f"subtract {first} from the labels" if first > 0 else "number the classes 0, 1 ..."
        warnings.warn(f"the labels of {source.name} begin at {first}, not at 0: {remedy}", stacklevel=3)
    if lacking := sorted(set(decoded.y_test.tolist()) - set(decoded.y_train.tolist())):
        named = ", ".join(map(str, lacking[:5]))
        warnings.warn(f"{source.name} has test images of classes without training images: {named}", stacklevel=3)
    taken = source.name if classes is None else f"{source.name} (classes {', '.join(map(str, classes))})"
    arrays = {}
    for stream, (part, n) in enumerate((("train", n_train), ("test", n_test))):
        x, y = decoded.part(part)
        rows = _subset(len(y), part, n, [seed, stream], taken)
        arrays |= {f"x_{part}": x[rows], f"y_{part}": y[rows]}
        _check_images(arrays[f"x_{part}"], rows, f"x_{part} of {source.name}")
    chosen = Decoded(**arrays)
    x_train, x_test = _as_float(chosen.x_train), _as_float(chosen.x_test)
    mean, std = channel_moments(x_train)
    if standardize:
        x_train, x_test = standardise(x_train, mean, std), standardise(x_test, mean, std)
    provenance = Provenance(
        name=source.name,
        label=source.label,
        source=source.origin,
        version=source.version,
        n_train=len(x_train),
        n_test=len(x_test),
        seed=seed,
        standardized=standardize,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        sha256=_content_hash(chosen),
        note=source.note,
        classes=classes,
        num_classes=1 + max(int(y.max()) for y in (decoded.y_train, decoded.y_test) if len(y)),
    )
    return Dataset(x_train, chosen.y_train.astype(np.int32), x_test, chosen.y_test.astype(np.int32), provenance)


def dataset_sizes(
    name: str | Path, data_dir: Path | str | None = None, *, classes: Iterable[int] | None = None
) -> tuple[int, int]:
    """The numbers of training and test images; arguments and errors as in `load_dataset`."""
    source = _find(name, data_dir)
    classes = None if classes is None else checked_classes(classes)
    _, y_train, y_test = _shape_and_labels(source)
    labels = Decoded(y_train, y_train, y_test, y_test)  # which classes are left needs no images
    decoded = _of_classes(labels, classes, source.name)
    return len(decoded.y_train), len(decoded.y_test)


def image_shape(name: str | Path, data_dir: Path | str | None = None) -> tuple[int, ...]:
    """The shape of one image; arguments and errors as in `load_dataset`."""
    shape, _, _ = _shape_and_labels(_find(name, data_dir))
    return shape


def _shape_and_labels(source: Source) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """The shape of an image and the labels. Figures ask for each of their runs, so those of cached sources are kept."""
    key = (source.origin, source.name, source.version, source.fingerprint)
    if source.cached and key in _KNOWN:
        return _KNOWN[key]
    decoded = decode_cached(source)
    _KNOWN[key] = decoded.x_train.shape[1:], decoded.y_train, decoded.y_test
    return _KNOWN[key]


def available(data_dir: Path | str | None = None) -> dict[str, str]:
    """For each data set its place, or "missing"; downloads nothing and imports no TensorFlow."""
    places = {}
    for name, locate in DATASETS.items():
        prepared = find_prepared(name, data_dir) if name in LABELS else None
        if name in LABELS and prepared is None:
            places[name] = "missing"
        else:
            source = locate(data_dir)
            places[name] = f"{source.label} in {prepared}" if prepared else f"inside {source.origin} {source.version}"
    return places


def _find(name: str | Path, data_dir: Path | str | None) -> Source:
    data_dir = None if data_dir is None else checked_path(data_dir, "data_dir")
    if str(name).endswith(".npz"):
        return npz_source(name)
    if str(name) not in DATASETS:
        raise UserError(f"{unknown_name('data set', str(name), DATASETS)}, or a path that ends in .npz")
    return DATASETS[str(name)](data_dir)


def checked_classes(classes: Iterable[Any], *, numbers: bool = True) -> tuple[Any, ...]:
    """The choice of classes: numbers, or names of folders.

    Raises:
        UserError: it is no list, is empty or names one twice.
    """
    try:
        chosen = () if isinstance(classes, str) else tuple(classes)
    except TypeError:
        chosen = None
    if chosen is None or isinstance(classes, str):
        raise UserError(f"classes must be a list of classes, such as [3, 5], not {shown(classes)}")
    if numbers:
        chosen = tuple(check_whole("a class", one, None) for one in chosen)
    if not chosen or len(set(chosen)) < len(chosen):
        raise UserError(f"classes must name each class once, and one at least, not {chosen}")
    return chosen


def _of_classes(decoded: Decoded, classes: tuple[int, ...] | None, name: str) -> Decoded:
    if classes is None:
        return decoded
    parts = []
    for part, kind in _KINDS.items():
        x, y = decoded.part(part)
        matches = y == np.array(classes)[:, None]
        for wanted, found in zip(classes, matches.any(axis=1), strict=True):
            if not found:
                raise UserError(f"{name} has no {kind} images of class {wanted}: it has {np.unique(y).tolist()}")
        rows = np.flatnonzero(matches.any(axis=0))
        parts += [x[rows], matches[:, rows].argmax(axis=0).astype(y.dtype)]
    return Decoded(*parts)


def _subset(total: int, part: str, n: int | None, seed: list[int], taken: str) -> Int[np.ndarray, " n"]:
    """Row indices of the images to take from one part, drawn by the seed and the number of the part."""
    if n is None:
        return np.arange(total)
    n = check_whole(f"n_{part}", n)
    if n > total:
        raise UserError(
            f"{taken} has {total:,} {_KINDS[part]} images, fewer than n_{part}={n:,}: ask for at most {total:,}"
        )
    # A stream for each part, so that n_test does not change which training images are drawn.
    return np.random.default_rng(seed).permutation(total)[:n]


def _check_images(x: Shaped[np.ndarray, "n H W C"], rows: Int[np.ndarray, " n"], name: str) -> None:
    flat = x.reshape(len(x), -1, x.shape[-1])
    if x.dtype.kind == "f":
        bad = ~np.isfinite(flat).all(axis=(1, 2))
        if bad.any():
            first = int(rows[bad].min())
            message = f"{bad.sum():,} images in {name} have NaN or infinite values (the first at index {first:,})"
            raise UserError(f"{message}: remove or correct them")
    # A few pixels are enough for nearly all images; of those that look blank there all pixels are read.
    constant = (flat[:, :: max(1, flat.shape[1] // 32)] == flat[:, :1]).all(axis=(1, 2))
    constant[constant] = (flat[constant] == flat[constant, :1]).all(axis=(1, 2))
    if constant.any():
        first = int(rows[constant].min())
        message = f"{constant.sum():,} images in {name} have one value everywhere (the first at index {first:,})"
        raise UserError(f"{message}: remove these blank images")


def _as_float(x: Shaped[np.ndarray, "n H W C"]) -> Float32[np.ndarray, "n H W C"]:
    return x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)


def _content_hash(chosen: Decoded) -> str:
    digest = hashlib.sha256()
    for name, array in chosen.arrays().items():
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
