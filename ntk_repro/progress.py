"""Progress of long work on the terminal, with the time left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Advance", "console", "progress"]

# Standard output is for results; progress goes to standard error and is silent when that is not a terminal.
console = Console(stderr=True)
_drawing = False


class Advance:
    """What the body of `progress` calls as the work advances."""

    def __init__(self, bar: Progress | None, task):
        self._bar, self._task = bar, task

    def __call__(self, amount: float = 1, note: str = "") -> None:
        """Moves the bar on by `amount` units of the total and, where given, changes the note behind it."""
        if self._bar is not None:
            self._bar.update(self._task, advance=amount)
            if note:
                self._bar.update(self._task, note=note)


@contextmanager
def progress(what: str, total: float, unit: str = "") -> Iterator[Advance]:
    """A progress bar over `total` units of work; yields the function that advances it.

    On a terminal it is drawn live; elsewhere (a log file, CI) it prints nothing. Bars do not nest: an inner one
    is silent while an outer one is drawn.
    """
    global _drawing
    if _drawing or not sys.stderr.isatty():
        yield Advance(None, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    _drawing = True
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            yield Advance(bar, bar.add_task(what, total=total, note=""))
    finally:
        _drawing = False
