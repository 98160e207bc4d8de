"""What every drawing script shares: its command line, its looks, and how a picture is saved with its numbers."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ntk_repro.command_line import command
from ntk_repro.errors import UserError
from ntk_repro.network_names import display_name, display_names
from ntk_repro.record import RunFolder, write_errors_explained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

__all__ = [
    "COLORS",
    "NET_TITLES",
    "QUIET",
    "Drawing",
    "Spread",
    "array",
    "band",
    "by_net",
    "check_study",
    "draw_command",
    "head",
    "legend_of",
    "mark_partial",
    "mean_and_std",
    "net_names",
    "net_title",
    "plain",
    "settings",
    "titled",
]

# Okabe and Ito's palette: told apart by colour-blind readers, and by their lightness in grey print.
COLORS = {
    "network": "#0072B2",
    "linearized": "#D55E00",
    "baseline": "#404040",
    "third": "#009E73",
    "fourth": "#CC79A7",
    "chance": "#A0A0A0",
}
QUIET = "#505050"  # text that stands back
NET_TITLES = {"mlp": "MLP", "lenet": "LeNet", "resnet18": "ResNet18", "lenet5": "LeNet-5", "alexnet": "AlexNet"}

# Settings that a reader takes for granted, and how they are named where a run departs from them.
_USUAL = (("batch_size", 128, "batches of {}"), ("residual_scale_init", 0.0, "residual scale {:g}"))

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Drawing:
    """A picture and the numbers in it (JSON-able, see `plain`)."""

    picture: "Picture"
    numbers: dict[str, Any]


Draw = Callable[[list[RunFolder], str], Drawing]


def draw_command(figure: str, draw: Draw, args: Sequence[str] | None = None) -> None:
    """The program of a drawing script: `python <script> RUN_FOLDER ... [--out DIR] [--preset NAME]`.

    Writes <paper>_<figure>.png, .pdf and .json (the plotted numbers) into the output folder and prints their paths.

    Args:
        figure: "<paper>/<figure>", which names the files written.
        draw: (run folders, preset) -> the picture and its numbers.
        args: the command line, None for the process's own.
    """
    import matplotlib as mpl
    import tyro

    mpl.use("Agg")

    def program(
        runs: Annotated[tuple[Path, ...], tyro.conf.Positional],
        out: Path = Path("figures/out"),
        preset: str = "",
    ) -> None:
        """Draws the figure from finished runs; computes nothing.

        Args:
            runs: Folders of finished runs, in any order.
            out: Folder for the .png, .pdf and .json files.
            preset: Name of the settings that the runs belong to, written beside the picture.
        """
        if not runs:
            raise UserError("name at least one run folder; `ntk-repro run` prints those of a figure")
        with mpl.rc_context(_STYLE):
            drawing = draw([RunFolder.read(path) for path in runs], preset)
            numbers = {"figure": figure, **drawing.numbers, "runs": [str(path) for path in runs]}
            for path in _save(drawing.picture, numbers, out, figure.replace("/", "_")):
                print(path)

    command(lambda: tyro.cli(program, description=f"Draw {figure}.", args=args), again="give the same command again")


def _save(picture: "Picture", numbers: dict[str, Any], out: Path, name: str) -> list[Path]:
    paths = [out / f"{name}{ending}" for ending in (".png", ".pdf", ".json")]
    with write_errors_explained(out):
        out.mkdir(parents=True, exist_ok=True)
        # Without dates, so that the same numbers give the same bytes.
        picture.savefig(paths[0], bbox_inches="tight")
        picture.savefig(paths[1], bbox_inches="tight", metadata={"CreationDate": None})
        paths[2].write_text(json.dumps(plain(numbers), indent=1, allow_nan=False) + "\n")
    return paths


def net_title(net: str) -> str:
    """A network's name in a picture."""
    return NET_TITLES.get(net, display_name(net))


