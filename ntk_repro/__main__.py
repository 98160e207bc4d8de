"""The `ntk-repro` command: run, draw and list figures of the papers, put them on a page, check the installation."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ntk_repro.command_line import check_places, command, parsed, subcommands, this_program, use_compilation_cache
from ntk_repro.errors import UserError
from ntk_repro.record import make_folder, runs_root, write_errors_explained
from ntk_repro.slurm import SlurmSettings

if TYPE_CHECKING:
    from ntk_repro.papers import Reproduction

_COLORS = {True: "green", False: "red", None: "yellow"}  # of verdicts


@dataclass(frozen=True)
class Run:
    """Compute a figure, draw it, and see which of the paper's claims hold."""

    figure: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FIGURE")]
    """Such as ortiz2021/fig2; fig2 alone is Figure 2 of every paper that has one."""
    preset: str = "quick"
    """Size of the experiment: quick (minutes on two cores), laptop (hours), days (of some: what two cores can do of the
    paper's), paper (the paper's settings)."""
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
    """Whether to compute the baseline, if the preset does: a training on the classes 0 to 4 against 5 to 9 (ortiz2021),
    a logistic regression on the pixels (samarin2022)."""
    nets: tuple[str, ...] = ()
    """Those of the preset's networks to compute; none named: all of them."""
    seeds: tuple[int, ...] = ()
    """Seeds in place of the preset's, a run for each: drawn are their means, or the first; claims are on all."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE ...")] = ()
    """Any other settings of the study in place of the preset's, in every run, such as activation=gelu width=0.5
    indices=2,5,11 n_train=none; the options of its own command (python -m ntk_repro.eigentasks --help) name them."""
    dry_run: bool = False
    """Whether only to show what would be computed and how long it will take, and to check it on the images."""
    out: Path = Path("figures/out")
    """Folder for the picture, the plotted numbers and the claims."""

    def __call__(self) -> None:
        """Runs every figure of that name."""
        from ntk_repro.papers import Plan, find_figures
        from ntk_repro.papers.typed_settings import applicable, typed_settings

        figures = find_figures(self.figure)
        make_folder(self.out)
        use_compilation_cache()
        given = {key: getattr(self, key) for key in ("data", "data_dir", "imagenet", "n_train", "n_test")}
        seeds = tuple(dict.fromkeys(self.seeds))
        given |= {"net": self.nets or None, "baseline": None if self.baseline else False}
        given = {key: value for key, value in given.items() if value is not None} | typed_settings(self.set)
        applied = zip(figures, applicable(figures, given), strict=True)
        plans = [Plan.of(figure, self.preset, seeds=seeds, **changes) for figure, changes in applied]
        for plan in plans:
            plan.announce()
        for plan in plans:  # so that errors come before any work
            plan.check()
        if self.dry_run:
            print("next: the same command without --dry-run")
            return
        for plan in plans:
            _show(plan.compute(self.out))
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
        from ntk_repro.record import study_of_run

        figures = find_figures(self.figure)
        if not self.runs:
            raise UserError("name at least one run folder; `ntk-repro run` prints those of a figure")
        make_folder(self.out)
        if len(figures) > 1:  # of several papers' Figure 2, the one of these runs
            studies = {study_of_run(run) for run in self.runs}
            figures = [figure for figure in figures if figure.folder in studies] or figures[:1]
        for figure in figures:
            _show(draw_figure(figure, self.runs, out=self.out))
        _show_next()


@dataclass(frozen=True)
class List:
    """List the figures that can be made, their presets, the cost of these and whether they are computed."""

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[PAPER|FIGURE]")] = None
    """A paper (ortiz2021), a figure of one (ortiz2021/fig2) or of all (fig2); none: everything."""

    def __call__(self) -> None:
        """Prints a block for each figure, with its presets below its title."""
        from ntk_repro.papers import FIGURES, find_figures
        from ntk_repro.papers.listing import listing

        named = list(FIGURES.values()) if self.name is None else find_figures(self.name, papers=True)
        for line in listing(named, min(Console().width, 110)):
            print(line)
        one = named[0].id if len(named) == 1 else "<figure>"
        print(f"\nnext: {this_program()} run {one} --preset <preset>")


@dataclass(frozen=True, kw_only=True)
class Campaign(SlurmSettings):
    """Compute a list of figures run by run, the most value per hour first; machines may share the list.

    The list is a TOML file with a table for each figure: figure, preset, value, memory, nets, seeds, changes. Beside it
    a folder of the same name keeps a small file for each finished run, and a log.
    """

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """The list, such as long.toml."""
    dry_run: bool = False
    """Whether only to show what is done, what is next, the hours left and the memory needed."""
    draw: bool = False
    """Whether only to draw the figures that are complete, from the small files where run folders are missing."""
    out: Path = Path("figures/out")
    """Folder for pictures, plotted numbers and claims."""

    def __call__(self) -> None:
        """Computes, shows or draws."""
        from ntk_repro import campaign
        from ntk_repro.campaign.table import show_states

        settings = self.resolved()
        if self.draw and self.dry_run:
            raise UserError("--draw and --dry-run are two things: leave one out")
        work = campaign.Campaign(self.file)
        command = f"{this_program()} campaign {shlex.quote(str(self.file))}"
        if self.draw:
            made = [_show(one) for one in work.draw(self.out)]
            if made:
                _show_next()
            else:
                print(f"no figure is complete\nnext: {command}")
            return
        failed, trouble = {}, None
        if self.dry_run:
            pass
        elif self.slurm_jobs:
            jobs = [(self.file.resolve(), runs_root().resolve())] * self.slurm_jobs
            otherwise = f"start {command} several times yourself"
            logs = work.folder.resolve() / "slurm"
            trouble = settings.run_jobs("ntk_repro_campaign", logs, campaign.compute, jobs, otherwise)
        else:
            use_compilation_cache()
            failed = work.run()
        states = work.states()
        left = any(one.state != "done" for one in states)
        show_states(work, states)
        troubled = {one.unit.label: one.reason for one in states if one.reason and one.state != "done"}
        for label, reason in {**troubled, **failed}.items():
            print(f"{label}: {reason}")
        if trouble and left:
            raise trouble
        print(f"next: {command}{'' if left else ' --draw'}")
        if failed:
            raise SystemExit(1)


@dataclass(frozen=True)
class Report:
    """Make one HTML page of all figures: pictures, claims and the papers' numbers, from the runs that are done."""

    out: Path = Path("report.html")
    """The page; its pictures are also saved in a folder beside it."""

    def __call__(self) -> None:
        """Draws what is computed and writes the page."""
        from ntk_repro.report import write_report

        make_folder(self.out.parent)
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
class Compare:
    """Show runs side by side: the settings that differ, their numbers, and a picture of their curves."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN_FOLDER ...")]
    """Folders of finished runs of one study."""
    out: Path = Path("figures/out")
    """Folder for the picture."""

    def __call__(self) -> None:
        """Prints two tables and draws."""
        from ntk_repro.report.runs_compared import Comparison

        found = Comparison.of(self.runs)
        for title, rows in (("settings that differ", found.settings), ("results", found.numbers)):
            table = Table("", *found.names, title=title)
            for name, values in rows.items():
                table.add_row(name, *(value if isinstance(value, str) else f"{value:.4g}" for value in values))
            if rows:
                Console().print(table)
        if not found.settings:
            print("no setting differs: these are the same run")
        path = self.out / "compare.png"
        make_folder(self.out)
        with write_errors_explained(path):
            found.picture().savefig(path, dpi=150)
        print(path)
        print("next: look at it")


@dataclass(frozen=True)
class Export:
    """Write the arrays of a run as .npz and .csv, its curves for TensorBoard, or a stored kernel as .npy."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Of a finished run, or of a kernel's store."""
    out: Path = Path("exported")
    """Where the files go."""
    tensorboard: bool = False
    """Whether to write the curves of a run as an event file of TensorBoard instead (pip install tensorboard)."""

    def __call__(self) -> None:
        """Writes the files and names them."""
        from ntk_repro.report.event_files import export_events
        from ntk_repro.report.export import export

        if self.tensorboard:
            print(export_events(self.folder, self.out))
            print(f"next: tensorboard --logdir {shlex.quote(str(self.out))}")
            return
        files = export(self.folder, self.out)
        print(*files, sep="\n")
        print(
            f'next, in Python: np.load("{files[0]}"{", mmap_mode=" + repr("r") if files[0].suffix == ".npy" else ""})'
        )


