"""Samarin et al. 2022, Feature learning and random features in standard finite-width convolutional neural networks."""

from ntk_repro.papers.samarin2022 import spectra, tables, widths

__all__ = ["FIGURES"]


def _place(name: str) -> tuple[bool, bool, int]:
    """Figures and tables of the text by number, then those of the appendix."""
    number = name.removeprefix("fig").removeprefix("table")
    return number.startswith("A"), name.startswith("table"), int(number.removeprefix("A"))


_unordered = (*widths.FIGURES, *spectra.FIGURES, *tables.FIGURES)
FIGURES = tuple(sorted(_unordered, key=lambda figure: _place(figure.name)))
