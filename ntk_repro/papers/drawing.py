"""Shared by all drawing scripts: command line, style, and how a picture is saved with its numbers."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    from matplotlib.table import Table

# Okabe and Ito's palette: colour-blind readers distinguish them, and in grey print their lightness does.
COLORS = {
    "network": "#0072B2",
    "linearized": "#D55E00",
    "baseline": "#404040",
    "third": "#009E73",
    "fourth": "#CC79A7",
    "chance": "#A0A0A0",
}
MUTED = "#505050"  # secondary text
NET_TITLES = {"mlp": "MLP", "lenet": "LeNet", "resnet18": "ResNet18", "lenet5": "LeNet-5", "alexnet": "AlexNet"}

# The papers' usual settings, and how a picture names others.
_USUAL = (
    ("batch_size", 128, "batches of {}"),
    ("residual_scale_init", 0.0, "residual scale {:g}"),
    ("trained_statistics", True, "BatchNorm statistics before training"),
)

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
    """A picture and the numbers in it, see `json_ready`."""

    picture: "Picture"
    numbers: dict[str, Any]


Draw = Callable[[list[RunFolder], str], Drawing]


def draw_command(figure: str, draw: Draw, args: Sequence[str] | None = None) -> None:
    """The program of a drawing script: `python <script> RUN_FOLDER ... [--out DIR] [--preset NAME]
    [--changes TEXT]`.

    Writes <paper>_<figure>.png, .pdf and .json (the plotted numbers) into the output folder and prints their paths.

    Args:
        figure: "<paper>/<figure>", which names the files written.
        draw: (run folders, preset) -> the picture and its numbers.
        args: the command line, None for that of the process.
    """
    import matplotlib as mpl
    import tyro

    mpl.use("Agg")

    def program(
        runs: Annotated[tuple[Path, ...], tyro.conf.Positional],
        out: Path = Path("figures/out"),
        preset: str = "",
        changes: str = "",
    ) -> None:
        """Draws the figure from finished runs; computes nothing.

        Args:
            runs: Folders of finished runs, in any order.
            out: Folder for the .png, .pdf and .json files.
            preset: Name of the settings that the runs belong to, written above the picture.
            changes: Settings of the runs that are not the preset's, written there too.
        """
        if not runs:
            raise UserError("name at least one run folder; `ntk-repro run` prints those of a figure")
        with mpl.rc_context(_STYLE):
            drawing = draw([RunFolder.read(path) for path in runs], preset)
            numbers = {"figure": figure, **drawing.numbers, "runs": [str(path) for path in runs]}
            if changes:
                numbers["changes"] = changes
                above = "\n".join(filter(None, (drawing.picture.get_suptitle(), f"changed: {changes}")))
                drawing.picture.suptitle(above, fontsize=9, color=MUTED)
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
        paths[2].write_text(json.dumps(json_ready(numbers), indent=1, allow_nan=False) + "\n")
    return paths


def net_title(net: str) -> str:
    """A network's name in a picture."""
    return NET_TITLES.get(net, display_name(net))


