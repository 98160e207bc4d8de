"""Measurements of a network's tangent kernel at one epoch of its training."""

import dataclasses
import functools
import shutil
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.gram import (
    alignment,
    alignment_from_gram,
    energy_concentration,
    gram_store,
    kernel_cosine_distance,
    top_eigenpairs,
)
from ntk_repro.network import Network
from ntk_repro.record import RunFolder


@dataclasses.dataclass(frozen=True, eq=False)
class KernelMeasurement:
    """The NTK on some training images, compared with their labels and with the kernel before training.

    The kernel is computed into the run folder, tile by tile, so that a killed process loses minutes; only the first
    kernel stays there until the run is finished.

    Source: Ortiz-Jimenez et al. 2021, section 4.2.

    Attributes:
        folder: an open run folder.
        net_0: the network before training.
        x: the images of the kernel.
        y: their labels, in {0, 1}; they are measured as -1 and +1.
        top: K, eigenvectors on which the labels' energy is concentrated.
        targets: images, functions on them whose alignment is followed, and these alignments before training.
    """

    folder: RunFolder
    net_0: Network
    x: Float[np.ndarray, "n ..."]
    y: Int[np.ndarray, " n"]
    top: int
    targets: tuple[Float[np.ndarray, "m ..."], Float[np.ndarray, "m T"], Float[np.ndarray, " T"]] | None = None

    def __call__(self, epoch: int, network: Network) -> dict[str, np.ndarray]:
        """The measurements, for K eigenvectors, S nested sets of images and T targets.

        `energy_concentration` (): ||Phi y|| / ||y|| on the top K eigenvectors; `energy_by_images` (S,): the same for
        the kernels on the first images only (`nested_counts`); `top_eigenvalues` (K,); `label_alignment` (): y^T K y /
        n^2; `mean_squared_gradient_norm` (): mean of K(x, x); `kernel_cosine_distance` (): from the kernel before
        training; with targets `alignment` (T,), on their own images.
        """
        kernel = self._kernel(epoch, network) if epoch else self._kernel_0
        y = 2.0 * self.y - 1
        values, energies = np.zeros(self.top), []
        for count in nested_counts(len(self.x), self.top):
            pairs = top_eigenpairs(kernel[:count, :count], self.top)
            energies.append(energy_concentration(pairs.vectors, y[:count]))
            values = pairs.values
        measured = {
            "energy_concentration": np.asarray(energies[-1]),
            "energy_by_images": np.array(energies),
            "top_eigenvalues": values,
            "label_alignment": alignment_from_gram(kernel, y)[0],
            "mean_squared_gradient_norm": np.asarray(np.mean(np.diagonal(kernel), dtype=np.float64)),
            "kernel_cosine_distance": np.asarray(kernel_cosine_distance(kernel, self._kernel_0) if epoch else 0.0),
        }
        if self.targets is not None:
            x, functions, alignment_0 = self.targets
            measured["alignment"] = alignment(network, x, functions) if epoch else np.asarray(alignment_0)
        if epoch:
            shutil.rmtree(self._path(epoch), ignore_errors=True)
        return measured

    @functools.cached_property
    def _kernel_0(self) -> Float[np.ndarray, "n n"]:
        return self._kernel(0, self.net_0)

    def _kernel(self, epoch: int, network: Network) -> Float[np.ndarray, "n n"]:
        return gram_store(network, self.x, self._path(epoch)).array()

    def _path(self, epoch: int) -> Path:
        return self.folder.path / "parts" / f"gram_{epoch:05d}"


def nested_counts(n: int, top: int) -> list[int]:
    """n / 8, n / 4, n / 2 and n: those that are at least twice the number of eigenvectors, and n.

    >>> nested_counts(1000, 50), nested_counts(60, 50)
    ([125, 250, 500, 1000], [60])
    """
    return [n // part for part in (8, 4, 2) if n // part >= 2 * top] + [n]
