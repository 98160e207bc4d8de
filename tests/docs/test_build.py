"""The documentation builds without a warning, needs no network, and none of its links is dead."""

import importlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import ntk_repro
from ntk_repro.lazy_names import homes
from ntk_repro.papers import FIGURES
from tests.docs.blocks import DOCS, ROOT

pytestmark = pytest.mark.slow

API = {page.stem: page.read_text() for page in (DOCS / "api").glob("*.md")}
MODULES = sorted(set(re.findall(r"^\.\. automodule:: (\S+)", "\n".join(API.values()), re.MULTILINE)))
STUDIES = {figure.study.split(".")[0] for figure in FIGURES.values()}
# Rooms that are programs or shims, with nothing for a reader to call.
WITHOUT_A_PAGE = {"__main__", "_neural_tangents", "widths"}


class Page(HTMLParser):
    """The anchors, links and resources of an HTML page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.resources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = {name: value for name, value in attrs if value is not None}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif "src" in found or (tag == "link" and "href" in found):
            self.resources.append(found.get("src", found.get("href", "")))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The pages, built once; a warning is an error."""
    folder = tmp_path_factory.mktemp("pages")
    program = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--doctree-dir"]
    program += [str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(built) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(built.rglob("*.html"))}


def test_the_pages_build_without_a_warning(built):
    sources = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md") if "_build" not in path.parts}
    made = {path.relative_to(built).with_suffix("") for path in built.rglob("*.html")}
    assert sources <= made


def test_every_page_can_be_reached_from_the_first(built, pages):
    first = pages[built / "index.html"]
    linked = {(built / urlsplit(link).path).resolve() for link in first.links if not urlsplit(link).scheme}
    names = {path for path in pages if path.name not in ("genindex.html", "search.html", "py-modindex.html")}
    # The contents on the left name all pages except those below the API's, which its page names.
    api = {(built / "api" / urlsplit(link).path).resolve() for link in pages[built / "api/index.html"].links}
    assert names <= linked | api | {built / "index.html"}


def test_internal_links_lead_somewhere(built, pages):
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                dead.append(f"{path.relative_to(built)}: {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                dead.append(f"{path.relative_to(built)}: {link} has no such place")
    assert dead == []


def test_viewing_needs_no_network(built, pages):
    asked = [f"{path}: {name}" for path, page in pages.items() for name in page.resources if urlsplit(name).netloc]
    assert asked == []
    for path, page in pages.items():
        for name in page.resources:
            if name.startswith(("#", "data:")):
                continue
            assert (path.parent / unquote(urlsplit(name).path)).is_file(), f"{path}: {name}"
    styles = [path for path in built.rglob("*.css") if re.search(r"url\(\s*['\"]?(https?:)?//", path.read_text())]
    assert styles == []


def test_pages_are_read_by_keyboard_screen_reader_and_phone(built):
    """What a browser's checks would complain of, and the headings of columns that pages.css shows on a phone."""
    for path in built.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r'<pre>|<div class="table-wrapper|role="heading"(?! aria-level)|<dl>\s*<dd>', text), path
    rows = re.findall(r"<tr class=\"row-even\">.*?</tr>", (built / "choosing.html").read_text(), re.DOTALL)
    assert rows
    for row in rows:
        assert row.count("<td>") == row.count('<td><span class="column">') + row.count("<td><p></p></td>")


def public_names(module) -> list[str]:
    """The names that a room lists, or those that a file defines without an underscore."""
    defined = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return getattr(module, "__all__", [name for name in defined if not name.startswith("_")])


def test_every_public_name_is_described(built):
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((built / "objects.inv").read_bytes(), uri="")
    described = {name for kind, names in inventory.data.items() if kind.startswith("py:") for name in names}
    missing = [
        f"{module}.{name}"
        for module in MODULES
        for name in public_names(importlib.import_module(module))
        if f"{module}.{name}" not in described
    ]
    assert missing == [], "give them a place in docs/api"
    listed = {name.rpartition(".")[2] for name in re.findall(r"^   ~(ntk_repro\.\S+)", API["index"], re.MULTILINE)}
    assert listed == set(ntk_repro.__all__) - {"__version__"}


def test_every_room_has_a_place_among_the_pages():
    package = Path(ntk_repro.__file__).parent
    rooms = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    with_a_page = {module.split(".")[1] for module in MODULES} | STUDIES
    assert rooms - with_a_page - WITHOUT_A_PAGE - {"__init__"} == set()


def test_names_in_the_table_of_equations_are_links(built, pages):
    text = (DOCS / "equations.md").read_text()
    names = set(re.findall(r"`(ntk_repro\.[\w.]+)`", text))
    targets = {urlsplit(link).fragment for link in pages[built / "equations.html"].links}
    for name in names:
        first, *rest = name.removeprefix("ntk_repro.").split(".")
        home = homes("ntk_repro").get(first, "ntk_repro")
        target = ".".join([home, first, *rest])
        assert target in targets or f"module-{target}" in targets, name
