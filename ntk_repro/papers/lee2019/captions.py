"""What a figure's caption says about its runs, and in what a run departs from it."""

import math
from typing import NamedTuple

from ntk_repro.papers.claims import Numbers

_DATA = {"cifar10": "CIFAR-10", "mnist": "MNIST"}


def joined(*parts: str) -> str:
    """Several reasons as one, "" where there are none."""
    return " and ".join(filter(None, parts))


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
        learning_rate: eta.
        minibatches: whether it trains on minibatches.
    """

    data: str
    width: int
    images: int
    learning_rate: float
    minibatches: bool = False

    def other(self, numbers: Numbers, run: Numbers, rate: float) -> str:
        """Data and learning rate that are not the paper's."""
        # In standard parameterization rates are smaller by the width.
        widths = self.width / run["width"] if run["parameterization"] == "standard" else 1
        own = self.learning_rate * widths
        unlike = "" if math.isclose(rate, own, rel_tol=1e-3) else f"learning rate {rate:.3g} in place of {own:.3g}"
        return joined(other_data(numbers, self.data), unlike)

    def harder(self, run: Numbers) -> str:
        """In what a run is further from its linearization than the paper's: the distance falls with the width."""
        return self._width(run) if run["width"] < self.width else ""

    def easier(self, run: Numbers) -> str:
        """In what a run is nearer to its linearization than the paper's: the distance grows with the data set."""
        fewer = f"{run['images']:,} of the paper's {self.images:,} images" if run["images"] < self.images else ""
        return joined(self._width(run) if run["width"] > self.width else "", fewer)

    def unless(self, numbers: Numbers, run: Numbers, holds: bool | None) -> str:
        """Why a run cannot decide in this way whether a network is near its linearization.

        That distance falls with the width and grows with the number of images (Figure S5), so a network that is
        narrower than the paper's may show that the statement holds, but not that it fails, and one that is trained on
        fewer images may show that it fails, but not that it holds.
        """
        moved = "" if holds is None else self.easier(run) if holds else self.harder(run)
        return joined(self.other(numbers, run, run["learning_rate"]), moved)

    def _width(self, run: Numbers) -> str:
        return f"width {run['width']:,} in place of the paper's {self.width:,}"
