"""`python -m tests.docs.renew`: runs the pages that show outputs, and writes into them what they print and draw."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.blocks import DOCS, Block, blocks, run

# The pictures that pages draw: what their names in docs end in, and the files.
PICTURES = {
    "tutorial": {"eigenfunctions": "eigenfunctions.png", "intervals": "intervals.png"},
    "extending": {},
    "lee2019_fig2": {"wide": "wide/lee2019_fig2.png", "narrow": "narrow/lee2019_fig2.png"},
    "ortiz2021_fig2": {"relu": "relu/ortiz2021_fig2.png", "gelu": "gelu/ortiz2021_fig2.png"},
    "samarin2022_fig2": {"large": "large/samarin2022_fig2.png", "small": "small/samarin2022_fig2.png"},
}


def outputs(page: Path) -> Iterator[tuple[Block, str]]:
    """Every Python block of a page with its output, run in order in the working folder."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        if block.language == "python":
            yield block, run(block, page.name, names)


def renew(page: Path) -> None:
    """Writes the outputs of the page's Python blocks into it, and copies its pictures beside it."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        for block, printed in outputs(page):
            if printed:
                end = f"```python\n{block.text}```\n\n"
                shown = "" if block.shown is None else f"```text\n{block.shown}```\n"
                text = text.replace(end + shown, f"{end}```text\n{printed}```\n" + "\n" * (not shown), 1)
        for name, file in PICTURES[page.stem].items():
            shutil.copy(Path(folder) / file, DOCS / f"{page.stem}_{name}.png")
        os.chdir(DOCS)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import matplotlib as mpl

    mpl.use("Agg")
    for stem in sys.argv[1:] or PICTURES:
        renew(DOCS / f"{stem}.md")
