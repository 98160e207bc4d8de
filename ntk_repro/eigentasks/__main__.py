"""`python -m ntk_repro.eigentasks`: one run of the study from the command line."""

from collections.abc import Sequence

from ntk_repro.command_line import command
from ntk_repro.eigentasks import study
from ntk_repro.experiments import single_command


def main(args: Sequence[str] | None = None) -> None:
    """Parses the command line, computes the run (or finds it done) and shows its result."""
    command(lambda: single_command(study, "python -m ntk_repro.eigentasks", args, "ortiz2021/fig2"))


if __name__ == "__main__":
    main()
