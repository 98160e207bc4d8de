"""Data sets: real images by name or from a file, standardised, cached, with their provenance."""

from ntk_repro.cache_folder import cache_dir
from ntk_repro.data.dataset import (
    DATASETS,
    Dataset,
    Provenance,
    available,
    dataset_sizes,
    image_shape,
    load_dataset,
)
from ntk_repro.data.image_folder import SNAKES, load_image_folder
from ntk_repro.data.shifts import shifted
from ntk_repro.data.targets import (
    RegressionData,
    binary_labels,
    class_labels,
    halves_of_classes,
    one_hot,
    signed_targets,
)

__all__ = [
    "DATASETS",
    "SNAKES",
    "Dataset",
    "Provenance",
    "RegressionData",
    "available",
    "binary_labels",
    "cache_dir",
    "class_labels",
    "dataset_sizes",
    "halves_of_classes",
    "image_shape",
    "load_dataset",
    "load_image_folder",
    "one_hot",
    "shifted",
    "signed_targets",
]
