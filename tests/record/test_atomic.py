import errno
import os
import resource

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.record.atomic import atomic_file, load_arrays, remove_leftovers, save_arrays, write_text


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {
        "file": np.arange(6, dtype=np.int8).reshape(2, 3),  # np.savez would trip over this name
        "scalar": np.float32(2.5),
        "empty": np.zeros((0, 4)),
        "names": np.array(["mlp", "lenet"]),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    save_arrays(tmp_path / "a.npz", arrays)
    loaded = load_arrays(tmp_path / "a.npz")
    assert loaded is not None
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(loaded[name], array)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_numpy_itself_reads_the_file_without_pickle(tmp_path):
    save_arrays(tmp_path / "a.npz", {"x": [1, 2]})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["x"], [1, 2])


def test_an_interrupted_body_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupted():
        with atomic_file(path) as handle:
            handle.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_python_objects_are_refused(tmp_path):
    with pytest.raises(UserError, match="'x' is an array of Python objects"):
        save_arrays(tmp_path / "a.npz", {"x": [object()]})
    assert os.listdir(tmp_path) == []


def test_bfloat16_is_refused_because_it_would_come_back_as_bytes(tmp_path):
    import ml_dtypes  # comes with jax

    with pytest.raises(UserError, match=r"'x' is of type bfloat16.*convert it to float32"):
        save_arrays(tmp_path / "a.npz", {"x": np.ones(3, ml_dtypes.bfloat16)})


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


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.npz"
    save_arrays(path, {"x": np.arange(3)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # the system then refuses to write on, as when full
    try:
        with pytest.raises(UserError, match=r"no space left while writing .*free some disk space"):
            save_arrays(path, {"x": np.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    loaded = load_arrays(path)
    assert loaded is not None
    np.testing.assert_array_equal(loaded["x"], [0, 1, 2])
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_on_the_last_flush_is_noticed(tmp_path, monkeypatch, code):
    def full(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="no space left"):
        write_text(tmp_path / "a.txt", "text")
    assert os.listdir(tmp_path) == []


def test_other_faults_of_the_disk_are_not_disguised(tmp_path, monkeypatch):
    def broken(descriptor):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken"):
        write_text(tmp_path / "a.txt", "text")


def test_only_temporary_files_are_swept(tmp_path):
    for name in (".a.npz.77.abcd.tmp", "a.npz", ".lock", "b.tmp"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".lock", "a.npz", "b.tmp"]
