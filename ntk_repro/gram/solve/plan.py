"""How a factor on disk is cut, so that its computation stays within memory; what it costs."""

import dataclasses
from typing import Self

from ntk_repro.errors import UserError
from ntk_repro.memory import readable_bytes

_FLOAT64 = 8
_TILE = 1024  # products of such tiles run at the speed of large ones
_MOST_BLOCKS = 256  # along a side: more tiles would be many small files
_PANELS = 3  # that are read ahead, see `GramStore.panels`
_TILES = 24  # on their way to and from the disk, and copies


def bytes_in_memory(n: int) -> float:
    """Memory of a factor in memory and of its use."""
    return _FLOAT64 * n * (n + 4.0 * min(n, _TILE))


@dataclasses.dataclass(frozen=True)
class Plan:
    """A blocked factorization from disk: tiles of the factor, and how many rows of them are computed at once.

    Attributes:
        n: rows of the kernel.
        tile: rows of a tile of the factor. It decides over rounding; `stripe` does not.
        stripe: block rows that are computed together, so that what is above them is read once for all of them.
        memory: bytes at once, with products of the kernel.
    """

    n: int
    tile: int
    stripe: int
    memory: float

    @classmethod
    def of(cls, n: int, memory: float, panel_rows: int = 0, itemsize: int = _FLOAT64, tile: int | None = None) -> Self:
        """The plan with the largest tiles and stripes that memory allows.

        Args:
            n: rows of the kernel.
            memory: bytes that may be used.
            panel_rows: of the kernel's store, 0 in memory.
            itemsize: bytes of an entry of the kernel.
            tile: of a factor that was begun; None to choose.

        Raises:
            UserError: memory holds no plan.
        """
        kernel = n * panel_rows * itemsize  # bytes of a panel
        product = _PANELS * kernel + (n * (panel_rows or _TILE) * _FLOAT64 if itemsize < _FLOAT64 else 0)

        def needed(tile: int, stripe: int) -> float:
            pieces = min(_PANELS, 1 + -(-stripe * tile // panel_rows)) if panel_rows else 0
            beside = max(pieces * kernel, _PANELS * tile * n * _FLOAT64 + _TILES * tile**2 * _FLOAT64)
            return max(stripe * tile * n * _FLOAT64 + beside, product)

        smallest = max(16, n // _MOST_BLOCKS)
        chosen = min(_TILE, n) if tile is None else tile
        while tile is None and chosen // 2 >= smallest and needed(chosen, 2) > memory:
            chosen //= 2
        if needed(chosen, 1) > memory:
            sizes = f"{readable_bytes(needed(chosen, 1))} of memory and {readable_bytes(max(memory, 0))} are allowed"
            raise UserError(f"a Cholesky factor of {n:,} rows on disk needs {sizes}: allow more, or take fewer samples")
        stripe = -(-n // chosen)
        while stripe > 1 and needed(chosen, stripe) > memory:
            stripe -= 1
        return cls(n, chosen, stripe, needed(chosen, stripe))

    @property
    def blocks(self) -> int:
        """Block rows of the factor."""
        return -(-self.n // self.tile)

    @property
    def operations(self) -> float:
        """Of the factorization, in float64; the diagonal of the inverse takes as many again."""
        return self.n**3 / 3

    @property
    def disk(self) -> float:
        """Bytes of the factor."""
        return _FLOAT64 * self.blocks * (self.blocks + 1) / 2 * self.tile**2

    @property
    def bytes_read(self) -> float:
        """Of the factor, while it is computed: for each stripe all that is above it."""
        starts = range(self.stripe, self.blocks, self.stripe)
        return _FLOAT64 * self.tile**2 * float(sum(first * (self.blocks - first) for first in starts))
