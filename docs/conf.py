"""Sphinx's settings: Markdown pages by MyST, the API from docstrings by autodoc, nothing from the network."""

import ast
import html
import importlib
import inspect
import os
import pkgutil
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

sys.path.insert(0, str(Path(__file__).parent))  # notebooks.py
sys.path.insert(0, str(Path(__file__).parents[1]))  # the clone's package, installed or not
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import notebooks

import ntk_repro
from ntk_repro.lazy_names import homes
from ntk_repro.papers import FIGURES

STUDIES = list(dict.fromkeys(f"ntk_repro.{figure.study.split('.')[0]}" for figure in FIGURES.values()))

project = "ntk_repro"
author = "the authors of ntk_repro"
release = version = ntk_repro.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "py:obj"  # `name` in a docstring is a link where there is such a name, and code where there is none

html_theme = "furo"
html_title = f"ntk_repro {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style, pygments_dark_style = "default", "github-dark"
highlight_language = "none"  # of a block that names no language: listings of files, formulas

autosummary_generate = False  # tables of names alone: the pages of docs/api hold the objects
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
add_module_names = False
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True  # attributes in a list, as the class has them, and not each a second time
napoleon_attr_annotations = False  # their types stand in the signature
napoleon_custom_sections = [("Source", "notes_style")]


