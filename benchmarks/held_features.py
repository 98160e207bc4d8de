"""A kernel's computation from precomputed features, so that only its tiles are timed."""

import dataclasses
from typing import Self

import numpy as np

from ntk_repro.gram.structured.computation import BlockFeatures, Computation
from ntk_repro.gram.structured.schedule import Blocks


@dataclasses.dataclass(frozen=True)
class HeldFeatures(Computation):
    """A computation with precomputed features."""

    blocks: tuple[BlockFeatures, ...] = ()

    @classmethod
    def of(cls, computation: Computation, blocks: tuple[BlockFeatures, ...]) -> Self:
        """The computation with the features of all its blocks."""
        fields = {field.name: getattr(computation, field.name) for field in dataclasses.fields(computation)}
        return cls(**fields, blocks=blocks)

    def features(self, x: np.ndarray, blocks: Blocks, index: int) -> BlockFeatures:
        """The precomputed features of a block."""
        return self.blocks[index]


def make_all(computation: Computation, x: np.ndarray) -> tuple[BlockFeatures, ...]:
    """The features of every block."""
    rows = computation.schedule.rows
    return tuple(computation.features(x, rows, index) for index in range(rows.count))
