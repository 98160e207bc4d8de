import pytest

from benchmarks import processes


@pytest.mark.slow
def test_two_processes_leave_the_same_bytes():
    found = processes.run(60, (8, 8, 1))
    assert all(found[way]["same_bytes"] for way in ("one", "two_shares", "two_distributed"))
    assert len(processes.draw(found).axes[0].patches) == 3
