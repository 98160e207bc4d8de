"""The settings of `python -m ntk_repro.gram`."""

from dataclasses import dataclass
from typing import Any, Literal

from ntk_repro.experiments import DataSettings
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.models import ResidualNetworkSettings


@dataclass(frozen=True)
class GramConfig(DataSettings, ResidualNetworkSettings, InitialNetwork):
    """Computes the Gram matrix of a network's NTK on a data set into a store on disk, and its largest eigenpairs.

    The same command again continues where it was stopped, and returns at once when all is done.
    """

    num_outputs: int = 1
    """Outputs of the network."""
    depth: int | None = None
    """Hidden layers of fcn, convolutions of cnn; none: 3."""
    blocks: int | None = None
    """Residual blocks of each group of wide_resnet; none: 1."""
    batch_norm: bool | None = None
    """Whether wide_resnet has BatchNorm; none: it has."""
    sigma_w: float | None = None
    """Scale of the weights of fcn, cnn and wide_resnet; none: 2**0.5, for wide_resnet 1."""
    sigma_b: float | None = None
    """Scale of their biases; none: 0, no biases."""
    parameterization: Literal["ntk", "standard"] | None = None
    """Their parameterization; none: ntk. mlp, lenet and resnet18 have standard alone."""
    outputs: str = "mean"
    """Which outputs: mean (over the diagonal blocks), full (all blocks), or the number of one, from 0."""
    precision: str = "float32"
    """float32 or float64; tf32 (NVIDIA GPUs) or bf16 round the inputs of the products, and their error is recorded."""
    k: int = 0
    """Number of eigenpairs; 0: the matrix alone."""
    tolerance: float = 1e-3
    """Residual ||K v - lambda v|| / lambda asked of every eigenpair."""
    ridge: float | None = None
    """Factor K plus so many times the identity on disk too, for `kernel_solve` with this ridge; none: do not."""
    memory: str | None = None
    """Memory that this process may use in all, such as 6GiB or 500MB; none: what is available."""
    explain: bool = False
    """Show how each layer is multiplied out, then stop."""
    dry_run: bool = False
    """Show operations, memory, disk and expected seconds from a short calibration, then stop."""
    share: tuple[int, int] | None = None
    """INDEX COUNT: compute part INDEX (from 0) of COUNT; for job arrays. The last part completes the store."""
    distributed: bool = False
    """Share the tiles among the processes of a job (`jax.distributed`; Slurm and others are recognised)."""
    coordinator: str | None = None
    """HOST:PORT of process 0, where the processes cannot find each other by themselves."""
    processes: int | None = None
    """How many processes there are; with --coordinator."""
    process: int | None = None
    """Which one this is, from 0; with --coordinator."""

    @property
    def model_settings(self) -> dict[str, Any]:
        """The settings that `ntk_repro.build_model` takes beside the name; it refuses what the network does not have.

        Of the optional ones those that are set.

        Raises:
            UserError: for an unknown network.
        """
        settings = {name: value for name, value in super().model_settings.items() if value is not None}
        if self.num_outputs != 1:
            settings["num_outputs"] = self.num_outputs
        optional = ("depth", "blocks", "batch_norm", "sigma_w", "sigma_b", "parameterization")
        return settings | {name: getattr(self, name) for name in optional if getattr(self, name) is not None}
