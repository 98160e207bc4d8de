"""The paper itself."""

from ntk_repro.papers.figure import Paper

__all__ = ["PAPER"]

PAPER = Paper("samarin2022", "Samarin", 2022, "Feature learning and random features in standard finite-width CNNs")