@dataclass(frozen=True)
class Reference:
    """Save the results of all finished runs as reference: numbers, claims and pictures, with pages and a table."""

    reference: Path = Path("docs/reference")
    """The folder of reference results, in a clone."""
    scratch: Path = Path("figures/out/reference")
    """Folder for the pictures as they are drawn."""
    presets: tuple[str, ...] = ()
    """Presets whose runs are taken, such as laptop; none: all."""
    redraw: bool = True
    """Whether to take finished runs; --no-redraw judges only the saved numbers, and rewrites the pages."""

    def __call__(self) -> None:
        """Writes them and names the claims that do not hold and are not explained yet."""
        from ntk_repro.report import judge_again, read_differences, unexplained, write_pages, write_results

        differences = read_differences(self.reference / "differences.toml")
        written = write_results(self.reference, self.scratch, presets=self.presets) if self.redraw else []
        results = judge_again(self.reference)
        table = self.reference.parent / "figures.md"
        write_pages(self.reference, results, differences, table if table.exists() else None)
        open_claims = list(unexplained(results, differences))
        for result, claim in open_claims:
            print(f"not explained yet: {result.figure.id}, {result.preset}: {claim['statement']} ({claim['subject']})")
        print(f"{len(written)} of {len(results)} results are from the runs at hand")
        print(self.reference / "index.md")
        explain = ", and explain in differences.toml why these claims do not hold" if open_claims else ""
        print(f"next: read it{explain}")


