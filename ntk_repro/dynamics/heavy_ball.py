"""What gradient descent with momentum, and its flow, make of one eigendirection of the kernel."""

import dataclasses

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.filters import refuse_overflow
from ntk_repro.errors import UserError

__all__ = ["HeavyBall", "HeavyBallFlow"]


@dataclasses.dataclass(frozen=True, eq=False)
class HeavyBall:
    """theta_{i+1} = theta_i + beta (theta_i - theta_{i-1}) - eta grad L, from rest.

    Along an eigenvalue the residual follows e_{i+1} = (1 + beta - eta lambda) e_i - beta e_{i-1}, a sum of powers of
    the two roots of z^2 - (1 + beta - eta lambda) z + beta: real ones for small and for nearly unstable eta lambda,
    complex ones of modulus sqrt(beta) in between.

    Source: Lee et al. 2019, Eq. (S2).
    """

    steps: Float[np.ndarray, " T"]
    learning_rate: float
    momentum: float

    def __len__(self) -> int:
        return len(self.steps)

    def learned(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """1 - e_i."""
        x, i = self.learning_rate * values, self.steps[some][:, None]
        beta = self.momentum
        root = np.sqrt(beta)
        # Factored, the discriminant keeps its digits where the roots nearly coincide.
        discriminant = ((1 - root) ** 2 - x) * ((1 + root) ** 2 - x)
        middle = 1 + beta - x
        result = np.empty((len(i), len(x)))
        finite = np.where(np.isinf(i), 0.0, i)
        for branch, where in (
            (_slow, (discriminant >= 0) & (middle > 0)),
            (_turning, discriminant < 0),
            (_alternating, (discriminant >= 0) & (middle <= 0)),
        ):
            if np.any(where):
                result[:, where] = branch(finite, x[where], beta, middle[where], np.abs(discriminant[where]))
        return np.where(np.isinf(i), np.where(x > 0, 1.0, 0.0), result)

    def reach(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """(1 - e_i) / lambda."""
        i, beta = self.steps[some], self.momentum
        with np.errstate(invalid="ignore"):
            at_zero = self.learning_rate * (i + beta * np.expm1(i * np.log(beta)) / (1 - beta)) / (1 - beta)
        learned = self.learned(values, some)
        return np.divide(learned, values, out=_column(at_zero, learned), where=_positive(values, learned))

    def check(self, largest: float) -> None:
        """Diverging is reported: gradient descent itself would."""
        limit = 2 * (1 + self.momentum) / largest if largest > 0 else np.inf
        if self.learning_rate < limit:
            return
        if np.any(np.isinf(self.steps)):
            raise UserError(f"momentum has no limit at this learning rate: take one below {limit:.6g}")
        middle = self.learning_rate * largest - 1 - self.momentum
        growth = np.log((middle + np.sqrt(max(middle**2 - 4 * self.momentum, 0.0))) / 2)
        if growth > 0:
            refuse_overflow(growth * self.steps.max(), self.learning_rate, limit)


@dataclasses.dataclass(frozen=True, eq=False)
class HeavyBallFlow:
    """The flow that momentum follows at small learning rates: a damped oscillator, in units of steps, from rest.

    With t = i sqrt(eta), e'' = -(1 - beta) / sqrt(eta) e' - lambda e.

    Source: Lee et al. 2019, Eqs. (S3) and (S4).
    """

    steps: Float[np.ndarray, " T"]
    learning_rate: float
    momentum: float

    def __len__(self) -> int:
        return len(self.steps)

    def learned(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """1 - e(t)."""
        x, i = self.learning_rate * values, self.steps[some][:, None]
        damping = (1 - self.momentum) / 2
        square = damping**2 - x
        result = np.empty((len(i), len(x)))
        finite = np.where(np.isinf(i), 0.0, i)
        if np.any(slow := square >= 0):
            omega = np.sqrt(square[slow])
            decay = finite * (x[slow] / (damping + omega))
            result[:, slow] = -np.expm1(-decay) - np.exp(-decay) * decay * _mean_decay(2 * omega * finite)
        if np.any(turning := square < 0):
            omega = np.sqrt(-square[turning])
            sine = np.sin(omega * finite) / omega
            swing = 2 * np.sin(omega * finite / 2) ** 2 - damping * sine
            result[:, turning] = -np.expm1(-damping * finite) + np.exp(-damping * finite) * swing
        return np.where(np.isinf(i), np.where(x > 0, 1.0, 0.0), result)

    def reach(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """(1 - e(t)) / lambda."""
        i, rate = self.steps[some], 1 - self.momentum
        at_zero = self.learning_rate / rate * (i + np.expm1(-rate * i) / rate)
        learned = self.learned(values, some)
        return np.divide(learned, values, out=_column(at_zero, learned), where=_positive(values, learned))

    def check(self, largest: float) -> None:
        """A flow never diverges."""


def _slow(i: np.ndarray, x: np.ndarray, beta: float, middle: np.ndarray, discriminant: np.ndarray) -> np.ndarray:
    """1 - e_i with real roots below 1; every subtraction keeps the digits of small eigenvalues."""
    width = np.sqrt(discriminant)
    large = (middle + width) / 2
    small = beta / large
    gap = x / (1 - small)  # 1 - large root, since (1 - large)(1 - small) = eta lambda
    power = i * np.log1p(-gap)
    return -np.expm1(power) - np.exp(power) * gap * (small / large) * _geometric(i, beta, width, middle, large)


def _alternating(i: np.ndarray, x: np.ndarray, beta: float, middle: np.ndarray, discriminant: np.ndarray) -> np.ndarray:
    """1 - e_i with real roots below 0: too large a learning rate, or nearly."""
    width, size = np.sqrt(discriminant), np.abs(middle)
    large = (size + width) / 2
    small = beta / large
    sign = np.where(np.mod(i, 2) == 1, -1.0, 1.0)
    with np.errstate(over="ignore"):
        inside = 1 + (small / large + small) * _geometric(i, beta, width, size, large)
        return 1 - sign * np.exp(i * np.log(large)) * inside


def _turning(i: np.ndarray, x: np.ndarray, beta: float, middle: np.ndarray, discriminant: np.ndarray) -> np.ndarray:
    """1 - e_i with complex roots sqrt(beta) exp(+- i angle)."""
    root = np.sqrt(beta)
    angle = np.arctan2(np.sqrt(discriminant), np.abs(middle))
    ratio = np.sin(i * angle) / np.sin(angle)
    shrink = np.exp(i * np.log(root))
    forward = -np.expm1(i * np.log(root)) + shrink * (
        2 * np.sin(i * angle / 2) ** 2 - (1 - beta - x) / (2 * root) * ratio
    )
    sign = np.where(np.mod(i, 2) == 1, -1.0, 1.0)
    backward = 1 - sign * shrink * (np.cos(i * angle) + (np.cos(angle) + root) * ratio)
    return np.where(middle >= 0, forward, backward)


def _geometric(i: np.ndarray, beta: float, width: np.ndarray, middle: np.ndarray, large: np.ndarray) -> np.ndarray:
    """1 + q + ... + q^(i - 1) with q the ratio of the two roots; i where they coincide."""
    share = width / middle
    log_ratio = np.where(share < 0.9, -2 * np.arctanh(np.minimum(share, 0.95)), np.log(beta) - 2 * np.log(large))
    total = np.broadcast_to(i, (len(i), len(log_ratio))).copy()
    return np.divide(np.expm1(i * log_ratio), np.expm1(log_ratio), out=total, where=log_ratio < 0)


def _mean_decay(y: np.ndarray) -> np.ndarray:
    """(1 - exp(-y)) / y, 1 at 0."""
    return np.divide(-np.expm1(-y), y, out=np.ones_like(y), where=y > 0)


def _column(at_zero: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(at_zero[:, None], like.shape).copy()


def _positive(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(values > 0, like.shape)
