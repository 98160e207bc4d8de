"""In which blocks a kernel is computed, from what a sample costs and what the machine has."""

import dataclasses
from collections.abc import Callable, Iterator

import jax

from ntk_repro.errors import UserError
from ntk_repro.gram.features import Features, Plan
from ntk_repro.gram.memory import available_bytes, readable_bytes

__all__ = ["Schedule"]

# Half-made features of this many bytes stay in the CPU's cache, which makes them about 4 times faster than large ones.
_CPU_PASS_BYTES = 16 * 2**20
# Largest intermediate of a tile in positions form.
_TILE_BYTES = 256 * 2**20
# The share of the available memory that features may take.
_FEATURE_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class Schedule:
    """In which order tiles are computed and how many blocks of features are held.

    Attributes:
        batch: samples in one pass through the network.
        tile: samples in a block of features, a multiple of `batch` unless there are fewer.
        rows: blocks of rows in all.
        columns: blocks of columns in all.
        held: blocks of row features held at once; the others are made again when their turn comes.
    """

    batch: int
    tile: int
    rows: int
    columns: int
    held: int

    @classmethod
    def of(cls, plan: Plan, n1: int, n2: int, itemsize: int) -> "Schedule":
        """The schedule for this machine and n1 by n2 samples.

        Raises:
            UserError: when not even two blocks of features fit into memory.
        """
        on_cpu = jax.default_backend() == "cpu"
        sample = plan.floats_per_sample * itemsize
        making = plan.floats_per_pass * itemsize
        result = n1 * n2 * (plan.num_cotangents**2 if plan.blocks else 1) * itemsize
        budget = _FEATURE_SHARE * (available_bytes() - (result if on_cpu else 0))
        longest = max(n1, n2)
        batch = (_CPU_PASS_BYTES if on_cpu else budget / 8) // making
        batch = int(min(max(batch, 8), 256 if on_cpu else 1024, longest))
        positions = [
            layer.positions for layer, form in zip(plan.layers, plan.forms, strict=True) if form == "positions"
        ]
        widest = max([1, *positions]) * (plan.num_cotangents if plan.blocks else 1)
        largest = min(int((_TILE_BYTES / itemsize) ** 0.5 / widest), 512 if on_cpu else 8192)
        # Two blocks at least are held: the row's and the column's.
        fitting = int(budget / 2 / sample)
        if fitting < 1:
            raise UserError(
                f"the features of one sample need {readable_bytes(sample)} and {readable_bytes(budget)} may be used: "
                "free memory or take a narrower network"
            )
        batch = min(batch, fitting)
        tile = max(min(largest, fitting, longest) // batch, 1) * batch
        rows, columns = -(-n1 // tile), -(-n2 // tile)
        held = int(budget // (sample * tile)) - 1
        return cls(batch, tile, rows, columns, max(min(held, rows), 1))

    def num_tiles(self, symmetric: bool) -> int:
        """How many tiles there are, of one triangle where the kernel is symmetric."""
        return self.rows * (self.rows + 1) // 2 if symmetric else self.rows * self.columns

    def tiles(
        self, row_block: Callable[[int], Features], column_block: Callable[[int], Features] | None
    ) -> Iterator[tuple[int, int, Features, Features]]:
        """All tiles (of the upper triangle where there is no `column_block`) with their features, each once.

        Row features are held for a group of blocks; a column's features are made once a group.
        """
        for start in range(0, self.rows, self.held):
            stop = min(start + self.held, self.rows)
            group = {i: row_block(i) for i in range(start, stop)}
            for j in range(start if column_block is None else 0, self.columns):
                two = column_block(j) if column_block else group[j] if j in group else row_block(j)
                for i in range(start, stop):
                    if column_block is None and i > j:
                        break
                    yield i, j, group[i], two