@dataclass(frozen=True)
class CheckReference:
    """Compute figures again and compare the number behind every claim with the reference."""

    figures: tuple[str, ...] = ()
    """Such as ortiz2021/fig2 or fig2; none: all that have a reference."""
    preset: str = "quick"
    """Which preset."""
    reference: Path = Path("docs/reference")
    """The folder of reference results, in a clone."""
    root: Path = Path("runs/check")
    """Folder for new runs and pictures; a check that did not make all figures continues there, others start again."""
    relative: float = 0.05
    """A number may differ from the reference by this share of it, and beyond that ..."""
    absolute: float = 0.01
    """... this much."""

    def __call__(self) -> None:
        """Prints the differences; the process ends with status 1 if there are any."""
        from ntk_repro.papers import find_figures
        from ntk_repro.report import Tolerance, check_reference

        wanted = {figure.id for name in self.figures for figure in find_figures(name)}
        use_compilation_cache()
        tolerance = Tolerance(self.relative, self.absolute)
        check = check_reference(self.reference, self.root, figures=wanted, preset=self.preset, tolerance=tolerance)
        rows = [(figure, row) for figure, compared in check.compared.items() for row in compared]
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
        print(f"next: NTK_REPRO_RUNS={runs} {this_program()} reference saves these results in place of the others")
        if not check.agrees:
            raise SystemExit(1)


@dataclass(frozen=True)
class Doctor:
    """Print versions, devices, precision, data sets, memory and disk, and a remedy for what is missing."""

    data_dir: str | None = None
    """Folder of prepared TensorFlow data sets to look into; none: $TFDS_DATA_DIR, then its usual place."""

    def __call__(self) -> None:
        """Prints the findings."""
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
        commands = subcommands(Command)
        print(completion_script("ntk-repro", self.shell, commands, choices, paths))


Command = Run | Draw | List | Campaign | Compare | Export | Report | Reference | CheckReference | Doctor | Completion


def _show(made: "Reproduction") -> None:
    """Prints claims and files of one figure."""
    from ntk_repro.papers.claims import cells, with_footnotes

    claims, footnotes = with_footnotes(made.claims)
    rows = [cells(claim) for claim in claims]
    columns = ("claim", "on", "verdict", "number", "paper")[: 5 if any(row["paper"] for row in rows) else 4]
    table = Table(*columns, title=f"{made.figure.source} ({made.figure.id})")
    previous = ""
    for claim, row in zip(made.claims, rows, strict=True):
        statement = row["statement"] if row["statement"] != previous else ""
        number = escape(f"{row['number'] or row['verdict']} {row['meaning']}")
        verdict = f"[{_COLORS[claim['holds']]}]{row['verdict']}[/]"
        table.add_row(*(statement, row["subject"], verdict, number, row["paper"])[: len(columns)])
        previous = row["statement"]
    Console().print(table)
    print(*footnotes, sep="\n", end="\n" if footnotes else "")
    for path in (*made.runs, *made.files):
        print(path)


def _show_next() -> None:
    print(f"next: look at the .png; {this_program()} report puts all figures on one page, with the papers' numbers")


def main(args: Sequence[str] | None = None) -> None:
    """The entry point of `ntk-repro`."""

    # Parsing is a part of the command: the reader of --help may close the pipe, too.
    def run() -> None:
        call = parsed(Command, args, "ntk-repro", description=__doc__)
        check_places(args)
        call()

    command(
        run,
        again="finished work is saved; the same command continues",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
