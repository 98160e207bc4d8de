"""`python -m benchmarks [NAME ...]`: runs measurements, saves numbers and pictures in benchmarks/out/NAME.*."""

import ast
import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import tyro

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.record import environment

NAMED = ("gram", "training", "import_time", "energy", "jpeg", "labels", "scaling", "papers_scale", "processes",
         "ensemble", "dynamics", "hard_cases", "sketch", "linearized_step", "convolutions", "first_kernel", "estimates",
         "kernel_function", "kernel_solve", "operator", "accelerator", "same_bits", "checks", "code_lines")  # fmt: skip


def main(names: Annotated[tuple[str, ...], tyro.conf.Positional] = (), out: Path = Path("benchmarks/out")) -> None:
    """Runs measurements, one at a time; run nothing else on the machine meanwhile.

    Args:
        names: of the measurements; none: they are listed with what they measure. For one part of a measurement
            NAME:PART, such as gram:lenet or papers_scale:lenet_from_disk.
        out: folder for numbers and pictures.
    """
    if not names:
        for name in NAMED:
            print(f"{name:16}{_described(name)}")
        print("\nnext: python -m benchmarks gram")
        return
    try:
        chosen = [_chosen(name) for name in names]
        out.mkdir(parents=True, exist_ok=True)
        for name, parts in chosen:
            _measure(name, parts, out)
    except UserError as error:
        raise SystemExit(f"error: {error}") from error


def _described(name: str) -> str:
    """The first sentence of a measurement's own text, which is not imported for it."""
    text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _chosen(text: str) -> tuple[str, list[str]]:
    """A benchmark and its parts to run: all of them, or the named one; none if it has no parts."""
    name, _, part = text.partition(":")
    if name not in NAMED:
        raise unknown_name("benchmark", name, NAMED)
    parts = list(getattr(_module(name), "PARTS", {}))
    if not part:
        return name, parts
    if part not in parts:
        raise unknown_name(f"part of {name}", part, parts)
    return name, [part]


def _measure(name: str, parts: list[str], out: Path) -> None:
    module, path = _module(name), out / f"{name}.json"
    found: dict[str, Any] = {}
    if parts:
        earlier = json.loads(path.read_text()) if path.exists() else {}
        found = {part: earlier[part] for part in module.PARTS if part in earlier}
        for part in parts:
            print(f"== {name}: {part}", flush=True)
            found[part] = {**module.PARTS[part](), "environment": environment()}
            summary = {"summary": module.summary(found)} if hasattr(module, "summary") else {}
            _write(path, {**found, **summary})  # after each part, in case a later one is stopped
    else:
        print(f"== {name}", flush=True)
        found = {**module.run(), "environment": environment()}
        _write(path, found)
    print(f"written: {path}")
    if hasattr(module, "draw"):
        picture = path.with_suffix(".png")
        module.draw(found).savefig(picture, dpi=150)
        print(f"written: {picture}")
    if hasattr(module, "lines"):
        print(*module.lines(found), sep="\n")
    print(flush=True)


def _write(path: Path, found: dict[str, Any]) -> None:
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(found, indent=1) + "\n")
    partial.replace(path)


def _module(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


if __name__ == "__main__":
    tyro.cli(main)
