"""`python -m benchmarks [NAME ...]`: runs measurements and keeps their numbers in benchmarks/out/NAME.json."""

import importlib
import json
from pathlib import Path
from typing import Annotated

import tyro

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.record import environment

EVERY = ("gram", "training", "import_time")
NAMED = (*EVERY, "energy")


def main(names: Annotated[tuple[str, ...], tyro.conf.Positional] = EVERY, out: Path = Path("benchmarks/out")) -> None:
    """Runs measurements, one at a time; leave the machine alone meanwhile.

    Args:
        names: gram, training, import_time (these three by default), energy.
        out: folder for the numbers.
    """
    for name in names:
        if name not in NAMED:
            raise SystemExit(str(unknown_name("benchmark", name, NAMED)))
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        print(f"== {name}")
        try:
            found = importlib.import_module(f"benchmarks.{name}").run()
        except UserError as error:
            raise SystemExit(str(error)) from error
        path = out / f"{name}.json"
        path.write_text(json.dumps({**found, "environment": environment()}, indent=1) + "\n")
        print(f"written: {path}\n")


if __name__ == "__main__":
    tyro.cli(main)
