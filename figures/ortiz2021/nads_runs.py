"""What the drawings of neural anisotropy directions share: a look at whose runs these are, and how they are named."""

from collections.abc import Sequence

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import NET_TITLES
from ntk_repro.record import RunFolder


def check_study(runs: Sequence[RunFolder], experiment: str) -> None:
    """Refuses runs that another experiment made."""
    for run in runs:
        if run.study != f"nads_{experiment}":
            raise UserError(
                f"{run.path} is not a run that this figure draws: name those that `ntk-repro run` prints for it"
            )


def title_of(run: RunFolder) -> str:
    """The network with what is unusual of it: "ResNet18, width x 0.25, residual scale 0"."""
    config = run.config
    parts = [NET_TITLES.get(config["net"], str(config["net"]))]
    parts += [f"width × {config['width']:g}"] if config["width"] != 1 else []
    parts += [f"residual scale {config['residual_scale_init']:g}"] if config["net"] == "resnet18" else []
    parts += [config["activation"].upper()] if config["activation"] != "gelu" else []
    return ", ".join(parts) + (f", seed {config['seed']}" if config["seed"] else "")
