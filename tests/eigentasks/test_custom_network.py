"""The study on a custom network, from the command line to the picture."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ntk_repro.__main__ import main as ntk_repro
from ntk_repro.eigentasks import EigentasksConfig
from ntk_repro.eigentasks.__main__ import main
from ntk_repro.record import RunFolder, config_hash

NET = """
import flax.linen as nn

class Shallow(nn.Module):
    hidden: int = 8

    @nn.compact
    def __call__(self, x):
        x = nn.softplus(nn.Dense(self.hidden)(x.reshape(len(x), -1)))
        return nn.Dense(1)(x)
"""
ARGS = ["--net", "mine.py:Shallow", "--data", "mine.npz", "--indices", "2", "3", "--epochs", "2", "--batch-size", "20"]


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6, 6)).astype(np.float32), rng.integers(0, 10, 50)
    np.savez("mine.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    Path("mine.py").write_text(NET)
    return tmp_path / "mine.py"


def folders() -> list[Path]:
    return sorted(Path(os.environ["NTK_REPRO_RUNS"], "eigentasks").iterdir())


@pytest.mark.slow
def test_from_the_command_line_to_the_picture(mine, capsys):
    program = [sys.executable, "-m", "ntk_repro.eigentasks", *ARGS]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "120"}
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Shallow: test accuracy" in done.stdout
    (path,) = folders()
    assert str(path) in done.stdout
    run = RunFolder.read(path)
    assert run.config["net"].startswith("mine.py:Shallow@")
    assert (path / "source" / "mine.py").read_text() == NET
    ntk_repro(["draw", "ortiz2021/fig2", str(path), "--out", "out"])
    shown = capsys.readouterr().out
    assert "Shallow" in shown
    assert "@" not in shown
    assert list(json.loads(Path("out/ortiz2021_fig2.json").read_text())["nets"]) == ["Shallow"]


@pytest.mark.slow
def test_a_network_that_was_edited_is_another_run(mine, capsys):
    main(ARGS)
    (first,) = folders()
    finished = (first / "result.npz").stat().st_mtime_ns
    main(ARGS)
    assert folders() == [first]
    assert (first / "result.npz").stat().st_mtime_ns == finished
    mine.write_text(NET.replace("= 8", "= 9"))
    main(ARGS)
    (second,) = set(folders()) - {first}
    assert (second / "source" / "mine.py").read_text() == mine.read_text()
    before, after = (RunFolder.read(path).result()["eigenvalues"] for path in (first, second))
    assert np.abs(before - after).max() > 1e-3 * before.max()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--net", "mien.py:Shallow"], "did you mean mine.py"),
        (["--net", "mine.py:Shalow"], "did you mean 'Shallow'"),
        (["--activation", "tanh"], "Shallow in mine.py takes no activation (it takes hidden)"),
        (["--residual-scale-init", "1"], "takes no residual_scale_init"),
    ],
)
def test_invalid_input_is_one_sentence_and_leaves_nothing(args, message, ends_in_one_line):
    assert message in ends_in_one_line(main, *ARGS, *args)
    assert not Path(os.environ["NTK_REPRO_RUNS"]).exists()


def test_too_many_outputs_are_refused_before_a_folder_is_made(mine, ends_in_one_line):
    mine.write_text(NET.replace("Dense(1)", "Dense(10)"))
    assert "gives outputs (n, 10) where (n, 1) is needed" in ends_in_one_line(main, *ARGS)
    assert not Path(os.environ["NTK_REPRO_RUNS"]).exists()


def test_the_width_multiplies_its_sizes():
    wide = EigentasksConfig(net="mine.py:Shallow", width=2.0)
    assert wide.model_settings == {"width": 2.0}
    assert wide.label == "Shallow on mnist5k"
    assert config_hash(wide.resolved()) == config_hash(wide.resolved().resolved())
