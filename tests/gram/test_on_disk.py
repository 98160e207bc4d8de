"""The Gram matrix on disk: the same matrix and the same bytes, whatever happens on the way."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from ntk_repro import memory as memory_file
from ntk_repro.gram import GramStore, empirical_gram, gram_store
from ntk_repro.gram.structured import computation as computation_file
from ntk_repro.gram.structured import feature_blocks, schedule
from ntk_repro.network import Network
from tests.gram.cases import relative_error
from tests.gram.counting import counted
from tests.gram.store import test_gram_store
from tests.refusals import refused

NET = Network.create("mlp", 0, (4, 4, 1), width=0.1, num_outputs=2)
X = np.random.default_rng(0).normal(size=(50, 4, 4, 1)).astype(np.float32)


@pytest.fixture(autouse=True)
def _empty_process(monkeypatch):
    """The process itself takes no memory, so that `memory` is what features may take."""
    monkeypatch.setattr(memory_file, "process_bytes", lambda: 0)


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all tiles and their checksums."""
    files = test_gram_store.contents(folder)
    return {name: content for name, content in files.items() if name.startswith(("tiles/", "checksums.txt"))}


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("outputs", ["mean", "full", 1])
def test_the_store_holds_the_matrix(outputs, tmp_path):
    store = gram_store(NET, X, tmp_path / "k", outputs=outputs)
    assert store.done
    assert store.num_blocks == 6
    np.testing.assert_array_equal(store.array(), empirical_gram(NET, X, outputs=outputs))
    assert store.facts["layers"]["Dense_0"] in ("gradient", "positions")


def test_float64_is_float64_on_disk(tmp_path):
    store = gram_store(NET, X, tmp_path / "k", precision="float64")
    assert store.dtype == np.float64
    assert relative_error(store.array(), empirical_gram(NET, X, method="jacobian", precision="float64")) < 1e-13


def test_the_error_of_a_lower_precision_is_recorded(tmp_path):
    store = gram_store(NET, X, tmp_path / "k", precision="bf16")
    exact = empirical_gram(NET, X, precision="float64")
    assert store.facts["precision_error"] == pytest.approx(relative_error(store.array(), exact), rel=0.05)
    assert 1e-5 < store.facts["precision_error"] < 1e-2
    assert "precision_error" not in gram_store(NET, X, tmp_path / "exact").facts


@pytest.mark.usefixtures("small_tiles")
def test_tiles_that_exist_are_not_computed_again(tmp_path, monkeypatch):
    folder = tmp_path / "k"
    whole = contents(gram_store(NET, X, folder).path)
    computed = counted(monkeypatch, GramStore, "write")
    gram_store(NET, X, folder)
    assert computed == []
    (folder / "tiles/c/1/3").unlink()
    damaged = bytearray((folder / "tiles/c/2/2").read_bytes())
    damaged[17] ^= 4
    (folder / "tiles/c/2/2").write_bytes(damaged)
    # Little memory and other sizes of blocks do not change the bytes: those of the manifest are kept.
    monkeypatch.setattr(schedule.Blocks, "of", lambda n, *rest: schedule.Blocks(n, 7, 7))
    assert gram_store(NET, X, folder).done
    assert sorted(arguments[:2] for arguments in computed) == [(1, 3), (2, 2)]
    assert contents(folder) == whole


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("count", [2, 3])
def test_shares_make_the_same_bytes(count, tmp_path):
    whole = contents(gram_store(NET, X, tmp_path / "one").path)
    for left in reversed(range(count)):
        assert gram_store(NET, X, tmp_path / "many", share=(left, count)).done == (left == 0)
    assert contents(tmp_path / "many") == whole


@pytest.mark.usefixtures("small_tiles")
def test_shares_fit_together_whatever_memory_each_process_has(tmp_path):
    whole = contents(gram_store(NET, X, tmp_path / "one").path)
    sample = 4 * computation_file.structured_plan(NET, X, "mean", 2).floats_per_sample
    for share, blocks in ((2, 3), (0, 10), (1, 4)):
        store = gram_store(NET, X, tmp_path / "many", share=(share, 3), memory=2 * blocks * 9 * sample)
    assert store.done
    assert contents(tmp_path / "many") == whole


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("on_disk", [True, False])
def test_features_that_do_not_fit_come_again_and_make_the_same_bytes(on_disk, tmp_path, monkeypatch):
    whole = contents(gram_store(NET, X, tmp_path / "one").path)
    made = counted(monkeypatch, computation_file.Computation, "features")
    monkeypatch.setattr(feature_blocks, "cheaper_on_disk", lambda *args: on_disk)
    sample = 4 * computation_file.structured_plan(NET, X, "mean", 2).floats_per_sample
    store = gram_store(NET, X, tmp_path / "tight", memory=2 * 3 * 9 * sample)
    assert contents(store.path) == whole
    assert (len(made) == 6) == on_disk
    assert not list(store.path.glob("features*"))


