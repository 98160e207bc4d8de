"""In which blocks a kernel is computed, from what a sample costs and what the machine has."""

import dataclasses
from collections.abc import Callable, Collection, Iterator
from typing import Any

import jax

from ntk_repro.gram.structured.features import Plan
from ntk_repro.memory import available_bytes, check_memory
from ntk_repro.samples import Samples, filled_up, take

# Half-made features of so few samples stay in the CPU's cache, which makes them about 4 times faster than large ones;
# fewer would waste more than the cache gives. One number for all networks and all n: the pass compiles once.
_CPU_PASS = 32
# Largest intermediate of a tile with products over positions.
_CPU_TILE_BYTES = 32 * 2**20
_TILE_BYTES = 512 * 2**20
_EVEN = 32
# The share of the available memory that features may take.
_FEATURE_SHARE = 0.5

Tile = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Blocks:
    """How n samples are cut: into blocks of `tile`, each made in passes of `batch`; the last block is filled up."""

    n: int
    tile: int
    batch: int

    @classmethod
    def of(cls, n: int, largest_tile: int, largest_batch: int, multiple: int = 1) -> "Blocks":
        """Equal blocks of equal passes, with little to fill up.

        Args:
            n: number of samples.
            largest_tile: bound on `tile`.
            largest_batch: bound on `batch`.
            multiple: of which `batch` is one (the number of devices); where it is larger, the bounds give way.
        """
        tile = -(-n // -(-n // max(largest_tile, 1)))
        if tile < _EVEN:
            # Of few samples there are few sizes, each of which compiles.
            rounded = 1 << (tile - 1).bit_length()
            if tile == n and rounded <= min(largest_tile, largest_batch):
                tile = rounded
        else:
            # Matrix products are fastest on sizes that the processor's registers divide.
            tile += -tile % _EVEN
            for batch in range(min(largest_batch, tile), largest_batch // 2, -1):
                if tile % batch == batch % multiple == 0:
                    return cls(n, tile, batch)
        passes = -(-tile // max(largest_batch, 1))
        batch = -(-tile // passes)
        batch += -batch % multiple
        return cls(n, passes * batch, batch)

    @property
    def count(self) -> int:
        """Number of blocks."""
        return -(-self.n // self.tile)

    def samples(self, block: int) -> slice:
        """The samples of a block, fewer than `tile` in the last."""
        return slice(block * self.tile, min((block + 1) * self.tile, self.n))

    def take(self, x: Samples, block: int) -> Samples:
        """A block of x, the last one filled up with its last sample."""
        return filled_up(take(x, self.samples(block)), self.tile)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """In which order tiles are computed and how many blocks of features are held.

    Attributes:
        rows: the blocks of rows.
        columns: the blocks of columns, None where the kernel is symmetric: then one triangle is computed.
        held: blocks of row features held at once; the others are made again when they are needed.
    """

    rows: Blocks
    columns: Blocks | None
    held: int

    @classmethod
    def of(
        cls,
        plan: Plan,
        n1: int,
        n2: int | None,
        itemsize: int,
        *,
        result: int = 0,
        memory: int | None = None,
        like: Blocks | None = None,
    ) -> "Schedule":
        """The schedule for this machine, whose devices share out the samples of a block, and n1 by n2 samples.

        Args:
            plan: what samples and pairs cost.
            n1: number of rows.
            n2: number of columns, None for a symmetric kernel.
            itemsize: bytes of a number.
            result: bytes of host memory that the result will take.
            memory: bytes that may be used in all, None for what is available.
            like: the blocks of a computation that this one continues.

        Raises:
            UserError: when not even two blocks of features fit into memory.
        """
        on_cpu = jax.default_backend() == "cpu"
        sample = max(plan.floats_per_sample * itemsize, 1)
        making = plan.floats_per_pass * itemsize
        available = available_bytes() if memory is None else min(memory, available_bytes())
        budget = _FEATURE_SHARE * (available - (result if on_cpu else 0))
        # Two blocks at least are held: the row's and the column's.
        fitting = int(budget / 2 / sample)
        remedy = "free memory, allow more, or take a narrower network"
        check_memory("keeping the features of two samples", 2 * sample, budget, remedy)
        if like is None:
            batch = _CPU_PASS if on_cpu else min(max(budget / 8 // making, 8), 1024)
            batch = int(max(min(batch, budget / 2 // making, fitting), 1))
            positions = [layer.positions for layer, form in plan.formed if form != "gradient"]
            widest = max([1, *positions]) * plan.rows_per_sample
            entries = (_CPU_TILE_BYTES if on_cpu else _TILE_BYTES) / itemsize
            # On a CPU tiles of 1,024 are a fifth faster than of 512; of fewer than eight the diagonal ones waste more.
            widest_tile = min(max(n1 // 8, 512), 1024) if on_cpu else 8192
            largest = min(max(int(entries**0.5 / widest), 1), widest_tile, fitting)
            devices = jax.local_device_count()
            rows = Blocks.of(n1, largest, batch, devices)
            columns = None if n2 is None else Blocks.of(n2, largest, batch, devices)
        else:
            rows, columns = like, None
            # Two blocks in hand and two in the making.
            subject = f"this computation, begun in blocks of {rows.tile:,} samples,"
            check_memory(subject, 4 * rows.tile * sample, available, "free memory, or allow more")
        held = int(budget // (sample * rows.tile)) - 1
        return cls(rows, columns, max(min(held, rows.count), 1))

    @property
    def all_held(self) -> bool:
        """Whether every block of features is made once."""
        return self.held >= self.rows.count

    def order(self) -> list[Tile]:
        """All tiles (of the upper triangle where the kernel is symmetric) in the order in which they are computed."""
        return [(i, j) for i, j, *_ in self.tiles(lambda i: None, lambda j: None)]

    def passes(self, wanted: Collection[Tile]) -> int:
        """How many blocks of features are made, counting one again each time it is made again."""
        made: list[int] = []
        list(self.tiles(made.append, made.append, wanted))
        return len(made)

    def tiles(
        self,
        row_block: Callable[[int], Any],
        column_block: Callable[[int], Any],
        wanted: Collection[Tile] | None = None,
    ) -> Iterator[tuple[int, int, Any, Any]]:
        """The wanted tiles (None: all) with their features, each once.

        Row features are held for a group of blocks; a column's features come once a group. Nothing is made before it
        is needed. Of a symmetric kernel the rows above the diagonal are taken, from it upwards.
        """
        symmetric = self.columns is None
        for start in range(0, self.rows.count, self.held):
            group = range(start, min(start + self.held, self.rows.count))
            held: dict[int, Any] = {}
            for j in range(start, self.rows.count) if self.columns is None else range(self.columns.count):
                rows = range(min(group.stop - 1, j), start - 1, -1) if symmetric else group
                rows = [i for i in rows if wanted is None or (i, j) in wanted]
                if not rows:
                    continue
                if symmetric and j in group:
                    two = held[j] if j in held else held.setdefault(j, row_block(j))
                else:
                    two = None  # freed before the next one is made
                    two = column_block(j)
                for i in rows:
                    if i not in held:
                        held[i] = row_block(i)
                    yield i, j, held[i], two
