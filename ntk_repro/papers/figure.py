"""A paper, and a figure of it: where its numbers come from, what draws it and what the paper says about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ntk_repro.papers.claims import Claim

__all__ = ["Figure", "Paper", "in_order"]

_WORDS = {"fig": "Figure", "table": "Table", "lemma": "Lemma", "theorem": "Theorem"}


@dataclass(frozen=True)
class Paper:
    """One paper.

    Attributes:
        name: its short name, such as "ortiz2021", which its folders of presets and drawing scripts have too.
        first_author: such as "Ortiz-Jimenez".
        year: of publication.
        title: its title.
    """

    name: str
    first_author: str
    year: int
    title: str

    def __str__(self) -> str:
        return f"{self.first_author} et al. {self.year}"

    def figure(self, name: str, title: str, study: str, *claims: Claim, label: str = "") -> "Figure":
        """A figure of this paper; without a label the one that its name spells, "Figure S7" for "figS7"."""
        kind, number = re.fullmatch(r"([a-z]+)(\w+)", name).groups()  # type: ignore[union-attr]
        return Figure(self, name, label or f"{_WORDS[kind]} {number}", title, study, claims)


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of one paper; its presets are in configs/<id>.toml, and figures/<id>.py draws it.

    Attributes:
        paper: the paper.
        name: its name within the paper, such as "fig2".
        label: how the paper calls it, such as "Figure 2".
        title: one line of what it shows.
        study: the module under `ntk_repro` that computes its runs, such as "eigentasks" or "wide_limit.drift".
        claims: what the paper says one should see.
    """

    paper: Paper
    name: str
    label: str
    title: str
    study: str
    claims: tuple[Claim, ...]

    @property
    def id(self) -> str:
        """ "<paper>/<figure>", such as "ortiz2021/fig2"."""
        return f"{self.paper.name}/{self.name}"

    @property
    def source(self) -> str:
        """Authors, year and number in the paper."""
        return f"{self.paper}, {self.label}"

    @property
    def folder(self) -> str:
        """The name of the study's folder among the runs, such as "wide_limit_drift"."""
        return self.study.replace(".", "_")


def in_order(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """The figures of a paper as it has them: those of the text by number, then tables, the appendix, and the others."""
    return tuple(sorted(figures, key=lambda figure: _place(figure.name)))


def _place(name: str) -> tuple[int, str, int]:
    found = re.fullmatch(r"(fig|table)([A-Z]?)(\d+)", name)
    return (2, name, 0) if found is None else (int(found[2] != ""), found[1], int(found[3]))
