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
    """Counts how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        x = np.arange(24, dtype=np.uint8).reshape(2, 2, 3, 2)
        return Decoded(x, np.array([0, 1], np.int32), x + np.uint8(1), np.array([1, 0], np.int32))


def source(**changes):
    made = Source("set", "Set", "nowhere", "1.0.0", "abc", Decoder())
    return replace(made, **changes)


def test_the_second_time_nothing_is_decoded(empty_cache):
    one = source()
    first = decode_cached(one)
    second = decode_cached(one)
    assert one.decode.calls == 1  # pyright: ignore[reportFunctionMemberAccess]
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
        assert array.dtype == second.arrays()[name].dtype
    assert os.listdir(empty_cache) == [cache_path(one).name]


@pytest.mark.parametrize("change", [{"version": "1.0.1"}, {"fingerprint": "abd"}, {"name": "net"}, {"origin": "npz"}])
def test_another_version_or_copy_has_another_file(change):
    assert cache_path(source(**change)) != cache_path(source())


def test_label_and_note_do_not_move_the_file():
    assert cache_path(source(label="other", note="n")) == cache_path(source())


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_damaged_file_is_replaced(keep):
    one = source()
    decode_cached(one)
    path = cache_path(one)
    path.write_bytes(path.read_bytes()[:keep])
    decode_cached(one)
    decode_cached(one)
    assert one.decode.calls == 2  # pyright: ignore[reportFunctionMemberAccess]


def test_a_file_with_other_arrays_is_replaced():
    one = source()
    cache_path(one).parent.mkdir()
    np.savez(cache_path(one), x_train=np.arange(3))
    assert decode_cached(one).y_train.tolist() == [0, 1]


def test_what_is_quick_to_decode_is_not_kept(empty_cache):
    one = source(cached=False)
    decode_cached(one)
    decode_cached(one)
    assert one.decode.calls == 2  # pyright: ignore[reportFunctionMemberAccess]
    assert not empty_cache.exists()


def test_a_cache_that_cannot_be_written_costs_a_line_only(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "file" / "cache"))
    assert decode_cached(source()).y_train.tolist() == [0, 1]
    assert "set could not be kept for the next run" in " ".join(capsys.readouterr().err.split())


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
