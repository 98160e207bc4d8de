"""Data sets: real images by name or from a file, standardised, cached, and with their provenance."""

from ntk_repro.data.cache import cache_dir
from ntk_repro.data.dataset import DATASETS, Dataset, Provenance, available, binary_labels, dataset_sizes, load_dataset

__all__ = [
    "DATASETS",
    "Dataset",
    "Provenance",
    "available",
    "binary_labels",
    "cache_dir",
    "dataset_sizes",
    "load_dataset",
]
