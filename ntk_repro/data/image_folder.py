"""Images from folders, one for each class, as ImageNet is unpacked: resized, cropped, decoded once."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ntk_repro.data.cache import decode_cached
from ntk_repro.data.dataset import Dataset, checked_classes, dataset_of
from ntk_repro.data.embedded import stratified_split
from ntk_repro.data.source import Decoded, Source
from ntk_repro.errors import UserError
from ntk_repro.progress import console, progress
from ntk_repro.ranges import check_whole

SNAKES = (
    "n01728572", "n01728920", "n01729322", "n01729977", "n01734418",
    "n01735189", "n01737021", "n01739381", "n01740131", "n01742172",
)  # fmt: skip
"""WordNet ids of the first ten of ImageNet's seventeen snakes: thunder, ringneck, hognose, green, king, garter, water,
vine and night snake, boa constrictor. Samarin et al. 2022 took ten without naming them."""

_SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff")
_SPLIT_SEED = 20_22  # never changes, like the splits of the embedded sets
_TEST_SHARE = 0.1


def load_image_folder(
    folder: Path | str,
    classes: Sequence[str] = SNAKES,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    *,
    resize: int = 256,
    crop: int = 224,
    standardize: bool = True,
) -> Dataset:
    """A data set of the images under `folder`/train/CLASS and `folder`/val/CLASS (or test/CLASS).

    If neither folder exists, images are taken from `folder`/CLASS, and a tenth of each class, always the same, is for
    testing. Images of any mode become RGB. The shorter side is resized to `resize` pixels (bilinear), then the
    central `crop` x `crop` pixels are cut out, as torchvision does. Files that are not readable images are skipped;
    they are counted in the provenance, and named on the terminal when they are first read. The decoded arrays are
    cached: they are decoded again when a file changes.

    The ten snakes take 2 GB when decoded, four times that in float32.

    Source: Samarin et al. 2022, section 4 (resize 256, central crop 224).

    Args:
        folder: ImageNet's folder, or any other.
        classes: names of the class folders, WordNet ids for ImageNet; their order numbers the classes.
        n_train: as in `load_dataset`.
        n_test: as in `load_dataset`.
        seed: of the subsets.
        resize: pixels of the shorter side.
        crop: pixels of the square, at most `resize`.
        standardize: as in `load_dataset`.

    Raises:
        UserError: folders that are missing, classes without a readable image, sizes out of range, and what
            `load_dataset` refuses.
    """
    folder, classes = Path(folder).expanduser(), checked_classes(classes, numbers=False)
    check_whole(f"crop of images with a shorter side of {resize} pixels", crop, 1, resize)
    if not folder.is_dir():
        raise UserError(f"there is no image folder {folder}: give the folder that holds train/ and val/")
    files = _listed(folder, classes)
    source = Source(
        name=folder.resolve().name or "images",
        label="ImageNet snakes" if classes == SNAKES else f"images of {folder.resolve().name}",
        origin="image folder",
        version=f"{resize}-{crop}",
        fingerprint=_fingerprint(folder, files, classes, resize, crop),
        decode=lambda: _decode(files, classes, resize, crop),
    )
    decoded = decode_cached(source)
    skipped = sum(len(paths) for part in files.values() for paths in part) - len(decoded.y_train) - len(decoded.y_test)
    sizes = f"shorter side {resize}, central crop {crop}"
    note = f"classes {', '.join(classes)}; {sizes}; {skipped} unreadable files skipped"
    source = dataclasses.replace(source, note=note, decode=lambda: decoded, cached=False)
    return dataset_of(source, n_train, n_test, seed, standardize=standardize)


def _listed(folder: Path, classes: tuple[str, ...]) -> dict[str, list[list[Path]]]:
    """The image files of both parts, a list for each class."""
    test_folder = "test" if (folder / "test").is_dir() and not (folder / "val").is_dir() else "val"
    places = {"train": folder / "train", "test": folder / test_folder}
    missing = [place.name for place in places.values() if not place.is_dir()]
    if not missing:
        return {part: [_images(place / name) for name in classes] for part, place in places.items()}
    if len(missing) == 1:
        raise UserError(
            f"{folder} has no folder {missing[0]}/: add it, or give a folder that holds the classes themselves"
        )
    files: dict[str, list[list[Path]]] = {"train": [], "test": []}
    for name in classes:
        paths = _images(folder / name)
        rows = stratified_split(np.zeros(len(paths), int), _TEST_SHARE, _SPLIT_SEED)
        if not all(map(len, rows)):
            raise UserError(
                f"class {name} has {len(paths)} images in {folder / name}, of which a tenth is for testing: put at "
                "least two there, or give a folder that holds train/ and val/"
            )
        for part, chosen in zip(files.values(), rows, strict=True):
            part.append([paths[i] for i in sorted(chosen)])
    return files


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        existing = sorted(path.name for path in folder.parent.iterdir() if path.is_dir())
        known = ", ".join([*existing[:5], *(["..."] if len(existing) > 5 else [])]) or "no folders"
        raise UserError(
            f"there is no class folder {folder} ({folder.parent} has {known}): unpack that class, or name the classes "
            "that are there"
        )
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())


def _fingerprint(folder: Path, files: dict[str, list[list[Path]]], *settings: object) -> str:
    digest = hashlib.sha256(repr(settings).encode())
    for part, classes in files.items():
        for path in (path for paths in classes for path in paths):
            status = path.stat()
            digest.update(f"{part} {path.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _decode(files: dict[str, list[list[Path]]], classes: tuple[str, ...], resize: int, crop: int) -> Decoded:
    found, broken = {}, []
    total = sum(len(paths) for part in files.values() for paths in part)
    with progress("decoding images, once", total, "images") as advance:
        for part, by_class in files.items():
            x = np.empty((sum(map(len, by_class)), crop, crop, 3), np.uint8)
            y: list[int] = []
            for label, paths in enumerate(by_class):
                before = len(y)
                for path in paths:
                    image = _square(path, resize, crop)
                    advance(1)
                    if image is None:
                        broken.append(path)
                        continue
                    x[len(y)] = image
                    y.append(label)
                if len(y) == before:
                    message = f"class {classes[label]} has no readable image in its {part} part ({len(paths)} files)"
                    raise UserError(f"{message}: put images there, or leave the class out")
            found |= {f"x_{part}": x[: len(y)], f"y_{part}": np.array(y, np.int32)}
    if broken:
        names = ", ".join(path.name for path in broken[:5]) + (", ..." if len(broken) > 5 else "")
        console.print(f"{len(broken)} files are not readable images and were skipped: {names}", style="yellow")
    return Decoded(**found)


def _square(path: Path, resize: int, crop: int) -> UInt8[np.ndarray, "crop crop 3"] | None:
    """The central square of the resized image; None where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    # What Pillow raises for damaged files, by format; images of suspicious size are refused by it, too.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return None
    width, height = image.size
    short = min(width, height)
    image = image.resize((resize * width // short, resize * height // short), Image.Resampling.BILINEAR)
    left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
    return np.asarray(image.crop((left, top, left + crop, top + crop)))
