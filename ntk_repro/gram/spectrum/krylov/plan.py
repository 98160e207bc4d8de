"""How wide the block of a Krylov iteration is, how large its basis, and how much of the matrix stays in memory."""

import dataclasses

import numpy as np

from ntk_repro.gram.matrices import ROWS_MULTIPLIED
from ntk_repro.memory import check_memory, host_available_bytes

PROBES = 32  # random vectors that the residuals are checked with: their norms are seen to within about 25%
ROWS_AT_ONCE = 8192  # samples whose part of all eigenvectors is made at once
_BLOCK = 64  # wide enough for GEMM speed, narrow enough for a high polynomial degree in a small basis
_WIDER_BLOCKS = (96, 128, 192, 256)
_READING = 120  # operations of a product that take the time of reading one byte from a fast disk


@dataclasses.dataclass(frozen=True)
class Plan:
    """A choice of sizes.

    Attributes:
        block: vectors that are multiplied at a time.
        capacity: vectors in the basis, at which it is restarted.
        kept_bytes: of the matrix's panels that are kept in memory.
    """

    block: int
    capacity: int
    kept_bytes: float


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a plan is made for.

    Attributes:
        n: rows of the matrix.
        k: eigenpairs.
        itemsize: bytes of an entry.
        product_itemsize: bytes of a number in a product.
        panel_rows: rows of a panel that is read from disk; 0 if the matrix is in memory.
    """

    n: int
    k: int
    itemsize: int
    product_itemsize: int
    panel_rows: int

    @property
    def block(self) -> int:
        """The usual width of a block."""
        return max(8, min(_BLOCK, self.k // 4 + 8))

    def products(self, width: int) -> float:
        """Vectors that are multiplied until k pairs converge, where eigenvalues follow a power law (measured)."""
        return self.k + 5 * np.sqrt(self.k * width)

    def usual_capacity(self, width: int) -> int:
        """Vectors in a basis that is rarely restarted."""
        return min(self.n, 2 * self.k + 8 * width)

    def smallest_capacity(self, width: int) -> int:
        """Vectors in a basis with which the iteration still converges."""
        return min(self.n, self.k + 4 * width)

    def memory(self, width: int, capacity: int) -> int:
        """Bytes beside the panels that are kept."""
        # One panel in use, one read ahead and one in between; beside them the converted one, or rows of an array.
        panels = 3 * self.itemsize * self.panel_rows * self.n
        if self.product_itemsize != self.itemsize:
            panels += self.product_itemsize * (self.panel_rows or ROWS_MULTIPLIED) * self.n
        # Five blocks in float64 and three in the products' precision are alive in a step; the first has the probes.
        step = (width + PROBES) * self.n * (40 + 3 * self.product_itemsize) + panels
        projected, result = 40 * capacity**2, 8 * self.k * (self.n + 2 * min(self.n, ROWS_AT_ONCE))
        return 8 * self.n * (capacity + 2 * PROBES) + 8 * capacity**2 + max(step, projected, result)

    def plan(self, memory: int | None) -> Plan:
        """The cheapest plan in the memory that is allowed, None for most of what is free.

        Where panels come from disk wider blocks are tried, which trade passes for products.

        Raises:
            UserError: for less memory than the smallest basis needs.
        """
        budget = int(0.8 * host_available_bytes()) if memory is None else memory
        widths = [self.block]
        if self.panel_rows:
            wider = (width for width in _WIDER_BLOCKS if width > self.block)
            widths += [width for width in wider if self.memory(width, self.smallest_capacity(width)) <= budget]
        width = min(self.n, min(widths, key=lambda width: self._cost(self._of_width(width, budget))))
        chosen = self._of_width(width, budget)
        if memory is not None:
            subject = f"the search for {self.k} eigenpairs of {self.n:,} samples"
            remedy = "allow more, or ask for fewer eigenpairs"
            check_memory(subject, self.memory(width, chosen.capacity), memory, remedy)
        return chosen

    def _of_width(self, width: int, budget: int) -> Plan:
        capacity = self.usual_capacity(width)
        # Twice the usual products, so that hardly any spectrum needs a restart, where no panel has to make room.
        ample = max(capacity, min(self.n, int(2 * self.products(width))))
        all_panels = self.itemsize * self.n * (self.n + self.panel_rows) // 2 if self.panel_rows else 0
        if self.memory(width, ample) + all_panels <= budget:
            capacity = ample
        excess = self.memory(width, capacity) - budget
        if excess > 0:
            capacity = max(self.smallest_capacity(width), capacity - -(-excess // (8 * self.n)))
        return Plan(width, capacity, max(0.0, budget - self.memory(width, capacity)))

    def _cost(self, plan: Plan) -> float:
        """In products of n^2."""
        products = self.products(plan.block)
        read = max(0.0, 1 - plan.kept_bytes / (self.itemsize * self.n * self.n / 2)) if self.panel_rows else 0.0
        restarts = max(1.0, products / plan.capacity)
        return products * restarts * max(1.0, read * self.itemsize * _READING / (4 * plan.block))
