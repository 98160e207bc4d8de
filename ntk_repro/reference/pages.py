"""Reference results as Markdown: an index, a page a paper, and a table of all figures."""

import math
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES
from ntk_repro.record import write_text, write_texts
from ntk_repro.reference.comparison import Tolerance
from ntk_repro.reference.differences import Difference
from ntk_repro.reference.results import Result, each_once
from ntk_repro.report import PAPERS

__all__ = ["pages", "with_table", "write_pages"]

BEGIN, END = "<!-- figures: written by `ntk-repro reference` -->", "<!-- figures: end -->"
_WORDS = {True: "holds", False: "**does not hold**", None: "undetermined"}


def pages(results: Sequence[Result], differences: Sequence[Difference]) -> dict[str, str]:
    """The pages of a folder of references by file name: index.md, then <paper>.md for each paper.

    Args:
        results: as `read_results` gives them.
        differences: what is said of the claims that do not hold.
    """
    import jinja2

    source = files("ntk_repro.reference")
    loader = jinja2.FunctionLoader(lambda name: (source / name).read_text(encoding="utf-8"))
    templates = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"cell": _cell, "tally": _tally, "held": _held, "minutes": _minutes}
    papers = []
    for name, group in groupby(results, key=lambda result: FIGURES[result.figure].paper):
        sections = [_section(list(same), differences) for _, same in groupby(group, key=lambda result: result.figure)]
        papers.append({"name": name, "title": PAPERS[name], "figures": sections})
    facts = {
        "papers": papers,
        "presets": {
            preset: [result for result in results if result.preset == preset]
            for preset in dict.fromkeys(result.preset for result in results)
        },
        "provenance": each_once(row for result in results for row in map(_data_line, result.provenance)),
        "versions": each_once(", ".join(f"{n} {v}" for n, v in result.versions.items()) for result in results),
        "devices": each_once(device for result in results for device in result.devices),
        "tolerance": Tolerance(),
        "differences": differences,
        "link": _link,
        "figures": FIGURES,
    }
    made = {"index.md": templates.get_template("index.md.j2").render(**facts)}
    page = templates.get_template("paper.md.j2")
    return made | {f"{paper['name']}.md": page.render(paper=paper) for paper in papers}


def write_pages(
    folder: Path, results: Sequence[Result], differences: Sequence[Difference], table: Path | None = None
) -> None:
    """Writes the pages into a folder of references, and renews the table of figures in another page beside it.

    Raises:
        UserError: as `with_table`, or a file cannot be written.
    """
    renewed = None if table is None else with_table(table.read_text(encoding="utf-8"), results, folder.name)
    write_texts(folder, pages(results, differences))
    if table is not None and renewed is not None:
        write_text(table, renewed)


def with_table(page: str, results: Sequence[Result], folder: str) -> str:
    """A page's text with its table of figures renewed: figure, command, minutes and claims at `quick`.

    Args:
        page: the text, with two marks for the table to stand between.
        results: as `read_results` gives them.
        folder: how the page's links name the folder of references.

    Raises:
        UserError: the text has no place for the table.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"there are no lines {BEGIN} and {END} for the table of figures to stand between: add them")
    lines = ["| figure | shows | command | minutes | claims that hold |", "|---|---|---|---|---|"]
    for figure in FIGURES.values():
        of_figure = [result for result in results if result.figure == figure.id]
        quick = next((result for result in of_figure if result.preset == "quick"), None)
        name = f"{_author(figure.id)}, {_name(figure.id)}"
        link = f"[{name}]({folder}/{_link(figure.id)})" if of_figure else name
        held = "; ".join(
            _tally(result.claims) + (f" (`{result.preset}`)" if result.preset != "quick" else "")
            for result in of_figure
        )
        minutes = "" if quick is None else _minutes(quick)
        lines.append(f"| {link} | {figure.title} | `make {figure.id.replace('/', '-')}` | {minutes} | {held} |")
    return before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + after


def _section(results: Sequence[Result], differences: Sequence[Difference]) -> dict[str, Any]:
    figure = FIGURES[results[0].figure]
    return {
        "id": figure.id,
        "name": _name(figure.id),
        "anchor": _anchor(_name(figure.id)),
        "title": figure.title,
        "results": [
            {
                "result": result,
                "paper": any(claim["paper"] is not None for claim in result.claims),
                "claims": [
                    (statement, [_row(claim) for claim in rows])
                    for statement, rows in groupby(result.claims, key=lambda claim: claim["statement"])
                ],
                "differences": [
                    difference
                    for difference in differences
                    if any(not claim["holds"] and difference.concerns(result, claim) for claim in result.claims)
                ],
            }
            for result in reversed(results)  # what is nearest to the paper first
        ],
    }


def _row(claim: dict[str, Any]) -> dict[str, str]:
    number, paper = claim["number"], claim["paper"]
    return {
        "subject": claim["subject"],
        "verdict": _WORDS[claim["holds"]],
        "number": "" if number is None else f"{number:.4g}",
        "paper": "" if paper is None else f"{paper:.4g}",
        "difference": "" if number is None or paper is None else f"{number - paper:+.3g}",
        "meaning": claim["meaning"] + (f" ({claim['note']})" if claim["note"] else ""),
    }


def _data_line(provenance: dict[str, Any]) -> str:
    """One line on where data came from, without the number of images, in which runs differ."""
    parts = [provenance.get("label", "")]
    if "source" in provenance:
        parts.append(f"from {provenance['source']} {provenance.get('version', '')}".strip())
    parts += [provenance[key] for key in ("note",) if key in provenance]
    return "; ".join(part for part in parts if part)


def _name(figure: str) -> str:
    return FIGURES[figure].source.rsplit(", ", 1)[-1]


def _author(figure: str) -> str:
    return FIGURES[figure].source.split(" ", 1)[0]


def _anchor(heading: str) -> str:
    """Where a heading is found on its page, on GitHub as in the built documentation."""
    return heading.lower().replace(" ", "-")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _tally(claims: Iterable[dict[str, Any]]) -> str:
    """In a table under "claims that hold": "7 of 9, 1 undetermined"."""
    return _held(claims).replace(" claims hold", "")


def _held(claims: Iterable[dict[str, Any]]) -> str:
    """In a sentence: "7 of 9 claims hold, 1 undetermined"."""
    verdicts = [claim["holds"] for claim in claims]
    undecided = sum(verdict is None for verdict in verdicts)
    return f"{sum(map(bool, verdicts))} of {len(verdicts)} claims hold" + (
        f", {undecided} undetermined" if undecided else ""
    )


def _minutes(result: Result) -> str:
    """As measured, else as the preset says, in words."""
    if result.seconds is not None:
        return f"{max(0.1, math.ceil(result.seconds / 6) / 10):.1f}"
    cost, comma, more = result.cost.partition(",")
    return cost.removesuffix(" on two cores").removesuffix(" minutes") + comma + more or "not recorded"


def _link(figure: str) -> str:
    """Where a figure stands, from the folder of references."""
    return f"{FIGURES[figure].paper}.md#{_anchor(_name(figure))}"
