"""The page: one HTML file that needs no network, from the entries of `ntk_repro.report.results`."""

import base64
import datetime
import math
import struct
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, Figure
from ntk_repro.papers.claims import tally
from ntk_repro.record import environment, write_text
from ntk_repro.report.results import Entry, gather
from ntk_repro.report.templates import template


def write_report(
    path: Path, *, root: Path | None = None, out: Path | None = None, figures: Iterable[Figure] | None = None
) -> list[Entry]:
    """Draws everything that is computed and writes the page.

    Args:
        path: the HTML file.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
        out: folder for the pictures; None for one next to the page, named after it.
        figures: the figures, None for every figure of every paper.

    Returns:
        The state of each figure.

    Raises:
        UserError: the page and the folder of its pictures would have the same name, or it cannot be written.
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
    shown = [entry.shown for entry in entries if entry.shown]
    return template("page.html.j2").render(
        papers=[(paper, list(group)) for paper, group in groupby(entries, key=lambda entry: entry.figure.paper)],
        tally=tally(claim for one in shown for claim in one.result.claims),
        drawn=len(shown),
        total=len(entries),
        base64=lambda picture: base64.b64encode(picture).decode("ascii"),
        size=_size,
        time=_time,
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions={name: version for name, version in environment()["versions"].items() if version},
    )


def _size(png: bytes) -> tuple[int, ...]:
    """Width and height from the picture's header, so that the page does not jump as pictures are decoded."""
    return struct.unpack(">II", png[16:24])


def _time(seconds: Sequence[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    if not known:
        return "not recorded"
    text = str(datetime.timedelta(seconds=math.ceil(sum(known))))
    unknown = len(seconds) - len(known)
    return f"{text} ({unknown} of {len(seconds)} runs not recorded)" if unknown else text
