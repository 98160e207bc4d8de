"""Progress of long work on the terminal, with the time left."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text


@runtime_checkable
class Advance(Protocol):
    """The function that the body of `progress` calls as the work advances."""

    def __call__(self, amount: float = 1, note: str = "") -> None:
        """Adds `amount` units of finished work and, if given, changes the note at the end of the line."""
        ...


# Standard output is for results; progress goes to standard error.
console = Console(stderr=True)
_EVERY = 60.0  # seconds between two lines in a log
_shown = threading.Lock()
_T = TypeVar("_T")


def stages(items: Iterable[_T], text: Callable[[_T], str] = str) -> Iterator[_T]:
    """Yields the stages of a run, each after a line such as "2 of 3: width 512" where there are several."""
    items = list(items)
    for number, item in enumerate(items, 1):
        stage(number, len(items), text(item))
        yield item


def stage(number: int, count: int, title: str) -> None:
    """Prints that a stage of a run begins, where there are several."""
    if count > 1:
        console.print(f"  {number} of {count}: {title}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress(task: str, total: float, unit: str = "") -> Iterator[Advance]:
    """Shows progress over `total` units of work; yields the function that advances it.

    On a terminal it is a bar; elsewhere (the log of a cluster's job, CI) a line is printed each minute, so short work
    prints nothing. Inner work is not shown while outer work is, nor what another thread does meanwhile.
    """
    if not _shown.acquire(blocking=False):
        yield lambda amount=1, note="": None
        return
    try:
        if sys.stderr.isatty():
            with _bar(task, total, unit) as advance:
                yield advance
        else:
            yield _lines(task, total, unit)
    finally:
        _shown.release()


@contextmanager
def _bar(name: str, total: float, unit: str) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        _Times(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=total, note="")

        def advance(amount: float = 1, note: str = "") -> None:
            bar.update(task, advance=amount)
            if note:
                bar.update(task, note=note)

        yield advance


class _Times(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_times(task.elapsed or 0.0, task.time_remaining))


def _lines(name: str, total: float, unit: str) -> Advance:
    started = last = time.monotonic()
    earlier, done, shown_note = 0.0, 0.0, ""

    def advance(amount: float = 1, note: str = "") -> None:
        nonlocal last, earlier, done, shown_note
        done, shown_note, now = done + amount, note or shown_note, time.monotonic()
        if now - started < 1:
            earlier = done  # by an earlier run, so not counted in the speed
        if now - last < _EVERY or done <= earlier:
            return
        last, elapsed = now, now - started
        left = elapsed * max(total - done, 0.0) / (done - earlier)
        counted = f"{name}: {done:,.0f} of {total:,.0f} {unit}".rstrip()
        parts = [counted, _times(elapsed, left), shown_note]
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)

    return advance


def _times(elapsed: float, left: float | None) -> str:
    """The time that has passed, and the time left.

    >>> _times(230.0, None), _times(65.0, 4000.0)
    ('3:50 so far, time left unknown', '1:05 so far, 1:06:40 left')
    """
    return f"{_clock(elapsed)} so far, " + ("time left unknown" if left is None else f"{_clock(left)} left")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
