"""`python -m ntk_repro.nads [experiment]`: one run of an experiment (basis where none is named but options)."""

from collections.abc import Sequence

from ntk_repro.experiments import experiment_command


def main(args: Sequence[str] | None = None) -> None:
    """See `ntk_repro.experiments`."""
    experiment_command("nads", args, default="basis")


if __name__ == "__main__":
    main()
