import dataclasses
import subprocess
import sys
import time

import psutil

from ntk_repro.owner import Owner


def test_a_process_has_ended_once_it_is_gone_or_its_number_is_anothers():
    own = Owner.this_process()
    assert own.is_here
    assert not own.ended
    assert not dataclasses.replace(own, started=own.started + 0.5).ended  # clocks are rounded
    assert dataclasses.replace(own, started=own.started - 100).ended
    for elsewhere in ({"host": "elsewhere"}, {"boot": "earlier"}):
        other = dataclasses.replace(own, started=0.0, **elsewhere)
        assert not other.is_here
        assert not other.ended


def test_a_killed_process_that_its_parent_has_not_reaped_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(child.pid)
    owner = dataclasses.replace(Owner.this_process(), pid=child.pid, started=process.create_time())
    assert not owner.ended
    child.kill()
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert owner.ended
    child.communicate()
    assert owner.ended
