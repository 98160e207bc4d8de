from types import SimpleNamespace

import psutil
import pytest

from ntk_repro import memory


@pytest.fixture
def no_reservations(monkeypatch):
    monkeypatch.setattr(memory, "reserved_by_others", lambda: 0)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.usefixtures("no_reservations")
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


def test_what_other_processes_reserve_counts_against_the_host_and_not_against_ones_own_share(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9 * 2**20))
    monkeypatch.setattr(memory, "reserved_by_others", lambda: 4 * 2**20)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "none")
    assert memory.host_available_bytes() == 5 * 2**20
    (tmp_path / "memory.max").write_text(f"{6 * 2**20}\n")
    (tmp_path / "memory.current").write_text(f"{3 * 2**20}\n")
    assert memory.host_available_bytes() == 3 * 2**20
    (tmp_path / "memory.current").write_text("0\n")
    assert memory.host_available_bytes() == 5 * 2**20
    monkeypatch.setattr(memory, "reserved_by_others", lambda: 2**60)
    assert memory.host_available_bytes() == 0
