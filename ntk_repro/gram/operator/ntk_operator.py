"""`ntk_operator`: the NTK of a network on data as a SciPy operator, and as a function inside JAX."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import KernelArguments, checked_arguments
from ntk_repro.gram.checks import check_finite, check_no_overflow
from ntk_repro.gram.operator.jacobian_products import JacobianProducts, Sizes, jacobian_fns
from ntk_repro.gram.spectrum.stochastic import (
    stochastic_effective_rank,
    stochastic_frobenius_norm,
    stochastic_participation_ratio,
    stochastic_trace,
)
from ntk_repro.network import ApplyFn, Network
from ntk_repro.precision import precision_scope
from ntk_repro.progress import progress
from ntk_repro.samples import Samples

_COMPLEX = "the vectors are complex: multiply their real and imaginary parts"


def ntk_operator(
    net: Network,
    x: Samples,
    x2: Samples | None = None,
    *,
    outputs: str | int = "mean",
    precision: str = "float32",
    memory: int | str | None = None,
) -> "NTKOperator":
    """The matrix of `empirical_gram` as an operator: its products with vectors, without its entries.

    K v is J1 (J2^T v), with J the derivatives of the outputs by the parameters: a backward pass over the samples of the
    columns, whose sum has the size of the parameters, and a forward derivative over those of the rows. Time is linear
    in the number of samples, and memory does not depend on it. With outputs="mean" each of the k outputs takes a pair
    of passes. It pays for few vectors, or where the matrix does not fit: docs/measurements.md has the crossovers.

    Source: Lee et al. 2019, section 2.1, Eq. (4); Novak et al. 2022, section 3.3 (NTK-vector products).

    Args:
        net: the network; the gradient is taken at `net.params` with `net.state` frozen.
        x: n1 inputs.
        x2: n2 inputs, or None for x against itself: then the operator is symmetric.
        outputs: as in `empirical_gram`.
        precision: "float32" or "float64" (everything is computed in it).
        memory: bytes that a product may take beside network, samples and vectors, also as "2GiB"; None for half of what
            is available.

    Returns:
        A SciPy operator (n1, n2), or (n1 k, n2 k), sample-major, with outputs="full".

    Raises:
        UserError: as `empirical_gram`, and for too little memory.

    >>> import jax, numpy as np
    >>> net = Network.create("mlp", jax.random.key(0), (4, 4, 1))
    >>> k = ntk_operator(net, np.ones((3, 4, 4, 1), np.float32))
    >>> (k @ np.ones((3, 2))).shape
    (3, 2)
    """
    if precision in ("tf32", "bf16"):
        raise UserError(f'precision="{precision}" is for the products of a kernel: take "float32" or "float64"')
    with checked_arguments(net, x, x2, outputs, precision) as arguments:
        sizes = Sizes.of(arguments.net, arguments.x1, memory)
    return NTKOperator(arguments, sizes)


class NTKOperator(LinearOperator):
    """The NTK between samples as a SciPy operator; made by `ntk_operator`.

    `k @ v`, `matvec`, `matmat`, `rmatvec`, `k.T` and whatever takes a LinearOperator work on NumPy arrays; `function`
    is the same for JAX. Where x2 was left out it is symmetric, and has the estimates below.

    Attributes:
        precision: "float32" or "float64".
        is_symmetric: whether x2 was left out.
    """

    def __init__(self, arguments: KernelArguments, sizes: Sizes):
        """Takes checked arguments, and how much is computed at once."""
        self._arguments, self._sizes = arguments, sizes
        net, x1, x2, outputs, num_outputs = arguments
        with precision_scope("float64" if arguments.dtype == np.float64 else "float32"):
            self._rows = JacobianProducts.of(net, x1, arguments.output, sizes.samples)
            self._columns = self._rows
            if x2 is not None:
                self._columns = JacobianProducts.of(net, x2, arguments.output, sizes.samples)
        self.precision, self.is_symmetric = str(arguments.dtype), x2 is None
        # Directions of a vector: one for each output of which the mean is taken.
        self._terms = num_outputs if outputs == "mean" else 1
        c = num_outputs if outputs == "full" else 1
        super().__init__(arguments.dtype, (arguments.n1 * c, arguments.n2 * c))

    def function(self) -> Callable[[Float[jax.Array, "columns ..."]], Float[jax.Array, "rows ..."]]:
        """The products as a pure JAX function of a vector (columns,) or a block (columns, b).

        It is a pytree, whose leaves are parameters and samples: pass it to functions under `jit` as an argument, so
        that these do not become constants of the program. All samples are on the device. A loop over blocks bounds the
        memory of the rest, but on a CPU convolutions run slower in it than in `matmat`. With precision="float64", use
        it where JAX's x64 is enabled.
        """
        outputs = self._arguments.num_outputs if self._arguments.output is None else 1
        settings = self._rows.output, self._terms, outputs, self._rows.blocks.n, self._columns.blocks.n
        fn = _jax_product(self._arguments.net.apply_fn, *settings, self._sizes.directions)
        net = self._arguments.net
        with precision_scope(self.precision):
            x1 = self._rows.stacked()
            x2 = x1 if self._columns is self._rows else self._columns.stacked()
        return jax.tree_util.Partial(fn, net.params, net.state, x1, x2)

    trace = stochastic_trace
    frobenius_norm = stochastic_frobenius_norm
    participation_ratio = stochastic_participation_ratio
    effective_rank = stochastic_effective_rank

    def _matmat(self, X: Any) -> np.ndarray:
        if np.iscomplexobj(X):
            raise UserError(_COMPLEX)
        vectors = np.asarray(X).astype(self.dtype)
        check_finite(vectors, "the block of vectors")
        count, terms = vectors.shape[1], self._terms
        rows = np.zeros((count, self.shape[0]), self.dtype)
        together = min(self._sizes.directions, 1 << max(count * terms - 1, 0).bit_length())
        starts = range(0, count * terms, together)
        samples = len(starts) * (self._rows.blocks.n + self._columns.blocks.n)
        with precision_scope(self.precision), progress("products with the NTK", samples, "samples") as advance:
            for start in starts:
                which, output = np.divmod(np.arange(start, min(start + together, count * terms)), terms)
                fx = self._of_directions(vectors[:, which].T, output, together, advance)
                np.add.at(rows, which, fx)
        check_no_overflow(rows, "the product with the kernel")
        return (rows / np.asarray(terms, self.dtype)).T

    def _of_directions(self, vectors: np.ndarray, output: np.ndarray, together: int, advance: Callable) -> np.ndarray:
        """Products (c, rows) of vectors (c, columns), each with its output where the mean over outputs is taken."""
        count, n2 = len(vectors), self._columns.blocks.n
        if self._terms == 1:
            cotangents = vectors.reshape(count, n2, -1)
        else:
            cotangents = np.zeros((count, n2, self._terms), self.dtype)
            cotangents[np.arange(count), :, output] = vectors
        # Directions of 0 fill up the last block of them: nothing is compiled again.
        cotangents = np.pad(cotangents, ((0, together - count), (0, 0), (0, 0)))
        fx = self._rows.times(self._columns.transposed(cotangents, advance), advance)[:count]
        return fx.reshape(count, -1) if self._terms == 1 else fx[np.arange(count), :, output]

    def _matvec(self, x: Any) -> np.ndarray:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _adjoint(self) -> Any:
        net, x1, x2, outputs, num_outputs = self._arguments
        return self if x2 is None else NTKOperator(KernelArguments(net, x2, x1, outputs, num_outputs), self._sizes)

    def _transpose(self) -> Any:
        return self._adjoint()  # it is real


@functools.lru_cache(maxsize=16)
def _jax_product(
    apply_fn: ApplyFn, output: int | None, terms: int, outputs: int, n1: int, n2: int, together: int
) -> Callable:
    """(params, state, blocks of x1, blocks of x2, vectors) -> products; `together` directions at once."""
    transposed, times = jacobian_fns(apply_fn, output)

    def product(params, state, x1, x2, vectors):
        dtype = jnp.result_type(*jax.tree.leaves(params))
        vectors = _checked_vectors(vectors, n2 * (1 if terms > 1 else outputs), dtype)

        def one(cotangent):
            def add(sums, block):
                return jax.tree.map(jnp.add, sums, transposed(params, state, *block)), None

            direction, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), (x2, cotangent))
            return jax.lax.map(lambda x: times(params, state, x, direction), x1).reshape(-1, outputs)[:n1]

        rows = vectors.reshape(len(vectors), -1).T
        if terms > 1:  # of each vector one direction for each output
            cotangents = (rows[:, None, :, None] * jnp.eye(terms, dtype=dtype)[:, None]).reshape(-1, n2, terms)
        else:
            cotangents = rows.reshape(-1, n2, outputs)
        count, tile = jax.tree.leaves(x2)[0].shape[:2]
        cotangents = jnp.pad(cotangents, ((0, 0), (0, count * tile - n2), (0, 0)))
        cotangents = cotangents.reshape(-1, count, tile, outputs)
        with jax.default_matmul_precision("highest"):
            fx = jax.lax.map(one, cotangents, batch_size=min(together, len(cotangents)))
        if terms > 1:
            fx = jnp.einsum("tjnj->tn", fx.reshape(-1, terms, n1, terms)) / terms
        return fx.reshape(len(rows), -1).T.reshape(-1, *vectors.shape[1:])

    return product


def _checked_vectors(vectors: Any, columns: int, dtype: Any) -> jax.Array:
    """The vectors in the operator's type, after a check of what their shape and type tell."""
    vectors = jnp.asarray(vectors)
    if vectors.ndim not in (1, 2) or len(vectors) != columns or not vectors.size:
        raise UserError(f"the vectors must have shape ({columns},) or ({columns}, b), not {vectors.shape}")
    if jnp.iscomplexobj(vectors):
        raise UserError(_COMPLEX)
    if dtype == jnp.float64 and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise UserError('this operator is in float64: call jax.config.update("jax_enable_x64", True) first')
    return vectors.astype(dtype)
