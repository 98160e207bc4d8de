"""What random vectors tell of a spectrum: traces by Hutch++, effective ranks by stochastic Lanczos quadrature."""

import dataclasses
import warnings
from collections.abc import Callable

import numpy as np
import scipy.special
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator

from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.matrices import SymmetricOperator
from ntk_repro.gram.spectrum.eigenpairs import top_eigenpairs
from ntk_repro.gram.spectrum.eigensolver import smallest_resolved
from ntk_repro.progress import progress

Matrix = Float[np.ndarray, "n n"] | SymmetricOperator | LinearOperator

_FIRST_CHECK = 10  # Lanczos steps
_SETTLED = 0.1  # of a standard error, by which a half more steps may still change the estimate
POWERS = {"eigenvalues": 1.0, "singular_values": 0.5}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number estimated by random vectors.

    Attributes:
        value: the estimate.
        standard_error: of it, over the random vectors; 0 where it was computed without any. The rounding of products,
            about 1e-6 of the value in float32, is not in it.
        samples: the random vectors that it is the mean of; 0 where there were none.
        products: how many vectors were multiplied by the matrix.
    """

    value: float
    standard_error: float
    samples: int
    products: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The Student interval that contains the true number with this probability.

        >>> Estimate(1.0, 0.0, 0, 5).interval()
        (1.0, 1.0)
        """
        if not self.samples:
            return self.value, self.value
        reach = float(scipy.special.stdtrit(self.samples - 1, (1 + confidence) / 2)) * self.standard_error
        return self.value - reach, self.value + reach


def stochastic_trace(gram: Matrix, *, sketch: int = 32, probes: int = 32, seed: int = 0) -> Estimate:
    """The trace of a symmetric matrix from its products: exact on the range of a sketch, estimated on what is left.

    Source: Meyer et al. 2021, Hutch++ (Algorithm 1).

    Args:
        gram: an operator, such as `ntk_operator` returns; an array or a `GramStore`.
        sketch: random vectors whose products span the part that is computed exactly.
        probes: random signs that estimate the remaining part; the standard error falls with their square root.
        seed: of both.

    Returns:
        The estimate, of 2 sketch + probes products; a matrix of no more rows is multiplied by the identity.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, and too few vectors.
    """
    return _of_traces(gram, sketch, probes, seed, lambda trace, squares: trace)


def stochastic_frobenius_norm(gram: Matrix, *, sketch: int = 32, probes: int = 32, seed: int = 0) -> Estimate:
    """The Frobenius norm of a symmetric matrix, the root of the trace of its square: see `stochastic_trace`.

    Source: Meyer et al. 2021, Hutch++, of the square, which takes no more products.
    """
    return _of_traces(gram, sketch, probes, seed, lambda trace, squares: np.sqrt(squares))


def stochastic_participation_ratio(gram: Matrix, *, sketch: int = 32, probes: int = 32, seed: int = 0) -> Estimate:
    """tr(K)^2 / tr(K^2), from 1 for one eigenvalue to n for equal ones: see `stochastic_trace`.

    Source: Hazelden 2025, who calls it the effective rank; Meyer et al. 2021, Hutch++ (both traces at once).
    """
    with np.errstate(invalid="ignore"):
        found = _of_traces(gram, sketch, probes, seed, lambda trace, squares: trace**2 / squares)
    if np.isnan(found.value):
        raise UserError("the matrix is 0, so it has no participation ratio: look for gradients that vanish")
    return found