def plain(value: Any) -> Any:
    """Numbers as JSON has them: arrays become lists, and what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def check_study(runs: Sequence[RunFolder], study: str) -> None:
    """Refuses runs of another study, named as its folder among the runs is, such as "wide_limit_drift".

    Raises:
        UserError: names the first such run.
    """
    for run in runs:
        if run.study != study:
            raise _stranger(run)


def _stranger(run: RunFolder) -> UserError:
    return UserError(f"{run.path} is not a run that this figure draws: name those that `ntk-repro run` prints for it")


def net_names(runs: Sequence[RunFolder]) -> dict[str, str]:
    """How tables and pictures call the networks of these runs, by their names in the runs' settings.

    Two custom networks of one name keep their digests, "MyNet@0f3c5a0f3c5a".
    """
    return display_names(run.config["net"] for run in runs if "net" in run.config)


def by_net(runs: Sequence[RunFolder], names: Mapping[str, str] | None = None) -> dict[str, list[RunFolder]]:
    """The runs of each network by its display name, smallest network first, each list ordered by seed.

    Args:
        runs: the runs.
        names: the display names, None for those of these runs alone.

    Raises:
        UserError: when runs of one network differ in more than their seed, or a run is of no network.
    """
    groups = defaultdict(list)
    for run in runs:
        if not {"net", "seed"} <= set(run.config):
            raise _stranger(run)
        groups[run.config["net"]].append(run)
    for net, group in groups.items():
        group.sort(key=lambda run: run.config["seed"])
        for run in group[1:]:
            differing = [k for k in run.config if k != "seed" and run.config[k] != group[0].config.get(k)]
            if differing:
                raise UserError(f"two runs of {net} differ in {', '.join(differing)}: draw them in separate figures")
        if len({run.config["seed"] for run in group}) < len(group):
            raise UserError(f"two runs of {net} have the same seed: name each run once")
    names = names or net_names(runs)
    return {names[net]: groups[net] for net in dict.fromkeys([*NET_TITLES, *sorted(groups)]) if net in groups}


def array(run: RunFolder, name: str) -> np.ndarray:
    """One array of a run's result.

    Raises:
        UserError: when the run is not finished, or its result has no such array.
    """
    result = run.result()
    if name not in result:
        raise UserError(f"{run.path} has no {name}, so this figure cannot be drawn from it: compute the run again")
    return result[name]


class Spread(NamedTuple):
    """What several seeds gave, entry by entry; entries that are nan are left out.

    Attributes:
        mean: the mean, nan where every seed is nan.
        std: the standard deviation (0 for a single run), nan where fewer than two of several seeds are left.
        seeds: how many seeds are left.
    """

    mean: np.ndarray
    std: np.ndarray
    seeds: np.ndarray


def mean_and_std(runs: Sequence[RunFolder], of: str | Callable[[RunFolder], np.ndarray]) -> Spread:
    """The mean over runs (seeds) of one result array, or of what a function makes of each run, and its spread."""
    values = np.stack([np.asarray(array(run, of) if isinstance(of, str) else of(run), float) for run in runs])
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    mean = np.where(there, values, 0).sum(axis=0) / np.where(count, count, np.nan)
    if len(runs) == 1:
        return Spread(mean, np.zeros(mean.shape), count)
    squares = np.where(there, (values - mean) ** 2, 0).sum(axis=0)
    return Spread(mean, np.sqrt(squares / np.where(count > 1, count - 1, np.nan)), count)


def mark_partial(ax: "Axes", index: Sequence[int] | np.ndarray, spread: Spread, seeds: int) -> None:
    """Writes "4 of 5 seeds" at the points that are not the mean of all seeds."""
    for x, y, count in zip(index, spread.mean, spread.seeds, strict=True):
        if 0 < count < seeds:
            text = f"{count} of {seeds} seeds"
            ax.annotate(text, (x, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=6, color=QUIET)


def titled(ax: "Axes", title: str, facts: str, lines: int = 0) -> None:
    """A title, and between it and the axes small lines of facts; `lines` leaves room for so many."""
    ax.set_title(title, pad=7 + 10 * (lines or facts.count("\n") + 1))
    ax.text(0.5, 1.03, facts, transform=ax.transAxes, ha="center", va="bottom", fontsize=8, color=QUIET)


def legend_of(ax: "Axes", picture: "Picture", columns: int, **looks: Any) -> None:
    """What is labelled in one panel as the legend of the whole picture, below it."""
    picture.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, **looks)


def band(ax: "Axes", x: np.ndarray, spread: Spread, color: str, alpha: float = 0.2) -> None:
    """One standard deviation to both sides of the mean."""
    ax.fill_between(x, spread.mean - spread.std, spread.mean + spread.std, color=color, alpha=alpha, lw=0)


def head(picture: "Picture", runs: Sequence[RunFolder], preset: str) -> dict[str, Any]:
    """Writes data set and preset above the picture, and returns them as the first of its numbers."""
    labels = [run.environment.get("provenance", {}).get("label") or run.config["data"] for run in runs]
    label = "; ".join(dict.fromkeys(labels))
    data = "; ".join(dict.fromkeys(run.config["data"] for run in runs))
    picture.suptitle(label + (f" (preset {preset})" if preset else ""), fontsize=9, color=QUIET)
    return {"preset": preset, "data": data, "data_label": label}


def settings(runs: Sequence[RunFolder]) -> str:
    """What a reader should know of the runs of one panel: "width × 0.125, 2,000 + 500 images, 20 epochs, 5 seeds".

    A second line names the settings that are not the papers' usual ones: "batches of 32, residual scale 1".
    """
    config, provenance = runs[0].config, runs[0].environment.get("provenance", {})
    parts = [f"width × {config['width']:g}"] if config["width"] != 1 else []
    if {"n_train", "n_test"} <= set(provenance):
        parts.append(f"{provenance['n_train']:,} + {provenance['n_test']:,} images")
    parts.append(f"{config['epochs']} epochs")
    if len(runs) > 1:
        parts.append(f"{len(runs)} seeds")
    unusual = [said.format(config[name]) for name, usual, said in _USUAL if config.get(name, usual) != usual]
    return "\n".join(", ".join(line) for line in (parts, unusual) if line)
