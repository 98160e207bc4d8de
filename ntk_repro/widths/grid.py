"""Experiment: the training of a network and its linearization over a grid of learning rates and weight decays.

Every point is a run of `training` of its own, so a grid continues where it was stopped, shares its points with other
grids and figures, and can be computed by several processes or Slurm jobs at once.

Source: Samarin et al. 2022, section 4 (hyper-parameter search, network and linearization and every width apart).
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ntk_repro.errors import UserError
from ntk_repro.progress import console
from ntk_repro.record import RunFolder, runs_root
from ntk_repro.widths import training

__all__ = ["Config", "run", "show"]


@dataclass(frozen=True)
class Config(training.Config):
    """Trains at every learning rate with every weight decay; --learning-rate and --weight-decay have no effect."""

    learning_rates: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001)
    """Learning rates of the grid."""
    weight_decays: tuple[float, ...] = (5e-4, 5e-5, 5e-6, 5e-7, 5e-8)
    """Weight decays of the grid."""
    share: tuple[int, int] | None = field(default=None, metadata={"identity": False})
    """INDEX COUNT: compute part INDEX (from 0) of COUNT of the grid's points; for job arrays."""
    slurm_jobs: int = field(default=0, metadata={"identity": False})
    """Hand the grid to so many Slurm jobs and wait for them (needs `pip install submitit`); 0: compute it here."""
    slurm_partition: str | None = field(default=None, metadata={"identity": False})
    """Partition of those jobs; none: the cluster's default."""
    slurm_hours: float = field(default=24.0, metadata={"identity": False})
    """Time that each of those jobs may take, hours; the same command continues a grid that ran out of it."""

    def resolved(self) -> "Config":
        """The same settings in their canonical form.

        Raises:
            UserError: for an empty grid, a share that does not exist, and what `training` refuses.
        """
        if not self.learning_rates or not self.weight_decays:
            raise UserError("the grid is empty: name at least one of --learning-rates and one of --weight-decays")
        if self.share is not None and not 0 <= self.share[0] < self.share[1]:
            raise UserError(f"share {self.share[0]} of {self.share[1]} does not exist: they are counted from 0")
        if self.slurm_jobs < 0 or (self.slurm_jobs and self.share is not None):
            raise UserError("--slurm-jobs makes the shares itself: leave out --share, and name 1 job or more")
        defaults = {name: getattr(training.Config, name) for name in ("learning_rate", "weight_decay")}
        rates, decays = (tuple(sorted(set(v), reverse=True)) for v in (self.learning_rates, self.weight_decays))
        config = dataclasses.replace(self, **defaults, learning_rates=rates, weight_decays=decays)
        for point in config.points():
            point.recipe(10)
        return super(Config, config).resolved()  # pyright: ignore[reportReturnType]

    def points(self) -> list[training.Config]:
        """The settings of every point, learning rates outermost, largest first."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(training.Config)}
        return [
            training.Config(**{**own, "learning_rate": rate, "weight_decay": decay})
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
        UserError: for settings or data that cannot be worked with; for Slurm jobs without submitit.
    """
    config = config.resolved()
    if not RunFolder.is_done("widths_grid", config, root=root):
        points = config.points()
        if config.slurm_jobs:
            _through_slurm(config, root)
        else:
            index, count = config.share or (0, 1)
            mine = points[index::count]
            for number, point in enumerate(mine, 1):
                rate, decay = point.learning_rate, point.weight_decay
                console.print(f"[{number}/{len(mine)}] learning rate {rate:g}, weight decay {decay:g}", highlight=False)
                training.run(point, root=root)
    # Not open before: shares of one grid do not wait for each other.
    with RunFolder.open("widths_grid", config, root=root, wait=True) as folder:
        if not folder.done and not _left(config, root):
            folder.finish(**_gathered(config, root))
    return folder


def _left(config: Config, root: Path | None) -> list[training.Config]:
    done = (RunFolder.is_done("widths_training", point.resolved(), root=root) for point in config.points())
    return [point for point, there in zip(config.points(), done, strict=True) if not there]


def _gathered(config: Config, root: Path | None) -> dict[str, np.ndarray]:
    shape = (len(config.learning_rates), len(config.weight_decays))
    results = [training.run(point, root=root).result() for point in config.points()]
    found = {"learning_rates": np.array(config.learning_rates), "weight_decays": np.array(config.weight_decays)}
    for kind in config.kinds:
        for part in ("train", "test"):
            name = f"{kind}_{part}_accuracy"
            found[name] = np.array([float(result[name]) for result in results]).reshape(shape)
    return found


def _through_slurm(config: Config, root: Path | None) -> None:
    try:
        import submitit  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            "--slurm-jobs needs submitit: pip install submitit, or start the shares yourself with --share INDEX COUNT"
        ) from error
    root = runs_root(root).resolve()
    executor: Any = submitit.AutoExecutor(folder=str(root / "widths_grid" / "slurm"))
    settings: dict[str, Any] = {"timeout_min": round(60 * config.slurm_hours), "name": "ntk_repro_grid"}
    if config.slurm_partition:
        settings["slurm_partition"] = config.slurm_partition
    executor.update_parameters(**settings)
    count = config.slurm_jobs
    shares = [dataclasses.replace(config, share=(index, count), slurm_jobs=0) for index in range(count)]
    jobs = [executor.submit(_share, share, root) for share in shares]
    console.print("jobs " + ", ".join(str(job.job_id) for job in jobs), highlight=False, soft_wrap=True)
    for job in jobs:
        job.result()


def _share(config: Config, root: Path) -> str:
    # A run folder holds a lock, which does not travel back from a job.
    return str(run(config, root).path)


def show(folder: RunFolder) -> None:
    """Prints the test accuracies of the grid, the best of each model in bold, or how many points are left."""
    if not folder.done:
        print("the other shares of this grid are still to be computed; the last one closes it")
        return
    result, config = folder.result(), folder.config
    for kind in ("network", "linearized"):
        name = f"{kind}_test_accuracy"
        if name not in result:
            continue
        title = f"{config['net']} x{config['width']:g}, {kind}: test accuracy"
        table = Table("learning rate", *(f"decay {decay:g}" for decay in result["weight_decays"]), title=title)
        best = np.nanmax(result[name]) if np.isfinite(result[name]).any() else np.nan
        for rate, row in zip(result["learning_rates"], result[name], strict=True):
            table.add_row(f"{rate:g}", *(_cell(value, best) for value in row))
        Console().print(table)


def _cell(value: float, best: float) -> str:
    if np.isnan(value):
        return "diverged"
    return f"[bold]{100 * value:.2f} %[/bold]" if value == best else f"{100 * value:.2f} %"
