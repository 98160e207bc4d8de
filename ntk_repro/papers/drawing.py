"""What every drawing script shares: its command line, its looks, and how a picture is saved with its numbers."""

import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

__all__ = [
    "COLORS",
    "NET_TITLES",
    "QUIET",
    "Drawing",
    "by_net",
    "draw_command",
    "head",
    "mean_and_std",
    "plain",
    "settings",
]

# Okabe and Ito's palette: told apart by colour-blind readers, and by their lightness in grey print.
COLORS = {"network": "#0072B2", "linearized": "#D55E00", "baseline": "#404040", "third": "#009E73", "chance": "#A0A0A0"}
QUIET = "#505050"  # text that stands back
NET_TITLES = {"mlp": "MLP", "lenet": "LeNet", "resnet18": "ResNet18"}

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

    try:
        tyro.cli(program, description=f"Draw {figure}.", args=args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _save(picture: "Picture", numbers: dict[str, Any], out: Path, name: str) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}{ending}" for ending in (".png", ".pdf", ".json")]
    # Without dates, so that the same numbers give the same bytes.
    picture.savefig(paths[0], bbox_inches="tight")
    picture.savefig(paths[1], bbox_inches="tight", metadata={"CreationDate": None})
    paths[2].write_text(json.dumps(plain(numbers), indent=1, allow_nan=False) + "\n")
    return paths


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


def by_net(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """The runs of each network, smallest first, each list ordered by seed.

    Raises:
        UserError: when runs of one network differ in more than their seed.
    """
    groups = defaultdict(list)
    for run in runs:
        groups[run.config["net"]].append(run)
    for net, group in groups.items():
        group.sort(key=lambda run: run.config["seed"])
        for run in group[1:]:
            differing = [k for k in run.config if k != "seed" and run.config[k] != group[0].config.get(k)]
            if differing:
                raise UserError(f"two runs of {net} differ in {', '.join(differing)}: draw them in separate figures")
        if len({run.config["seed"] for run in group}) < len(group):
            raise UserError(f"two runs of {net} have the same seed: name each run once")
    order = [*NET_TITLES, *sorted(groups)]
    return {net: groups[net] for net in dict.fromkeys(order) if net in groups}


def mean_and_std(runs: Sequence[RunFolder], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean over runs (seeds) of one result array and its standard deviation (0 for a single run)."""
    values = np.stack([np.asarray(run.result()[name], float) for run in runs])
    std = values.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(values.shape[1:])
    return values.mean(axis=0), std


def head(picture: "Picture", runs: Sequence[RunFolder], preset: str) -> dict[str, Any]:
    """Writes data set and preset above the picture, and returns them as the first of its numbers."""
    labels = [run.environment.get("provenance", {}).get("label") or run.config["data"] for run in runs]
    label = "; ".join(dict.fromkeys(labels))
    data = "; ".join(dict.fromkeys(run.config["data"] for run in runs))
    picture.suptitle(label + (f" (preset {preset})" if preset else ""), fontsize=9, color=QUIET)
    return {"preset": preset, "data": data, "data_label": label}


def settings(runs: Sequence[RunFolder]) -> str:
    """What a reader should know of the runs of one panel: "width x 0.125, 2,000 + 500 images, 20 epochs, 5 seeds"."""
    config, provenance = runs[0].config, runs[0].environment.get("provenance", {})
    parts = [f"width × {config['width']:g}"] if config["width"] != 1 else []
    if {"n_train", "n_test"} <= set(provenance):
        parts.append(f"{provenance['n_train']:,} + {provenance['n_test']:,} images")
    parts.append(f"{config['epochs']} epochs")
    if len(runs) > 1:
        parts.append(f"{len(runs)} seeds")
    return ", ".join(parts)
