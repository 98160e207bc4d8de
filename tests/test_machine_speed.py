import dataclasses

import pytest

from ntk_repro import machine_speed as module
from ntk_repro.data import cache_dir
from ntk_repro.machine_speed import REFERENCE, MachineSpeed, machine_speed


@pytest.fixture
def measured(monkeypatch):
    """How often the speed was measured; each time it is another."""
    found = []

    def measure():
        found.append(dataclasses.replace(REFERENCE, compiling=1.0 + len(found)))
        return found[-1]

    monkeypatch.setattr(module, "_measured", measure)
    monkeypatch.setattr(module, "_known", {})
    return found


def in_a_new_process():
    """The speed as a process finds it that has not asked before."""
    module._known.clear()
    return machine_speed()


def test_every_kind_of_work_is_measured():
    speed = machine_speed()
    assert all(seconds > 0 for seconds in vars(speed).values())
    assert speed.product_rate == pytest.approx(2 * 2048**3 / speed.product)
    # Read back, not measured again: two measurements are never the same to all digits.
    assert in_a_new_process() == speed


def test_slowness_is_the_mean_over_the_kinds_of_work():
    assert REFERENCE.slowness == 1
    slow = MachineSpeed(2 * REFERENCE.product, 3 * REFERENCE.training, 4 * REFERENCE.compiling)
    assert slow.slowness == pytest.approx(3)


def test_it_is_measured_once_and_again_on_request_or_another_machine(measured, monkeypatch):
    assert machine_speed() == machine_speed() == in_a_new_process() == measured[0]
    assert machine_speed(again=True) == machine_speed() == in_a_new_process() == measured[1]
    monkeypatch.setattr(module, "_machine", lambda: {"processors": 1000})
    assert in_a_new_process() == measured[2]


@pytest.mark.parametrize("text", ["{", '{"speed": {}}', None])
def test_a_file_that_cannot_be_used_is_replaced(text, measured):
    machine_speed()
    (path,) = cache_dir().glob("speed-*.json")
    path.write_text(path.read_text().replace("product", "products") if text is None else text)
    assert in_a_new_process() == in_a_new_process() == measured[1]


def test_a_cache_that_cannot_be_written_is_no_error(measured, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "file" / "cache"))
    assert machine_speed() == machine_speed() == measured[0]
    assert in_a_new_process() == measured[1]


def test_without_the_processor_it_is_that_of_the_presets(monkeypatch):
    def no_processor():
        raise RuntimeError("Unknown backend cpu")

    monkeypatch.setattr(module, "_measured", no_processor)
    assert machine_speed() == REFERENCE
    assert not list(cache_dir().glob("speed-*"))
