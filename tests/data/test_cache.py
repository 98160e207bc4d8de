import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntk_repro.data.cache import cache_dir, cache_path, decode_cached
from ntk_repro.data.source import Decoded, Source


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Decoder:
    """Counts how often it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        x = np.arange(24, dtype=np.uint8).reshape(2, 2, 3, 2)
        return Decoded(x, np.array([0, 1], np.int32), x + np.uint8(1), np.array([1, 0], np.int32))


def source(**changes):
    return replace(Source("set", "Set", "nowhere", "1.0.0", "abc", Decoder()), **changes)


def decodings(one, times=2) -> int:
    """How often a source was decoded in all, after its arrays are read this many times."""
    for _ in range(times):
        decode_cached(one)
    return one.decode.calls


def test_the_second_time_nothing_is_decoded(empty_cache):
    one = source()
    first, second = decode_cached(one), decode_cached(one)
    assert decodings(one, 0) == 1
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
        assert array.dtype == second.arrays()[name].dtype
    assert os.listdir(empty_cache) == [cache_path(one).name]


@pytest.mark.parametrize("change", [{"version": "1.0.1"}, {"fingerprint": "abd"}, {"name": "net"}, {"origin": "npz"}])
def test_another_version_or_copy_has_another_file_but_not_another_label(change):
    assert cache_path(source(**change)) != cache_path(source(label="other", note="n")) == cache_path(source())


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_damaged_file_is_replaced(keep):
    one = source()
    assert decodings(one) == 1
    path = cache_path(one)
    path.write_bytes(path.read_bytes()[:keep])
    assert decodings(one) == 2


def test_a_file_with_other_arrays_is_replaced():
    one = source()
    cache_path(one).parent.mkdir()
    np.savez(cache_path(one), x_train=np.arange(3))
    assert decode_cached(one).y_train.tolist() == [0, 1]


def test_a_source_that_is_quick_to_decode_is_not_cached(empty_cache):
    assert decodings(source(cached=False)) == 2
    assert not empty_cache.exists()


def test_a_cache_that_cannot_be_written_is_reported_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "file" / "cache"))
    assert decode_cached(source()).y_train.tolist() == [0, 1]
    assert "set could not be cached for the next run" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "home/.cache/ntk_repro"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "xdg/ntk_repro"),
        ("darwin", {"XDG_CACHE_HOME": "xdg"}, "home/Library/Caches/ntk_repro"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/ntk_repro/Cache"),
        ("win32", {}, "home/AppData/Local/ntk_repro/Cache"),
        ("linux", {"NTK_REPRO_CACHE": "mine"}, "mine"),
    ],
)
def test_the_folder_is_the_platforms(monkeypatch, platform, variables, folder):
    for name in ("NTK_REPRO_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert cache_dir() == Path(folder)
