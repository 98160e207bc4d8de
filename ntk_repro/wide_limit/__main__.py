"""`python -m ntk_repro.wide_limit <experiment>`: one run of an experiment from the command line."""

from collections.abc import Sequence

from ntk_repro.experiments import experiment_command


def main(args: Sequence[str] | None = None) -> None:
    """See `ntk_repro.experiments`."""
    experiment_command("wide_limit", args)


if __name__ == "__main__":
    main()
