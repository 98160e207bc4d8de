import io
import sys

import pytest

from ntk_repro import progress as progress_file
from ntk_repro.progress import progress, stages


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test advances, in place of time's."""
    now = [1000.0]
    monkeypatch.setattr(progress_file.time, "monotonic", lambda: now[0])
    return now


def test_stages_are_counted_where_there_are_several(capsys):
    assert list(stages([64, 1024], "width {:,}".format)) == [64, 1024]
    begun = stages(["kernel", "networks [all]"])
    next(begun)
    next(begun)
    assert list(stages(["alone"])) == ["alone"]
    lines = ["  1 of 2: width 64", "  2 of 2: width 1,024", "  1 of 2: kernel", "  2 of 2: networks [all]"]
    assert capsys.readouterr().err.splitlines() == lines


def test_in_a_log_a_line_a_minute_says_what_is_left(clock, capsys):
    with progress("tiles", 100, "tiles") as advance:
        for _ in range(4):
            clock[0] += 50
            advance(10)
    assert capsys.readouterr().err.splitlines() == [
        "tiles: 20 of 100 tiles, 1:40 so far, 6:40 left",
        "tiles: 40 of 100 tiles, 3:20 so far, 5:00 left",
    ]


@pytest.mark.parametrize(
    ("steps", "printed"),
    [
        ([(0, 80), (60, 5)], "tiles: 85 of 100, 1:00 so far, 3:00 left\n"),  # 80 of an earlier run
        ([(19, 1), (19, 1), (19, 1)], ""),  # short work
    ],
)
def test_earlier_work_counts_no_time_and_short_work_prints_nothing(clock, capsys, steps, printed):
    with progress("tiles", 100) as advance:
        for seconds, amount in steps:
            clock[0] += seconds
            advance(amount)
    assert capsys.readouterr().err == printed


def test_a_note_remains_until_it_changes_and_inner_work_is_not_shown(clock, capsys):
    with progress("epochs", 4) as advance:
        clock[0] += 30
        advance(1, note="loss 0.3")
        clock[0] += 30
        with progress("images", 10) as inner:
            inner(5)
        advance(1)
    assert capsys.readouterr().err == "epochs: 2 of 4, 1:00 so far, 1:00 left, loss 0.3\n"


def test_an_error_inside_leaves_the_next_work_visible(clock, capsys):
    with pytest.raises(KeyError), progress("first", 2):
        raise KeyError
    with progress("second", 2) as advance:
        clock[0] += 61
        advance()
    assert capsys.readouterr().err.startswith("second: 1 of 2")


def test_on_a_terminal_a_bar_is_drawn(monkeypatch):
    drawn = io.StringIO()
    monkeypatch.setattr(drawn, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", drawn)
    terminal = progress_file.Console(file=drawn, force_terminal=True, width=120, highlight=False, color_system=None)
    monkeypatch.setattr(progress_file, "console", terminal)
    with progress("tiles", 8, "of them") as advance:
        advance(8, note="all there")
    for part in ("tiles", "8/8 of them", "all there"):
        assert part in drawn.getvalue()
