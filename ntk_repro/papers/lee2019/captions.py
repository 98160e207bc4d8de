"""What a figure's caption says about its runs, and in what a run departs from it."""

import math
from typing import NamedTuple

from ntk_repro.papers.claims import Numbers, joined

_DATA = {"cifar10": "CIFAR-10", "mnist": "MNIST"}


def other_data(numbers: Numbers, data: str) -> str:
    """Why a statement about a data set cannot be judged; a subset of it counts."""
    label = numbers.get("data_label") or numbers["data"]
    return "" if str(numbers["data"]).startswith(data) else f"{label}, not {_DATA[data]}"


class Caption(NamedTuple):
    """What a figure's caption says about its runs.

    Attributes:
        data: the data set.
        width: units or channels of a layer.
        images: training images.
        learning_rate: eta, in standard parameterization before it is divided by the width.
        batch_size: images of a minibatch, None: it trains on the full batch.
        momentum: beta.
    """

    data: str
    width: int
    images: int
    learning_rate: float
    batch_size: int | None = None
    momentum: float = 0.0

    def unlike(self, numbers: Numbers, run: Numbers, rate: float) -> str:
        """In what a run that trains at this rate departs from the caption."""
        return joined(self._other(numbers, run, rate), self.harder(run), self.easier(run))

    def harder(self, run: Numbers) -> str:
        """In what a run is further from its linearization than the paper's; see `unless`."""
        width = self._width(run) if run["width"] < self.width else ""
        return joined(width, self._images(run) if run["images"] > self.images else "")

    def easier(self, run: Numbers) -> str:
        """In what a run is nearer to its linearization than the paper's."""
        width = self._width(run) if run["width"] > self.width else ""
        return joined(width, self._images(run) if run["images"] < self.images else "")

    def unless(self, numbers: Numbers, run: Numbers, holds: bool | None) -> str:
        """Why a run cannot decide in this way whether a network is near its linearization.

        That distance falls with the width and grows with the number of images (Figure S5), so a network that is
        narrower than the paper's, or trained on more images, may show that the statement holds, but not that it fails,
        and one that is wider, or trained on fewer images, may show that it fails, but not that it holds.
        """
        moved = "" if holds is None else self.easier(run) if holds else self.harder(run)
        return joined(self._other(numbers, run, run["learning_rate"]), moved)

    def _other(self, numbers: Numbers, run: Numbers, rate: float) -> str:
        """Data and training that are not the paper's; which way they move the distance is not known."""
        own = self.learning_rate / (run["width"] if run["parameterization"] == "standard" else 1)
        learning_rate = "" if math.isclose(rate, own, rel_tol=1e-3) else f"learning rate {rate:.3g}, not {own:.3g}"
        same = run["batch_size"] == self.batch_size
        batch_size = "" if same else f"{_batches(run['batch_size'])}, not {_batches(self.batch_size)}"
        same = math.isclose(run["momentum"], self.momentum)
        momentum = "" if same else f"momentum {run['momentum']:g}, not {self.momentum:g}"
        return joined(other_data(numbers, self.data), learning_rate, batch_size, momentum)

    def _width(self, run: Numbers) -> str:
        return f"width {run['width']:,} in place of the paper's {self.width:,}"

    def _images(self, run: Numbers) -> str:
        return f"{run['images']:,} images in place of the paper's {self.images:,}"


def _batches(size: int | None) -> str:
    return "full batch" if size is None else f"batches of {size}"
