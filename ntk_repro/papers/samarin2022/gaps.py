"""A network and its linearization at equal widths and seeds: their gaps, and where these are as the paper's."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ntk_repro.network_names import display_name, width_text
from ntk_repro.papers.claims import Numbers
from ntk_repro.papers.departures import departures
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import WIDTHS
from ntk_repro.papers.statistics import Interval, signed_sum, student_interval
from ntk_repro.papers.thresholds import ABOUT_PER_CENT, LARGE, MOST, NEARLY_ALL, SIGNIFICANT

T = TypeVar("T")

Seeds = Mapping[int, float | None]
"""The accuracies of some seeds."""

_GUESSING_ERROR = 0.9  # of ten classes
THREE_POINTS = SIGNIFICANT * _GUESSING_ERROR
NINE_POINTS = LARGE * _GUESSING_ERROR
NEARLY_100 = 1 - ABOUT_PER_CENT
KINDS = ("network", "linearized")
NAMES = {"network": "the network", "linearized": "the linearization"}
PARTS = ("test", "train")
PART_NAMES = {"test": "test accuracy", "train": "training accuracy"}
LENET_FIGURES, ALEXNET_FIGURES = ("fig2", "fig3", "fig4"), ("fig5",)
DATA_NAMES = {"fig2": "MNIST", "fig3": "shifted MNIST", "fig4": "CIFAR-10", "fig5": "the snakes"}

_SETTINGS = ("learning_rate", "weight_decay")


def figure_of(panel: Numbers) -> str:
    """The figure whose experiment a panel repeats, by its network, shift and schedule."""
    if panel["net"] == "alexnet":
        return "fig5"
    return "fig3" if panel["shift"] else "fig2" if panel["decay_epochs"] is None else "fig4"


def subject(panel: Numbers, *more: str) -> str:
    """ "lenet5 on mnist, shifted by up to 7, x1"."""
    shift = f"shifted by up to {panel['shift']}" if panel["shift"] else ""
    decay = f"rate / 10 every {panel['decay_epochs']} epochs" if panel["decay_epochs"] is not None else ""
    return ", ".join(filter(None, (f"{display_name(panel['net'])} on {panel['data']}", shift, decay, *more)))


def line_of(panel: Numbers, kind: str, own: bool = False) -> Numbers | None:
    """The line of the networks or of the linearizations.

    Args:
        panel: the panel.
        kind: "network" or "linearized"; the linearization is that at the network's learning rate and weight decay.
        own: whether to take the linearization at its own best settings that the paper names (AlexNet's).
    """
    lines = [line for line in panel["lines"] if line["kind"] == kind]
    if kind == "network":
        return next(iter(lines), None)
    wanted = printed_numbers("samarin2022")["fig5"]["own_settings"] if own else line_of(panel, "network")
    if wanted is None:
        return next(iter(lines), None)
    return next((line for line in lines if all(line[name] == wanted[name] for name in _SETTINGS)), None)


@dataclass(frozen=True)
class Pair:
    """A network and its linearization at one width.

    Attributes:
        width: the width factor.
        learning_rate: the linearization's.
        network: the network's accuracies by part ("train", "test") and seed.
        linearized: the linearization's.
        images: images of each part, None where they are not on record.
    """

    width: float
    learning_rate: float
    network: Mapping[str, Seeds]
    linearized: Mapping[str, Seeds]
    images: Mapping[str, int | None]

    def gap(self, part: str = "test") -> Interval:
        """The network's accuracy less the linearization's."""
        return signed_sum([self.network[part], self.linearized[part]], [1, -1], self.images[part])

    def gaps(self) -> list[float]:
        """The gaps in test accuracy of the seeds that both models have."""
        second = self.linearized["test"]
        both = [(value, second.get(seed)) for seed, value in self.network["test"].items()]
        return [first - value for first, value in both if first is not None and value is not None]

    def change_to(self, other: "Pair", part: str = "test") -> Interval:
        """The other pair's gap less this one's, over the seeds that all four have."""
        return self._with(other, -1, part)

    def gap_sum(self, other: "Pair", part: str = "test") -> Interval:
        """The other pair's gap plus this one's."""
        return self._with(other, +1, part)

    def _with(self, other: "Pair", sign: int, part: str) -> Interval:
        terms = [other.network[part], other.linearized[part], self.network[part], self.linearized[part]]
        counts = [count for count in (self.images[part], other.images[part]) if count is not None]
        return signed_sum(terms, [1, -1, sign, -sign], min(counts) if len(counts) == 2 else None)

    def rise_to(self, other: "Pair", kind: str, part: str = "test") -> Interval:
        """The accuracy of the other pair's network or linearization less that of this one's."""
        return signed_sum([getattr(other, kind)[part], getattr(self, kind)[part]], [1, -1], self.images[part])


def pairs_of(panel: Numbers, own: bool = False) -> list[Pair]:
    """The pairs of a panel, narrowest first; see `line_of`."""
    network, linearized = line_of(panel, "network"), line_of(panel, "linearized", own)
    if network is None or linearized is None:
        return []
    images = {part: panel.get(f"{part}_images") for part in PARTS}
    by_width = {width: _seeds(linearized, at) for at, width in enumerate(linearized["widths"])}
    return [
        Pair(width, linearized["learning_rate"], _seeds(network, at), by_width[width], images)
        for at, width in enumerate(network["widths"])
        if width in by_width
    ]


def _seeds(line: Numbers, at: int) -> dict[str, dict[int, float | None]]:
    return {part: dict(zip(line["seeds"][at], line[part][at], strict=True)) for part in PARTS}


def ends_of(panel: Numbers, own: bool = False) -> tuple[Pair, Pair] | None:
    """The narrowest and the widest pair of `of_several_seeds`; None of fewer than two."""
    pairs = of_several_seeds(
        pairs_of(panel, own), lambda pair: min(map(len, (pair.network["test"], pair.linearized["test"])))
    )
    return (pairs[0], pairs[-1]) if len(pairs) > 1 else None


def of_several_seeds(entries: Sequence[T], seeds: Callable[[T], int]) -> Sequence[T]:
    """Those of the entries, one for each width, with at least two seeds where there are two such; else all."""
    several = [entry for entry in entries if seeds(entry) > 1]
    return several if len(several) > 1 else entries


def of_width(panel: Numbers, width: float, own: bool = False) -> Pair | None:
    """The pair of one width, None without."""
    return next((pair for pair in pairs_of(panel, own) if pair.width == width), None)


def unlike_paper(panel: Numbers, figure: str, *widths: float) -> str:
    """Why a panel cannot decide what the paper says of a figure; "" where it can.

    Its settings are the paper's, see `departures`, and so are the widths that are compared.
    """
    departs = departures(settings_of(figure), {**(line_of(panel, "network") or {}), **panel})
    return departs or beyond_widths(panel["net"], *widths)


def unlike_experiment(entry: Numbers, *free: str) -> str:
    """Where an entry departs from the paper's trainings of its network and data, whatever its `free` settings are."""
    return departures(settings_of(figure_of(entry)), entry, free)


def beyond_widths(net: str, *widths: float) -> str:
    """Names the widths that are narrower or wider than all of the paper's; "" without."""
    least, *_, most = WIDTHS[net]
    outside = [width_text(width) for width in widths if not least <= width <= most]
    return f"x{', x'.join(outside)} (the paper: x{least} to x{most})" if outside else ""


def not_all_widths(net: str, widths: Sequence[float]) -> str:
    """Names the widths where they are not those of the paper from the narrowest to the widest: its trend may yet turn.

    Of LeNet the paper names these two only; any may lie between them.
    """
    missing = [width for width in WIDTHS[net] if width not in widths]
    lacking = f"no x{', x'.join(map(width_text, missing))} (the paper: x{WIDTHS[net][0]} to x{WIDTHS[net][-1]})"
    return beyond_widths(net, *widths) or (lacking if missing else "")


def nearly_all(share: float) -> bool:
    """Whether a share is 80% or more; see `share_of`."""
    return share >= NEARLY_ALL


def most(share: float) -> bool:
    """Whether a share is more than half; see `share_of`."""
    return share > MOST


def share_of(found: Sequence[bool | None], enough: Callable[[float], bool]) -> tuple[float, bool | None]:
    """The share of cases in which something holds, and whether it is enough, whatever the undetermined ones are."""
    if not found:
        return math.nan, None
    least, largest = ((found.count(True) + count) / len(found) for count in (0, found.count(None)))
    return least, True if enough(least) else None if enough(largest) else False


def settings_of(block: str) -> Numbers:
    """The paper's settings behind the numbers of a figure or table, such as "fig2"."""
    return printed_numbers("samarin2022")[block]["settings"]


def half_digit(printed: str) -> float:
    """Half a unit of the last digit of a printed number of per cent or of points, as a share; "100" is exact.

    >>> half_digit("20.4")
    0.0005
    """
    return 0.5 * 10.0 ** -(2 + len(printed.split(".")[1])) if "." in printed else 0.0


def range_text(narrow: Pair, wide: Pair) -> str:
    """ "x1 to x10"."""
    return f"x{width_text(narrow.width)} to x{width_text(wide.width)}"


def seeds_of(accuracies: Seeds) -> list[float]:
    """The accuracies that there are."""
    return [value for value in accuracies.values() if value is not None]


def mean(values: Iterable[float | None]) -> float:
    """The mean of the values that there are; nan without."""
    return student_interval(list(values)).mean


def points(interval: Interval) -> str:
    """ "12.34 points (95% 10.10 to 14.58, 3 seeds)"."""
    return f"{100 * interval.mean:.2f} points{certainty(interval, 100)}"


def certainty(interval: Interval, scale: float = 1.0) -> str:
    """ " (95% 10.10 to 14.58, 3 seeds)"."""
    seeds = {0: "no seed in common", 1: "1 seed"}.get(interval.seeds, f"{interval.seeds} seeds")
    if not math.isfinite(interval.low):
        return f" ({seeds})"
    of = seeds if interval.seeds > 1 else f"over draws of the images, {seeds}"
    return f" (95% {scale * interval.low:.2f} to {scale * interval.high:.2f}, {of})"
