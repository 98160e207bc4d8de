"""Lee et al. 2019, Wide neural networks of any depth evolve as linear models under gradient descent."""

from ntk_repro.papers.lee2019 import parameterization, predictive, trajectories, width

__all__ = ["FIGURES"]


def _place(name: str) -> tuple[bool, int]:
    """Figures of the text by number, then those of the supplement."""
    number = name.removeprefix("fig")
    return number.startswith("S"), int(number.removeprefix("S"))


_unordered = (*width.FIGURES, *predictive.FIGURES, *trajectories.FIGURES, *parameterization.FIGURES)
FIGURES = tuple(sorted(_unordered, key=lambda figure: _place(figure.name)))
