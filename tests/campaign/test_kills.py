"""Campaigns of real runs: killed, shared by two processes, and drawn from unit files alone."""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ntk_repro.__main__ import main
from ntk_repro.campaign import Campaign
from tests.campaign.tiny import TASKS, written

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts a process that computes a campaign, which compiles what no other did before."""
    cache = tmp_path_factory.mktemp("cache")
    common = {"NTK_REPRO_CACHE": str(cache), "NTK_REPRO_COMPILATION_CACHE": "on"}

    def start(path: Path, root: Path) -> subprocess.Popen:
        environment = os.environ | common | {"NTK_REPRO_RUNS": str(root)}
        command = [sys.executable, "-m", "ntk_repro", "campaign", str(path)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    return start


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """The campaign computed without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    path, root = written(folder / "campaign", TASKS.format(seeds=list(range(10)))), folder / "runs"
    child = start(path, root)
    child.communicate()
    assert child.returncode == 0
    return Campaign(path, root)


def numbers(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """The results in the unit files of a campaign."""
    found = {}
    for path in folder.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive, np.load(io.BytesIO(archive.read("result.npz"))) as result:
            found[f"{path.parent.name}/{path.name}"] = dict(result)
    return found


def test_killed_at_five_random_moments_it_ends_with_the_same_files(whole, start, tmp_path):
    moments, path, root = (
        random.Random(0),
        written(tmp_path / "campaign", whole.folder.with_suffix(".toml").read_text()),
        tmp_path / "runs",
    )
    for _ in range(5):
        child = start(path, root)
        assert child.stderr is not None
        for _ in range(moments.randint(1, 2)):
            assert any(line.startswith(b"[") for line in child.stderr)  # a unit has begun, after the former's stages
        time.sleep(moments.uniform(0, 0.3))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    child = start(path, root)
    child.communicate(timeout=100)
    assert child.returncode == 0
    ours, theirs = numbers(whole.folder), numbers(path.with_suffix(""))
    assert ours.keys() == theirs.keys()
    assert len(ours) == 10
    for name, result in ours.items():
        assert result.keys() == theirs[name].keys()
        for key, values in result.items():
            np.testing.assert_array_equal(theirs[name][key], values, err_msg=f"{name} {key}")
    events = Counter(line["event"] for line in Campaign(path, root).log())
    assert events["finished"] <= 10
    assert events["killed"] >= 2
    assert not list((path.with_suffix("") / "running").iterdir())


def test_two_processes_with_folders_of_their_own_do_each_unit_once(start, tmp_path):
    path = written(tmp_path / "campaign", TASKS.format(seeds=[2, 3, 4, 5]))
    roots = [tmp_path / "one", tmp_path / "two"]
    children = [start(path, root) for root in roots]
    for child in children:
        child.communicate(timeout=100)
        assert child.returncode == 0
    work = Campaign(path, roots[0])
    assert Counter(line["unit"] for line in work.log()) == {unit.name: 1 for unit in work.units}
    assert [one.state for one in work.states()] == ["done"] * 4


def test_a_figure_drawn_from_unit_files_alone_is_the_one_drawn_from_run_folders(whole, tmp_path, monkeypatch, capsys):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(whole.folder.parent, elsewhere / "campaign")
    monkeypatch.setenv("NTK_REPRO_RUNS", str(elsewhere / "runs"))
    drawn = {made.figure.id: made for made in whole.draw(tmp_path / "out")}
    main(["campaign", str(elsewhere / "campaign" / "tiny.toml"), "--draw", "--out", str(elsewhere / "out")])
    assert "Figure 2" in capsys.readouterr().out
    assert drawn.keys() == {"ortiz2021/fig2"}
    for made in drawn.values():
        for path in made.files:
            again = elsewhere / "out" / path.name
            if path.suffix == ".json":
                ours, theirs = (json.loads(one.read_text()) for one in (path, again))
                if "runs" in ours:  # their paths
                    ours["runs"], theirs["runs"] = ([Path(run).name for run in x["runs"]] for x in (ours, theirs))
                assert ours == theirs
            elif path.suffix == ".png":
                assert again.read_bytes() == path.read_bytes()