def stochastic_effective_rank(
    gram: Matrix,
    of: str = "eigenvalues",
    *,
    deflated: int = 16,
    probes: int = 32,
    steps: int = 200,
    seed: int = 0,
) -> Estimate:
    """The exponential of the entropy of a positive semi-definite matrix's spectrum, from its products.

    exp(log tr K - tr(K log K) / tr K) for the eigenvalues of K, and the same of K^(1/2) for the singular values of a
    Jacobian J, K = J J^T. The largest eigenpairs are computed and their part is exact; the traces over what is left are
    means over random vectors, each by the Gauss quadrature that a Lanczos iteration from it gives. It stops where half
    as many more steps change the estimate by less than a tenth of its standard error: of an error that falls with the
    number of steps, at most a fifth is then left. Eigenvalues below the rounding of the matrix (epsilon of its type
    times the largest) count as 0: for singular values of a steep spectrum take float64.

    Source: Roy and Vetterli 2007, Definition 1 (the rank); Ubaru et al. 2017 (the quadrature).

    Args:
        gram: an operator, such as `ntk_operator` returns; an array or a `GramStore`.
        of: "eigenvalues" of the matrix, or the "singular_values" of its Jacobian: the two ranks differ.
        deflated: how many of the largest eigenpairs are computed first.
        probes: random vectors; the standard error falls with their square root.
        steps: the most Lanczos steps, each of one product a probe.
        seed: of all that is random.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, or 0, too few vectors, and unknown names.
    """
    check_name("kind of spectrum", of, POWERS)
    if deflated < 1 or steps < 1:
        raise UserError(f"deflated={deflated} and steps={steps}: take 1 or more of each")
    _check_probes(probes)
    matrix = SymmetricOperator.of(gram)
    pairs = top_eigenpairs(matrix, matrix.n if matrix.n <= deflated + probes else deflated, seed=seed)
    largest = pairs.values[0]
    if not largest > 0:
        raise UserError("the matrix is 0 everywhere, so it has no effective rank")
    cutoff = smallest_resolved(matrix.dtype, pairs.values) / largest

    def traces(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Traces of K^power and of K^power log K^power, over the last axis, of values relative to the largest."""
        powers = np.where(values > cutoff, values, 0.0) ** POWERS[of]
        logarithms = np.log(np.where(powers > 0, powers, 1.0))
        return np.stack([(weights * powers).sum(-1), (weights * powers * logarithms).sum(-1)], axis=-1)

    fixed = traces(pairs.values / largest, np.ones(len(pairs.values)))
    if len(pairs.values) == matrix.n:
        return Estimate(float(_effective_rank(*fixed)), 0.0, 0, pairs.products or matrix.n)
    lanczos = _Lanczos(matrix, pairs.vectors.T, probes, seed)
    steps = min(steps, matrix.n - len(pairs.values))
    estimate, change, next_check = (np.inf, np.inf), np.inf, _FIRST_CHECK
    with progress("Lanczos steps", steps) as advance:
        for step in range(1, steps + 1):
            lanczos.step()
            advance(1)
            if step < min(next_check, steps):
                continue
            next_check += next_check // 2
            nodes, weights = lanczos.quadrature()
            earlier, estimate = estimate, _jackknife(_effective_rank, fixed, traces(nodes / largest, weights))
            change = abs(estimate[0] - earlier[0])
            if change <= _SETTLED * estimate[1]:
                break
        else:
            if steps < matrix.n - len(pairs.values):
                message = f"the effective rank still changed by {change:.2g} in the last of {steps} Lanczos steps"
                warnings.warn(f"{message}: allow more steps, or more deflated eigenpairs", stacklevel=2)
    return Estimate(*estimate, probes, pairs.products + lanczos.products)


class _Lanczos:
    """Lanczos iterations side by side, each from a random vector orthogonal to the deflated ones.

    Not reorthogonalized: copies of a converged node share its weight, which leaves the quadrature as it is.
    """

    def __init__(self, matrix: SymmetricOperator, deflated: Float[np.ndarray, "d n"], probes: int, seed: int):
        self._times, self._deflated = matrix.products(matrix.dtype), deflated
        start = self._outside(_signs(probes, matrix.n, [seed, 2]))
        self._norms = np.linalg.norm(start, axis=1)
        self._before, self._vectors = np.zeros_like(start), start / self._norms[:, None]
        self._diagonal: list[np.ndarray] = []
        self._beside: list[np.ndarray] = [np.zeros(probes)]

    @property
    def products(self) -> int:
        return self._times.products

    def step(self) -> None:
        image = self._outside(self._times(self._vectors))
        image -= self._beside[-1][:, None] * self._before
        diagonal = np.einsum("bn,bn->b", image, self._vectors)
        image -= diagonal[:, None] * self._vectors
        beside = np.linalg.norm(image, axis=1)
        self._diagonal.append(diagonal)
        # What is exhausted stays at 0.
        beside = np.where(beside > 1e-12 * np.max(np.abs(self._diagonal)), beside, 0.0)
        self._beside.append(beside)
        scale = np.divide(1.0, beside, out=np.zeros_like(beside), where=beside > 0)
        self._before, self._vectors = self._vectors, image * scale[:, None]

    def quadrature(self) -> tuple[Float[np.ndarray, "probes nodes"], Float[np.ndarray, "probes nodes"]]:
        """The nodes of each probe, and weights that add up to the square of its norm."""
        size = len(self._diagonal)
        tridiagonal = np.zeros((len(self._norms), size, size))
        index = np.arange(size)
        tridiagonal[:, index, index] = np.transpose(self._diagonal)
        lower = np.transpose(self._beside)[:, 1:size]
        tridiagonal[:, index[1:], index[:-1]] = tridiagonal[:, index[:-1], index[1:]] = lower
        nodes, vectors = np.linalg.eigh(tridiagonal)
        return nodes, self._norms[:, None] ** 2 * vectors[:, 0] ** 2

    def _outside(self, rows: np.ndarray) -> np.ndarray:
        return rows - (rows @ self._deflated.T) @ self._deflated


def _of_traces(
    gram: Matrix, sketch: int, probes: int, seed: int, function: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Estimate:
    """A function of tr K and tr K^2, both from the same products."""
    if sketch < 1:
        raise UserError(f"sketch={sketch} vectors span nothing: take 1 or more")
    _check_probes(probes)
    matrix = SymmetricOperator.of(gram)
    times = matrix.products(matrix.dtype)
    if matrix.n <= 2 * sketch + probes:
        rows, remaining = np.eye(matrix.n), np.empty((0, matrix.n))
    else:
        sketched = times(_signs(sketch, matrix.n, [seed, 0]))
        rows = np.ascontiguousarray(np.linalg.qr(sketched.T)[0].T)
        remaining = _signs(probes, matrix.n, [seed, 1])
        remaining -= (remaining @ rows.T) @ rows
    images = times(np.concatenate([rows, remaining]))
    forms = np.einsum("bn,bn->b", np.concatenate([rows, remaining]), images)
    parts = np.stack([forms, np.einsum("bn,bn->b", images, images)], axis=1)
    fixed, samples = parts[: len(rows)].sum(axis=0), parts[len(rows) :]
    return Estimate(*_jackknife(function, fixed, samples), len(samples), times.products)


def _jackknife(
    function: Callable, fixed: Float[np.ndarray, " m"], samples: Float[np.ndarray, "b m"]
) -> tuple[float, float]:
    """The function of fixed + mean of the samples, without its bias of first order, and its standard error.

    Source: Efron and Stein 1981 (the jackknife).
    """
    count = len(samples)
    if not count:
        return float(function(*fixed)), 0.0
    total = samples.sum(axis=0)
    value = function(*(fixed + total / count))
    without = function(*(fixed + (total - samples) / (count - 1)).T)
    spread = np.sqrt((count - 1) * np.mean((without - without.mean()) ** 2))
    return float(count * value - (count - 1) * without.mean()), float(spread)


def _effective_rank(trace: np.ndarray, weighted_logarithms: np.ndarray) -> np.ndarray:
    return np.exp(np.log(trace) - weighted_logarithms / trace)


def _signs(count: int, n: int, seed: list[int]) -> Float[np.ndarray, "count n"]:
    return np.random.default_rng(seed).integers(0, 2, (count, n)) * 2.0 - 1.0


def _check_probes(probes: int) -> None:
    if probes < 2:
        raise UserError(f"probes={probes} have no standard error: take 2 or more")
