"""`python -m ntk_repro.widths [experiment]`: one run of an experiment (training where none is named but options)."""

from collections.abc import Sequence

from ntk_repro.experiments import experiment_command


def main(args: Sequence[str] | None = None) -> None:
    """See `ntk_repro.experiments`."""
    experiment_command("widths", args, default="training")


if __name__ == "__main__":
    main()
