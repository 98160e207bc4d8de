"""A paper, and a figure of it: the study that computes its runs, and the paper's claims about it."""

import re
from dataclasses import dataclass

from ntk_repro.papers.claims import Claim

_WORDS = {"fig": "Figure", "table": "Table", "lemma": "Lemma", "theorem": "Theorem"}


@dataclass(frozen=True)
class Paper:
    """One paper.

    Attributes:
        name: its short name, such as "ortiz2021", also the name of its folders of presets and drawing scripts.
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
        """A figure of this paper; its label defaults to what its name spells, "Figure S7" for "figS7"."""
        kind, number = re.fullmatch(r"([a-z]+)(\w+)", name).groups()  # type: ignore[union-attr]
        return Figure(self, name, label or f"{_WORDS[kind]} {number}", title, study, claims)


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of one paper; its presets are in configs/<id>.toml, and figures/<id>.py draws it.

    Attributes:
        paper: the paper.
        name: its name within the paper, such as "fig2".
        label: its name in the paper, such as "Figure 2".
        title: what it shows, in one line.
        study: the module under `ntk_repro` that computes its runs, such as "eigentasks" or "wide_limit.drift".
        claims: what the paper says about it.
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