@pytest.mark.slow
def test_features_come_back_from_disk_as_they_were(tmp_path, monkeypatch):
    plan = computation_file.structured_plan(NET, X, "mean", 2)
    blocks = schedule.Blocks(50, 10, 5)
    computation = computation_file.Computation(NET, plan, schedule.Schedule(blocks, None, 1), None, "bf16")
    kept = feature_blocks.FeaturesOnDisk(lambda i: computation.features(X, blocks, i), tmp_path)
    for index in (3, 1, 3):
        exact = computation.features(X, blocks, index)
        same = jax.tree.map(lambda a, b: a.dtype == b.dtype and np.array_equal(a, b), kept(index), exact)
        assert all(jax.tree.leaves(same))
    assert len(list(tmp_path.iterdir())) == 2
    tiles = {(i, j) for i in range(5) for j in range(i, 5)}
    make, slow = kept.make, threading.Event()
    kept.make = lambda i: (slow.wait(0.2), make(i))[1]
    # Blocks that are slow to make are kept where they come again, and not where they do not.
    assert feature_blocks.cheaper_on_disk(kept, 5, 50, tiles)
    assert not feature_blocks.cheaper_on_disk(kept, 5, 5, tiles)
    monkeypatch.setattr(feature_blocks.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    assert not feature_blocks.cheaper_on_disk(kept, 5, 50, tiles)


def test_a_folder_of_another_matrix_is_refused(tmp_path):
    gram_store(NET, X, tmp_path / "k")
    refused("fingerprint", gram_store, NET, X[::-1], tmp_path / "k")
    refused("outputs", gram_store, NET, X, tmp_path / "k", outputs=0)
    other = Network.create("mlp", 0, (4, 4, 1), width=0.1, num_outputs=2, activation="tanh")
    refused("another activation", gram_store, other, X, tmp_path / "k")
    refused("share 2 of 2 does not exist", gram_store, NET, X, tmp_path / "k", share=(2, 2))


@pytest.mark.usefixtures("small_tiles")
def test_a_sample_that_overflows_is_named_and_the_tiles_before_it_are_kept(tmp_path):
    net = Network.from_apply(lambda w, x: jax.numpy.exp(x @ w), np.ones((3, 1), np.float32))
    x = np.zeros((50, 3), np.float32)
    x[31] = 100
    for memory in (None, 2 * 3 * 9 * 3 * 4):
        refused("not finite at sample 31", gram_store, net, x, tmp_path / "k", memory=memory)
        store = GramStore.read(tmp_path / "k")
        assert 0 < len(store.absent()) < store.num_tiles
        assert all(np.isfinite(store.tile_at(i, j)).all() for i in range(3) for j in range(i, 3))
        assert {(i, 3) for i in range(4)} <= set(store.absent())
    x[31] = np.nan
    refused("the first is number 31", gram_store, net, x, tmp_path / "k2")
    assert not (tmp_path / "k2").exists()


def test_a_constant_network_has_a_kernel_of_zeros(tmp_path):
    net = Network.from_apply(lambda w, x: 0.0 * (x @ w), np.ones((3, 1), np.float32))
    store = gram_store(net, np.ones((20, 3), np.float32), tmp_path / "k")
    assert store.done
    assert not store.array().any()


CHILD = """
import numpy as np
from ntk_repro.gram import gram_store
from ntk_repro.gram.structured import schedule
from ntk_repro.network import Network
exact = schedule.Blocks.of.__func__
schedule.Blocks.of = classmethod(lambda cls, n, tile, batch, m=1: exact(cls, n, min(tile, 9), min(batch, 3), m))
net = Network.create("mlp", 0, (4, 4, 1), width=0.1, num_outputs=2)
x = np.random.default_rng(0).normal(size=(270, 4, 4, 1)).astype(np.float32)
gram_store(net, x, "k")
"""


@pytest.mark.slow
def test_a_computation_killed_at_any_moment_ends_with_the_same_bytes(tmp_path):
    def start(folder, devices=1):
        folder.mkdir(exist_ok=True)
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        environment = {**os.environ, **flags, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen([sys.executable, "-c", CHILD], cwd=folder, env=environment)

    assert start(tmp_path / "whole").wait(120) == 0
    for moment in (40, 300):
        child = start(tmp_path / "killed")
        tiles = tmp_path / "killed/k/tiles/c"
        deadline = time.monotonic() + 120
        while len(list(tiles.rglob("*"))) < moment:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert GramStore.read(tmp_path / "killed/k").absent()
    assert start(tmp_path / "killed").wait(120) == 0
    assert contents(tmp_path / "killed/k") == contents(tmp_path / "whole/k")
    # Eight devices share out each block; what was begun by one goes on with as many as divide its batch.
    for path in sorted((tmp_path / "killed/k/tiles/c/3").iterdir()):
        path.unlink()
    whole = GramStore.read(tmp_path / "whole/k").array()
    for name, batch in (("devices", 8), ("killed", 3)):
        assert start(tmp_path / name, devices=8).wait(120) == 0
        store = GramStore.read(tmp_path / name / "k")
        assert store.settings["batch"] == batch
        np.testing.assert_allclose(store.array(), whole, rtol=0, atol=1e-6 * whole.max())
