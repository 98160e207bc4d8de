import dataclasses
import json

import numpy as np
import pytest

from benchmarks import estimates
from ntk_repro.machine_speed import REFERENCE
from ntk_repro.papers import FIGURES, load_figure_preset
from ntk_repro.record import RunFolder
from tests.refusals import refused


def test_finished_presets_are_compared_with_what_was_expected(monkeypatch):
    twice = dataclasses.replace(REFERENCE, **{kind: 2 * seconds for kind, seconds in vars(REFERENCE).items()})
    monkeypatch.setattr(estimates, "machine_speed", lambda again: twice)
    refused("no preset has all of its runs", estimates.run)
    figure = FIGURES["ortiz2021/fig1"]
    preset = load_figure_preset(figure, "quick")
    assert preset.cost is not None
    for config in preset.configs:
        with RunFolder.open(figure.folder, config.resolved()) as folder:
            folder.finish(x=np.zeros(1))
        environment = folder.path / "environment.json"
        environment.write_text(json.dumps({**json.loads(environment.read_text()), "seconds": 30.0}))
    found = estimates.run()
    (row,) = found["presets"].values()
    assert row["ratio"] == pytest.approx(2 * preset.cost.minutes / (0.5 * len(preset.configs)))
    assert found["within_1.5"] == (1 / 1.5 < row["ratio"] < 1.5)
