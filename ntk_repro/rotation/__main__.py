"""`python -m ntk_repro.rotation <experiment>`: one run of an experiment from the command line."""

from collections.abc import Sequence

from ntk_repro.experiments import experiment_command


def main(args: Sequence[str] | None = None) -> None:
    """See `ntk_repro.experiments`."""
    experiment_command("rotation", args)


if __name__ == "__main__":
    main()
