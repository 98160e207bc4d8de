"""The factor on disk: exact whatever way it is cut, the same bytes whatever happens on the way."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.gram import GramStore, gram_store
from ntk_repro.gram.solve import cholesky
from ntk_repro.gram.solve.blocked import factor_into
from ntk_repro.gram.solve.plan import Plan, bytes_in_memory
from ntk_repro.network import Network
from tests.gram.counting import counted
from tests.gram.solve import problems
from tests.gram.solve.problems import TIGHT, kernel, stored
from tests.gram.store.test_gram_store import contents
from tests.refusals import refused

K = kernel(150)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(n=st.integers(1, 40), tile=st.integers(1, 20), stripe=st.integers(1, 6), k_tile=st.integers(0, 20))
def test_the_factor_is_numpys_however_it_is_cut(n, tile, stripe, k_tile, tmp_path_factory):
    folder, k = tmp_path_factory.mktemp("f"), kernel(n, 100.0)
    given_as = cholesky_input(k, k_tile, folder)
    with GramStore.open(folder / "r", {}, n=n, tile=tile, dtype="float64") as store:
        factor_into(store, store.missing(), given_as, 0.5, stripe)
        store.finish()
    upper = np.triu(GramStore.read(folder / "r").array())
    np.testing.assert_allclose(upper, np.linalg.cholesky(k + 0.5 * np.eye(n)).T, rtol=0, atol=1e-11)


def cholesky_input(k, k_tile, folder):
    from ntk_repro.gram.matrices import SymmetricMatrix

    return stored(folder / "k", k, min(k_tile, len(k))) if k_tile else SymmetricMatrix.of(k)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store and the factor of it that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    store = stored(folder / "k", K, 25)
    return store, cholesky(store, memory=TIGHT, folder=folder / "r").store.path  # pyright: ignore


def tiles(folder: Path) -> dict[str, bytes]:
    """All files but the one that holds seconds."""
    return {name: content for name, content in contents(folder).items() if name != "DONE"}


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 20, 43])
def test_killed_it_ends_with_the_same_bytes(whole, lines, tmp_path):
    store, path = whole
    before = contents(store.path)
    command = [sys.executable, "-m", problems.__name__, str(store.path), str(tmp_path / "r")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as running:
        assert running.stdout
        assert all(running.stdout.readline() for _ in range(lines))
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    begun = GramStore.read(tmp_path / "r")
    assert not begun.done
    assert 0 < len(begun.missing()) <= begun.num_tiles
    assert cholesky(store, memory=2 * TIGHT, folder=tmp_path / "r").columns > 36  # more memory, wider stripes
    assert tiles(tmp_path / "r") == tiles(path)
    assert contents(store.path) == before


def test_only_tiles_that_are_missing_or_damaged_are_computed(whole, tmp_path, monkeypatch):
    store, path = whole
    cholesky(store, memory=TIGHT, folder=tmp_path / "r")
    written = counted(monkeypatch, GramStore, "write")
    cholesky(store, memory=TIGHT, folder=tmp_path / "r")
    assert written == []
    (tmp_path / "r/tiles/c/2/7").unlink()
    damaged = bytearray((tmp_path / "r/tiles/c/3/3").read_bytes())
    damaged[17] ^= 4
    (tmp_path / "r/tiles/c/3/3").write_bytes(damaged)
    cholesky(store, memory=TIGHT, folder=tmp_path / "r")
    assert sorted(arguments[:2] for arguments in written) == [(2, 7), (3, 3)]
    assert tiles(tmp_path / "r") == tiles(path)


def test_the_factor_of_another_kernel_or_ridge_is_refused(whole, tmp_path):
    store, path = whole
    before = contents(path)
    refused(r"of another matrix \(ridge: 0.0 there, 1.0 now\)", cholesky, store, 1.0, memory=TIGHT, folder=path)
    other = stored(tmp_path / "k", K + np.eye(150), 25)
    refused(r"of another matrix \(cholesky_factor_of: ", cholesky, other, memory=TIGHT, folder=path)
    refused("of another matrix", cholesky, store, folder=store.path)
    net = Network.create("mlp", 0, (2, 2, 1), width=0.1)
    refused("of another matrix", gram_store, net, np.ones((150, 2, 2, 1), np.float32), path)
    assert contents(path) == before


def test_the_plan_stays_within_memory():
    assert bytes_in_memory(60_000) == pytest.approx(8 * 60_000**2, rel=0.1)
    for memory in (2e9, 6e9, 12e9):
        plan = Plan.of(60_000, memory, panel_rows=1024, itemsize=4)
        assert plan.memory <= memory < Plan.of(60_000, 40e9, plan.tile).memory
        assert plan.disk == pytest.approx(14.4e9, rel=0.05)
        # The stripe is as wide as memory allows: what is read is about n^3 / (6 rows) entries.
        assert plan.bytes_read == pytest.approx(8 * 60_000**3 / (6 * plan.stripe * plan.tile), rel=0.5)
    refused("on disk needs .* of memory", Plan.of, 60_000, 3e8)
