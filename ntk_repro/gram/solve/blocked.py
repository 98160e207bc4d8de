"""The Cholesky factor of a kernel on disk, tile by tile into another store, in bounded memory."""

import itertools

import numpy as np
from jaxtyping import Float
from scipy.linalg.blas import get_blas_funcs

from ntk_repro.gram.checks import check_finite
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.solve.factor import overwrite_with_factor
from ntk_repro.gram.store import GramStore
from ntk_repro.progress import progress

Tile = Float[np.ndarray, "rows columns"]
Place = tuple[int, int]

_gemm, _trsm = get_blas_funcs(("gemm", "trsm"), dtype=np.float64)


def factor_into(store: GramStore, missing: list[Place], matrix: SymmetricMatrix, ridge: float, stripe: int) -> None:
    """Computes missing tiles of a store of R, R upper triangular with K + ridge I = R^T R.

    Left-looking, by stripes of block rows: a tile is the kernel's less the products of the tiles above it, in their
    order, and is written once. Each product is one of two whole tiles, so that the bytes depend on neither memory nor
    on what an earlier process has done.

    Source: Golub and Van Loan 2013, Matrix computations, section 4.2 (block Cholesky).

    Args:
        store: of the factor, open for writing.
        missing: the tiles, row by row.
        matrix: K.
        ridge: added to its diagonal.
        stripe: block rows at once.

    Raises:
        UserError: K + ridge I is not positive definite in float64; a full disk.
    """
    diagonal = matrix.diagonal()
    total = sum(i + 1 for i in range(store.num_blocks) for _ in range(i, store.num_blocks))
    left = sum(i + 1 for i, _ in missing)
    with progress(f"Cholesky factor of {store.n:,} rows", total, "products of tiles") as advance:
        advance(total - left)
        for first in range(0, store.num_blocks, stripe):
            wanted = [place for place in missing if first <= place[0] < first + stripe]
            if not wanted:
                continue
            tiles = _kernel_tiles(matrix, ridge, store.tile, wanted)
            for start, panel in store.panels(range(first), first):
                offset = first * store.tile
                above = {
                    j: np.ascontiguousarray(panel[:, j * store.tile - offset : (j + 1) * store.tile - offset])
                    for j in {*itertools.chain(*wanted)}
                }
                for i, j in wanted:
                    _subtract_product(tiles[i, j], above[i], above[j])
                advance(len(wanted), f"row {start:,} for rows from {offset:,}")
            for i in range(first, max(place[0] for place in wanted) + 1):
                row = _finished_row(store, tiles, i, diagonal, ridge)
                below = [place for place in wanted if place[0] > i]
                for place in below:
                    _subtract_product(tiles[place], row[place[0]], row[place[1]])
                advance(len(below) + sum(place[0] == i for place in wanted))


def _kernel_tiles(matrix: SymmetricMatrix, ridge: float, tile: int, wanted: list[Place]) -> dict[Place, Tile]:
    """Tiles of K + ridge I in float64; of diagonal ones the upper triangle at least."""
    n = matrix.n
    tiles = {(i, j): np.zeros((min(tile, n - i * tile), min(tile, n - j * tile))) for i, j in wanted}
    first, last = wanted[0][0], max(i for i, _ in wanted)
    for row, piece in matrix.rows(first * tile, min(n, (last + 1) * tile)):
        check_finite(piece, "the Gram matrix")
        for (i, j), values in tiles.items():
            start, stop = max(row, i * tile), min(row + len(piece), i * tile + len(values))
            if start < stop:
                column = max(row, j * tile)  # left of it is the lower triangle
                taken = piece[start - row : stop - row, column - row : j * tile + values.shape[1] - row]
                values[start - i * tile : stop - i * tile, column - j * tile :] = taken
    for (i, j), values in tiles.items():
        if i == j:
            values[np.diag_indices(len(values))] += ridge
    return tiles


def _finished_row(
    store: GramStore, tiles: dict[Place, Tile], i: int, diagonal: Float[np.ndarray, " n"], ridge: float
) -> dict[int, Tile]:
    """The tiles of one block row of R by their column, each computed and written, or read where it is there."""
    row: dict[int, Tile] = {}
    for j in range(i, store.num_blocks):
        values = tiles.pop((i, j), None)
        if values is None:
            row[j] = store.tile_at(i, j)
            continue
        if j == i:
            overwrite_with_factor(values, i * store.tile, diagonal, ridge)
        else:  # to BLAS, whose order is the other one, the transposes are what lies there
            _trsm(1.0, row[i].T, values.T, side=1, lower=1, trans_a=1, overwrite_b=1)
        store.write(i, j, values)
        row[j] = values
    return row


def _subtract_product(tile: Tile, left: Tile, right: Tile) -> None:
    """tile -= left^T right, in place, as BLAS sees it: tile^T -= right^T left."""
    _gemm(-1.0, right.T, left.T, beta=1.0, c=tile.T, trans_b=1, overwrite_c=1)
