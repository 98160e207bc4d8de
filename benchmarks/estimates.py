"""Expected over measured minutes, of every preset whose runs are all done in the folder of runs ($NTK_REPRO_RUNS)."""

from typing import Any

import numpy as np

from benchmarks.stopwatch import gemm_peak
from ntk_repro.errors import UserError
from ntk_repro.machine_speed import machine_speed
from ntk_repro.papers import FIGURES
from ntk_repro.papers.listing import PresetState, preset_states
from ntk_repro.record import RunFolder


def run() -> dict[str, Any]:
    """The ratio of each preset, and how far ratios are from 1."""
    speed = machine_speed(again=True)
    found: dict[str, Any] = {"gemm_peak": gemm_peak(), "speed": vars(speed), "presets": {}}
    for figure in FIGURES.values():
        for state in preset_states(figure):
            seconds = _seconds(state)
            if state.preset.cost is not None and seconds:
                expected = state.preset.cost.minutes_here(speed)
                row = {
                    "study": figure.study,
                    "expected": expected,
                    "measured": seconds / 60,
                    "ratio": 60 * expected / seconds,
                }
                found["presets"][f"{figure.id} {state.preset.name}"] = row
                print(f"{figure.id} {state.preset.name}: expected {expected:.2g}, measured {seconds / 60:.2g} minutes")
    if not found["presets"]:
        raise UserError("no preset has all of its runs: make fig2 first, or name a folder by NTK_REPRO_RUNS")
    ratios = np.array([row["ratio"] for row in found["presets"].values()])
    found["within_1.5"] = float(np.mean((ratios < 1.5) & (ratios > 1 / 1.5)))
    count = f"{len(ratios)} presets of {len({row['study'] for row in found['presets'].values()})} studies"
    most = np.exp(np.abs(np.log(ratios)).max())
    print(f"{found['within_1.5']:.0%} of {count} are within a factor of 1.5, all within {most:.2g}")
    return found


def _seconds(state: PresetState) -> float:
    """What its runs took in all; 0 where one is not done or not on record."""
    if not state.complete:
        return 0.0
    seconds = [RunFolder.read(folder).environment.get("seconds") for folder in dict.fromkeys(state.folders)]
    known = [one for one in seconds if one is not None]
    return float(sum(known)) if len(known) == len(seconds) else 0.0
