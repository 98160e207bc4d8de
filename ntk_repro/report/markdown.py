"""Reference results as Markdown: an index, a page for each paper, and a table of all figures."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, Figure, load_figure_preset, thresholds
from ntk_repro.record import write_text, write_texts
from ntk_repro.report.comparison import Tolerance
from ntk_repro.report.differences import Difference
from ntk_repro.report.reference import stem
from ntk_repro.report.results import Result, each_once, outdated
from ntk_repro.report.statements import Statement, read_statements
from ntk_repro.report.templates import template

BEGIN, END = "<!-- figures: written by `ntk-repro reference` -->", "<!-- figures: end -->"


def pages(results: Sequence[Result], differences: Sequence[Difference]) -> dict[str, str]:
    """The pages of a folder of references by file name: index.md, then <paper>.md for each paper.

    Args:
        results: as `read_results` gives them.
        differences: what is known about the claims that do not hold.
    """
    papers = [
        (paper, [(figure, list(same)) for figure, same in groupby(of_paper, key=attrgetter("figure"))])
        for paper, of_paper in groupby(results, key=attrgetter("figure.paper"))
    ]
    facts = {
        "presets": {name: [r for r in results if r.preset == name] for name in each_once(r.preset for r in results)},
        "provenance": each_once(row for result in results for row in map(_data_line, result.provenance)),
        "versions": each_once(", ".join(f"{n} {v}" for n, v in result.versions.items()) for result in results),
        "devices": each_once(device for result in results for device in result.devices),
        "tolerance": Tolerance(),
        "differences": differences,
        "figures": FIGURES,
    }
    shared = {"cell": _cell, "minutes": _minutes, "link": _link, "by_statement": _by_statement, "stem": stem}
    made = {"index.md": template("index.md.j2").render(papers=papers, **facts, **shared)}
    for paper, figures in papers:
        own = {"paper": paper, "figures": figures, "differences_of": lambda result: _concerning(result, differences)}
        own |= {"outdated": outdated, "printed": _printed(figures)}
        made[f"{paper.name}.md"] = template("paper.md.j2").render(**own, **shared)
    return made


def statements_page(statements: Mapping[str, Sequence[Statement]]) -> str:
    """The page of all statements of the papers, with their number in each state."""
    counted = {
        paper: sum((Counter({one.state: one.count}) for one in found), Counter()) for paper, found in statements.items()
    }
    words = [value for value in vars(thresholds).values() if isinstance(value, thresholds.Threshold)]
    return template("statements.md.j2").render(statements=statements, counted=counted, words=words, cell=_cell)


def write_pages(
    folder: Path, results: Sequence[Result], differences: Sequence[Difference], table: Path | None = None
) -> None:
    """Writes the pages into a folder of references, and updates the table of figures in another page.

    Raises:
        UserError: as `with_table`, or a file cannot be written.
    """
    renewed = None if table is None else with_table(table.read_text(encoding="utf-8"), results, folder.name)
    write_texts(folder, pages(results, differences))
    write_text(folder / "statements.md", statements_page(read_statements(folder / "statements")))
    if table is not None and renewed is not None:
        write_text(table, renewed)


def with_table(page: str, results: Sequence[Result], folder: str) -> str:
    """A page's text with its table of figures updated: figure, command, minutes and claims at `quick`.

    Args:
        page: the text, with two lines that mark where the table begins and ends.
        results: as `read_results` gives them.
        folder: the folder of references in the page's links.

    Raises:
        UserError: the text has no place for the table.
    """
    before, begin, following = page.partition(BEGIN)
    _, end, after = following.partition(END)
    if not begin or not end:
        raise UserError(f"the page has no lines {BEGIN} and {END} around its table of figures: add them")
    by_figure = {figure: [result for result in results if result.figure == figure] for figure in FIGURES.values()}
    table = template("figures.md.j2").render(figures=by_figure, folder=folder, link=_link, minutes=_minutes)
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _by_statement(result: Result) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(statement, list(rows)) for statement, rows in groupby(result.claims, key=itemgetter("statement"))]


def _printed(figures: Sequence[tuple[Figure, Sequence[Result]]]) -> list[tuple[Result, dict[str, Any]]]:
    """Verdicts on numbers that a paper prints, of each claim and subject that of the preset nearest to the paper."""
    found: dict[tuple[str, str, str], tuple[Result, dict[str, Any]]] = {}
    for figure, results in figures:
        for result in reversed(results):
            for row in result.claims:
                if row["paper"] is not None:
                    found.setdefault((figure.id, row["statement"], row["subject"]), (result, row))
    return list(found.values())


def _concerning(result: Result, differences: Sequence[Difference]) -> list[Difference]:
    failing = [claim for claim in result.claims if not claim["holds"]]
    return [one for one in differences if any(one.concerns(result, claim) for claim in failing)]


def _data_line(provenance: dict[str, Any]) -> str:
    """One line on where data came from, without the number of images, in which runs differ."""
    source = f"from {provenance['source']} {provenance.get('version', '')}".strip() if "source" in provenance else ""
    return "; ".join(filter(None, (provenance.get("label"), source, provenance.get("note"))))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _minutes(result: Result) -> str:
    """The measured minutes, else those of the preset's cost."""
    if result.seconds is not None:
        return f"{max(0.1, math.ceil(result.seconds / 6) / 10):.1f}"
    cost = load_figure_preset(result.figure, result.preset).cost
    return f"{cost.minutes:g}" if cost else "not recorded"


def _link(figure: Figure) -> str:
    """The link to a figure's heading in the folder of references, on GitHub and in the built documentation."""
    return f"{figure.paper.name}.md#{figure.label.lower().replace(' ', '-').replace('.', '')}"
