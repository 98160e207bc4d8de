"""`python -m ntk_repro.widths [experiment]`: one run of an experiment from the command line; of training by default."""

import importlib
import sys
from collections.abc import Sequence

import tyro

from ntk_repro.command_line import command, use_compilation_cache
from ntk_repro.errors import unknown_name
from ntk_repro.widths import EXPERIMENTS


def main(args: Sequence[str] | None = None) -> None:
    """Parses the command line, computes the run (or finds it done) and shows what came out."""
    args = list(sys.argv[1:] if args is None else args)
    command(lambda: _run(args))


def _run(args: list[str]) -> None:
    prog = "python -m ntk_repro.widths"
    if not args or args[0] in ("-h", "--help"):
        width = max(map(len, EXPERIMENTS))
        print(f"usage: {prog} [experiment] [options]   (--help after an experiment lists its options)\n")
        print("\n".join(f"  {name:{width}}  {what}" for name, what in EXPERIMENTS.items()))
        return
    if args[0].startswith("-"):  # python -m ntk_repro.widths --net lenet5 --data mnist --shift 7
        args = ["training", *args]
    name = args[0].replace("-", "_")
    if name not in EXPERIMENTS:
        raise unknown_name("experiment", args[0], EXPERIMENTS)
    # Only the experiment named is imported: each brings its own part of the library.
    experiment = importlib.import_module(f"ntk_repro.widths.{name}")
    config = tyro.cli(experiment.Config, prog=f"{prog} {name}", args=args[1:])
    use_compilation_cache()
    folder = experiment.run(config)
    experiment.show(folder)
    print(f"kept in: {folder.path} (the same command shows it again at once)")


if __name__ == "__main__":
    main()
