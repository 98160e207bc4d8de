"""How far CIFAR-10's JPEG copy moves numbers of the papers: the copy is compressed again, and the change extrapolated.

The copy was compressed once, at quality 75. Images that are moved against its grid of blocks and compressed at that
quality once more lose about as much again; so a number of the original images is about that of the copy less what
the second compression changes. Quality 50 shows whether the change grows with the squared distance of the images, as
this supposes. Needs CIFAR-10: TFDS_DATA_DIR names its folder.
"""

import dataclasses
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.energy import NETS, settings_of_table_1
from ntk_repro.data import Dataset, load_dataset
from ntk_repro.data.standardise import channel_moments, standardise
from ntk_repro.finite_width import training
from ntk_repro.papers.statistics import student_interval
from ntk_repro.rotation import tracking

QUALITIES = (75, 50)  # the first is the copy's
_SHIFT = 4  # pixels, of blocks of 8 and of colours in blocks of 16
_TRAINING: dict[str, Any] = {"net": "lenet5", "data": "cifar10", "n_train": 6000, "epochs": 10, "decay_epochs": 3}
_ENERGY_SEEDS, _ACCURACY_SEEDS = 4, 3


def recompressed(images: np.ndarray, quality: int) -> np.ndarray:
    """Images (n, H, W, 3) between 0 and 1 after compression at this quality, on other blocks than the stored ones."""
    found = np.empty_like(images)
    edge = [(_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)]
    for i, image in enumerate(np.round(255 * images).astype(np.uint8)):
        stored = io.BytesIO()
        Image.fromarray(np.pad(image, edge, "reflect")).save(stored, "JPEG", quality=quality)
        found[i] = np.asarray(Image.open(stored), np.float32)[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT] / 255
    return found


def _versions(load: Callable[[], Dataset]) -> dict[str, tuple[Dataset, float]]:
    """The copy and what compression makes of it, each with its root mean square distance from the copy."""
    copy = load()
    found = {"copy": (_standardised(copy, copy.x_train, copy.x_test), 0.0)}
    for quality in QUALITIES:
        x_train, x_test = (recompressed(x, quality) for x in (copy.x_train, copy.x_test))
        distance = float(np.sqrt(np.mean(np.square(x_train - copy.x_train))))
        found[f"quality {quality}"] = _standardised(copy, x_train, x_test), distance
    return found


def _standardised(copy: Dataset, x_train: np.ndarray, x_test: np.ndarray) -> Dataset:
    moments = channel_moments(x_train)
    return dataclasses.replace(copy, x_train=standardise(x_train, *moments), x_test=standardise(x_test, *moments))


def extrapolated(by_version: Mapping[str, Sequence[float]], distances: Mapping[str, float]) -> dict[str, Any]:
    """What the original images would give, by the change of each seed with the squared distance of the images.

    Args:
        by_version: the number of each seed, by version; the first is the copy.
        distances: of each version from the copy.
    """
    copy, *others = by_version
    values = {name: np.array(row, float) for name, row in by_version.items()}
    squares = np.array([distances[name] ** 2 for name in others])
    changes = np.array([values[name] - values[copy] for name in others])
    slope = squares @ changes / (squares @ squares)
    return {
        "changes": {name: student_interval(list(row))._asdict() for name, row in zip(others, changes, strict=True)},
        "copy": student_interval(list(values[copy]))._asdict(),
        "original": student_interval(list(values[copy] - slope * squares[0]))._asdict(),
        "moved": student_interval(list(slope * squares[0]))._asdict(),
    }


def _measured(
    name: str, versions: Mapping[str, tuple[Dataset, float]], measure: Callable[[Dataset, Path], dict]
) -> dict:
    """Numbers by seed of every version, and the original's."""
    distances = {version: distance for version, (_, distance) in versions.items()}
    rows: dict[str, dict[str, list[float]]] = {}
    for version, (data, distance) in versions.items():
        print(f"{name}, {version}: root mean square distance from the copy {255 * distance:.2f} of 255", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for what, values in measure(data, Path(folder)).items():
                rows.setdefault(what, {})[version] = values
    found = {what: {"by_seed": by_version, **extrapolated(by_version, distances)} for what, by_version in rows.items()}
    for what, numbers in found.items():
        moved, original = numbers["moved"], numbers["original"]
        print(
            f"{what}: copy {numbers['copy']['mean']:.2%}, moved by its compression {100 * moved['mean']:+.2f} points "
            f"(95% {100 * moved['low']:.2f} to {100 * moved['high']:.2f}), original {original['mean']:.2%}"
        )
    return {"distances": distances, **found}


def _energies(data: Dataset, root: Path) -> dict[str, list[float]]:
    found = {}
    for net in NETS:
        configs = [tracking.Config(net=net, seed=seed, **settings_of_table_1()) for seed in range(_ENERGY_SEEDS)]
        runs = [tracking.run(config, root=root, data=data) for config in configs]
        found[f"energy, {net}"] = [float(run.result()["energy_concentration"][0]) for run in runs]
    return found


def _accuracies(data: Dataset, root: Path) -> dict[str, list[float]]:
    configs = [training.Config(seed=seed, baseline=False, **_TRAINING) for seed in range(_ACCURACY_SEEDS)]
    results = [training.run(config, root=root, data=data).result() for config in configs]
    return {
        f"test accuracy, {kind}": [float(result[f"{kind}_test_accuracy"]) for result in results]
        for kind in ("network", "linearized")
    }


def energy() -> dict[str, Any]:
    """The energy of Table 1 of Ortiz-Jimenez et al. 2021 before training."""
    return _measured("energy", _versions(lambda: load_dataset("cifar10", standardize=False)), _energies)


def accuracy() -> dict[str, Any]:
    """LeNet's accuracies of Figure 4 of Samarin et al. 2022, of fewer images and epochs."""
    few = {"n_train": _TRAINING["n_train"], "standardize": False}
    return _measured("accuracy", _versions(lambda: load_dataset("cifar10", **few)), _accuracies)


PARTS = {"energy": energy, "accuracy": accuracy}
