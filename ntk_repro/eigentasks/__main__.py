"""`python -m ntk_repro.eigentasks`: one run of the study from the command line."""

import shlex
import sys
from collections.abc import Sequence

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from ntk_repro.command_line import command, this_program, use_compilation_cache
from ntk_repro.eigentasks import EigentasksConfig, run
from ntk_repro.network_names import spoken_network
from ntk_repro.record import RunFolder
from ntk_repro.training import epochs_to_loss

_TARGET_LOSS = 0.01  # nats; the paper's, in its Figure 3


def main(args: Sequence[str] | None = None) -> None:
    """Parses the command line, computes the run (or finds it done) and shows what came out."""
    command(lambda: _run(args))


def _run(args: Sequence[str] | None) -> None:
    config = tyro.cli(EigentasksConfig, prog="python -m ntk_repro.eigentasks", args=args)
    use_compilation_cache()
    show(run(config))


def show(folder: RunFolder) -> None:
    """Prints a run's accuracies, where they are kept and what to do with them."""
    result = folder.result()
    table = Table(
        "index",
        "network",
        "linearization",
        f"epochs to loss {_TARGET_LOSS:g}",
        title=f"{spoken_network(folder.config['net'])}: test accuracy",
    )
    linearized = dict(zip(result["linearized_index"], result["linearized_test_accuracy"], strict=True))
    reached = epochs_to_loss(result["network_loss"], _TARGET_LOSS)
    for i, index in enumerate(result["index"]):
        accuracies = (result["network_test_accuracy"][i], linearized[index])
        epochs = "never" if np.isnan(reached[i]) else f"{reached[i]:.0f}"
        table.add_row(str(index), *map(_percent, accuracies), epochs)
    if folder.config["baseline"]:
        accuracies = tuple(float(result[f"baseline_{what}_test_accuracy"]) for what in ("network", "linearized"))
        table.add_row("classes 0-4 / 5-9", *map(_percent, accuracies), "")
    Console().print(table)
    print(f"kept in: {folder.path} (the same command shows it again at once)")
    print(f"next: {this_program()} draw ortiz2021/fig2 {shlex.quote(str(folder.path))}")


def _percent(accuracy: float) -> str:
    return "diverged" if np.isnan(accuracy) else f"{accuracy:.1%}"


if __name__ == "__main__":
    main(sys.argv[1:])
