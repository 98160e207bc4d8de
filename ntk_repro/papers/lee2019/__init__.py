"""Lee et al. 2019; every module holds some of its figures."""

from ntk_repro.papers.figure import Paper

__all__ = ["PAPER"]

PAPER = Paper(
    "lee2019", "Lee", 2019, "Wide neural networks of any depth evolve as linear models under gradient descent"
)
