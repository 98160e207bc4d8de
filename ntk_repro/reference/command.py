"""The commands on reference results: `ntk-repro reference` writes them, `ntk-repro check-reference` compares."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ntk_repro.command_line import this_program, use_compilation_cache
from ntk_repro.errors import UserError

__all__ = ["CheckReference", "Reference"]


@dataclass(frozen=True)
class Reference:
    """Keep what is computed as reference results: numbers, claims and pictures, with pages and the README's table."""

    reference: Path = Path("docs/reference")
    """The folder of reference results, in a clone."""
    readme: Path | None = Path("README.md")
    """The README whose table of figures is renewed; none: no table."""
    scratch: Path = Path("figures/out/reference")
    """Folder for the pictures as they are drawn."""
    redraw: bool = True
    """Whether to take what is computed; --no-redraw only writes the pages anew, from the results that are kept."""

    def __call__(self) -> None:
        """Writes them and says which claims that do not hold have no explanation yet."""
        from ntk_repro.record import write_text
        from ntk_repro.reference.differences import read_differences, unexplained
        from ntk_repro.reference.pages import pages, readme_with_table
        from ntk_repro.reference.results import read_results, write_results

        differences = read_differences(self.reference / "differences.toml")
        written = write_results(self.reference, self.scratch) if self.redraw else []
        results = read_results(self.reference)
        for name, text in pages(results, differences).items():
            write_text(self.reference / name, text)
        if self.readme is not None:
            write_text(self.readme, readme_with_table(self.readme.read_text(encoding="utf-8"), results))
        for result, claim in unexplained(results, differences):
            print(f"no word yet on {result.figure}, {result.preset}: {claim['statement']} ({claim['subject']})")
        print(f"{len(written)} of {len(results)} results are from the runs at hand")
        print(self.reference)


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
    """Folder for the fresh runs: one that was interrupted is continued, one that was finished is begun anew."""
    relative: float = 0.1
    """A number may lie this share of the reference away from it, and beyond that ..."""
    absolute: float = 0.02
    """... this much."""

    def __call__(self) -> None:
        """Prints what differs; the process ends with status 1 where anything does."""
        from ntk_repro.papers import FIGURES, find_figures, reproduce
        from ntk_repro.reference.comparison import Comparison, Tolerance, compare
        from ntk_repro.reference.results import read_results

        wanted = {figure.id for name in self.figures for figure in find_figures(name)} or set(FIGURES)
        results = [r for r in read_results(self.reference) if r.figure in wanted and r.preset == self.preset]
        if not results:
            raise UserError(
                f"{self.reference} has no reference of these figures at preset {self.preset}: take others, or "
                f"write one with `{this_program()} reference`"
            )
        use_compilation_cache()
        finished = self.root / "finished"
        if finished.exists():
            shutil.rmtree(self.root)
        tolerance = Tolerance(self.relative, self.absolute)
        before = sum(result.seconds or 0 for result in results)
        print(f"{len(results)} figures; their runs took {before / 60:.0f} minutes for the reference", flush=True)
        begun, compared, failed = time.monotonic(), {}, {}
        for number, result in enumerate(results, 1):
            print(f"({number} of {len(results)}) {result.figure}", flush=True)
            try:
                made = reproduce(FIGURES[result.figure], self.preset, root=self.root, out=self.root / "pictures")
            except (UserError, RuntimeError) as error:
                failed[result.figure] = str(error)
                continue
            compared[result.figure] = compare(result.claims, made.claims, tolerance)
        finished.touch()
        rows: list[tuple[str, Comparison]] = [(name, row) for name, found in compared.items() for row in found]
        table = Table("figure", "claim", "on", "reference", "now", "outcome")
        for name, row in rows:
            if row.outcome != "agrees":
                table.add_row(name, row.statement, row.subject, *map(_number, (row.before, row.after)), row.outcome)
        if table.row_count:
            Console().print(table)
        for name, error in failed.items():
            print(f"{name} could not be made: {error}")
        largest = max(
            (abs(row.after - row.before) for _, row in rows if None not in (row.before, row.after)), default=0.0
        )
        agreeing = sum(not row.fails for _, row in rows)
        print(f"{agreeing} of {len(rows)} numbers agree with the reference; largest difference {largest:.3g}")
        print(f"{(time.monotonic() - begun) / 60:.0f} minutes; runs and pictures are in {self.root}")
        if failed or agreeing < len(rows):
            raise SystemExit(1)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
