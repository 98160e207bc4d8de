import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ntk_repro.papers import resources
from tests.finished_run import finished_run
from tests.refusals import refused

CLONE = Path(__file__).parents[2]


def test_a_clone_has_them_beside_the_package():
    assert resources.configs_dir() == CLONE / "configs"
    assert resources.figures_dir() == CLONE / "figures"


def test_the_packages_own_copy_comes_before_a_neighbour(tmp_path, monkeypatch):
    package = tmp_path / "ntk_repro" / "papers"
    (tmp_path / "configs").mkdir()
    (package / "configs").mkdir(parents=True)
    monkeypatch.setattr(resources, "files", lambda name: package)
    assert resources.configs_dir() == package / "configs"
    refused("lacks its figures/ folder", resources.figures_dir)


@pytest.mark.slow
def test_a_wheel_lists_and_draws_outside_the_clone(tmp_path):
    pytest.importorskip(
        "hatchling", reason="needs hatchling, to build a wheel without a network: pip install hatchling"
    )
    source = tmp_path / "source"
    shutil.copytree(
        CLONE, source, ignore=shutil.ignore_patterns(".git", ".venv*", "runs", "out", "__pycache__", "tests", "dist")
    )
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=source, check=True, capture_output=True, text=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    shutil.rmtree(source)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def installed(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
        program = [sys.executable, *arguments]
        done = subprocess.run(program, cwd=elsewhere, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import ntk_repro.papers.resources as r; print(r.configs_dir(), r.figures_dir())"
    assert installed("-c", where).split() == [f"{site}/ntk_repro/papers/{name}" for name in ("configs", "figures")]
    assert "ortiz2021/fig2" in installed("-m", "ntk_repro", "list")
    run = finished_run(tmp_path / "runs")
    installed("-m", "ntk_repro", "draw", "ortiz2021/fig2", str(run.path))
    assert (elsewhere / "figures" / "out" / "ortiz2021_fig2.png").is_file()
