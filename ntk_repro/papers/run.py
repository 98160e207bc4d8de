"""From a figure and a preset to its runs, its picture and the paper's claims."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntk_repro.errors import UserError
from ntk_repro.machine_speed import machine_speed
from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.departures import setting_text
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.presets import load_figure_preset, study_of
from ntk_repro.papers.resources import figures_dir
from ntk_repro.progress import console
from ntk_repro.record import RunFolder, write_text

_PLACES = ("data_dir", "imagenet")  # settings that say where data are, not which run it is

if TYPE_CHECKING:
    from ntk_repro.experiments import StudyConfig


@dataclass(frozen=True)
class Reproduction:
    """A figure that was made.

    Attributes:
        figure: the figure.
        runs: the folders of its runs.
        files: picture (.png, .pdf), plotted numbers and claims (.json).
        claims: a dict for each verdict, see `ntk_repro.papers.claims.evaluate`.
    """

    figure: Figure
    runs: tuple[Path, ...]
    files: tuple[Path, ...]
    claims: list[dict[str, Any]]

    def _repr_png_(self) -> bytes:
        """The picture, which a notebook shows."""
        return self.files[0].read_bytes()


@dataclass(frozen=True)
class Plan:
    """The runs of a figure, their settings checked, before any of them is computed.

    Attributes:
        figure: the figure.
        preset: of the figure.
        configs: the settings of its runs.
        changes: the settings that are not those of the preset, "activation gelu, width 0.5".
        lines: how the settings were made to fit the images, to show to the user.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
    """

    figure: Figure
    preset: str
    configs: "tuple[StudyConfig, ...]"
    changes: str
    lines: tuple[str, ...]
    root: Path | None

    @classmethod
    def of(cls, figure: Figure, preset: str = "quick", /, *, root: Path | None = None, **changes: Any) -> "Plan":
        """The plan for a preset with changes; arguments and errors as of `reproduce`."""
        chosen = {key for key in ("data", "n_train", "n_test") if changes.get(key) is not None}
        configs, lines = [], {}
        for config in load_figure_preset(figure, preset, **changes).configs:
            # Only images that the command names may be fewer than the preset asks for.
            config, reports = config.fitted(chosen) if chosen else (config, [])
            configs.append(config.resolved())
            lines |= dict.fromkeys(reports)
        return cls(figure, preset, tuple(configs), _changed(figure, preset, changes), tuple(lines), root)

    @property
    def left(self) -> "list[StudyConfig]":
        """The runs that are not done."""
        done = partial(RunFolder.is_done, self.figure.folder, root=self.root)
        return [config for config in self.configs if not done(config)]

    def announce(self) -> None:
        """Prints what will be computed, how long that takes here, and where it is kept."""
        from ntk_repro.papers.expected import expected_cost  # here, as drawing needs no JAX

        for line in self.lines:
            console.print(line, style="yellow", highlight=False, soft_wrap=True)
        left, figure = self.left, self.figure
        parts = [f"{figure.source}, preset {self.preset}: {len(left)} of {len(self.configs)} runs to compute"]
        if left:
            cost = expected_cost(figure, self.preset, left)
            parts.append("time not known" if cost is None else cost.text(machine_speed()))
            parts.append(f"kept in {RunFolder.locate(figure.folder, left[0], root=self.root).parent}")
        console.print("; ".join(parts), highlight=False, soft_wrap=True)

    def check(self) -> None:
        """Loads the images of the runs that are not done and checks their networks, once for all seeds.

        Raises:
            UserError: from a run's study, what it would raise hours later.
        """
        study = study_of(self.figure)
        one_seed = {replace(config, seed=0): config for config in self.left}
        for config in one_seed.values():
            study.run.load(config)

    def compute(self, out: Path = Path("figures/out")) -> Reproduction:
        """Computes the runs that are not done yet, draws all and evaluates the paper's claims.

        Args:
            out: folder for picture and numbers.

        Raises:
            UserError: from the study or the drawing script.
        """
        study, runs, several = study_of(self.figure), [], len({config.seed for config in self.configs}) > 1
        for number, config in enumerate(self.configs, 1):
            run = f"{study.name}: {config.label}" + (f", seed {config.seed}" if several else "")
            console.print(f"[{number}/{len(self.configs)}] {run}", highlight=False, soft_wrap=True)
            runs.append(study.run(config, root=self.root).path)
        return draw_figure(self.figure, runs, preset=self.preset, changes=self.changes, out=out)


def reproduce(
    figure: Figure, preset: str = "quick", *, root: Path | None = None, out: Path = Path("figures/out"), **changes: Any
) -> Reproduction:
    """Computes the runs of a figure (those not done yet), draws them and evaluates the paper's claims.

    Where `changes` leaves fewer images than the preset asks for, the runs are made to fit, which is reported on the
    terminal.

    Args:
        figure: the figure.
        preset: name of a preset in configs/<paper>/<figure>.toml.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
        out: folder for picture and numbers.
        **changes: as in `load_figure_preset`: nets, seeds, and fields of the study's config.

    Raises:
        UserError: from the preset, the data set, the study or the drawing script.
    """
    plan = Plan.of(figure, preset, root=root, **changes)
    plan.announce()
    plan.check()
    return plan.compute(out)


def _changed(figure: Figure, preset: str, changes: Mapping[str, Any]) -> str:
    """The settings that are not those of the preset, "activation gelu, width 0.5"."""
    configs = load_figure_preset(figure, preset).configs
    changed = {
        name: value
        for name, value in changes.items()
        if any(name in vars(config) and vars(config)[name] != value for config in configs)
    }
    return ", ".join(f"{name} {setting_text(value)}" for name, value in changed.items() if name not in _PLACES)


def draw_figure(
    figure: Figure, runs: Sequence[Path], *, preset: str = "", changes: str = "", out: Path = Path("figures/out")
) -> Reproduction:
    """Draws finished runs as `figure` and evaluates the paper's claims on the numbers plotted.

    The script runs as a separate program, as a user runs it: it computes nothing and loads no JAX.

    Raises:
        UserError: the error of the script.
    """
    script = figures_dir() / f"{figure.id}.py"
    program = [
        sys.executable,
        str(script),
        *map(str, runs),
        "--out",
        str(out),
        "--preset",
        preset,
        "--changes",
        changes,
    ]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    messages = done.stderr.strip().splitlines()
    if done.returncode == 2:
        # Warnings may come before the error.
        raise UserError(next((line[7:] for line in messages if line.startswith("error: ")), done.stderr.strip()))
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr}")
    for line in messages:
        if line.startswith("warning: "):
            console.print(line, style="yellow", highlight=False, soft_wrap=True)
    files = [Path(line) for line in done.stdout.splitlines()]
    numbers = json.loads(files[-1].read_text())
    claims = evaluate(figure.claims, numbers)
    files.append(files[-1].with_name(f"{files[-1].stem}_claims.json"))
    facts = {"figure": figure.id, "source": figure.source, "preset": preset, "data": numbers.get("data")}
    facts |= {"changes": changes} if changes else {}
    write_text(files[-1], json.dumps({**facts, "claims": claims}, indent=1) + "\n")
    return Reproduction(figure, tuple(map(Path, runs)), tuple(files), claims)
