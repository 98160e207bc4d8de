"""The expectations and recursions behind the NNGP and the NTK of a fully connected network, in NumPy's float64.

`analytic_kernel` goes through `nt.stax`; these are the paper's own equations, to read and to check it by.
"""

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError, check_name

Values = Float[np.ndarray, "..."]

# Rounding of two variances and a covariance that come from the same vectors leaves a cosine of 1 within this of 1.
_SAME = 16 * np.finfo(np.float64).eps


def relu_expectations(k11: Values, k12: Values, k22: Values) -> tuple[Values, Values]:
    """T = E[relu(u) relu(v)] and T' = E[relu'(u) relu'(v)] for (u, v) ~ N(0, [[k11, k12], [k12, k22]]).

    Within 16 units of rounding of cos = 1 the angle is taken as 0: rounding alone would make it 1e-8 (as in `nt.stax`),
    and a kernel's diagonal wrong in the eighth digit.

    Source: Lee et al. 2019, Eqs. (S13) to (S15).
    """
    k11, k12, k22 = np.broadcast_arrays(*(np.asarray(k, np.float64) for k in (k11, k12, k22)))
    norms = np.sqrt(k11) * np.sqrt(k22)
    gap = norms - np.abs(k12)
    sine = np.sqrt(np.where(gap > _SAME * norms, gap, 0.0)) * np.sqrt(norms + np.abs(k12))  # times the norms
    # Where a variance is 0 so is u or v, and relu'(0) is 0 or 1: the angle of pi/2 counts half of each, as `nt.stax`.
    angle = np.where(norms > 0, np.arctan2(sine, k12), np.pi / 2)
    return (sine + (np.pi - angle) * k12) / (2 * np.pi), (np.pi - angle) / (2 * np.pi)


def erf_expectations(k11: Values, k12: Values, k22: Values) -> tuple[Values, Values]:
    """T = E[erf(u) erf(v)] and T' = E[erf'(u) erf'(v)] for (u, v) ~ N(0, [[k11, k12], [k12, k22]]).

    Source: Lee et al. 2019, Eqs. (S16), (S17).
    """
    k11, k12, k22 = (np.asarray(k, np.float64) for k in (k11, k12, k22))
    determinant = (1 + 2 * k11) * (1 + 2 * k22) - 4 * k12**2
    # arcsin(a / b) as arctan(a / sqrt(b^2 - a^2)), which keeps its digits where a is close to b.
    return 2 / np.pi * np.arctan2(2 * k12, np.sqrt(determinant)), 4 / np.pi / np.sqrt(determinant)


EXPECTATIONS = {"relu": relu_expectations, "erf": erf_expectations}
"""(k11, k12, k22) -> (T, T') by activation."""


def kernel_step(
    k11: Float[np.ndarray, " n1"],
    k12: Float[np.ndarray, "n1 n2"],
    k22: Float[np.ndarray, " n2"],
    theta: Float[np.ndarray, "n1 n2"],
    activation: str,
    sigma_w: float,
    sigma_b: float,
) -> tuple[Float[np.ndarray, " n1"], Float[np.ndarray, "n1 n2"], Float[np.ndarray, " n2"], Float[np.ndarray, "n1 n2"]]:
    """One layer further: variances, covariances K and tangent kernel Theta of layer l from those of layer l - 1.

    Source: Lee et al. 2019, Eqs. (S26), (S29).

    Raises:
        UserError: for an activation without closed forms here.
    """
    check_name("activation with closed forms", activation, EXPECTATIONS)
    expectations = EXPECTATIONS[activation]
    t, t_dot = expectations(k11[:, None], k12, k22[None, :])
    k12 = sigma_w**2 * t + sigma_b**2
    theta = k12 + sigma_w**2 * theta * t_dot
    k11, k22 = (sigma_w**2 * expectations(k, k, k)[0] + sigma_b**2 for k in (k11, k22))
    return k11, k12, k22, theta


def fcn_kernels(
    x1: Float[np.ndarray, "n1 ..."],
    x2: Float[np.ndarray, "n2 ..."] | None = None,
    *,
    depth: int = 3,
    activation: str = "relu",
    sigma_w: float = 2**0.5,
    sigma_b: float = 0.0,
) -> tuple[Float[np.ndarray, "n1 n2"], Float[np.ndarray, "n1 n2"]]:
    """NNGP and NTK of the infinitely wide `fcn` in NTK parameterization, (K, Theta), by the paper's recursion.

    Source: Lee et al. 2019, Eqs. (S24) to (S29).

    Args:
        x1: n1 inputs, flattened.
        x2: n2 inputs, None for x1.
        depth: number of hidden layers; 0 is the linear model.
        activation: "relu" or "erf".
        sigma_w: scale of the weights.
        sigma_b: scale of the biases.

    Raises:
        UserError: for another activation, a negative depth, inputs that do not fit each other.
    """
    if depth < 0:
        raise UserError(f"depth counts hidden layers and cannot be {depth}")
    a = np.asarray(x1, np.float64).reshape(len(x1), -1)
    b = a if x2 is None else np.asarray(x2, np.float64).reshape(len(x2), -1)
    if a.shape[1] != b.shape[1]:
        raise UserError(f"a sample of x1 has {a.shape[1]} numbers, one of x2 {b.shape[1]}: they must agree")
    scale = sigma_w**2 / a.shape[1]
    k12 = scale * (a @ b.T) + sigma_b**2
    k11, k22 = (scale * np.einsum("ni,ni->n", x, x) + sigma_b**2 for x in (a, b))
    theta = k12
    for _ in range(depth):
        k11, k12, k22, theta = kernel_step(k11, k12, k22, theta, activation, sigma_w, sigma_b)
    return k12, theta
