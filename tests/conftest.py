"""Settings of all tests: JAX on the CPU, and no file written outside of the test's folder."""

import os
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# No test asserts time: an example may also compile a program, or wait for another process.
hypothesis.settings.register_profile("ntk_repro", deadline=None)
hypothesis.settings.load_profile("ntk_repro")

# Before anything imports JAX. JAX_PLATFORMS=cuda runs the tests on a GPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Small programs, compiled once each, are most of the suite: XLA's costly passes would double its time.
# JAX_DISABLE_MOST_OPTIMIZATIONS=0 runs it with them.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# With a process for each processor, threads of BLAS would wait for one another. NumPy reads this as it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _temporary_folders(monkeypatch, tmp_path):
    """Runs and decoded data go to the test's own folder; nothing is downloaded, no compiled program is cached."""
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NTK_REPRO_DOWNLOAD", "never")
    monkeypatch.setenv("NTK_REPRO_COMPILATION_CACHE", "off")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder of runs that the tests of one file share."""
    return tmp_path_factory.mktemp("runs")


@dataclass(frozen=True)
class Settings:
    """The settings of `folder`."""

    n: int = 2


@pytest.fixture
def folder(tmp_path):
    """The open folder of an unfinished run."""
    from ntk_repro.record import RunFolder

    with RunFolder.open("study", Settings(), root=tmp_path) as folder:
        yield folder


@pytest.fixture
def ends_in_one_line(capsys):
    """Runs a command that ends with status 2 and one line of an error, which may follow on progress."""

    def ended(main, *arguments, progress: bool = False) -> str:
        with pytest.raises(SystemExit, match=r"^2$"):
            main([str(argument) for argument in arguments])
        lines = capsys.readouterr().err.splitlines()
        (error,) = [line for line in lines if line.startswith("error: ")]
        assert progress or lines == [error]
        return error

    return ended


@pytest.fixture(scope="module")
def done(root, request):
    """The finished run of the CONFIG of a test file by its RUN."""
    return request.module.RUN(request.module.CONFIG, root=root)


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder of prepared TensorFlow data sets: $TFDS_DATA_DIR, or ../shared/tfds beside the clone."""
    chosen = os.environ.get("TFDS_DATA_DIR")
    folder = Path(chosen) if chosen else Path(__file__).parents[2] / "shared" / "tfds"
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs prepared TensorFlow data sets: {folder} has none (TFDS_DATA_DIR names another folder)")
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> Path:
    """A folder of runs with one figure computed at `quick`, the smallest there is: Figure 1 of Ortiz-Jimenez et al."""
    from ntk_repro.papers import find_figures, load_figure_preset
    from ntk_repro.papers.presets import study_of

    root = tmp_path_factory.mktemp("runs")
    figure = find_figures("ortiz2021/fig1")[0]
    for config in load_figure_preset(figure, "quick").configs:
        study_of(figure).run(config, root=root)
    return root
