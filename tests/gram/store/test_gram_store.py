import json
import subprocess
import sys
from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro import memory
from ntk_repro.errors import UserError
from ntk_repro.gram.store import tile_files
from ntk_repro.gram.store.gram_store import GramStore
from tests.gram.store.store_child import block, entries, fill
from tests.refusals import refused

IDENTITY = {"network": {"name": "mlp", "width": 1}, "outputs": "mean"}


def opened(folder, n=10, tile=4, identity=IDENTITY, **kw):
    return GramStore.open(folder, identity, n=n, tile=tile, **kw)


def filled(folder, n=10, tile=4, **kw):
    with opened(folder, n, tile, **kw) as store:
        fill(store, entries(n))
    return store


@settings(max_examples=30, derandomize=True)
@given(n=st.integers(1, 30), tile=st.integers(1, 40), dtype=st.sampled_from(["float32", "float64"]))
def test_tiles_that_were_written_are_read(n, tile, dtype, tmp_path_factory):
    k = entries(n)
    store = filled(tmp_path_factory.mktemp("store") / "s", n, tile, dtype=dtype)
    assert (store.done, len(store), store.shape, store.dtype) == (True, n, (n, n), dtype)
    assert store.num_blocks == -(-n // store.tile)
    assert store.num_tiles == store.num_blocks * (store.num_blocks + 1) // 2
    np.testing.assert_array_equal(store.array(), k, strict=dtype == "float32")
    starts = []
    for start, panel in list(store.panels()):  # as a list: no panel is written over while it is held
        np.testing.assert_array_equal(panel, k[start : start + store.tile, start:])
        starts.append(start)
    assert starts == list(range(0, n, store.tile))
    last = store.num_blocks - 1
    np.testing.assert_array_equal(store.tile_at(0, last), k[: store.tile, last * store.tile :])
    np.testing.assert_array_equal(store.tile_at(last, 0), k[last * store.tile :, : store.tile])


def test_panels_of_some_blocks_come_in_their_order_and_take_turns_in_three_buffers(tmp_path):
    store, k = filled(tmp_path / "s", 40, 4), entries(40)
    assert [start for start, _ in store.panels([7, 2, 2, 9])] == [28, 8, 8, 36]
    assert list(store.panels([])) == []
    addresses = set()
    for start, panel in store.panels():
        np.testing.assert_array_equal(panel, k[start : start + 4, start:])
        addresses.add(panel.__array_interface__["data"][0])
    assert len(addresses) <= 4  # three; a fourth where the thread that reads lets go late
    refused("has no tile", list, store.panels([10]))


def test_a_store_can_be_read_by_any_zarr_reader(tmp_path):
    import tensorstore as ts

    store, k = filled(tmp_path / "s"), entries(10)
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{store.path}/tiles/"}}
    read = ts.open(spec).result().read().result()
    assert read.shape == (10, 10)
    np.testing.assert_array_equal(np.triu(read) + np.triu(read, 1).T, k)


def test_values_may_be_changed_once_they_were_handed_over(tmp_path):
    with opened(tmp_path / "s", 8, 8) as store:
        values = np.full((8, 8), 3.0, np.float32)
        store.write(0, 0, values)
        values[:] = 4
        store.finish()
    np.testing.assert_array_equal(store.array(), np.full((8, 8), 3, np.float32))


def test_a_store_is_continued_with_its_own_tile_and_settings(tmp_path):
    k = entries(10)
    with opened(tmp_path / "s", settings={"batch": 2}) as store:
        assert store.missing() == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
        store.write(0, 2, block(k, store, 0, 2))
        store.write(1, 1, block(k, store, 1, 1))
    assert not store.done
    assert store.facts == {}
    read = GramStore.read(tmp_path / "s")
    assert read.absent() == read.missing() == [(0, 0), (0, 1), (1, 2), (2, 2)]
    assert read.missing([(1, 2), (1, 1)]) == [(1, 2)]
    with opened(tmp_path / "s", tile=5, settings={"batch": 3}) as store:
        assert (store.tile, store.settings, store.identity) == (4, {"batch": 2}, IDENTITY)
        np.testing.assert_array_equal(read.tile_at(0, 2), k[:4, 8:])
        fill(store, k)
        assert store.facts == read.facts == {"made_by": "a test"}
    np.testing.assert_array_equal(read.array(), k)  # opened before the other tiles were there


def test_a_finished_store_is_not_locked_and_keeps_its_first_facts(tmp_path):
    filled(tmp_path / "s")
    with opened(tmp_path / "s") as one, opened(tmp_path / "s") as two:
        assert one.done
        assert two.done
        assert one.missing() == two.missing() == []
    one.finish(made_by="another")
    assert one.facts == {"made_by": "a test"}


def test_finishing_needs_every_tile(tmp_path):
    with opened(tmp_path / "s", 8, 4) as store:
        store.write(0, 0, np.zeros((4, 4)))
        refused(r"2 of 3 tiles of .* are absent, first \(0, 1\)", store.finish)
        assert not store.done


def test_writers_of_other_names_work_at_the_same_time_and_the_bytes_are_those_of_one(tmp_path):
    k = entries(10)
    with opened(tmp_path / "two", writer="a") as a, opened(tmp_path / "two", writer="b") as b:
        for number, (i, j) in enumerate(a.missing()):
            for writer in [a, b] if number == 3 else [a] if number % 2 else [b]:  # one tile by both
                writer.write(i, j, block(k, writer, i, j))
        b.flush()
        a.finish(made_by="a test")
        b.finish(made_by="a test")
    assert contents(tmp_path / "two") == contents(filled(tmp_path / "one").path)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".lock"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("done", [False, True])
def test_a_store_of_another_matrix_is_refused(tmp_path, done):
    filled(tmp_path / "s") if done else opened(tmp_path / "s").close()
    network = IDENTITY["network"]
    another = r"of another matrix \(outputs: 'mean' there, 0 now\): delete it"
    refused(another, opened, tmp_path / "s", identity={**IDENTITY, "outputs": 0})
    wide = {**IDENTITY, "network": {"name": "mlp", "width": 2}}
    refused(r"\(network.width: 1 there, 2 now\)", opened, tmp_path / "s", identity=wide)
    refused(r"\(outputs: 'mean' there, 'absent' now\)", opened, tmp_path / "s", identity={"network": network})
    refused(r"\(n: 10 there, 11 now\)", opened, tmp_path / "s", n=11)
    refused(r"\(dtype: 'float32' there, 'float64' now\)", opened, tmp_path / "s", dtype="float64")
    opened(tmp_path / "s", identity={"outputs": "mean", "network": {"width": np.int64(1), "name": "mlp"}}).close()


def test_bad_arguments_are_refused_and_leave_nothing(tmp_path):
    refused("n must be at least 1, not 0", opened, tmp_path / "s", n=0)
    refused("tile must be at least 1, not 0", opened, tmp_path / "s", tile=0)
    refused(r"dtype 'int32'.* \(known: float32, float64\)", opened, tmp_path / "s", dtype="int32")
    refused("writer name 'a/b' cannot be a file name", opened, tmp_path / "s", writer="a/b")
    refused("cannot be recorded", opened, tmp_path / "s", identity={"net": object()})
    assert not (tmp_path / "s").exists()


def test_tiles_that_do_not_fit_are_refused(tmp_path):
    with opened(tmp_path / "s") as store:
        refused("below the diagonal", store.write, 1, 0, np.zeros((4, 4)))
        refused(r"has shape \(4, 2\), not \(4, 4\)", store.write, 0, 2, np.zeros((4, 4)))
        for i, j in [(0, 3), (-1, 0)]:
            refused("has no tile", store.write, i, j, np.zeros((4, 4)))
            refused("has no tile", store.tile_at, i, j)


def test_a_store_for_reading_is_not_written(tmp_path):
    opened(tmp_path / "s").close()
    store = GramStore.read(tmp_path / "s")
    for write in (lambda: store.write(0, 0, np.zeros((4, 4))), store.finish):
        refused("open for reading only: open it with", write)


def test_a_store_is_opened_for_writing_once_in_a_process(tmp_path):
    with opened(tmp_path / "s"), pytest.raises(UserError, match="in this process already: close that one first"):
        opened(tmp_path / "s")
    opened(tmp_path / "s").close()


def test_reading_a_folder_that_is_no_store(tmp_path):
    refused(r"there is no Gram store in .*: compute it first", GramStore.read, tmp_path)


def test_a_matrix_that_does_not_fit_into_memory_is_refused(tmp_path, monkeypatch):
    store = filled(tmp_path / "s")
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: type("", (), {"available": 420})())
    refused(r"needs 400 B of memory and 378 B are available: .*`panels`", store.array)


def test_the_store_imports_no_jax():
    code = "import sys, ntk_repro.gram.store.gram_store; print(sorted({'jax', 'pandas', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_manifest_says_what_matrix_it_is(tmp_path):
    store = filled(tmp_path / "s", settings={"batch": 3})
    manifest = json.loads((store.path / "manifest.json").read_text())
    fields = {"identity": IDENTITY, "n": 10, "tile": 4, "dtype": "float32", "settings": {"batch": 3}}
    assert manifest == {"format": "ntk_repro Gram store, version 1", **fields}
    assert repr(store) == f"GramStore({str(store.path)!r}, n=10, tile=4, done)"


def test_tensorstore_errors_carry_what_the_system_said():
    def wait(text):
        future = Future()
        future.set_exception(ValueError(text))
        tile_files._await(future)

    for text in ("Failed [os_error_code='28']", "Failed [OS error 28: ENOSPC No space left]"):  # 0.1.86 and 0.1.71
        with pytest.raises(OSError, match="No space left") as raised:
            wait(text)
        assert raised.value.errno == 28
    with pytest.raises(ValueError, match="Digest mismatch"):
        wait("Digest mismatch")
