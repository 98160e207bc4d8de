"""`python -m ntk_repro.gram`: a Gram matrix into a store on disk, and its eigenpairs, from the command line."""

import sys
from collections.abc import Sequence

from ntk_repro.command_line import check_places, command


def main(args: Sequence[str] | None = None) -> None:
    """Parses the command line, computes what is missing and shows where it is."""
    command(lambda: _run(args))


def _run(args: Sequence[str] | None) -> None:
    check_places(args)
    from ntk_repro.gram.command import run  # here, as it imports JAX

    run(args)


if __name__ == "__main__":
    main(sys.argv[1:])
