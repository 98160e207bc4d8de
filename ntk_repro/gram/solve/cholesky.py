"""The one Cholesky factorization of a kernel: in memory where it fits, else on disk."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import check_finite
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.solve.blocked import factor_into
from ntk_repro.gram.solve.factor import CholeskyFactor, FactorInMemory, FactorOnDisk
from ntk_repro.gram.solve.plan import Plan, bytes_in_memory
from ntk_repro.gram.solve.rounding import NotPositiveDefiniteError, check_ridge
from ntk_repro.gram.store import GramStore
from ntk_repro.memory import check_disk, check_memory, solver_bytes
from ntk_repro.record import environment
from ntk_repro.reservations import reserving


def cholesky(
    gram: Float[np.ndarray, "n n"] | SymmetricMatrix,
    ridge: float = 0.0,
    *,
    memory: float | None = None,
    folder: Path | str | None = None,
) -> CholeskyFactor:
    """R with K + ridge I = R^T R in float64; arguments and refusals as of `kernel_solve`."""
    matrix = SymmetricMatrix.of(gram)
    if isinstance(matrix, GramStore) and not matrix.done:
        raise UserError(f"the store in {matrix.path} is not finished: give the command that computes it again")
    matrix.check()
    diagonal = matrix.diagonal()
    check_finite(diagonal, "the Gram matrix")
    check_ridge(ridge, diagonal, float(np.finfo(matrix.dtype).eps))
    needed, remedy = bytes_in_memory(matrix.n), "name a folder to factor it on disk, or allow more"
    with reserving(needed):
        allowed = solver_bytes(memory)
        if folder is None and isinstance(matrix, GramStore):
            beside = factor_folder(matrix, ridge)
            there = GramStore.exists(beside) and GramStore.read(beside).identity == _identity(matrix, ridge)
            if there or needed > allowed:
                folder = beside
        if folder is None:
            check_memory(f"a Cholesky factor of {matrix.n:,} rows", needed, allowed, remedy)
            upper = np.empty((matrix.n, matrix.n))
            for row, piece in matrix.rows(0, matrix.n):
                check_finite(piece, "the Gram matrix")
                upper[row : row + len(piece), row:] = piece
            return FactorInMemory(upper, ridge)
    return _on_disk(matrix, ridge, Path(folder), allowed)


def full_rank_factor(gram: Float[np.ndarray, "n n"], ridge: float = 0.0) -> CholeskyFactor | None:
    """The factor of K + ridge I in memory; None where rounding hides the smallest eigenvalues, or memory is short."""
    try:
        factor = cholesky(gram, ridge)
    except UserError:
        return None
    norm = float(np.abs(gram).sum(axis=0, dtype=np.float64).max()) + ridge
    return factor if factor.reciprocal_condition(norm) > factor.n * np.finfo(np.float64).eps else None


def factor_folder(store: GramStore, ridge: float) -> Path:
    """Where the factor of a store's kernel lies unless another folder is named."""
    return store.path / f"factor-{float(ridge)!r}"


def _identity(matrix: SymmetricMatrix, ridge: float) -> dict[str, Any]:
    return {"cholesky_factor_of": matrix.digest(), "ridge": float(ridge)}


def _on_disk(matrix: SymmetricMatrix, ridge: float, folder: Path, memory: float) -> FactorOnDisk:
    shape = {"panel_rows": matrix.panel_rows, "itemsize": matrix.dtype.itemsize}
    begun = GramStore.read(folder).tile if GramStore.exists(folder) else None
    plan = Plan.of(matrix.n, memory, **shape, tile=begun)
    if begun is None:
        check_disk(f"the Cholesky factor of {matrix.n:,} rows", plan.disk, folder)
    identity = _identity(matrix, ridge)
    try:
        with GramStore.open(folder, identity, n=matrix.n, tile=plan.tile, dtype="float64") as store:
            missing = store.missing()
            if missing or not store.done:
                started = time.perf_counter()
                factor_into(store, missing, matrix, ridge, plan.stripe)
                store.finish(seconds=time.perf_counter() - started, environment=environment())
    except NotPositiveDefiniteError:
        shutil.rmtree(folder, ignore_errors=True)  # a factor that can never be finished
        raise
    return FactorOnDisk(GramStore.read(folder), plan.stripe * plan.tile)
