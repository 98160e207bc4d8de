"""The `ntk-repro` command: run, draw and list figures of the papers, put them on a page, check the installation."""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import tyro
from rich.console import Console
from rich.table import Table

from ntk_repro.command_line import command, this_program, use_compilation_cache

if TYPE_CHECKING:
    from ntk_repro.papers import Figure, Reproduction

__all__ = ["main"]

_COLORS = {True: "green", False: "red", None: "yellow"}  # of verdicts


@dataclass(frozen=True)
class Run:
    """Compute a figure, draw it, and see which of the paper's claims hold."""

    figure: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FIGURE")]
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
    """Whether to compute, where the preset does, what eigenfunctions and networks are compared with: a training on the
    classes 0 to 4 against 5 to 9 (ortiz2021), a logistic regression on the pixels (samarin2022)."""
    nets: tuple[str, ...] = ()
    """Networks to keep of the preset's; none named: all of them."""
    seeds: tuple[int, ...] = ()
    """Seeds in place of the preset's, each a run of its own: drawn are their means, or the first; claims are on all."""
    out: Path = Path("figures/out")
    """Folder for the picture, the plotted numbers and the claims."""

    def __call__(self) -> None:
        """Runs every figure of that name."""
        from ntk_repro.papers import checked_configs, find_figures, reproduce

        figures = find_figures(self.figure)
        use_compilation_cache()
        wanted = {key: getattr(self, key) for key in ("data", "data_dir", "imagenet", "n_train", "n_test")}
        wanted |= {"net": self.nets or None, "baseline": None if self.baseline else False}
        named = {key: value for key, value in wanted.items() if value is not None}
        applied = _applicable(figures, named)
        changes = [{"nets" if key == "net" else key: named[key] for key in applied[figure.id]} for figure in figures]
        for figure, own in zip(figures, changes, strict=True):  # what is wrong is told before any of them is computed
            checked_configs(figure, self.preset, seeds=self.seeds, **own)
        for figure, own in zip(figures, changes, strict=True):
            _show(reproduce(figure, self.preset, out=self.out, seeds=self.seeds, **own))
        _show_next()


@dataclass(frozen=True)
class Draw:
    """Draw a figure from runs that are done, named by their folders."""

    figure: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FIGURE")]
    """Such as ortiz2021/fig2."""
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN_FOLDER ...")]
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
        _show_next()


@dataclass(frozen=True)
class List:
    """List the figures that can be made, their presets, what those cost and whether they are computed."""

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[PAPER|FIGURE]")] = None
    """A paper (ortiz2021), a figure of one (ortiz2021/fig2) or of all (fig2); none: everything."""

    def __call__(self) -> None:
        """Prints a block a figure, its presets below its title."""
        from ntk_repro.papers import FIGURES, find_figures
        from ntk_repro.papers.listing import listing

        named = list(FIGURES.values()) if self.name is None else find_figures(self.name, papers=True)
        for line in listing(named, min(Console().width, 110)):
            print(line)
        one = named[0].id if len(named) == 1 else "<figure>"
        print(f"\nnext: {this_program()} run {one} --preset <preset>")


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
        others = "" if drawn == len(entries) else f"; what the others cost: {this_program()} list"
        print(f"{drawn} of {len(entries)} figures and tables are computed{others}")
        print(self.out)
        print("next: open it in a browser" if drawn else f"next: {this_program()} run fig2")


@dataclass(frozen=True)
class Reference:
    """Keep what is computed as reference results: numbers, claims and pictures, with pages and the table of figures."""

    reference: Path = Path("docs/reference")
    """The folder of reference results, in a clone."""
    scratch: Path = Path("figures/out/reference")
    """Folder for the pictures as they are drawn."""
    presets: tuple[str, ...] = ()
    """Presets to take of what is computed, such as laptop; none: all."""
    redraw: bool = True
    """Whether to take what is computed; --no-redraw only writes the pages anew, from the results that are kept."""

    def __call__(self) -> None:
        """Writes them and names the claims that do not hold and are not explained yet."""
        from ntk_repro.report import read_differences, read_results, unexplained, write_pages, write_results

        differences = read_differences(self.reference / "differences.toml")
        written = write_results(self.reference, self.scratch, presets=self.presets) if self.redraw else []
        results = read_results(self.reference)
        table = self.reference.parent / "figures.md"
        write_pages(self.reference, results, differences, table if table.exists() else None)
        for result, claim in unexplained(results, differences):
            print(f"not explained yet: {result.figure.id}, {result.preset}: {claim['statement']} ({claim['subject']})")
        print(f"{len(written)} of {len(results)} results are from the runs at hand")
        print(self.reference / "index.md")
        print("next: read it, and say in differences.toml why claims do not hold")


