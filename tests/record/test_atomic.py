import errno
import os

import ml_dtypes
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.record.atomic import atomic_file, load_arrays, remove_leftovers, save_arrays, write_text
from tests.record.test_run_folder import largest_file


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {
        "file": np.arange(6, dtype=np.int8).reshape(2, 3),  # np.savez would trip over this name
        "scalar": np.float32(2.5),
        "empty": np.zeros((0, 4)),
        "names": np.array(["mlp", "lenet"]),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    save_arrays(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as by_numpy:
        for loaded in (load_arrays(tmp_path / "a.npz") or {}, by_numpy):
            assert loaded.keys() == arrays.keys()
            for name, array in arrays.items():
                assert loaded[name].dtype == np.asarray(array).dtype
                np.testing.assert_array_equal(loaded[name], array)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_an_interrupted_body_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as handle:  # noqa: PT012
        handle.write(b"new")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        ([object()], "'x' is an array of Python objects"),
        (np.ones(3, ml_dtypes.bfloat16), r"'x' is of type bfloat16.*convert it to float32"),  # loads as bytes
    ],
)
def test_arrays_that_npz_cannot_hold_are_refused(tmp_path, array, sentence):
    with pytest.raises(UserError, match=sentence):
        save_arrays(tmp_path / "a.npz", {"x": array})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("keep", [0, 1, 30, 0.5, 0.99, -1])
def test_a_cut_file_counts_as_absent(tmp_path, keep):
    path = tmp_path / "a.npz"
    save_arrays(path, {"x": np.arange(1000.0), "y": np.arange(3)})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    assert load_arrays(path) is None


def test_a_flipped_bit_counts_as_absent(tmp_path):
    path = tmp_path / "a.npz"
    save_arrays(path, {"x": np.arange(1000.0)})
    content = bytearray(path.read_bytes())
    content[4000] ^= 1
    path.write_bytes(content)
    assert load_arrays(path) is None


def test_other_files_count_as_absent(tmp_path):
    assert load_arrays(tmp_path / "none.npz") is None
    np.save(tmp_path / "bare.npy", np.arange(3))
    assert load_arrays(tmp_path / "bare.npy") is None
    np.savez(tmp_path / "pickled.npz", x=np.array([None]), allow_pickle=True)
    assert load_arrays(tmp_path / "pickled.npz") is None


def test_a_full_disk_is_reported_in_one_sentence_and_changes_nothing(tmp_path):
    path = tmp_path / "a.npz"
    save_arrays(path, {"x": np.arange(3)})
    with largest_file(200_000), pytest.raises(UserError, match=r"no space left while writing .*free some disk space"):
        save_arrays(path, {"x": np.zeros(100_000)})
    np.testing.assert_array_equal((load_arrays(path) or {})["x"], [0, 1, 2])
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (errno.ENOSPC, UserError, "no space left"),
        (errno.EDQUOT, UserError, "no space left"),
        (errno.EIO, OSError, "error"),
    ],
)
def test_errors_of_the_last_flush_are_reported(tmp_path, monkeypatch, code, error, message):
    def failing(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(error, match=message):
        write_text(tmp_path / "a.txt", "text")
    assert os.listdir(tmp_path) == []


def test_only_temporary_files_are_removed(tmp_path):
    for name in (".a.npz.77.abcd.tmp", "a.npz", ".lock", "b.tmp"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".lock", "a.npz", "b.tmp"]
