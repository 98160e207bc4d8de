"""Experiment: the equations of the paper as they are printed, each against an independent computation.

Source: Lee et al. 2019, Eqs. (3), (4), (6) to (16), (S2) to (S35), (S62), (S81), (S115), (S122), sections 2.3, 2.4, D.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.experiments import StudyConfig, experiment
from ntk_repro.progress import progress
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.wide_limit.formulas import FORMULAS
from ntk_repro.wide_limit.formulas.kernels import block_errors
from ntk_repro.wide_limit.settings import check_increasing

BLOCKS = ("S28 other outputs", "S28 equal outputs", "S31 readout", "S35 other layers")
"""What `block_errors` returns."""


@dataclass(frozen=True)
class Config(StudyConfig):
    """Checks every equation of the paper on random networks, kernels and inputs."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Units per hidden layer of the networks whose kernels converge as Eqs. (S28) to (S35) say."""
    num_networks: int = 8
    """Random networks of each width."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{len(FORMULAS)} equations, widths {self.widths[0]:,} to {self.widths[-1]:,}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_increasing("widths", self.widths)
        check_counts(num_networks=self.num_networks)
        return super().canonical()


@experiment("wide_limit_equations")
def run(config: Config, data: None, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one run of the experiment, or continues one that was interrupted, or returns one that is done.

    The result's arrays: by each name of `FORMULAS` a number and the ends of its 95% interval (3,); for w widths and s
    networks, `widths` (w,) and by each name of `BLOCKS` the relative error of that part of the kernel (s, w).
    """
    arrays: dict[str, Any] = {"widths": np.array(config.widths)}
    with progress(config.label, len(FORMULAS) + len(config.widths), "checks") as advance:
        for name in FORMULAS:
            arrays |= folder.part(name.replace(" ", "_"), _measured, name, config.seed)
            advance(note=f"{name}: {arrays[name][0]:.2g}")
        x, rows = np.random.default_rng([config.seed]).normal(size=(6, 12)), []
        for width in config.widths:
            part = folder.part(f"width={width}", _blocks, width, config.num_networks, x)
            rows.append([part[name] for name in BLOCKS])
            advance(note=f"width {width:,}")
    return arrays | dict(zip(BLOCKS, np.array(rows).transpose(1, 2, 0), strict=True))


def _measured(name: str, seed: int) -> dict[str, np.ndarray]:
    return {name: FORMULAS[name](np.random.default_rng([seed]))}


def _blocks(width: int, networks: int, x: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(BLOCKS, block_errors(width, networks, x), strict=True))


def show(folder: RunFolder) -> None:
    """Prints a run's numbers."""
    result = folder.result()
    columns = {"equation": "", "number": ".3g", "low": ".3g", "high": ".3g"}
    print_table(columns, [(name, *result[name]) for name in FORMULAS], "printed formula against another computation")
    columns = {"width": ",", **dict.fromkeys(BLOCKS, ".3g")}
    rows = zip(result["widths"], *(result[name].mean(axis=0) for name in BLOCKS), strict=True)
    print_table(columns, rows, "relative error of parts of the kernel, mean over networks")
