"""`neural_anisotropy_directions`: the input directions along which a network's gradient changes, from most to least."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.checks import check_no_overflow
from ntk_repro.gram.spectrum.eigenpairs import signs
from ntk_repro.nads.gram_of_directions import gram_of_directions
from ntk_repro.nads.mixed_derivative import averaged_derivative, derivative_at
from ntk_repro.network import Network
from ntk_repro.ranges import check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.samples import as_input_shape

# The products are summed up in float64, which puts rounding at 1e-8 of the largest singular value; M v itself is
# rounded in the precision of the network.
_NULL_BELOW = {"float32": 1e-6, "float64": 1e-7}


@dataclasses.dataclass(frozen=True, eq=False)
class NADs:
    """The neural anisotropy directions of a network: an orthonormal basis of its input space.

    Attributes:
        values: singular values of the mixed derivative, descending. The alignment of the linear predictor u^T x with
            the NTK for Gaussian inputs is alpha(g_u) = values^2 for the directions themselves.
        directions: v_1, v_2, ... as inputs of unit norm. Sign: the sum of the cubed entries is positive; where that sum
            is nearly zero, the first entry of at least half the largest magnitude is positive.
        null: which directions have derivative 0 (up to rounding); the basis of their space is arbitrary.
    """

    values: Float[np.ndarray, " d"]
    directions: Float[np.ndarray, "d *input"]
    null: Bool[np.ndarray, " d"]

    @property
    def alignments(self) -> Float[np.ndarray, " d"]:
        """alpha(g_v) of every direction, the squared singular values."""
        return self.values**2

    @property
    def rank(self) -> int:
        """The number of directions that are not null; they come first."""
        return int(np.sum(~self.null))


def neural_anisotropy_directions(
    net: Network,
    x: Float[np.ndarray, "n *input"] | None = None,
    output: int = 0,
    *,
    input_shape: tuple[int, ...] | None = None,
    precision: str = "float32",
    null_below: float | None = None,
    memory: int | str | None = None,
    folder: RunFolder | None = None,
) -> NADs:
    """The right singular vectors of the mixed derivative d^2 f / dx dtheta, at the origin or averaged over samples.

    Exact: M v is made for all d unit vectors v by forward over reverse differentiation, and the d x d matrix of their
    inner products, summed up in float64, is diagonalized. M itself (p x d) is never formed. State (BatchNorm
    statistics) is frozen.

    Source: Ortiz-Jimenez et al. 2021, Theorem 1 and section 3.2; at the origin as in its appendix C.2.

    Args:
        net: the network, at the parameters where its kernel is taken.
        x: samples to average the derivative over; None for the origin.
        output: which output, from 0.
        input_shape: of one input, without the sample axis, at the origin of a network that does not know it.
        precision: "float32" or "float64", the precision of M v.
        null_below: directions whose singular value is at most this share of the largest are flagged as null; None for
            1e-6 in float32 and 1e-7 in float64, where rounding begins.
        memory: bytes for stored M v; None for 4 GiB. With less, some directions are computed several times.
        folder: an open run folder where finished products are saved, so that an interrupted computation continues.

    Raises:
        UserError: an unknown precision, samples that are not finite, an output that the network does not have, and at
            the origin a missing input shape.

    >>> import jax, numpy as np
    >>> net = Network.create("mlp", jax.random.key(0), (4, 4, 1), width=0.1, activation="gelu")
    >>> neural_anisotropy_directions(net).directions.shape
    (16, 4, 4, 1)
    """
    check_precision(precision)
    check_not_negative(null_below=0.0 if null_below is None else null_below)
    samples = np.zeros((1, *_input_shape(net, input_shape)), np.float32) if x is None else np.asarray(x)
    if np.issubdtype(samples.dtype, np.integer):
        raise UserError("inputs of an integer type have no directions: give floating-point samples")
    with checked_arguments(net, samples, None, output, precision) as (net, samples, _, number, _):
        assert isinstance(number, int)
        single = len(samples) == 1
        derivative = derivative_at(net, samples[0], number) if single else averaged_derivative(net, samples, number)
        shape = samples.shape[1:]
        gram = gram_of_directions(derivative, shape, samples.dtype, memory=memory, folder=folder)
    check_no_overflow(gram, "the mixed derivative")
    return _from_gram(gram, shape, _NULL_BELOW[precision] if null_below is None else null_below)


def check_precision(precision: str) -> None:
    """Checks a precision of directions.

    Raises:
        UserError: for another name.
    """
    check_name("precision of directions", precision, _NULL_BELOW)


def _input_shape(net: Network, given: tuple[int, ...] | None) -> tuple[int, ...]:
    shape = net.input_shape if given is None else as_input_shape(given)
    if shape is None:
        raise UserError("the network does not know the shape of its inputs: give input_shape, or samples x")
    if not isinstance(shape, tuple) or not all(isinstance(side, int) for side in shape):  # a tree of shapes
        raise UserError("directions need a network with one input array, and this one takes several")
    return shape


def _from_gram(gram: Float[np.ndarray, "d d"], shape: tuple[int, ...], null_below: float) -> NADs:
    from scipy.linalg import eigh

    squares, vectors = eigh(gram)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    values = np.sqrt(np.maximum(squares, 0.0))
    vectors = vectors * signs(vectors)
    return NADs(values, vectors.T.reshape(-1, *shape), values <= null_below * values[0])
