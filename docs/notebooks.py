"""`python docs/notebooks.py [FOLDER]`: makes notebooks of the pages that a newcomer runs, by jupytext.

The address of the repository is `Repository` under `[project.urls]` in pyproject.toml. Without it the notebooks have no
badge, links to other pages are plain text, and the first cell says how to install the package from a folder.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

DOCS = Path(__file__).parent
PAGES = ("tutorial", "lee2019_fig2", "ortiz2021_fig2", "samarin2022_fig2")
_GITHUB = "https://github.com/"


def repository() -> str | None:
    """The public address of the repository, None as long as it has none."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository")


def colab(page: str, address: str | None) -> str | None:
    """The address that opens a page's notebook in Colab: from the branch `notebooks`, where the notebooks belong."""
    if address is None or not address.startswith(_GITHUB):
        return None
    return f"https://colab.research.google.com/github/{address.removeprefix(_GITHUB)}/blob/notebooks/{page}.ipynb"


def notebook(page: str, address: str | None) -> "NotebookNode":
    """The notebook of a page: its text and its code, without the outputs and pictures that running it gives."""
    import jupytext
    from nbformat.v4 import new_code_cell, new_markdown_cell

    made = jupytext.reads((DOCS / f"{page}.md").read_text(encoding="utf-8"), fmt="md")
    for cell in made.cells:
        cell.source = _code(cell.source) if cell.cell_type == "code" else _text(cell.source, address)
    if address is None:
        first = new_markdown_cell(
            "This notebook needs the package: `pip install path/to/ntk_repro`, with the folder of your clone, in the "
            "environment of its kernel."
        )
    else:
        # Whoever runs the notebook by a program has installed the package: nbclient skips cells with this tag.
        first = new_code_cell(f"%pip install --quiet git+{address}", metadata={"tags": ["skip-execution"]})
    badge = colab(page, address)
    picture = "https://colab.research.google.com/assets/colab-badge.svg"
    above = [new_markdown_cell(f"[![Open in Colab]({picture})]({badge})")] if badge else []
    made.cells = [first, *above, *(cell for cell in made.cells if cell.source)]
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(made.cells):
        cell.id = f"{page}-{number}"  # the same from run to run
    return made


def _code(source: str) -> str:
    """A block that names a file becomes a cell that writes it."""
    return re.sub(r"\A# file: (\S+)\n", r"%%writefile \1\n", source)


def _text(source: str, address: str | None) -> str:
    """Text without outputs and pictures; links to other pages lead to the repository where it has an address."""
    source = re.sub(r"^```text\n.*?^```$", "", source, flags=re.MULTILINE | re.DOTALL)
    source = re.sub(r"^!\[[^]]*\]\([^)]*\)$", "", source, flags=re.MULTILINE)
    link = r"[\1](" + f"{address}/blob/HEAD/docs/" + r"\2)" if address else r"\1"
    return re.sub(r"(?<!!)\[([^]]*)\]\((?!https?:)([^)]*)\)", link, source).strip()


def main(folder: Path) -> None:
    """Writes all notebooks and prints their paths."""
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        path = folder / f"{page}.ipynb"
        nbformat.write(notebook(page, repository()), path)
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else DOCS / "_build" / "notebooks")
