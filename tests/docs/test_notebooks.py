"""Pages become notebooks, which run as they are and give what the pages show."""

import os
import re
import runpy
import sys
from pathlib import Path

import nbformat
import pytest

from tests.docs.blocks import DOCS, ROOT, blocks, differences
from tests.docs.renew import PICTURES

NOTEBOOKS = runpy.run_path(str(DOCS / "notebooks.py"))
ADDRESS = "https://github.com/owner/ntk_repro"


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A working folder, as a reader has one; kernels start with this Python and write nowhere else."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter" / name))
    folder = tmp_path / "reader"
    for made in (folder, tmp_path / "jupyter"):
        made.mkdir()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", NOTEBOOKS["PAGES"])
def test_a_page_prints_and_draws_what_it_shows(page, reader):
    from nbclient import NotebookClient

    made = NOTEBOOKS["notebook"](page, None)
    # A cell that raises ends the test.
    NotebookClient(made, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(reader)}}).execute()
    code = [block for block in blocks(DOCS / f"{page}.md") if block.language in ("python", "sh")]
    shown = pictures = 0
    for block, cell in zip(code, [cell for cell in made.cells if cell.cell_type == "code"], strict=True):
        printed = "".join(one.text for one in cell.outputs if one.output_type == "stream" and one.name == "stdout")
        printed = re.sub(r"\x1b\[[0-9;]*m", "", printed)  # colours, which Jupyter asks programs for
        pictures += sum("image/png" in one.get("data", ()) for one in cell.outputs)
        if block.file:
            assert (reader / block.file).read_text() == block.text.partition("\n")[2]
            continue
        assert (block.shown is None) == (printed == ""), f"line {block.line}: a page shows all that is printed"
        if block.shown is not None:
            assert differences(block.shown, printed) == [], f"line {block.line}"
            shown += 1
    assert shown >= 3
    assert pictures == len(PICTURES[page]) == 2
    for name, file in PICTURES[page].items():
        for picture in (reader / file, DOCS / f"{page}_{name}.png"):
            assert picture.read_bytes().startswith(b"\x89PNG")
            assert picture.stat().st_size < 200_000
        assert f"({page}_{name}.png)" in (DOCS / f"{page}.md").read_text()


def test_the_first_cell_installs_the_package_and_the_badge_opens_colab():
    first, badge, title = NOTEBOOKS["notebook"]("ortiz2021_fig2", ADDRESS).cells[:3]
    assert first.cell_type == "code"
    assert first.source == f"%pip install --quiet git+{ADDRESS}"
    assert (
        "(https://colab.research.google.com/github/owner/ntk_repro/blob/notebooks/ortiz2021_fig2.ipynb)" in badge.source
    )
    assert title.source.startswith("# Ortiz-Jimenez")


def test_the_site_links_to_colab_below_the_title_of_a_page_that_is_a_notebook(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    settings = runpy.run_path(str(DOCS / "conf.py"))
    shown, other, unpublished = (["# Title\n\nText.\n"] for _ in range(3))
    monkeypatch.setattr(settings["notebooks"], "repository", lambda: None)
    settings["with_colab"](None, "tutorial", unpublished)
    monkeypatch.setattr(settings["notebooks"], "repository", lambda: ADDRESS)
    settings["with_colab"](None, "tutorial", shown)
    settings["with_colab"](None, "gram", other)
    assert shown == [f"# Title\n\n[Open in Colab]({NOTEBOOKS['colab']('tutorial', ADDRESS)})\n\nText.\n"]
    assert other == unpublished == ["# Title\n\nText.\n"]


def test_without_an_address_the_first_cell_says_how_to_install():
    first, title = NOTEBOOKS["notebook"]("ortiz2021_fig2", None).cells[:2]
    assert first.cell_type == "markdown"
    assert "pip install path/to/ntk_repro" in first.source
    assert title.source.startswith("# Ortiz-Jimenez")
    assert NOTEBOOKS["colab"]("ortiz2021_fig2", "https://codeberg.org/owner/ntk_repro") is None  # Colab reads GitHub


@pytest.mark.parametrize(
    ("address", "link"), [(None, "The Gram engine"), (ADDRESS, f"[The Gram engine]({ADDRESS}/blob/HEAD/docs/gram.md)")]
)
def test_links_lead_to_the_repository_and_outputs_are_left_to_the_cells(address, link):
    made = NOTEBOOKS["notebook"]("tutorial", address)
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert " ".join(link.split()) in " ".join(text.split())
    assert "](gram.md)" not in text
    assert "```" not in text
    assert ".png" not in text


@pytest.mark.parametrize("urls", ["", f'\n[project.urls]\nRepository = "{ADDRESS}"\n'])
def test_the_address_is_one_setting_of_the_project(urls, tmp_path, capsys):
    """The program, as `make notebooks` calls it, in a folder with another pyproject.toml."""
    (tmp_path / "docs").mkdir()
    for name in ("notebooks.py", *(f"{page}.md" for page in NOTEBOOKS["PAGES"])):
        (tmp_path / "docs" / name).write_text((DOCS / name).read_text())
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "ntk_repro"\n{urls}')
    runpy.run_path(str(tmp_path / "docs/notebooks.py"))["main"](tmp_path / "made")
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in paths] == [f"{page}.ipynb" for page in NOTEBOOKS["PAGES"]]
    for path in paths:
        made = nbformat.read(path, as_version=4)
        nbformat.validate(made)
        assert (ADDRESS in made.cells[0].source) == bool(urls)
