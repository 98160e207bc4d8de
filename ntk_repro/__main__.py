"""The `ntk-repro` command: run, draw and list figures of the papers, put them on a page, look over the installation."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from ntk_repro.command_line import command, this_program, use_compilation_cache
from ntk_repro.reference.command import CheckReference, Reference

if TYPE_CHECKING:
    from ntk_repro.papers import Figure

__all__ = ["main"]


@dataclass(frozen=True)
class Run:
    """Compute a figure, draw it, and see which of the paper's claims hold."""

    figure: tyro.conf.Positional[str]
    """Such as ortiz2021/fig2; fig2 alone is Figure 2 of every paper that has one."""
    preset: str = "quick"
    """Size of the experiment: quick (minutes on two cores), laptop (hours), paper (the paper's settings)."""
    data: str | None = None
    """Data set in place of the preset's: mnist5k, digits, cifar10, mnist, fashion_mnist, or the path of an .npz."""
    data_dir: str | None = None
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    imagenet: str | None = None
    """Folder of ImageNet, for the runs of a figure that are on its snakes."""
    n_train: int | None = None
    """Number of training images in place of the preset's."""
    n_test: int | None = None
    """Number of test images in place of the preset's."""
    baseline: bool = True
    """Whether to train on the data set's own classes too, where the preset does: 0 to 4 against 5 to 9."""
    nets: tuple[str, ...] = ()
    """Networks to keep of the preset's; none named: all of them."""
    seeds: tuple[int, ...] = ()
    """Seeds in place of the preset's, each a run of its own: drawn are their means, or the first; claims are on all."""
    out: Path = Path("figures/out")
    """Folder for the picture, the plotted numbers and the claims."""

    def __call__(self) -> None:
        """Runs every figure of that name."""
        from ntk_repro.papers import find_figures, load_figure_preset, reproduce

        figures = find_figures(self.figure)
        use_compilation_cache()
        wanted = {key: getattr(self, key) for key in ("data", "data_dir", "imagenet", "n_train", "n_test")}
        wanted |= {"net": self.nets or None, "baseline": None if self.baseline else False}
        named = {key: value for key, value in wanted.items() if value is not None}
        applied = _applicable(figures, named)
        changes = [{"nets" if key == "net" else key: named[key] for key in applied[figure.id]} for figure in figures]
        for figure, own in zip(figures, changes, strict=True):  # what is wrong is told before any of them is computed
            load_figure_preset(figure, self.preset, seeds=self.seeds, **own)
        for figure, own in zip(figures, changes, strict=True):
            _show(reproduce(figure, self.preset, out=self.out, seeds=self.seeds, **own))


@dataclass(frozen=True)
class Draw:
    """Draw a figure from runs that are done, named by their folders."""

    figure: tyro.conf.Positional[str]
    """Such as ortiz2021/fig2."""
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of finished runs."""
    out: Path = Path("figures/out")
    """Folder for the picture, the plotted numbers and the claims."""

    def __call__(self) -> None:
        """Draws every figure of that name."""
        from ntk_repro.papers import draw_figure, find_figures

        figures = find_figures(self.figure)
        if len(figures) > 1:  # of several papers' Figure 2, the one that these runs belong to
            studies = {run.absolute().parent.name for run in self.runs}
            figures = [figure for figure in figures if figure.folder in studies] or figures[:1]
        for figure in figures:
            _show(draw_figure(figure, self.runs, out=self.out))


@dataclass(frozen=True)
class List:
    """List the figures that can be made, their presets, what those cost and whether they are computed."""

    def __call__(self) -> None:
        """Prints one row a figure and preset."""
        from ntk_repro.papers import FIGURES, load_figure_preset, preset_names
        from ntk_repro.record import RunFolder

        table = Table("figure", "shows", "preset", "cost", "runs done")
        for figure in FIGURES.values():
            for number, name in enumerate(preset_names(figure)):
                preset = load_figure_preset(figure, name)
                done = sum(RunFolder.is_done(figure.folder, config.resolved()) for config in preset.configs)
                first = (figure.id, figure.title) if number == 0 else ("", "")
                table.add_row(*first, name, preset.cost, f"{done} of {len(preset.configs)}")
        Console().print(table)
        print(f"to make one: {this_program()} run <figure> --preset <preset>")


@dataclass(frozen=True)
class Report:
    """Make one HTML page of all figures: pictures, claims and the papers' numbers, from the runs that are done."""

    out: Path = Path("report.html")
    """The page; its pictures are also kept in a folder beside it."""

    def __call__(self) -> None:
        """Draws what is computed and writes the page."""
        from ntk_repro.report import write_report

        entries = write_report(self.out)
        drawn = sum(entry.shown is not None for entry in entries)
        for entry in entries:
            if entry.trouble:
                print(f"{entry.figure.id} could not be drawn: {entry.trouble}")
        print(f"{drawn} of {len(entries)} figures and tables are computed; what the others cost: {this_program()} list")
        print(self.out)


@dataclass(frozen=True)
class Doctor:
    """Print versions, devices, precision, data sets, memory and disk, and what is missing with its remedy."""

    data_dir: str | None = None
    """Folder of prepared TensorFlow data sets to look into; none: $TFDS_DATA_DIR, then its usual place."""

    def __call__(self) -> None:
        """Prints what was found."""
        from ntk_repro.doctor import examine

        table = Table("what", "found", "remedy", show_lines=False)
        for finding in examine(self.data_dir):
            table.add_row(finding.what, finding.found, finding.remedy)
        Console().print(table)


def _applicable(figures: Sequence["Figure"], named: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each figure the named settings that its runs have.

    What only others of several figures have, and a data folder where no data are used, is left out, which is said; what
    none has is kept, for `load_figure_preset` to refuse.
    """
    from ntk_repro.papers import study_settings

    settings = {figure.id: study_settings(figure) for figure in figures}
    somewhere = frozenset.union(*settings.values()) | {"data_dir"}
    applied = {}
    for figure, own in settings.items():
        applied[figure] = [key for key in named if key in own or key not in somewhere]
        for key in named.keys() - set(applied[figure]):
            print(f"{figure} has no setting {key.replace('_', '-')}: made without it")
    return applied


def _show(made) -> None:
    """Prints claims and files of one figure."""
    printed = any(claim["paper"] is not None for claim in made.claims)
    columns = ("claim", "on", "holds", "number", *(["paper"] if printed else []))
    table = Table(*columns, title=f"{made.figure.source} ({made.figure.id})")
    verdicts = {True: "[green]yes[/]", False: "[red]no[/]", None: "open"}
    previous = None
    for claim in made.claims:
        number = "undetermined" if claim["number"] is None else f"{claim['number']:.3g}"
        note = f"; {claim['note']}" if claim["note"] else ""
        paper = "" if claim["paper"] is None else f"{claim['paper']:.3g}"
        verdict = verdicts[claim["holds"]]
        statement = claim["statement"] if claim["statement"] != previous else ""
        row = (statement, claim["subject"], verdict, f"{number} ({claim['meaning']}{note})", paper)
        table.add_row(*row[: len(columns)])
        previous = claim["statement"]
    Console().print(table)
    for path in (*made.runs, *made.files):
        print(path)


def main(args: Sequence[str] | None = None) -> None:
    """The entry point of `ntk-repro`."""
    chosen = tyro.cli(
        Run | Draw | List | Report | Reference | CheckReference | Doctor,
        prog="ntk-repro",
        description=__doc__,
        args=args,
    )
    command(chosen, again="what is done is kept; the same command continues")


if __name__ == "__main__":
    main(sys.argv[1:])