@dataclass(frozen=True)
class CheckReference:
    """Compute figures anew and compare the number behind every claim with the reference."""

    figures: tuple[str, ...] = ()
    """Such as ortiz2021/fig2 or fig2; none: all that have a reference."""
    preset: str = "quick"
    """Which preset."""
    reference: Path = Path("docs/reference")
    """The folder of reference results, in a clone."""
    root: Path = Path("runs/check")
    """Folder for fresh runs and pictures; a check that did not make all figures continues there, others begin anew."""
    relative: float = 0.05
    """A number may lie this share of the reference away from it, and beyond that ..."""
    absolute: float = 0.01
    """... this much."""

    def __call__(self) -> None:
        """Prints what differs; the process ends with status 1 where anything does."""
        from ntk_repro.papers import find_figures
        from ntk_repro.report import Tolerance, check_reference

        wanted = {figure.id for name in self.figures for figure in find_figures(name)}
        use_compilation_cache()
        tolerance = Tolerance(self.relative, self.absolute)
        check = check_reference(self.reference, self.root, figures=wanted, preset=self.preset, tolerance=tolerance)
        rows = [(figure, row) for figure, found in check.compared.items() for row in found]
        table = Table("figure", "claim", "on", "reference", "now", "outcome")
        for figure, row in rows:
            if row.outcome != "agrees":
                numbers = ("none" if value is None else f"{value:.4g}" for value in (row.before, row.after))
                table.add_row(figure, row.statement, row.subject, *numbers, row.outcome)
        if table.row_count:
            Console().print(table)
        for figure, error in check.failed.items():
            print(f"{figure} could not be made: {error}")
        agreeing = sum(not row.fails for _, row in rows)
        print(f"{agreeing} of {len(rows)} verdicts and numbers agree with the reference")
        print(f"fresh pictures: {self.root / 'pictures'}")
        runs = shlex.quote(str(self.root / "fresh"))
        print(f"next: NTK_REPRO_RUNS={runs} {this_program()} reference keeps these results in place of the others")
        if not check.agrees:
            raise SystemExit(1)


@dataclass(frozen=True)
class Doctor:
    """Print versions, devices, precision, data sets, memory and disk, and what is missing with its remedy."""

    data_dir: str | None = None
    """Folder of prepared TensorFlow data sets to look into; none: $TFDS_DATA_DIR, then its usual place."""

    def __call__(self) -> None:
        """Prints what was found."""
        from ntk_repro.doctor import examine

        table = Table("checked", "found", "remedy", show_lines=False)
        for finding in examine(self.data_dir):
            table.add_row(finding.name, finding.found, finding.remedy)
        Console().print(table)
        print(f"next: {this_program()} run fig2, or {this_program()} list: all figures and what they cost")


@dataclass(frozen=True)
class Completion:
    """Print the script by which a shell completes this command: figures, presets and options by the TAB key.

    For this shell alone: source <(ntk-repro completion bash), or eval "$(ntk-repro completion zsh)". For every new
    one: ntk-repro completion bash > ~/.local/share/bash-completion/completions/ntk-repro (fish:
    ~/.config/fish/completions/ntk-repro.fish; zsh: a file _ntk-repro in a folder of $fpath).
    """

    shell: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SHELL")]
    """bash, zsh, fish, tcsh or powershell."""

    def __call__(self) -> None:
        """Prints the script."""
        from ntk_repro.completion import SHELLS, completion_script
        from ntk_repro.data import DATASETS
        from ntk_repro.models import MODELS
        from ntk_repro.papers import FIGURES, preset_names

        names = sorted({figure.name for figure in FIGURES.values()})
        papers = dict.fromkeys(figure.paper.name for figure in FIGURES.values())
        presets = list(dict.fromkeys(name for figure in FIGURES.values() for name in preset_names(figure)))
        choices = {
            "figure": [*FIGURES, *names],
            "figures": [*FIGURES, *names],
            "name": [*papers, *FIGURES, *names],
            "preset": presets,
            "presets": presets,
            "data": list(DATASETS),
            "nets": list(MODELS),
            "shell": SHELLS,
        }
        paths = {"data": "file", "data_dir": "directory", "imagenet": "directory"}
        commands = {re.sub("(?<=.)([A-Z])", r"-\1", one.__name__).lower(): one for one in get_args(Command)}
        print(completion_script("ntk-repro", self.shell, commands, choices, paths))


Command = Run | Draw | List | Report | Reference | CheckReference | Doctor | Completion


def _applicable(figures: Sequence["Figure"], named: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each figure the named settings that its runs have.

    What only others of several figures have, and a data folder where no data are used, is left out, which is said; what
    none has is kept, for `checked_configs` to refuse.
    """
    from ntk_repro.papers import study_settings

    settings = {figure.id: study_settings(figure) for figure in figures}
    somewhere = frozenset.union(*settings.values()) | {"data_dir"}
    applied = {}
    for figure, own in settings.items():
        applied[figure] = [key for key in named if key in own or key not in somewhere]
        for key in named.keys() - set(applied[figure]):
            print(f"{figure} has no setting {'nets' if key == 'net' else key.replace('_', '-')}: made without it")
    return applied


def _show(made: "Reproduction") -> None:
    """Prints claims and files of one figure."""
    from ntk_repro.papers.claims import cells

    rows = [cells(claim) for claim in made.claims]
    printed = any(row["paper"] for row in rows)
    table = Table("claim", "on", "verdict", "number", *(["paper"] if printed else []))
    table.title = f"{made.figure.source} ({made.figure.id})"
    previous = ""
    for claim, row in zip(made.claims, rows, strict=True):
        statement = row["statement"] if row["statement"] != previous else ""
        number = f"{row['number'] or row['verdict']} {row['meaning']}"
        verdict = f"[{_COLORS[claim['holds']]}]{row['verdict']}[/]"
        table.add_row(statement, row["subject"], verdict, number, *([row["paper"]] if printed else []))
        previous = row["statement"]
    Console().print(table)
    for path in (*made.runs, *made.files):
        print(path)


def _show_next() -> None:
    print(f"next: look at the .png; {this_program()} report puts all figures on one page, with the papers' numbers")


def main(args: Sequence[str] | None = None) -> None:
    """The entry point of `ntk-repro`."""
    # Parsing is a part of the command: the reader of --help may leave, too.
    command(
        lambda: tyro.cli(Command, prog="ntk-repro", description=__doc__, args=args)(),
        again="what is done is kept; the same command continues",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
