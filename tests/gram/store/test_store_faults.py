"""What can go wrong with a store: kills, damaged tiles, full disks, folders that may not be written, rivals."""

import ctypes
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.record import atomic
from tests.gram.store import store_child
from tests.gram.store.store_child import block, entries, fill
from tests.gram.store.test_gram_store import contents
from tests.refusals import refused

N, TILE = 300, 20  # 120 tiles of 1,600 bytes


def opened(folder, writer="", n=N):
    return GramStore.open(folder, {"net": "mlp"}, n=n, tile=TILE, writer=writer)


def completed(folder, n=N):
    """The store with all that was missing."""
    with opened(folder, n=n) as store:
        fill(store, entries(n))
    return store


def tile_path(store, i, j):
    return store.path / "tiles" / "c" / str(i) / str(j)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished store that nothing has disturbed."""
    return completed(tmp_path_factory.mktemp("whole") / "store").path


@pytest.fixture
def store(whole, tmp_path):
    """A copy of it that a test may damage."""
    shutil.copytree(whole, tmp_path / "copy")
    return GramStore.read(tmp_path / "copy")


def child(folder, writer="", pause=0.0):
    command = [sys.executable, "-m", store_child.__name__, str(folder), str(N), str(TILE), writer, str(pause)]
    root = Path(__file__).parents[3]
    started: Any = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
    assert started.stdout.readline() == "ready\n"
    return started


def ended(running):
    """What is left to read of its output and its errors, and its exit status."""
    with running:
        return running.stdout.read(), running.stderr.read(), running.wait(timeout=60)


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_with_the_same_bytes(whole, tmp_path):
    moments = random.Random(0)
    killed, path = 0, tmp_path / "0"
    while killed < 20:
        running = child(path, pause=0.001)
        # Some lines later, so that the moments are the same on a busy machine, and a while: from before the folder
        # exists to after the store is finished.
        out = "".join(running.stdout.readline() for _ in range(moments.randrange(7)))
        time.sleep(moments.uniform(0, 0.02))
        running.send_signal(signal.SIGKILL)
        rest, err, status = ended(running)
        if status == 0:
            assert contents(path) == contents(whole)
            path = tmp_path / str(killed)
            continue
        assert status == -signal.SIGKILL, err
        killed += 1
        lines = [line for line in (out + rest).splitlines() if line != "open"]
        if lines:
            last = tuple(map(int, lines[-1].split()))
            reported = [(i, j) for i in range(15) for j in range(i, 15) if (i, j) <= last]
            assert GramStore.read(path).missing(reported) == []
    completed(path)
    # In each file and byte; that includes that nothing is left of what was killed.
    assert contents(path) == contents(whole)


# From the bytes of a tile and of another one to what is there instead.
DAMAGE = {
    "truncated": lambda content, other: content[:-100],
    "empty": lambda content, other: b"",
    "zeros of the right length": lambda content, other: bytes(len(content)),  # what a power failure may leave
    "longer": lambda content, other: content + content,
    "absent": lambda content, other: None,
    "flipped bit": lambda content, other: content[:33] + bytes([content[33] ^ 4]) + content[34:],
    "flipped bit of the checksum": lambda content, other: content[:-1] + bytes([content[-1] ^ 4]),
    "wrong place": lambda content, other: other,
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("tile", [(3, 7), (2, 14), (14, 14)])  # n is no multiple of the tile: 14 is the edge
def test_a_damaged_tile_is_found_and_written_again(tmp_path, name, tile):
    n, (i, j) = N - 7, tile
    k = entries(n)
    store = completed(tmp_path / "s", n)
    before = contents(store.path)
    path = tile_path(store, i, j)
    instead = DAMAGE[name](path.read_bytes(), tile_path(store, 4, 8).read_bytes())
    path.unlink() if instead is None else path.write_bytes(instead)
    found = GramStore.read(store.path)
    assert found.missing() == [tile]
    state = "absent" if name == "absent" else "damaged"
    message = rf"tile \({i}, {j}\) of .* is {state}: give the command that computed the matrix again"
    for read in (lambda: found.tile_at(i, j), lambda: list(found.panels()), found.array):
        refused(message, read)
    assert [start for start, _ in found.panels([i + 1] if i < 14 else [0])] == [TILE * (i + 1) if i < 14 else 0]
    assert opened(store.path, n=n).done
    completed(store.path, n)
    assert contents(store.path) == before
    np.testing.assert_array_equal(store.array(), k)


def test_an_os_error_in_one_tile_is_not_taken_for_a_good_one(store):
    path = tile_path(store, 0, 0)
    path.unlink()
    path.mkdir()
    assert store.missing() == [(0, 0)]


def test_leftovers_of_killed_writers_disturb_no_one(store, whole, tmp_path):
    (store.path / "DONE").unlink()
    (store.path / "checksums.txt").rename(store.path / "checksums-a.partial")
    with open(store.path / "checksums-a.partial", "ab") as handle:
        handle.write(b"\n3 7 0012")  # a line cut short
    (store.path / ".manifest.json.7.aa.tmp").touch()
    tile = tile_path(store, 3, 7)
    for content in (b"", tile.read_bytes()[:77], tile.read_bytes()):
        tile.with_name("7.__lock").write_bytes(content)
        tile.unlink(missing_ok=True)
        with opened(store.path) as again:
            assert again.missing() == [(3, 7)]
            again.write(3, 7, block(entries(N), again, 3, 7))
        assert again.missing() == []
    with opened(store.path) as again:
        again.finish(made_by="a test")
    assert contents(store.path) == contents(whole)


def test_a_damaged_description_for_other_readers_is_written_again(store, whole):
    (store.path / "DONE").unlink()
    for content in (b"{", None):
        path = store.path / "tiles" / "zarr.json"
        path.write_bytes(content) if content else path.unlink()
        opened(store.path).close()
    assert path.read_bytes() == (whole / "tiles" / "zarr.json").read_bytes()


@pytest.mark.parametrize("content", ["", "{}", '{"n": ', "[]", "\0" * 300])
def test_a_damaged_manifest_is_refused(store, content):
    (store.path / "manifest.json").write_text(content)
    for open_store in (opened, GramStore.read):
        refused(r"manifest.json is damaged.*: put a copy of that file back, or delete", open_store, store.path)


def test_a_store_of_a_later_format_is_refused(store):
    path = store.path / "manifest.json"
    path.write_text(path.read_text().replace("version 1", "version 2"))
    refused(r"version 2.*: update ntk_repro", GramStore.read, store.path)


def test_a_folder_that_holds_something_else_is_refused(tmp_path, store):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    (store.path / "manifest.json").unlink()
    (store.path / "DONE").unlink()
    for path, what in [(tmp_path / "notes", "a.txt"), (store.path, "checksums.txt")]:
        before = contents(path)
        refused(rf"holds {what} but no manifest.json.*: move the folder away", opened, path)
        assert contents(path) == before
    (tmp_path / "file").touch()
    refused("a file stands where a folder is needed: move that file away", opened, tmp_path / "file")


def fill_until_refused(path, k):
    """Fills a store that cannot hold everything; the message, and how many tiles were kept."""
    with pytest.raises(UserError) as caught, opened(path) as store:
        fill(store, k)
    kept = GramStore.read(path)
    return str(caught.value), kept.num_tiles - len(kept.missing())


def test_a_disk_that_fills_up_ends_in_one_line_and_a_store_that_resumes(whole, tmp_path):
    """A limit on the size of files, which any user can set, stands for the disk."""
    path = tmp_path / "s"
    with opened(path) as store:
        for i, j in store.missing()[:5]:
            store.write(i, j, block(entries(N), store, i, j))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        message, kept = fill_until_refused(path, entries(N))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert message.startswith("no space left while writing ")
    assert "free some disk space and give the same command again" in message
    assert kept == 5
    completed(path)
    assert contents(path) == contents(whole)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 160 KiB, where this process may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "mount") or libc.mount(b"none", bytes(path), b"tmpfs", 0, b"size=160k"):
        pytest.skip(f"needs to mount a small file system ({os.strerror(ctypes.get_errno())}): run it as root on Linux")
    yield path
    libc.umount2(bytes(path), 2)


def test_a_full_file_system_ends_in_one_line_and_a_store_that_resumes(whole, tiny_disk):
    message, kept = fill_until_refused(tiny_disk / "s", entries(N))
    assert message.startswith("no space left while writing ")
    assert 20 < kept < 120
    ctypes.CDLL(None).mount(b"none", bytes(tiny_disk), b"tmpfs", 32, b"size=4m")  # 32: remount
    assert len(GramStore.read(tiny_disk / "s").missing()) == 120 - kept
    completed(tiny_disk / "s")
    assert contents(tiny_disk / "s") == contents(whole)
    ctypes.CDLL(None).mount(b"none", bytes(tiny_disk), b"tmpfs", 33, b"")  # 33: remount, read only
    assert_read_but_not_written(tiny_disk / "s")


def assert_read_but_not_written(path):
    store = opened(path)  # done: it is there to be read
    assert store.missing() == []
    np.testing.assert_array_equal(store.array(), entries(N))
    message = r"cannot be written .*: make its folder writable or choose another one"
    refused(message, store.write, 0, 0, np.zeros((TILE, TILE)))
    refused(message, opened, path.parent / "new")


def test_a_store_in_a_read_only_folder_is_read_but_not_written(store):
    folders = [store.path.parent, store.path, *(path for path in store.path.rglob("*") if path.is_dir())]
    user, group = os.geteuid(), os.getegid()
    above = [store.path.parent, *store.path.parent.parents]
    modes = {path: path.stat().st_mode for path in above}
    try:
        for path in store.path.rglob("*"):
            path.chmod(0o644)  # TensorStore 0.1.71 lets no one else read
        for path in folders:
            path.chmod(0o555)
        if user == 0:  # whom modes do not stop
            for path in above:
                path.chmod(path.stat().st_mode | 0o055)
            os.setegid(65534)
            os.seteuid(65534)
        assert_read_but_not_written(store.path)
    finally:
        os.seteuid(user)
        os.setegid(group)
        for path in folders:
            path.chmod(0o755)
        for path, mode in modes.items():
            path.chmod(mode)


def test_a_tile_that_may_not_be_written_ends_in_one_line(store):
    path = tile_path(store, 3, 7)
    path.unlink()
    path.mkdir()
    again = opened(store.path)
    again.write(3, 7, np.zeros((TILE, TILE)))
    refused(r"tiles/c/3/7 cannot be written", again.flush)
    again.close()


def test_an_error_of_the_body_is_not_hidden_by_one_of_closing(tmp_path, monkeypatch):
    def full(*_):
        raise UserError("no space left")

    def body():
        with opened(tmp_path / "s") as store:
            monkeypatch.setattr(store._files, "settle", full)
            store.write(0, 0, np.zeros((TILE, TILE)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    opened(tmp_path / "s").close()  # it was released all the same


def test_two_processes_of_one_name_write_one_after_the_other(whole, tmp_path):
    with opened(tmp_path / "s") as store:
        waiting = child(tmp_path / "s")
        told = waiting.stderr.readline()
        assert "another process is writing" in told
        assert waiting.poll() is None
        for i, j in store.missing()[:60]:
            store.write(i, j, block(entries(N), store, i, j))
    out, err, status = ended(waiting)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 21  # "open", and 60 / 3 reports: what this process wrote was not written again
    assert contents(tmp_path / "s") == contents(whole)


def test_a_process_that_waited_for_one_that_finished_has_nothing_to_do(whole, tmp_path):
    with opened(tmp_path / "s") as store:
        waiting = child(tmp_path / "s")
        waiting.stderr.readline()
        fill(store, entries(N))
    assert ended(waiting) == ("open\n", "", 0)
    assert contents(tmp_path / "s") == contents(whole)


@pytest.mark.slow
def test_processes_of_other_names_write_the_same_tiles_at_the_same_time(whole, tmp_path):
    rivals = [child(tmp_path / "s", writer=writer, pause=0.001) for writer in "abc"]
    for rival in rivals:
        out, err, status = ended(rival)
        assert (status, err) == (0, "")
        assert out.startswith("open\n")
    assert contents(tmp_path / "s") == contents(whole)


def test_leftovers_are_those_of_atomic_files(tmp_path):
    """The store knows a killed writer's temporary file by its name: a dot in front, as `record.atomic` gives it."""
    with atomic.atomic_file(tmp_path / "a"):
        assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
