"""Experiment: the training of a network and its linearization over a grid of learning rates and weight decays.

Every point is a run of `training`, so a grid continues where it was stopped, shares its points with other grids and
figures, and can be computed by several processes or Slurm jobs at once.

Source: Samarin et al. 2022, section 4 (hyper-parameter search, separately for network, linearization and every width).
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.errors import UserError
from ntk_repro.finite_width import training
from ntk_repro.finite_width.task import images
from ntk_repro.finite_width.training import KINDS
from ntk_repro.network_names import display_name
from ntk_repro.progress import console, stages
from ntk_repro.ranges import checked_share
from ntk_repro.record import RunFolder, RunInUseError, runs_root
from ntk_repro.slurm import SlurmSettings


@dataclass(frozen=True)
class Config(training.Config, SlurmSettings):
    """Trains at every learning rate with every weight decay, named by --learning-rates and --weight-decays."""

    learning_rates: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001)
    """Learning rates of the grid."""
    weight_decays: tuple[float, ...] = (5e-4, 5e-5, 5e-6, 5e-7, 5e-8)
    """Weight decays of the grid."""
    share: tuple[int, int] | None = field(default=None, metadata={"identity": False})
    """INDEX COUNT: compute part INDEX (from 0) of COUNT of the grid's points; for job arrays."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the grid from the largest to the smallest, each once."""
        if not self.learning_rates or not self.weight_decays:
            raise UserError("the grid is empty: name at least one of --learning-rates and one of --weight-decays")
        if self.share is not None:
            checked_share(self.share)
        for name, default in self.defaults("learning_rate", "weight_decay").items():
            if getattr(self, name) != default:
                raise UserError(f"a grid takes its {name}s from --{name.replace('_', '-')}s: name {name} there")
        if self.slurm_jobs and self.share is not None:
            raise UserError("--slurm-jobs makes the shares itself: leave out --share")
        rates, decays = (tuple(sorted(set(v), reverse=True)) for v in (self.learning_rates, self.weight_decays))
        for point in self.points():
            _ = point.recipe
        return {**super().canonical(), "learning_rates": rates, "weight_decays": decays}

    def points(self) -> list[training.Config]:
        """The settings of every point, learning rates outermost, largest first."""
        shared = self.values(training.Config)
        return [
            training.Config(**{**shared, "learning_rate": rate, "weight_decay": decay})
            for rate in self.learning_rates
            for decay in self.weight_decays
        ]


def run(config: Config, root: Path | None = None) -> RunFolder:
    """Computes the points of this share that are not done yet; the share that finds all points done closes the grid.

    The result's arrays, for R rates and D decays: `learning_rates` (R,), `weight_decays` (D,), `<kind>_train_accuracy`
    and `<kind>_test_accuracy` (R, D), nan where a training diverged; <kind> is network, linearized or both.

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Returns:
        The grid's run; not `done` while other shares are still being computed.

    Raises:
        UserError: for settings or data that cannot be worked with; for Slurm jobs without submitit, and after all of
            them have ended where some failed.
    """
    config = config.resolved()
    data = images(config)
    failed: UserError | None = None
    if not RunFolder.is_done("finite_width_grid", config, root=root):
        if config.slurm_jobs:
            failed = _through_slurm(config, root)
        else:
            index, count = config.share or (0, 1)
            _compute(config.points()[index::count], root, data)
    # Opened only now, so that shares of one grid do not wait for each other.
    facts = {"provenance": data.provenance.as_dict(), "source": config.source_texts()}
    with RunFolder.open("finite_width_grid", config, root=root, wait=True, **facts) as folder:
        if not folder.done and not _left(config.points(), root):
            folder.finish(**_gathered(config, root, data))
    if failed and not folder.done:
        raise failed
    return folder


def _load(config: Config) -> None:
    """Checks what every point needs; each loads its images itself."""
    training.run.load(config.points()[0])


run.load = _load  # pyright: ignore[reportFunctionMemberAccess]


def _compute(points: list[training.Config], root: Path | None, data: Dataset) -> None:
    """Trains the points that are not done; one that another process has open comes last, as it may be done by then."""
    left = _left(points, root)
    console.print(f"{len(points) - len(left)} of {len(points)} points are done", highlight=False)
    elsewhere = []
    for point in stages(left, lambda one: f"learning rate {one.learning_rate:g}, weight decay {one.weight_decay:g}"):
        try:
            training.run(point, root, data)
        except RunInUseError:
            elsewhere.append(point)
    for point in elsewhere:
        training.run(point, root, data, wait=True)


def _left(points: list[training.Config], root: Path | None) -> list[training.Config]:
    return [point for point in points if not RunFolder.is_done("finite_width_training", point.resolved(), root=root)]


def _gathered(config: Config, root: Path | None, data: Dataset) -> dict[str, np.ndarray]:
    shape = (len(config.learning_rates), len(config.weight_decays))
    results = [training.run(point, root, data).result() for point in config.points()]
    found = {"learning_rates": np.array(config.learning_rates), "weight_decays": np.array(config.weight_decays)}
    for kind in config.kinds:
        for part in ("train", "test"):
            name = f"{kind}_{part}_accuracy"
            found[name] = np.array([float(result[name]) for result in results]).reshape(shape)
    return found


def _through_slurm(config: Config, root: Path | None) -> UserError | None:
    root, count = runs_root(root).resolve(), config.slurm_jobs
    shares = [dataclasses.replace(config, share=(index, count), slurm_jobs=0) for index in range(count)]
    logs, otherwise = root / "finite_width_grid" / "slurm", "start the shares yourself with --share INDEX COUNT"
    return config.run_jobs("ntk_repro_grid", logs, _share, [(share, root) for share in shares], otherwise)


def _share(config: Config, root: Path) -> str:
    # A run folder holds a lock, which does not travel back from a job.
    return str(run(config, root).path)


def show(folder: RunFolder) -> None:
    """Prints the test accuracies of the grid, the best of each model in bold, or how many points are left."""
    if not folder.done:
        print("the other shares of this grid are still to be computed; the last one closes it")
        return
    result, config = folder.result(), folder.config
    columns = {"learning rate": "g", **{f"decay {decay:g}": ".2%" for decay in result["weight_decays"]}}
    for kind in KINDS:
        accuracies = result.get(f"{kind}_test_accuracy")
        if accuracies is None:
            continue
        best = np.nanmax(accuracies, initial=-1)
        cells = [[f"[bold]{value:.2%}[/bold]" if value == best else value for value in row] for row in accuracies]
        rows = [(rate, *row) for rate, row in zip(result["learning_rates"], cells, strict=True)]
        print_table(columns, rows, f"{display_name(config['net'])} x{config['width']:g}, {kind}: test accuracy")
