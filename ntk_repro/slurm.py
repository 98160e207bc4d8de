"""Jobs on a Slurm cluster, through submitit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.experiments import Settings
from ntk_repro.progress import console


@dataclass(frozen=True)
class SlurmSettings(Settings):
    """How many Slurm jobs share the work, and what each of them is given."""

    slurm_jobs: int = field(default=0, metadata={"identity": False})
    """Number of Slurm jobs that share the work (needs `pip install 'ntk_repro[slurm]'`; without Slurm they are
    processes of this machine), until all have ended; 0: compute it here."""
    slurm_partition: str | None = field(default=None, metadata={"identity": False})
    """Partition of those jobs; none: the cluster's default."""
    slurm_hours: float = field(default=24.0, metadata={"identity": False})
    """Time that each of those jobs may take, hours; the same command continues work that ran out of it."""
    slurm_gpus: int = field(default=0, metadata={"identity": False})
    """GPUs of each job."""
    slurm_cpus: int = field(default=4, metadata={"identity": False})
    """Processor cores of each job."""
    slurm_memory: float = field(default=16.0, metadata={"identity": False})
    """Memory of each job, GB."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        if self.slurm_jobs < 0:
            raise UserError(f"--slurm-jobs must be 0 or more, not {self.slurm_jobs}")
        if self.slurm_gpus < 0 or min(self.slurm_cpus, self.slurm_memory, self.slurm_hours) <= 0:
            raise UserError("a job needs at least one core, memory and time: raise --slurm-cpus, -memory or -hours")
        return super().canonical()

    def run_jobs(
        self, name: str, folder: Path, function: Callable[..., Any], arguments: Iterable[tuple], otherwise: str
    ) -> UserError | None:
        """Calls a function once with each of the arguments, in a job of its own, and waits for all.

        Args:
            name: of the jobs.
            folder: for their logs.
            function: what a job calls.
            arguments: those of each job.
            otherwise: how to do without jobs, for a message.

        Returns:
            The error to raise if work is left, where jobs failed.

        Raises:
            UserError: submitit is missing.
        """
        try:
            import submitit
        except ImportError as error:
            raise UserError(f"--slurm-jobs needs submitit: pip install 'ntk_repro[slurm]', or {otherwise}") from error
        executor: Any = submitit.AutoExecutor(folder=str(folder))
        settings: dict[str, Any] = {
            "timeout_min": max(1, round(60 * self.slurm_hours)),
            "name": name,
            "cpus_per_task": self.slurm_cpus,
            "mem_gb": self.slurm_memory,
            "gpus_per_node": self.slurm_gpus,
            "slurm_partition": self.slurm_partition,
        }
        executor.update_parameters(**{key: value for key, value in settings.items() if value})
        jobs = [executor.submit(function, *given) for given in arguments]
        where = "" if executor.cluster == "slurm" else "no Slurm here, so processes of this machine: "
        named = ", ".join(str(job.job_id) for job in jobs)
        console.print(f"{where}jobs {named}; their logs are in {folder}", highlight=False, soft_wrap=True)
        failed = []
        for job in jobs:
            try:
                job.result()
            except KeyboardInterrupt:
                for other in jobs:
                    other.cancel()
                raise
            except Exception as error:  # a timeout, a lost node, an error of the work
                lines = str(error).strip().splitlines() or [type(error).__name__]
                failed.append(f"job {job.job_id}: {lines[-1]}")
        if not failed:
            return None
        return UserError(
            f"{len(failed)} of {len(jobs)} jobs did not finish ({'; '.join(failed)}): the same command "
            "continues; raise --slurm-hours or --slurm-memory if the jobs ran out of time or memory"
        )
