"""How well targets are aligned with a kernel, and the distance between two kernels."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.checks import check_no_overflow, checked_array
from ntk_repro.gram.matrices import SymmetricOperator
from ntk_repro.gram.structured.schedule import Blocks
from ntk_repro.memory import available_bytes, given_bytes
from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.samples import Samples, take

# Per-sample gradients of one block of samples: at most this many samples and bytes. On a CPU, XLA's float64 gradients
# of a convolution take, at 512 samples of LeNet, 26 times the memory and 14 times the time that blocks of 16 take.
_BLOCK_SAMPLES = {"cpu": 16, "other": 512}
_BLOCK_BYTES = 2e9
_PANEL_ENTRIES = 2e7  # of a kernel that are taken to float64 at a time


def alignment(
    net: Network,
    x: Samples,
    targets: Float[np.ndarray, "n T"] | Float[np.ndarray, " n"],
    *,
    outputs: str | int = "mean",
    precision: str = "float32",
    memory: int | str | None = None,
) -> Float[np.ndarray, " T"]:
    """alpha(f) = || mean_i f(x_i) grad f_theta(x_i) ||^2 of every target with the network's NTK, without the kernel.

    Equal to f^T K f / n^2 (`alignment_from_gram`), at a cost linear in n: gradients are taken a block of samples at a
    time and weighted by all targets at once. For phi_j = sqrt(n) v_j, with v_j a unit eigenvector of the Gram matrix
    on x, it is lambda_j / n. (The paper's plots show v^T K v / v^T v, which is n alpha(f) / mean f^2.)

    Source: Ortiz-Jimenez et al. 2021, Lemma 1 and appendix B.

    Args:
        net: the network; the gradient is taken at `net.params` with `net.state` frozen.
        x: n inputs, one array or a pytree of arrays.
        targets: one target a column; (n,) is one target.
        outputs: of several outputs the mean of their alignments ("mean", that with the mean kernel), or one's number.
        precision: "float32" or "float64".
        memory: bytes that gradients and their averages may take, None for a part of what is available; where T
            averages do not fit, the gradients are taken again for the next targets.

    Returns:
        (T,) in float64.

    Raises:
        UserError: for arguments that do not fit or are not finite, and a precision that an alignment does not have.

    >>> net = Network.create("mlp", 0, (4, 4, 1))
    >>> x = np.random.default_rng(0).normal(size=(6, 4, 4, 1))
    >>> alignment(net, x, np.ones((6, 2))).shape
    (2,)
    """
    if outputs == "full":
        raise UserError('outputs="full" has no alignment: take "mean" or the number of an output')
    if precision in ("tf32", "bf16"):
        raise UserError(f'precision="{precision}" is for the products of a kernel: take "float32" or "float64"')
    with checked_arguments(net, x, None, outputs, precision) as arguments:
        net, x, _, _, num_outputs = arguments
        n = arguments.n1
        weights = _checked_targets(targets, n).astype("float64" if precision == "float64" else "float32")
        terms = num_outputs if arguments.output is None else 1
        sizes = [leaf.size * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(net.params)]
        blocks, count = _blocks(n, weights.shape[1], terms * sum(sizes), memory)
        # Samples of weight 0 fill up the last block: nothing is compiled again.
        padded = np.pad(weights, ((0, blocks.count * blocks.tile - n), (0, 0)))
        add = _weighted_sums(net.apply_fn, arguments.output)
        norms = []
        with progress("alignment", -(-weights.shape[1] // count) * n, "samples") as advance:
            for part in np.split(padded, range(count, weights.shape[1], count), axis=1):
                rows = part.shape[1]
                sums = [jnp.zeros((rows, terms * leaf.size), leaf.dtype) for leaf in jax.tree.leaves(net.params)]
                for block, of_samples in enumerate(np.split(part, blocks.count)):
                    sums = add(sums, net.params, net.state, blocks.take(x, block), of_samples)
                    jax.block_until_ready(sums[0])
                    advance(min(blocks.tile, n - block * blocks.tile))
                host = map(np.asarray, sums)
                norms.append(sum(np.einsum("tp,tp->t", leaf, leaf, dtype=np.float64) for leaf in host))
    alpha = np.concatenate(norms) / (terms * n**2)
    check_no_overflow(alpha, "the alignment")
    return alpha


def alignment_from_gram(
    gram: Float[np.ndarray, "n n"] | SymmetricOperator | LinearOperator,
    targets: Float[np.ndarray, "n T"] | Float[np.ndarray, " n"],
) -> Float[np.ndarray, " T"]:
    """alpha(f) = f^T K f / n^2 of every target, from the kernel on the samples that the targets are given on.

    Source: Ortiz-Jimenez et al. 2021, Lemma 1.

    Args:
        gram: the symmetric kernel, an array, a `GramStore` or an operator.
        targets: one target a column; (n,) is one target.

    Returns:
        (T,) in float64.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, and targets that do not fit or are not finite.
    """
    matrix = SymmetricOperator.of(gram)
    f = _checked_targets(targets, matrix.n)
    return np.einsum("nt,tn->t", f, matrix.products(np.float64)(f.T)) / matrix.n**2


def kernel_cosine_distance(k1: Float[np.ndarray, "n m"], k2: Float[np.ndarray, "n m"]) -> float:
    """1 - <K1, K2> / (||K1|| ||K2||) (Frobenius): 0 for kernels that differ by a factor, at most 1 for positive ones.

    Computed as half the squared distance of the normalised kernels, which keeps its digits where it is small.

    Raises:
        UserError: for kernels of different shapes, of zeros or with entries that are not finite.

    >>> kernel_cosine_distance(np.eye(3), 2 * np.eye(3))
    0.0
    """
    k1, k2 = np.asarray(k1), np.asarray(k2)
    if k1.shape != k2.shape or k1.ndim != 2:
        raise UserError(f"kernels of shapes {k1.shape} and {k2.shape} do not compare: take the same samples for both")
    norms = [np.sqrt(sum(np.vdot(rows, rows) for rows in _rows(k))) for k in (k1, k2)]
    if not np.all(np.isfinite(norms)) or 0 in norms:
        raise UserError("a kernel of zeros, or with entries that are not finite, has no direction to compare")
    gaps = (a / norms[0] - b / norms[1] for a, b in zip(_rows(k1), _rows(k2), strict=True))
    return float(sum(np.vdot(gap, gap) for gap in gaps) / 2)


@functools.lru_cache(maxsize=16)
def _weighted_sums(apply_fn: Callable, output: int | None) -> Callable:
    """Adds the gradients of a block of samples, weighted, to the sums of the blocks before."""

    def add(sums, params, state, x, weights):
        def one(x):
            def outputs(params):
                fx = apply_fn(params, state, take(x, None))[0]
                return fx if output is None else fx[output : output + 1]

            return jax.jacrev(outputs)(params)

        gradients = jax.tree.leaves(jax.vmap(one)(x))
        return [
            total + jnp.matmul(weights.T, gradient.reshape(len(weights), -1), precision="highest")
            for total, gradient in zip(sums, gradients, strict=True)
        ]

    return jax.jit(add, donate_argnums=0)


def _blocks(n: int, targets: int, bytes_each: int, memory: int | str | None) -> tuple[Blocks, int]:
    """Blocks of samples, and how many targets are worked on at a time; `bytes_each` is one gradient's size."""
    allowed = given_bytes(memory, available_bytes() // 2)
    samples = _BLOCK_SAMPLES["cpu" if jax.default_backend() == "cpu" else "other"]
    block = int(np.clip(min(allowed / 4, _BLOCK_BYTES) / bytes_each, 1, min(samples, n)))
    most = int(np.clip(allowed / 3 / bytes_each, 1, targets))  # the sums, and what is added to them
    return Blocks(n, block, block), -(-targets // -(-targets // most))  # of equal size, as nearly as can be


def _checked_targets(targets: Any, n: int) -> Float[np.ndarray, "n T"]:
    targets = checked_array(targets, "the targets", (n,), (n, "T"))
    return targets.reshape(n, -1)


def _rows(k: np.ndarray) -> Iterator[np.ndarray]:
    """A few rows after another, in float64."""
    count = max(1, int(_PANEL_ENTRIES / max(k.shape[1], 1)))
    for start in range(0, len(k), count):
        yield k[start : start + count].astype(np.float64)
