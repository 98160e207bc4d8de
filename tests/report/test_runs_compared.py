from dataclasses import dataclass

import numpy as np
import pytest

from ntk_repro.__main__ import main
from ntk_repro.experiments import StudyConfig
from ntk_repro.record import RunFolder
from ntk_repro.report.runs_compared import Comparison
from tests.refusals import refused


@dataclass(frozen=True)
class Config(StudyConfig):
    width: float = 1.0
    activation: str = "relu"
    epochs: int = 4

    @property
    def label(self) -> str:
        return "own"


def finished(root, study="own", shift=0.0, **settings):
    with RunFolder.open(study, Config(**settings), root=root) as run:
        arrays = {"index": np.array([2, 5, 11]), "accuracy": np.array([0.9, 0.8, 0.7]) + shift, "loss": np.arange(4.0)}
        run.finish(**arrays, majority=np.array(0.5 + shift), image=np.zeros((3, 3)), name=np.array(["a", "b"]))
    return run.path


def test_what_differs_is_side_by_side_and_curves_lie_over_each_other(tmp_path):
    runs = [finished(tmp_path), RunFolder.read(finished(tmp_path, width=0.5, shift=0.1)).link("half")]
    found = Comparison.of(runs)
    assert found.names == (runs[0].name, "half")
    assert found.settings == {"width": ["1.0", "0.5"]}
    assert found.labels == ["width 1.0", "width 0.5"]
    assert found.numbers == {"majority": [0.5, 0.6]}
    assert list(found.curves) == ["accuracy", "loss"]
    picture = found.picture()
    accuracy, loss = picture.axes[:2]
    for i, line in enumerate(accuracy.lines):
        np.testing.assert_array_equal(line.get_xdata(), [2, 5, 11])
        np.testing.assert_allclose(np.asarray(line.get_ydata()), np.array([0.9, 0.8, 0.7]) + 0.1 * i)
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), [1, 2, 3, 4])
    assert [accuracy.get_xlabel(), loss.get_xlabel()] == ["Index", "Epoch"]
    assert [text.get_text() for text in picture.legends[0].get_texts()] == found.labels


def test_the_command_prints_and_draws(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    runs = [finished(tmp_path), finished(tmp_path, activation="gelu")]
    main(["compare", *map(str, runs), "--out", str(tmp_path / "out")])
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("activation", "relu", "gelu", "majority", "0.5"))
    assert (tmp_path / "out/compare.png").stat().st_size > 0
    main(["compare", str(runs[0]), str(runs[0]), "--out", str(tmp_path / "out")])
    assert "these are the same run" in capsys.readouterr().out


def test_runs_that_cannot_be_compared_are_refused(tmp_path):
    one, other = finished(tmp_path), finished(tmp_path, study="other")
    refused("two runs or more", Comparison.of, [one])
    refused("runs of other and own: compare one study's", Comparison.of, [one, other])
    with pytest.raises(ValueError, match="no run"):
        Comparison.of([one, tmp_path / "none"])