def setup(app: Any) -> None:
    """What Sphinx cannot know of this package: names loaded late, plain docstrings, shapes in annotations."""
    for page in (Path(__file__).parent / "api").glob("*.md"):
        for name in re.findall(r"^\.\. automodule:: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            load_all_names(name)
    for study in STUDIES:
        load_all_names(study)
    app.connect("source-read", with_reference_results)
    app.connect("source-read", with_studies)
    app.connect("source-read", with_colab)
    app.connect("doctree-read", with_breaks_in_tables)
    app.connect("doctree-read", with_headings_in_cells)
    app.connect("html-page-context", with_keyboard_access, priority=900)  # after the theme
    app.connect("doctree-read", with_links_to_names)
    app.connect("autodoc-process-docstring", as_restructured_text, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", as_written)


def with_reference_results(app: Any, page: str, source: list[str]) -> None:
    """Adds docs/reference, whose pages a program writes, to the contents where it is there."""
    pages = [path.stem for path in (Path(__file__).parent / "reference").glob("*.md")]
    if page == "index" and pages:
        source[0] = source[0].replace("\nsamarin2022\n", "\nsamarin2022\nreference/index\n")
    elif page == "reference/index":
        others = "\n".join(sorted(set(pages) - {"index"}))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{others}\n```\n"


def with_colab(app: Any, page: str, source: list[str]) -> None:
    """Adds the link to its notebook below the title of a page that has one, once the repository has an address."""
    address = notebooks.colab(page, notebooks.repository()) if page in notebooks.PAGES else None
    if address is not None:
        title, text = source[0].split("\n", 1)
        source[0] = f"{title}\n\n[Open in Colab]({address})\n{text}"


def with_studies(app: Any, page: str, source: list[str]) -> None:
    """Adds a section for each study to its page, and one for each module of the study."""
    if page != "api/studies":
        return
    for study in STUDIES:
        package = importlib.import_module(study)
        names = [module.name for module in pkgutil.iter_modules(package.__path__)]
        modules = [
            f"{study}.{name}" for name in names if name not in ("__main__", "settings")
        ]  # inherited: shown there
        for name in (study, *modules):
            heading = "##" if name == study else "###"
            directive = f".. automodule:: {name}\n   :members:\n   :inherited-members: IntEnum,int,object"
            source[0] += f"\n{heading} {name}\n\n```{{eval-rst}}\n{directive}\n```\n"


def with_links_to_names(app: Any, doctree: nodes.document) -> None:
    """Makes links of the names that a page has as code: ntk_repro.<...>, and public ones that are no plain words."""
    for code in list(doctree.findall(nodes.literal)):
        name = "".join(str(part) for part in code.findall(nodes.Text) if not isinstance(part.parent, nodes.raw))
        dotted = re.fullmatch(r"ntk_repro\.(\w+)[\w.]*", name)
        public = dotted[1] if dotted else name
        home = homes("ntk_repro").get(public)
        known = dotted or (home and not public.islower()) or (home and "_" in public)
        if isinstance(code.parent, addnodes.pending_xref) or not known:
            continue
        target = f"{home}.{name.removeprefix('ntk_repro.')}" if home else name
        link = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=target, refwarn=False)
        code.replace_self(link)
        link += code


def with_breaks_in_tables(app: Any, doctree: nodes.document) -> None:
    """Lets long code in tables break after its dots, slashes and underscores, and keeps short code whole."""
    for code in [code for table in doctree.findall(nodes.table) for code in table.findall(nodes.literal)]:
        text = code.astext()
        if len(text) <= 20:
            code["classes"].append("whole")
            continue
        parts = [part for part in re.split(r"(?<=[._/])", text) if part]
        broken: list[nodes.Node] = [nodes.Text(parts[0])]
        for part in parts[1:]:
            broken += [nodes.raw("", "<wbr>", format="html"), nodes.Text(part)]
        code.children.clear()
        code += broken


def with_headings_in_cells(app: Any, doctree: nodes.document) -> None:
    """Puts a column's heading before each cell's text: pages.css shows it where a screen is too narrow for rows."""
    for table in doctree.findall(nodes.table):
        headings = [entry.astext() for head in table.findall(nodes.thead) for entry in head.findall(nodes.entry)]
        for row in [row for body in table.findall(nodes.tbody) for row in body.findall(nodes.row)]:
            for heading, cell in zip(headings, list(row.findall(nodes.entry)), strict=False):
                if heading and cell.astext():
                    cell.insert(0, nodes.raw("", f'<span class="column">{html.escape(heading)}</span>', format="html"))


def with_keyboard_access(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Adds levels of headings and keys that scroll, and writes parameters as no list of definitions."""
    navigation = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = navigation.replace('role="heading"', 'role="heading" aria-level="2"')
    body = context.get("body", "")
    for scrolled in ("<pre", '<div class="table-wrapper'):
        body = body.replace(scrolled, f'{scrolled[:4]} tabindex="0"{scrolled[4:]}')
    signature = r"<dl>\n((?:<dd><em class=\"sig-param\">.*?</dd>\n)+)</dl>"
    body = re.sub(signature, lambda found: f'<span class="parameters">{found[1]}</span>', body)
    context["body"] = re.sub(r'<dd>(<em class="sig-param">.*?)</dd>', r"<span>\1</span>", body)


def load_all_names(module_name: str) -> None:
    """Makes names that a package loads on use ordinary attributes, which is where autodoc looks for them."""
    module = importlib.import_module(module_name)
    for name in getattr(module, "__all__", ()):
        setattr(module, name, getattr(module, name))


def as_restructured_text(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: formulas that stand apart are shown as they are, marks are escaped."""
    if what == "data" and lines and inspect.cleandoc(type(obj).__doc__ or "").startswith(lines[0]):
        lines.clear()  # the text of dict or tuple: the page has one of its own
    # Napoleon takes the first words of an attribute's first line, up to a colon, for its type: a comment goes before.
    made: list[str] = ["..", ""] if what in ("attribute", "data", "property") else []
    in_section = apart = False
    for number, line in enumerate(lines):
        if re.match(r"[A-Z]\w*:$", line):
            in_section = True
        begins = not in_section and line.startswith("    ") and (not made or not made[-1].strip())
        if begins and not apart:
            apart = True
            made += ["::", ""]
        elif line.strip() and not line.startswith("    "):
            apart = False
        doctest = line.lstrip().startswith(">>>") or (number and lines[number - 1].lstrip().startswith(">>>"))
        made.append(line if apart or doctest else escaped(line))
    lines[:] = made


def escaped(line: str) -> str:
    """A line of plain text, in which *, | and a closing _ are no marks; what stands between backticks is code."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(
        (part if re.fullmatch(r"`[A-Za-z_][\w.]*`", part) else f"`{part}`")  # only a name may become a link
        if part.startswith("`")
        else re.sub(r"([*|]|(?<=\w)_(?=\W|$))", r"\\\1", part)
        for part in parts
    )


def as_written(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """The signature of a function as its source has it: evaluated, Float[np.ndarray, "n k"] becomes unreadable."""
    if name.endswith("Config"):
        return "", None  # a study's settings: each is described below, with its default
    if what not in ("function", "method") or signature is None:
        return signature, returned
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(obj)))
    except (OSError, TypeError):
        return signature, returned
    node = ast.parse(source).body[0]
    if not isinstance(node, ast.FunctionDef):
        return signature, returned
    for arguments in (node.args.posonlyargs, node.args.args):
        if what == "method" and arguments and arguments[0].arg in ("self", "cls"):
            del arguments[0]
    return f"({ast.unparse(node.args)})", ast.unparse(node.returns) if node.returns else None
