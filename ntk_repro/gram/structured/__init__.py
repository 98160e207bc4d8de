"""The exact Gram matrix by structure: a form for each layer by counting, features by batch, matrix products by tile."""

from ntk_repro.gram.structured.computation import Computation, structured_gram, structured_plan
from ntk_repro.gram.structured.features import Plan
from ntk_repro.gram.structured.schedule import Blocks, Schedule

__all__ = ["Blocks", "Computation", "Plan", "Schedule", "structured_gram", "structured_plan"]
