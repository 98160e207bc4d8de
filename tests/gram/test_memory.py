import pytest

from ntk_repro.gram import memory


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_of_the_groups_that_a_batch_system_made_counts(version, tmp_path, monkeypatch):
    own = {1: "7:cpu:/\n4:memory:/slurm/job_5/step_0\n", 2: "0::/slurm/job_5/step_0\n"}[version]
    root = tmp_path / "memory" if version == 1 else tmp_path
    limit, used = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"), 2: ("memory.max", "memory.current")}[version]
    job = root / "slurm/job_5"
    (job / "step_0").mkdir(parents=True)
    (job / limit).write_text(f"{5 * 2**20}\n")
    (job / used).write_text(f"{2 * 2**20}\n")
    (job / "memory.stat").write_text(f"anon 7\n{'total_' if version == 1 else ''}inactive_file {2**20}\n")
    for name in (limit, used):
        (job / "step_0" / name).write_text("max\n" if name == limit else "5\n")
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "own")
    assert memory.host_available_bytes() == 4 * 2**20
    (tmp_path / "own").unlink()
    assert memory.host_available_bytes() > 2**26
