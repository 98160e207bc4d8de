"""Shared by all drawing scripts: command line, runs, settings, and how a picture is saved with its numbers."""

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
from ntk_repro.network_names import TITLES, display_names, width_text
from ntk_repro.plot import MUTED, Spread, spread_of, style
from ntk_repro.record import RunFolder, write_errors_explained

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# The papers' usual settings, and how a picture names others.
_USUAL = (
    ("batch_size", 128, "batches of {}"),
    ("residual_scale_init", 0.0, "residual scale {:g}"),
    ("trained_statistics", True, "BatchNorm statistics before training"),
)
_PANEL_LETTERS = 44  # of small text, as wide as a panel of three inches


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
        with style():
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
    order = dict.fromkeys([*TITLES, *sorted(groups)])
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


def mean_and_std(runs: Sequence[RunFolder], of: str | Callable[[RunFolder], np.ndarray]) -> Spread:
    """The mean over runs (seeds) of one result array, or of a function of each run, and its spread."""
    return spread_of([np.asarray(array(run, of) if isinstance(of, str) else of(run), float) for run in runs])


def data_title(run: RunFolder) -> str:
    """The data of a run in a picture, "MNIST (5,000 digits)"."""
    return run.environment.get("provenance", {}).get("label") or run.config["data"]


def header(
    picture: "Picture", runs: Sequence[RunFolder], preset: str, above: str = "", settings: str = ""
) -> dict[str, Any]:
    """Writes data set, preset and settings above the picture, and returns the first two.

    Args:
        picture: the picture.
        runs: the runs that it draws.
        preset: name of their settings, "" for none.
        above: written in the data set's place.
        settings: of all runs of the picture, below in lines of their own.
    """
    label = "; ".join(dict.fromkeys(map(data_title, runs)))
    data = "; ".join(dict.fromkeys(run.config["data"] for run in runs))
    entitle(picture, above or label, preset, settings)
    return {"preset": preset, "data": data, "data_label": label}


def entitle(picture: "Picture", subject: str, preset: str, settings: str = "") -> None:
    """Writes what a picture is of above it, with the preset, and below its settings."""
    first = ", ".join(filter(None, (subject, f"preset {preset}" if preset else "")))
    picture.suptitle("\n".join(filter(None, (first, settings))), fontsize=9, color=MUTED)


class Settings(NamedTuple):
    """The settings of a picture: those of all panels, for the place above the picture, and of each panel its own."""

    shared: str
    own: list[str]


def settings_of_panels(groups: Iterable[Sequence[RunFolder]]) -> Settings:
    """The settings of the runs of each panel, those that all panels share apart; see `settings`."""
    parts = [_settings(group) for group in groups]
    shared = [part for part in parts[0] if all(part in of_panel for of_panel in parts)]
    own = [_lines([part for part in of_panel if part not in shared]) for of_panel in parts]
    return Settings(", ".join(shared), own)


def _lines(parts: Iterable[str]) -> str:
    """The parts behind commas, in lines that a panel has room for."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) < _PANEL_LETTERS:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return "\n".join(lines)


def settings(runs: Sequence[RunFolder]) -> str:
    """The settings of the runs of one panel: "width ×1/8, 2,000 + 500 images, 20 epochs, 5 seeds".

    Behind them those that are not the papers' usual ones: "batches of 32, residual scale 1".
    """
    return ", ".join(_settings(runs))


def _settings(runs: Sequence[RunFolder]) -> list[str]:
    config = runs[0].config
    parts = [f"width ×{width_text(config['width'])}"] if config["width"] != 1 else []
    parts += [*image_counts(runs[0]), f"{config['epochs']} epoch{'s' * (config['epochs'] != 1)}"]
    parts += [f"{len(runs)} seeds"] if len(runs) > 1 else []
    return parts + [text.format(config[name]) for name, usual, text in _USUAL if config.get(name, usual) != usual]


def image_counts(run: RunFolder) -> list[str]:
    """ "2,000 + 500 images", as a list of one, where they are on record."""
    provenance = run.environment.get("provenance", {})
    if not {"n_train", "n_test"} <= set(provenance):
        return []
    return [f"{provenance['n_train']:,} + {provenance['n_test']:,} images"]
