"""The templates of the pages, with their shared filters: how verdicts are shown and counted."""

from typing import TYPE_CHECKING

from ntk_repro.papers.claims import cells, tally

if TYPE_CHECKING:
    from jinja2 import Template


def template(name: str) -> "Template":
    """A template of this folder; in one for HTML, text is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ntk_repro.report", "."),
        autoescape=name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cells": cells, "tally": tally}
    return environment.get_template(name)
