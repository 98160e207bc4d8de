"""The page: one HTML file that needs no network, from the entries of `ntk_repro.report.entries`."""

import base64
import datetime
import math
import struct
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, Figure
from ntk_repro.record import environment, write_text
from ntk_repro.report.entries import Entry, RunFacts, gather

__all__ = ["PAPERS", "page", "write_report"]

PAPERS = {
    "lee2019": "Lee et al. 2019, Wide neural networks of any depth evolve as linear models under gradient descent",
    "ortiz2021": "Ortiz-Jimenez et al. 2021, What can linearized neural networks actually say about generalization?",
    "samarin2022": "Samarin et al. 2022, Feature learning and random features in standard finite-width CNNs",
}
_VERDICTS = {True: ("yes", "holds"), False: ("no", "fails"), None: ("open", "undetermined")}


def write_report(
    path: Path, *, root: Path | None = None, out: Path | None = None, figures: Iterable[Figure] | None = None
) -> list[Entry]:
    """Draws all that is computed and writes the page.

    Args:
        path: the HTML file.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
        out: folder for the pictures; None for one beside the page, named after it.
        figures: what to show, None for every figure of every paper.

    Returns:
        What was found of each figure.

    Raises:
        UserError: a page that the folder of its pictures would take the name of, or that cannot be written.
    """
    if path.is_dir() or (out is None and not path.suffix):
        raise UserError(
            f"{path} cannot be both the page and the folder of its pictures: name a file, such as {path}.html"
        )
    entries = gather(FIGURES.values() if figures is None else figures, out or path.with_suffix(""), root)
    write_text(path, page(entries))
    return entries


def page(entries: Sequence[Entry]) -> str:
    """The page as text: an index, then a section for each figure, paper by paper."""
    import jinja2

    source = files("ntk_repro.report")
    template = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string((source / "page.html.j2").read_text(encoding="utf-8"))
    papers = [
        {"name": name, "title": PAPERS.get(name, name), "figures": [_section(entry) for entry in group]}
        for name, group in groupby(entries, key=lambda entry: entry.figure.paper)
    ]
    now = environment()
    return template.render(
        papers=papers,
        counts=_counts(claim for entry in entries if entry.shown for claim in entry.shown.claims),
        drawn=sum(entry.shown is not None for entry in entries),
        total=len(entries),
        style=(source / "page.css").read_text(encoding="utf-8"),
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions={name: version for name, version in now["versions"].items() if version},
    )


def _section(entry: Entry) -> dict[str, Any]:
    figure, shown = entry.figure, entry.shown
    section: dict[str, Any] = {
        "id": figure.id.replace("/", "-"),
        "name": figure.source.rsplit(", ", 1)[-1],
        "title": figure.title,
        "source": figure.source,
        "presets": entry.presets,
        "trouble": entry.trouble,
        "command": f"ntk-repro run {figure.id} --preset {shown.preset if shown else entry.presets[0].name}",
        "run": f"ntk-repro run {figure.id} --preset",
        "shown": None,
    }
    if shown is not None:
        counts = _counts(shown.claims)
        section["counts"] = counts
        section["shown"] = {
            "preset": shown.preset,
            "data": shown.data,
            "picture": base64.b64encode(shown.picture).decode("ascii"),
            "size": _size(shown.picture),
            "alt": f"{figure.source}: {figure.title}. {_in_words(counts)}; the numbers are in the table of claims.",
            "claims": [_row(claim) for claim in shown.claims],
            "paper": any(claim["paper"] is not None for claim in shown.claims),
            "time": _time(shown.runs),
            "devices": ", ".join(dict.fromkeys(run.device for run in shown.runs)),
            "commits": ", ".join(dict.fromkeys(run.commit for run in shown.runs if run.commit)),
            "runs": [run.path for run in shown.runs],
        }
    return section


def _row(claim: dict[str, Any]) -> dict[str, str]:
    word, meaning = _VERDICTS[claim["holds"]]
    number, paper = claim["number"], claim["paper"]
    return {
        "statement": claim["statement"],
        "subject": claim["subject"],
        "word": word,
        "verdict": meaning,
        "number": "" if number is None else f"{number:.4g}",
        "paper": "" if paper is None else f"{paper:.4g}",
        "difference": "" if number is None or paper is None else f"{number - paper:+.3g}",
        "meaning": claim["meaning"],
        "note": claim["note"],
    }


def _counts(claims: Iterable[dict[str, Any]]) -> dict[str, int]:
    counts = {"yes": 0, "no": 0, "open": 0}
    for claim in claims:
        counts[_VERDICTS[claim["holds"]][0]] += 1
    return counts


def _in_words(counts: dict[str, int]) -> str:
    """Counts of verdicts in words: "7 of 8 claims hold, 1 undetermined"."""
    total = sum(counts.values())
    text = f"{counts['yes']} of {total} claims hold"
    return text + (f", {counts['open']} undetermined" if counts["open"] else "")


def _size(png: bytes) -> tuple[int, int]:
    """Width and height from the picture's header, so that the page does not jump as pictures are decoded."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _time(runs: Sequence[RunFacts]) -> str:
    known = [run.seconds for run in runs if run.seconds is not None]
    if not known:
        return "not recorded"
    seconds = math.ceil(sum(known))
    text = str(datetime.timedelta(seconds=seconds))
    return text if len(known) == len(runs) else f"{text} ({len(runs) - len(known)} of {len(runs)} runs not recorded)"
