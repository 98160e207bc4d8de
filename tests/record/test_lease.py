import dataclasses
import json
import os
import subprocess
import sys
import time

import pytest

from ntk_repro.owner import Owner
from ntk_repro.record import Lease
from ntk_repro.record.lease import ABANDONED_AFTER

TAKE = """
import sys, time
from pathlib import Path
from ntk_repro.record import Lease

held = Lease.take(Path(sys.argv[1]))
print(held is not None, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "running" / "unit.json"


def write(path, age: float = 0.0, **changes) -> None:
    """The lease of another process, whose last sign of life is so many seconds old."""
    owner = dataclasses.replace(Owner.this_process(), token="theirs", **changes)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(owner)))
    os.utime(path, (time.time(), time.time() - age))


def taken(path) -> Lease:
    held = Lease.take(path)
    assert held is not None
    return held


def test_one_process_holds_it_until_it_is_released(path):
    with taken(path) as held:
        assert (held.seconds_lost, held.lost_by) == (0.0, "")
        assert Lease.take(path) is None
        assert Lease.holder(path) != ""
    assert Lease.holder(path) == ""
    assert list(path.parent.iterdir()) == []


def test_that_of_a_killed_process_is_taken_at_once_and_its_time_is_known(path):
    child = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    assert Lease.take(path) is None
    child.kill()
    child.communicate()
    assert Lease.holder(path) == ""
    with taken(path) as held:
        assert held.lost_by
        assert 0 <= held.seconds_lost < 60


@pytest.mark.parametrize(
    ("age", "changes", "free"),
    [
        (0, {}, False),
        (0, {"pid": 2**22 + 1}, True),  # above every process number
        (0, {"started": 1.0}, True),  # the number has gone to another process
        (ABANDONED_AFTER - 60, {"host": "other", "pid": 2**22 + 1}, False),
        (ABANDONED_AFTER + 60, {"host": "other"}, True),
        (0, {"boot": "before", "pid": 2**22 + 1}, False),  # a clone of this machine, perhaps
    ],
)
def test_it_is_abandoned_when_its_process_is_gone_or_another_machine_is_silent(age, changes, free, path):
    write(path, age, **changes)
    held = Lease.take(path)
    assert (held is not None) == free
    if held is not None:
        held.release()


def test_a_lease_that_a_kill_left_empty_ends_after_a_while(path):
    path.parent.mkdir()
    path.write_text("")
    assert Lease.take(path) is None
    os.utime(path, (1.0, 1.0))
    taken(path).release()


def test_its_holder_shows_signs_of_life(path, monkeypatch):
    monkeypatch.setattr(sys.modules[Lease.__module__], "_BEAT", 0.01)
    with taken(path):
        os.utime(path, (1.0, 1.0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime < 2.0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_mtime > 2.0


def test_one_that_another_process_took_meanwhile_is_left_to_it(path):
    with taken(path):
        write(path)
    assert path.exists()
