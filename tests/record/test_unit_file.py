import shutil

import numpy as np
import pytest

from ntk_repro.record import PICTURES, RunFolder, remove_unit, restore_run, save_parts, save_unit
from ntk_repro.record.unit_file import LARGEST
from tests.conftest import Settings
from tests.refusals import refused


@pytest.fixture
def finished(folder):
    """A finished run of random numbers, which cannot be compressed: more than one unit file holds."""
    folder.log(step=1, loss=0.5)
    folder.finish(x=np.random.default_rng(0).normal(size=300_000), label=np.array("a"))
    folder.close()
    return RunFolder.read(folder.path)


@pytest.fixture
def unit(finished, tmp_path):
    path = tmp_path / "units" / "study" / f"{finished.path.name}.zip"
    save_unit(finished, path)
    return path


def contents(run: RunFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in run.path.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_run_laid_out_from_its_unit_file_is_the_run(finished, unit, tmp_path):
    assert restore_run(unit, tmp_path / "elsewhere")
    again = RunFolder.read(RunFolder.locate("study", Settings(), root=tmp_path / "elsewhere"))
    assert contents(again) == contents(finished)
    with RunFolder.open("study", Settings(), root=tmp_path / "elsewhere") as run:
        assert run.done


def test_no_file_is_larger_than_a_repository_takes(unit):
    sizes = [path.stat().st_size for path in sorted(unit.parent.iterdir())]
    assert sizes[:2] == [LARGEST, LARGEST]
    assert len(sizes) == 3


def test_equal_runs_give_equal_files_with_pictures_or_without(finished, unit, tmp_path):
    (finished.path / PICTURES).mkdir()
    (finished.path / PICTURES / "one.png").write_bytes(b"picture")
    save_unit(finished, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == unit.read_bytes()


def test_it_takes_the_place_of_an_unfinished_run_but_not_of_one_in_use(finished, unit, tmp_path):
    with RunFolder.open("study", Settings(), root=tmp_path / "busy") as run:
        run.save_part("a", x=np.ones(2))
        assert not restore_run(unit, tmp_path / "busy")
        assert not run.done
    assert restore_run(unit, tmp_path / "busy")
    assert contents(RunFolder.read(run.path)) == contents(finished)


def test_an_unfinished_run_has_no_unit_file(folder, tmp_path):
    refused("is not finished", save_unit, folder, tmp_path / "unit.zip")


def test_finished_parts_are_added_to_those_at_hand_and_states_are_left_out(folder, tmp_path):
    path, elsewhere = tmp_path / "units" / "study" / f"{folder.path.name}.parts.zip", tmp_path / "elsewhere"
    for name, values in (("a", np.ones(2)), ("b", np.ones(3)), ("c_state", np.ones(4))):
        folder.save_part(name, x=values)
    save_parts(folder, path)
    with RunFolder.open("study", Settings(), root=elsewhere) as run:
        run.save_part("a", x=np.zeros(2))
    assert restore_run(path, elsewhere)
    with RunFolder.open("study", Settings(), root=elsewhere) as run:
        found = {name: run.load_part(name) for name in ("a", "b", "c_state")}
    assert {name: part and part["x"].tolist() for name, part in found.items()} == {
        "a": [0, 0],
        "b": [1, 1, 1],
        "c_state": None,
    }
    assert not run.done


def test_a_unit_file_is_removed_with_all_its_pieces(unit):
    remove_unit(unit)
    remove_unit(unit)
    assert list(unit.parent.iterdir()) == []


def test_damaged_and_misnamed_files_are_refused(unit, tmp_path):
    first, last = unit, unit.with_name(f"{unit.name}.02")
    whole = first.read_bytes()
    other = unit.with_name("0123456789ab.zip")
    for piece in sorted(unit.parent.iterdir()):
        shutil.copy(piece, other.parent / piece.name.replace(unit.name, other.name))
    refused(f"holds the run {unit.stem}", restore_run, other, tmp_path / "elsewhere")
    first.write_bytes(whole[:1000] + b"\0" + whole[1001:])
    refused("is damaged", restore_run, unit, tmp_path / "elsewhere")
    first.write_bytes(whole)
    last.unlink()
    refused("is damaged", restore_run, unit, tmp_path / "elsewhere")
    refused("cannot be read", restore_run, tmp_path / "none.zip", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