def json_ready(value: Any) -> Any:
    """Numbers as JSON has them: arrays become lists, and what is not finite becomes null."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_study(runs: Sequence[RunFolder], study: str) -> None:
    """Refuses runs of another study than that of this folder name, such as "wide_limit_drift".

    Raises:
        UserError: names the first such run.
    """
    for run in runs:
        if run.study != study:
            raise UserError(
                f"{run.path} is not a run that this figure draws: name those that `ntk-repro run` prints for it"
            )


def check_alike(runs: Sequence[RunFolder], *free: str, label: str = "") -> None:
    """Refuses runs that differ in other settings than `free`; `label` names them in the message.

    Raises:
        UserError: names the settings.
    """
    for run in runs:
        names = dict.fromkeys([*run.config, *runs[0].config])
        differing = [one for one in names if one not in free and run.config.get(one) != runs[0].config.get(one)]
        if differing:
            of = f" of {label}" if label else ""
            raise UserError(f"two runs{of} differ in {', '.join(differing)}: draw them in separate figures")


def by_seed(runs: Iterable[RunFolder], label: str) -> list[RunFolder]:
    """Runs that differ in their seed alone, ordered by it; `label` names them in messages.

    Raises:
        UserError: runs that differ in more, or two of one seed.
    """
    runs = sorted(runs, key=lambda run: run.config["seed"])
    check_alike(runs, "seed", label=label)
    if len({run.config["seed"] for run in runs}) < len(runs):
        raise UserError(f"two runs of {label} have the same seed: name each run once")
    return runs


def net_names(runs: Sequence[RunFolder]) -> dict[str, str]:
    """The names of the networks of these runs in tables and pictures, by their names in the runs' settings.

    Two custom networks of one name keep their digests, "MyNet@0f3c5a0f3c5a".
    """
    return display_names(run.config["net"] for run in runs)


def by_net(runs: Sequence[RunFolder], study: str, names: Mapping[str, str] | None = None) -> dict[str, list[RunFolder]]:
    """The runs of each network by its display name, smallest network first, each list ordered by seed.

    Args:
        runs: the runs.
        study: the study that they must be of, see `check_study`.
        names: the display names, None for those of these runs alone.

    Raises:
        UserError: a run of another study, or runs of one network that differ in more than their seed.
    """
    check_study(runs, study)
    groups = defaultdict(list)
    for run in runs:
        groups[run.config["net"]].append(run)
    names = names or net_names(runs)
    order = dict.fromkeys([*NET_TITLES, *sorted(groups)])
    return {names[net]: by_seed(groups[net], net) for net in order if net in groups}


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
    """Mean and spread of several seeds, entry by entry; entries that are nan are left out.

    Attributes:
        mean: the mean, nan where every seed is nan.
        std: the standard deviation (0 for a single run), nan where fewer than two of several seeds are left.
        seeds: how many seeds are left.
        runs: how many seeds there are.
    """

    mean: np.ndarray
    std: np.ndarray
    seeds: np.ndarray
    runs: int

    def at(self, index: Any) -> "Spread":
        """Some of the entries."""
        return Spread(self.mean[index], self.std[index], self.seeds[index], self.runs)

    def numbers(self, name: str) -> dict[str, np.ndarray]:
        """The mean under this name; of several seeds also their `_std` and `_seeds`, each behind the name."""
        spread = {f"{name}_std": self.std, f"{name}_seeds": self.seeds} if self.runs > 1 else {}
        return {name: self.mean, **spread}


def mean_and_std(runs: Sequence[RunFolder], of: str | Callable[[RunFolder], np.ndarray]) -> Spread:
    """The mean over runs (seeds) of one result array, or of a function of each run, and its spread."""
    values = np.stack([np.asarray(array(run, of) if isinstance(of, str) else of(run), float) for run in runs])
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / np.where(count, count, np.nan)
    if len(runs) == 1:
        return Spread(mean, np.zeros(mean.shape), count, 1)
    squares = np.where(known, (values - mean) ** 2, 0).sum(axis=0)
    return Spread(mean, np.sqrt(squares / np.where(count > 1, count - 1, np.nan)), count, len(runs))


def mark_partial(ax: "Axes", index: Sequence[int] | np.ndarray, spread: Spread) -> None:
    """Writes "4 of 5 seeds" at the points that are not the mean of all seeds."""
    for x, y, count in zip(index, spread.mean, spread.seeds, strict=True):
        if 0 < count < spread.runs:
            text = f"{count} of {spread.runs} seeds"
            ax.annotate(text, (x, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=6, color=MUTED)


def band(ax: "Axes", x: np.ndarray, spread: Spread, color: str, alpha: float = 0.2) -> None:
    """One standard deviation on both sides of the mean of several seeds."""
    if spread.runs > 1:
        ax.fill_between(x, spread.mean - spread.std, spread.mean + spread.std, color=color, alpha=alpha, lw=0)


def titled(ax: "Axes", title: str, facts: str, lines: int = 0, fontsize: int = 8) -> None:
    """A title, and small lines of facts between it and the axes; `lines` reserves room for that many."""
    ax.set_title(title, pad=7 + 10 * (lines or facts.count("\n") + 1))
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center", "va": "bottom"}
    ax.annotate(facts, (0.5, 1), (0, 4), fontsize=fontsize, color=MUTED, **place)


def percent_axis(ax: "Axes") -> None:
    """Labels the fractions on the vertical axis as per cent, "62.5%", and none above 100%."""
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%" if value < 1.001 else "")


def legend_of(ax: "Axes", picture: "Picture", columns: int, **looks: Any) -> None:
    """The legend of the whole picture, below it, from the labels of one panel."""
    picture.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, **looks)


def table_of(ax: "Axes", cells: Sequence[Sequence[str]], rows: Sequence[str], columns: Sequence[str]) -> "Table":
    """Fills the axes with a table of texts, `rows` and `columns` being its labels."""
    from matplotlib.transforms import Bbox

    ax.set_axis_off()
    table = ax.table(cells, rowLabels=rows, colLabels=columns, cellLoc="center", bbox=Bbox.unit())
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for cell in table.get_celld().values():
        cell.set_edgecolor("#D0D0D0")
    return table


def header(picture: "Picture", runs: Sequence[RunFolder], preset: str, above: str = "") -> dict[str, Any]:
    """Writes data set and preset above the picture, and returns them; `above` is written in the data set's place."""
    labels = [run.environment.get("provenance", {}).get("label") or run.config["data"] for run in runs]
    label = "; ".join(dict.fromkeys(labels))
    data = "; ".join(dict.fromkeys(run.config["data"] for run in runs))
    picture.suptitle((above or label) + (f" (preset {preset})" if preset else ""), fontsize=9, color=MUTED)
    return {"preset": preset, "data": data, "data_label": label}


def settings(runs: Sequence[RunFolder]) -> str:
    """The settings of the runs of one panel: "width × 0.125, 2,000 + 500 images, 20 epochs, 5 seeds".

    A second line names the settings that are not the papers' usual ones: "batches of 32, residual scale 1".
    """
    config = runs[0].config
    parts = [f"width × {config['width']:g}"] if config["width"] != 1 else []
    parts += [*image_counts(runs[0]), f"{config['epochs']} epochs"]
    parts += [f"{len(runs)} seeds"] if len(runs) > 1 else []
    unusual = [text.format(config[name]) for name, usual, text in _USUAL if config.get(name, usual) != usual]
    return "\n".join(", ".join(line) for line in (parts, unusual) if line)


def image_counts(run: RunFolder) -> list[str]:
    """ "2,000 + 500 images", as a list of one, where they are on record."""
    provenance = run.environment.get("provenance", {})
    if not {"n_train", "n_test"} <= set(provenance):
        return []
    return [f"{provenance['n_train']:,} + {provenance['n_test']:,} images"]
