"""The Gram matrices that the runs of a figure hold, and the memory for them."""

from ntk_repro.experiments import DataSource, StudyConfig
from ntk_repro.papers.figure import Figure

# Studies that hold a Gram matrix of all their images, and how many training and test images those are where a preset
# takes a complete data set.
_WITH_GRAM = ("eigentasks", "rotation")
_SIZES = {"mnist5k": (4000, 1000), "mnist": (60_000, 10_000), "cifar10": (50_000, 10_000)}


def kernel_images(figure: Figure, config: StudyConfig) -> int:
    """The images that a run of `figure` has the Gram matrix of: those that it asks for, else all of its data set, or of
    MNIST; 0 where it has none.
    """
    if figure.study.partition(".")[0] not in _WITH_GRAM or not isinstance(config, DataSource):
        return 0
    sizes = _SIZES.get(config.data, _SIZES["mnist"])
    return sum(size if count is None else count for count, size in zip(config.gram_counts, sizes, strict=True))


def kernel_bytes(images: int) -> int:
    """The memory for the Gram matrix of so many images, 4 n^2 bytes, and as much again for eigenvectors and a copy."""
    return 8 * images**2
