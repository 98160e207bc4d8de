"""What every drawing script does alike."""

import subprocess
import sys
from pathlib import Path

import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES
from ntk_repro.record import RunFolder
from tests.figures.scripts import SCRIPTS, draw


@pytest.mark.parametrize("figure", FIGURES)
def test_runs_of_another_study_are_refused(figure, tmp_path):
    with pytest.raises(UserError, match="is not a run that this figure draws"):
        draw(figure, [RunFolder(tmp_path / "another_study" / "0123", {}, None, None)])


def program(script: str, *arguments: str | Path):
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_missing_run_is_one_sentence_and_status_2(tmp_path):
    done = program("ortiz2021/fig2.py", tmp_path / "none", "--out", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no run folder")
    assert done.stderr.count("\n") == 1
