"""A linearized network fitted at once: least squares on its Jacobian, by columns or by the kernel of its samples."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from ntk_repro.dynamics.columns import LiveColumns, live_columns
from ntk_repro.dynamics.weights import weight_change
from ntk_repro.errors import UserError, unknown_name
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.checks import checked_array
from ntk_repro.gram.jacobian import jacobian
from ntk_repro.gram.memory import host_available_bytes, readable_bytes
from ntk_repro.network import Network
from ntk_repro.ranges import check_not_negative

__all__ = ["LEAST_SQUARES_METHODS", "LeastSquares", "least_squares_bytes", "solve_least_squares"]

PyTree = Any

LEAST_SQUARES_METHODS = ("auto", "primal", "dual", "cholesky")

_MEMORY_SHARE = 0.9
_SURE = 100  # times the rounding of K an eigenvalue must be to be known to a per cent
_MANY_MORE = 1.6  # columns by rows from which LAPACK's gelsd reduces J to a square first (ILAENV's crossover)


@dataclasses.dataclass(frozen=True, eq=False)
class LeastSquares:
    """The solution of least length of J u = y - f_0, all in float64.

    Attributes:
        fx_train: outputs f_0 + J u on the training samples, computed by the linearization at `params`.
        fx_test: the same on the test samples; None without them.
        params: theta_0 + u, a tree like the network's parameters: those of the fitted linearization.
        method: "primal", "dual" or "cholesky": the one that gave the solution.
        rows: of J, training samples times outputs.
        rank: singular values above the cut-off; equal to `rows` where every target can be fitted.
        eigenvalues: of K = J J^T, descending: all for dual, no more than parameters for primal, none for cholesky.
        cutoff: eigenvalues of K at or below it were taken as 0, or with cholesky are not there.
        columns: which parameters move the training outputs; the others have u = 0.
        norm: ||u||.
        ridge: what was added to the eigenvalues.
    """

    fx_train: Float[np.ndarray, "n k"]
    fx_test: Float[np.ndarray, "m k"] | None
    params: PyTree
    method: str
    rows: int
    rank: int
    eigenvalues: Float[np.ndarray, " r"]
    cutoff: float
    columns: LiveColumns
    norm: float
    ridge: float

    @property
    def full_row_rank(self) -> bool:
        """Whether the rows of J are independent, so that without a ridge every target is fitted."""
        return self.rank == self.rows


def least_squares_bytes(rows: int, parameters: int, method: str, live: int | None = None) -> int:
    """Memory that the solution takes at its peak, bytes.

    Primal: J and beside it its live columns (LAPACK's copy where all are), and the square that LAPACK reduces them to
    where they are many more than the rows. Dual: K, which becomes its eigenvectors, and as much again three times to
    work in. Cholesky: K, which becomes its factor, with a margin for what computes it.

    Args:
        rows: training samples times outputs.
        parameters: of the network.
        method: "primal", "dual" or "cholesky".
        live: parameters that move an output; None for all of them.

    >>> least_squares_bytes(60_000, 61_000, "primal") / 1e9
    58.56
    """
    if method == "primal":
        live = parameters if live is None else live
        square = rows * rows if live >= _MANY_MORE * rows else 0
        return 8 * (rows * (parameters + live) + square)
    return int(8 * (4 if method == "dual" else 1.2) * rows * rows)


def solve_least_squares(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Float[np.ndarray, "n k"] | Float[np.ndarray, " n"],
    x_test: Float[np.ndarray, "m ..."] | None = None,
    *,
    method: str = "auto",
    cutoff: float | None = None,
    ridge: float = 0.0,
) -> LeastSquares:
    """Fits the linearization of a network at `net.params` to targets: min ||J u - (y - f_0)||, of these the shortest u.

    Gradient descent on the linearization from u = 0 ends at the same solution, after infinitely many steps. "primal"
    gives SciPy's `lstsq` (LAPACK's gelsd) the Jacobian without its dead columns. "dual" decomposes the kernel
    K = J J^T of the samples and needs no Jacobian, so the number of parameters costs no memory. "cholesky" factors K:
    many times faster than "dual" and a quarter of its memory, for full row rank only. At full row rank all give the
    same function. All in float64; the memory is estimated first.

    Source: Samarin et al. 2022, Eq. (4) and section 4.3 (the solver of Tables 1 and 2 is the primal one).

    Args:
        net: the network at its initialization.
        x_train: training inputs.
        y_train: targets, a column for each output.
        x_test: inputs to predict.
        method: "primal", "dual", "cholesky", or "auto": primal where that takes no more memory than dual (up to about
            twice as many live parameters as rows), else dual; and primal in its stead where an eigenvalue that counts
            is within 100 times the rounding of K and memory holds J.
        cutoff: eigenvalues of K (squares of singular values of J) up to so many times the largest are taken as 0; None
            for the rounding of what is decomposed: float64's epsilon times the longer side, of K for dual (so
            singular values below 1e-8 to 1e-6 times the largest are lost), squared and of J for primal. So that this
            makes no difference, "auto" avoids a kernel that has lost some where memory allows.
        ridge: min ||J u - (y - f_0)||^2 + ridge ||u||^2 instead; by the kernel.

    Raises:
        UserError: for shapes that do not fit, an unknown method, a ridge with method="primal", numbers out of range, a
            problem that memory does not hold, and "cholesky" of a kernel that is singular within the cut-off.
    """
    if method not in LEAST_SQUARES_METHODS:
        raise unknown_name("method", method, LEAST_SQUARES_METHODS)
    check_not_negative(ridge=ridge)
    if ridge and method == "primal":
        raise UserError('a ridge is solved by the kernel: take method="dual" or "auto", or leave the ridge out')
    if cutoff is not None and not 0 <= cutoff < 1:
        raise UserError(f"cutoff must be a share of the largest eigenvalue, from 0 to below 1, not {cutoff}")
    with checked_arguments(net, x_train, x_test, "full", "float64") as (wide, x, x_new, _, k):
        n = len(x)
        shapes = ((n, k), (n,)) if k == 1 else ((n, k),)
        y = checked_array(y_train, "y_train", *shapes).reshape(n, k)
        columns = live_columns(wide, x)
        needed = {m: least_squares_bytes(y.size, columns.parameters, m, columns.live) for m in _METHODS}
        available = host_available_bytes()
        automatic = method == "auto"
        if automatic:
            dearer = needed["primal"] > needed["dual"]
            method = "dual" if ridge or (columns.live >= y.size and dearer) else "primal"
        if needed[method] > _MEMORY_SHARE * available:
            power = 1.0 if method == "primal" else 0.5
            fits = int(y.size * (_MEMORY_SHARE * available / needed[method]) ** power)
            raise UserError(
                f"least squares ({method}) on {y.size:,} rows needs {readable_bytes(needed[method])} of memory and "
                f"{readable_bytes(available)} are available: take at most {fits:,} rows (samples times outputs)"
            )
        residual = y - wide(x)
        change, rank, eigenvalues, limit = _METHODS[method](wide, x, columns, residual, cutoff, ridge)
        # J has the singular values that its square has lost to rounding.
        lost = automatic and method == "dual" and not ridge and _drowned(eigenvalues, cutoff)
        if lost and needed["primal"] <= _MEMORY_SHARE * available:
            method = "primal"
            change, rank, eigenvalues, limit = _primal(wide, x, columns, residual, cutoff, ridge)
        moved = jax.tree.map(lambda leaf, u: leaf + u, wide.params, change)
        linear = wide.linearization().replace(params=moved)
        return LeastSquares(
            fx_train=linear(x),
            fx_test=None if x_new is None else linear(x_new),
            params=jax.tree.map(np.asarray, moved),
            method=method,
            rows=y.size,
            rank=rank,
            eigenvalues=eigenvalues,
            cutoff=limit,
            columns=columns,
            norm=float(np.sqrt(sum(np.sum(np.square(u)) for u in jax.tree.leaves(change)))),
            ridge=ridge,
        )


def _drowned(eigenvalues: np.ndarray, cutoff: float | None) -> bool:
    """Whether rounding decides on an eigenvalue of K (descending) that is above the cut-off."""
    rounding = len(eigenvalues) * np.finfo(float).eps * eigenvalues[0]
    wanted = eigenvalues if cutoff is None else eigenvalues[eigenvalues > cutoff * eigenvalues[0]]
    return bool(wanted[-1] <= _SURE * rounding)


def _primal(net: Network, x, columns: LiveColumns, residual: np.ndarray, cutoff: float | None, ridge: float):
    """u as a tree, and the rank, eigenvalues and cut-off of `LeastSquares`, as for the other methods."""
    live = np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(columns.mask)])
    j = jacobian(net, x, residual.shape[1]).reshape(-1, len(live))
    j = j if live.all() else j[:, live]
    share = max(j.shape) * np.finfo(float).eps if cutoff is None else cutoff**0.5
    options: Any = {"cond": share, "lapack_driver": "gelsd", "overwrite_a": True, "check_finite": False}
    found: Any = scipy.linalg.lstsq(j, residual.reshape(-1), **options)
    u, as_tree = ravel_pytree(net.params)
    u = np.zeros(u.shape)
    u[live], _, rank, singular = found
    return as_tree(jnp.asarray(u)), int(rank), singular**2, float((share * singular[0]) ** 2)


def _dual(net: Network, x, columns: LiveColumns, residual: np.ndarray, cutoff: float | None, ridge: float):
    gram, share = _gram(net, x, cutoff)
    values, vectors = scipy.linalg.eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
    limit = share * values[-1]
    first = int(np.searchsorted(values, limit, side="right"))
    kept = vectors[:, first:]
    coefficients = kept @ (kept.T @ residual.reshape(-1) / (values[first:] + ridge))
    change = weight_change(net, x, coefficients.reshape(residual.shape))
    return change, kept.shape[1], values[::-1], float(limit)


def _cholesky(net: Network, x, columns: LiveColumns, residual: np.ndarray, cutoff: float | None, ridge: float):
    gram, share = _gram(net, x, cutoff)
    np.fill_diagonal(gram, gram.diagonal() + ridge)
    norm = float(scipy.linalg.norm(gram, 1, check_finite=False))
    (pocon,) = scipy.linalg.get_lapack_funcs(("pocon",), (gram,))
    try:
        factor = scipy.linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        factor = None
    if factor is None or pocon(factor[0], norm, uplo="L")[0] <= share:
        raise UserError(
            f"the kernel of {len(gram):,} rows is singular within {share:.1g} times its largest eigenvalue, which "
            'cholesky cannot solve: take method="dual", which leaves such directions out, or a ridge'
        )
    coefficients = scipy.linalg.cho_solve(factor, residual.reshape(-1), check_finite=False)
    change = weight_change(net, x, coefficients.reshape(residual.shape))
    return change, len(gram), np.empty(0), share * norm


def _gram(net: Network, x, cutoff: float | None) -> tuple[np.ndarray, float]:
    """K in LAPACK's order, and the share of its largest eigenvalue up to which eigenvalues are taken as 0."""
    gram = empirical_gram(net, x, outputs="full", precision="float64")
    # The transpose of a symmetric matrix in C order is the same matrix in LAPACK's order, so that nothing is copied.
    return gram.T, len(gram) * np.finfo(float).eps if cutoff is None else cutoff


_METHODS = {"primal": _primal, "dual": _dual, "cholesky": _cholesky}
