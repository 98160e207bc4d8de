"""A linearized network fitted in one solve: least squares on its Jacobian, by columns or by the samples' kernel."""

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
from ntk_repro.errors import UserError, check_name
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.checks import checked_array
from ntk_repro.gram.jacobian import jacobian
from ntk_repro.gram.solve import FactorInMemory, NotPositiveDefiniteError
from ntk_repro.memory import check_memory, solver_bytes
from ntk_repro.network import Network
from ntk_repro.ranges import check_not_negative

PyTree = Any

_METHODS = ("primal", "dual", "cholesky")
_SAFE_MULTIPLE = 100  # of the rounding of K, from which on an eigenvalue is known to a per cent
_CROSSOVER = 1.6  # columns per row from which on LAPACK's gelsd reduces J to a square first (by ILAENV)


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
        cutoff: eigenvalues of K at or below it were taken as 0; with cholesky there are none.
        columns: which parameters move the training outputs; the others have u = 0.
        norm: ||u||.
        ridge: added to the eigenvalues.
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
    """Peak memory of the solution, in bytes.

    Primal: J and a copy of its live columns (LAPACK's copy if all are live), and the square that LAPACK reduces them to
    when there are many more columns than rows. Dual: K, overwritten by its eigenvectors, and three times as much
    workspace. Cholesky: K, overwritten by its factor, and a margin for computing it.

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
        square = rows * rows if live >= _CROSSOVER * rows else 0
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
    """Fits the linearization of a network at `net.params` to targets: the shortest u of minimal ||J u - (y - f_0)||.

    Gradient descent on the linearization from u = 0 ends at the same solution, after infinitely many steps. "primal"
    gives SciPy's `lstsq` (LAPACK's gelsd) the Jacobian without its dead columns. "dual" decomposes the kernel
    K = J J^T of the samples and needs no Jacobian, so the number of parameters costs no memory. "cholesky" factors K:
    many times faster than "dual" in a quarter of its memory, for full row rank only. At full row rank all give the
    same function. All in float64; the memory is estimated first.

    Source: Samarin et al. 2022, Eq. (4) and section 4.3 (the solver of Tables 1 and 2 is the primal one).

    Args:
        net: the network at its initialization.
        x_train: training inputs.
        y_train: targets, a column for each output.
        x_test: inputs to predict.
        method: "primal", "dual", "cholesky", or "auto": primal where that takes no more memory than dual (up to about
            twice as many live parameters as rows), else dual. If an eigenvalue above the cut-off is then within 100
            times the rounding of K, and memory holds J, "auto" solves again by primal.
        cutoff: eigenvalues of K (squares of singular values of J) up to so many times the largest are taken as 0. None
            for the rounding of the matrix that is decomposed: float64's epsilon times the longer side, of K for dual
            (singular values below 1e-8 to 1e-6 times the largest are lost), squared and of J for primal.
        ridge: min ||J u - (y - f_0)||^2 + ridge ||u||^2 instead; by the kernel.

    Raises:
        UserError: for shapes that do not fit, an unknown method, a ridge with method="primal", numbers out of range, a
            problem that memory does not hold, and "cholesky" of a kernel that is singular within the cut-off.
    """
    check_name("method", method, ("auto", *_METHODS))
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
        available = solver_bytes()
        automatic = method == "auto"
        if automatic:
            dearer = needed["primal"] > needed["dual"]
            method = "dual" if ridge or (columns.live >= y.size and dearer) else "primal"
        fits = int(y.size * (available / needed[method]) ** (1.0 if method == "primal" else 0.5))
        remedy = f"take at most {fits:,} rows (samples times outputs)"
        check_memory(f"least squares ({method}) on {y.size:,} rows", needed[method], available, remedy)
        problem = wide, x, columns, y - wide(x), cutoff, ridge
        change, rank, eigenvalues, limit = _solved(method, *problem)
        # J has the singular values that its square has lost to rounding.
        lost = automatic and method == "dual" and not ridge and _lost_to_rounding(eigenvalues, cutoff)
        if lost and needed["primal"] <= available:
            method = "primal"
            change, rank, eigenvalues, limit = _solved(method, *problem)
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


def _lost_to_rounding(eigenvalues: np.ndarray, cutoff: float | None) -> bool:
    """Whether rounding decides on an eigenvalue of K (descending) that is above the cut-off."""
    rounding = len(eigenvalues) * np.finfo(float).eps * eigenvalues[0]
    wanted = eigenvalues if cutoff is None else eigenvalues[eigenvalues > cutoff * eigenvalues[0]]
    return bool(wanted[-1] <= _SAFE_MULTIPLE * rounding)


def _solved(
    method: str, net: Network, x, columns: LiveColumns, residual: np.ndarray, cutoff: float | None, ridge: float
) -> tuple[PyTree, int, np.ndarray, float]:
    """u as a tree, and the rank, eigenvalues and cut-off of `LeastSquares`."""
    if method == "primal":
        return _primal(net, x, columns, residual, cutoff)
    gram = empirical_gram(net, x, outputs="full", precision="float64")
    # Eigenvalues up to this share of the largest are taken as 0.
    share = len(gram) * np.finfo(float).eps if cutoff is None else cutoff
    # The transpose of a symmetric matrix in C order is the same matrix in LAPACK's order, so that nothing is copied.
    solve = _dual if method == "dual" else _cholesky
    coefficients, rank, eigenvalues, limit = solve(gram.T, residual.reshape(-1), share, ridge)
    return weight_change(net, x, coefficients.reshape(residual.shape)), rank, eigenvalues, limit


def _primal(net: Network, x, columns: LiveColumns, residual: np.ndarray, cutoff: float | None):
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


def _dual(gram: np.ndarray, residual: np.ndarray, share: float, ridge: float):
    values, vectors = scipy.linalg.eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
    limit = share * values[-1]
    first = int(np.searchsorted(values, limit, side="right"))
    basis = vectors[:, first:]
    coefficients = basis @ (basis.T @ residual / (values[first:] + ridge))
    return coefficients, basis.shape[1], values[::-1], float(limit)


def _cholesky(gram: np.ndarray, residual: np.ndarray, share: float, ridge: float):
    norm = float(scipy.linalg.norm(gram, 1, check_finite=False)) + ridge  # at least that of K + ridge I
    try:
        factor = FactorInMemory(gram.T, ridge)
    except NotPositiveDefiniteError:
        factor = None
    if factor is None or factor.reciprocal_condition(norm) <= share:
        raise UserError(
            f"the kernel of {len(gram):,} rows is singular within {share:.1g} times its largest eigenvalue, which "
            'cholesky cannot solve: take method="dual", which leaves such directions out, or a ridge'
        )
    return factor.solve(residual), len(gram), np.empty(0), share * norm
