"""`python -m ntk_repro.finite_width [experiment]`: one run of an experiment (training by default)."""

from collections.abc import Sequence

from ntk_repro.experiments import experiment_command


def main(args: Sequence[str] | None = None) -> None:
    """See `ntk_repro.experiments`."""
    experiment_command("finite_width", args, default="training")


if __name__ == "__main__":
    main()
