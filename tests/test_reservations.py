import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import psutil
import pytest

from ntk_repro import memory, reservations
from ntk_repro.cache_folder import cache_dir
from ntk_repro.dynamics import spectral
from ntk_repro.gram import empirical_gram, jacobian, top_eigenpairs
from ntk_repro.gram.solve.cholesky import cholesky
from ntk_repro.gram.spectrum import Lapack
from ntk_repro.gram.structured import computation
from ntk_repro.network import Network
from ntk_repro.owner import Owner
from ntk_repro.reservations import reserved_by_others, reserving


@pytest.fixture
def folder():
    """Where the files are: every test has a cache folder of its own."""
    made = cache_dir() / "memory"
    made.mkdir(parents=True)
    return made


def own_file(folder: Path) -> Path:
    (file,) = folder.glob(f"*-{os.getpid()}.json")
    return file


def own_total(folder: Path) -> int:
    return json.loads(own_file(folder).read_text())[0]


def test_what_another_process_is_about_to_take_is_reserved_until_it_ends(folder):
    """Its file says how large it will become; what it has taken already the system counts."""
    file = folder / "other.json"

    def write(total: int, **changes) -> None:
        file.write_text(json.dumps([total, dataclasses.asdict(dataclasses.replace(owner, **changes))]))

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        process = psutil.Process(other.pid)
        owner = dataclasses.replace(Owner.this_process(), pid=other.pid, started=process.create_time())
        write(2**60)
        assert 2**60 - 2**30 < reserved_by_others() < 2**60
        write(1)
        assert reserved_by_others() == 0
        for elsewhere in ({"host": "elsewhere"}, {"boot": "earlier"}):
            write(2**60, **elsewhere)
            assert reserved_by_others() == 0
            assert file.exists()
        write(2**60, started=owner.started - 100)  # of an earlier process with its number
        assert reserved_by_others() == 0
        assert not file.exists()
        write(2**60)
        other.communicate(b"\n")
    assert reserved_by_others() == 0
    assert not file.exists()


def test_a_reservation_lasts_as_long_as_the_work_and_adds_up_within_it(folder):
    before = psutil.Process().memory_info().rss
    with reserving(2**40):
        outer = own_total(folder)
        assert outer >= before + 2**40
        with reserving(2**41):
            assert own_total(folder) == outer + 2**41
        assert own_total(folder) == outer
        assert reserved_by_others() == 0  # its own does not count against it
    assert not list(folder.iterdir())


def test_each_thread_ends_its_own(folder):
    """Here the first to begin is the first to end."""
    first_ends, second_ends = threading.Event(), threading.Event()

    def work(needed: int, begun: threading.Event, end: threading.Event) -> None:
        with reserving(needed):
            begun.set()
            end.wait()

    threads = []
    for needed, end in ((2**40, first_ends), (2**41, second_ends)):
        begun = threading.Event()
        threads.append(threading.Thread(target=work, args=(needed, begun, end)))
        threads[-1].start()
        begun.wait()
    both = own_total(folder)
    first_ends.set()
    threads[0].join()
    assert own_total(folder) == both - 2**40
    second_ends.set()
    threads[1].join()
    assert not list(folder.iterdir())


FORKS = """
import json, os, sys
from ntk_repro.reservations import cache_dir, reserving

def total():
    (file,) = (cache_dir() / "memory").glob(f"*-{os.getpid()}.json")
    return json.loads(file.read_text())[0]

with reserving(2**40):
    child = os.fork()
    if child == 0:
        with reserving(2**41):
            fine = 2**41 <= total() < 2**41 + 2**40
        os._exit(not fine)
    _, status = os.waitpid(child, 0)
    assert total() >= 2**40
sys.exit(status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which Windows lacks: run it on Linux or macOS")
def test_a_forked_process_has_none_of_its_parents(folder):
    subprocess.run([sys.executable, "-c", FORKS], check=True)
    assert not list(folder.iterdir())


NET = Network.create("mlp", 0, (4,), width=0.1)
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
COMPUTATIONS = {
    "kernel": (memory, 6 * 6 * 4, lambda: empirical_gram(NET, X)),
    "Jacobian": (jacobian, 6 * NET.num_params * 4, lambda: empirical_gram(NET, X, method="jacobian")),
    "Cholesky factor": (memory, 6 * 6 * 8, lambda: cholesky(np.eye(6))),
    "spectrum": (spectral, 4 * 6 * 6 * 8, lambda: spectral.decompose(np.eye(6))),
}


@pytest.mark.parametrize("computation", COMPUTATIONS)
def test_a_computation_checks_what_is_free_when_others_know_of_it(computation, folder, monkeypatch):
    """Of two that plan at the same time, each then sees the other."""
    module, needed, compute = COMPUTATIONS[computation]
    free, seen = module.host_available_bytes, []

    def watched() -> int:
        seen.append(sum(reservations._own._bytes.values()) >= needed and own_file(folder).exists())
        return free()

    monkeypatch.setattr(module, "host_available_bytes", watched)
    compute()
    assert seen
    assert all(seen)
    assert not list(folder.iterdir())


def test_eigenpairs_reserve_what_they_may_use(folder, monkeypatch):
    seen = []

    class Watched(Lapack):
        def solve(self, matrix, k, tolerance, memory):
            seen.append(sum(reservations._own._bytes.values()))
            return super().solve(matrix, k, tolerance, None)

    top_eigenpairs(np.eye(6), 2, solver=Watched(), memory=100)
    assert seen == [100]


@pytest.mark.parametrize(("backend", "some"), [("cpu", True), ("gpu", False)])
def test_features_on_an_accelerator_reserve_no_memory_of_the_host(backend, some, monkeypatch):
    reserved = []

    @contextlib.contextmanager
    def reserving(needed):
        reserved.append(needed)
        yield

    monkeypatch.setattr(computation, "reserving", reserving)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    empirical_gram(NET, X)
    assert [needed > 0 for needed in reserved] == [some]


@pytest.mark.parametrize("content", ["", "5", "[1]", '[1, {"pid": 1}]', '["many", null]', "\xff"])
def test_whatever_lies_in_the_folder_no_reservation_is_known_and_none_fails(folder, content):
    (folder / "other.json").write_bytes(content.encode("latin-1"))
    with reserving(1):
        assert reserved_by_others() == 0


def test_without_a_folder_there_are_no_reservations(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("text")
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "file"))
    with reserving(1):
        assert reserved_by_others() == 0
    for name in ("NTK_REPRO_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with reserving(1):
        assert reserved_by_others() == 0
