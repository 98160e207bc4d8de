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
