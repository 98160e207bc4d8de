"""A figure of a paper: where its numbers come from, what draws it and what the paper says about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ntk_repro.papers.claims import Claim

__all__ = ["Figure", "in_order"]


@dataclass(frozen=True)
class Figure:
    """One figure of one paper.

    Attributes:
        id: "<paper>/<figure>", such as "ortiz2021/fig2"; its presets are in configs/<id>.toml.
        title: one line of what it shows.
        source: authors, year and number in the paper.
        study: the module under `ntk_repro` that computes its runs, such as "eigentasks" or "wide_limit.drift".
        script: the drawing script under figures/, a program made by `ntk_repro.papers.drawing.draw_command`.
        claims: what the paper says one should see.
    """

    id: str
    title: str
    source: str
    study: str
    script: str
    claims: tuple[Claim, ...]

    @property
    def paper(self) -> str:
        """The paper's short name, such as "ortiz2021"."""
        return self.id.split("/")[0]

    @property
    def folder(self) -> str:
        """The name of the study's folder among the runs, such as "wide_limit_drift"."""
        return self.study.replace(".", "_")

    @property
    def name(self) -> str:
        """The figure's name within its paper, such as "fig2"."""
        return self.id.split("/")[1]


def in_order(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """The figures of a paper as it has them: those of the text by number, then tables, the appendix, and the rest."""
    return tuple(sorted(figures, key=lambda figure: _place(figure.name)))


def _place(name: str) -> tuple[int, str, int]:
    found = re.fullmatch(r"(fig|table)([A-Z]?)(\d+)", name)
    return (2, name, 0) if found is None else (int(found[2] != ""), found[1], int(found[3]))
