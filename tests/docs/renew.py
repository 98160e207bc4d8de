"""`python -m tests.docs.renew`: runs the pages that show outputs, and writes into them what they print and draw."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.blocks import DOCS, Block, blocks, commands_of, run, run_command

PICTURES = {"tutorial": ("eigenfunctions", "intervals"), "extending": ()}


def outputs(page: Path, languages: tuple[str, ...] = ("python", "sh")) -> Iterator[tuple[Block, str]]:
    """Every block of a page with its output, run in order in the working folder."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        if block.language not in languages:
            continue
        if block.language == "sh":
            yield block, "".join(run_command(command) for command in commands_of(block))
        else:
            yield block, run(block, page.name, names)


def renew(page: Path) -> None:
    """Writes the outputs of the page's Python blocks into it, and copies its pictures beside it."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        for block, printed in outputs(page, ("python",)):
            if printed:
                end = f"{block.text}```\n\n"
                shown = "" if block.shown is None else f"```text\n{block.shown}```\n"
                text = text.replace(end + shown, f"{end}```text\n{printed}```\n" + "\n" * (not shown), 1)
        for name in PICTURES[page.stem]:
            shutil.copy(Path(folder) / f"{name}.png", DOCS / f"{page.stem}_{name}.png")
        os.chdir(DOCS)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import matplotlib as mpl

    mpl.use("Agg")
    for stem in sys.argv[1:] or PICTURES:
        renew(DOCS / f"{stem}.md")
