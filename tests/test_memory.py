import os
import subprocess
import sys

import psutil
import pytest

from ntk_repro import memory


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_of_the_groups_that_a_batch_system_made_counts(version, tmp_path, monkeypatch):
    own, root, limit, used, total = {
        1: ("7:cpu:/\n4:memory:", tmp_path / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        2: ("0::", tmp_path, "memory.max", "memory.current", ""),
    }[version]
    job = root / "slurm/job_5"
    (job / "step_0").mkdir(parents=True)
    (job / limit).write_text(f"{5 * 2**20}\n")
    (job / used).write_text(f"{2 * 2**20}\n")
    (job / "memory.stat").write_text(f"anon 7\n{total}inactive_file {2**20}\n")
    (job / "step_0" / limit).write_text("max\n")
    (job / "step_0" / used).write_text("5\n")
    (tmp_path / "own").write_text(f"{own}/slurm/job_5/step_0\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "own")
    assert memory.host_available_bytes() == 4 * 2**20
    (tmp_path / "own").unlink()
    assert memory.host_available_bytes() > 2**26


@pytest.fixture
def reservations(tmp_path, monkeypatch):
    folder = tmp_path / "reservations"
    folder.mkdir()
    monkeypatch.setattr(memory, "_reservation_folder", lambda: folder)
    return folder


def test_what_another_process_is_about_to_take_is_not_free(reservations):
    """Its file says how large it will become; what it has taken already the system counts."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        started = psutil.Process(other.pid).create_time()
        file = reservations / str(other.pid)
        file.write_text(f"{2**60} {started!r}")
        assert memory.host_available_bytes() == 0
        file.write_text(f"1 {started!r}")
        assert memory.host_available_bytes() > 2**26
        file.write_text(f"{2**60} {started - 100!r}")  # of an earlier process with its number
        assert memory.host_available_bytes() > 2**26
        assert not file.exists()
        file.write_text(f"{2**60} {started!r}")
        other.communicate(b"\n")
    assert memory.host_available_bytes() > 2**26  # it has ended
    assert not file.exists()


def test_a_reservation_lasts_as_long_as_the_work_and_adds_up_within_it(reservations):
    def total() -> int:
        return int((reservations / str(os.getpid())).read_text().split()[0])

    before = memory.process_bytes()
    with memory.reserving(2**40):
        outer = total()
        assert outer >= before + 2**40
        with memory.reserving(2**41):
            assert total() == outer + 2**41
        assert total() == outer
        assert memory.host_available_bytes() > 2**26  # its own does not count against it
    assert not list(reservations.iterdir())
