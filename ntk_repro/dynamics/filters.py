"""Full-batch training along one eigenvector of the kernel: flow and descent, with and without momentum.

Along an eigenvector v with eigenvalue lambda, training on 1/2 ||f - y||^2 is a scalar problem: with c the coefficient
of v in theta_t = theta_0 + J^T c, in units of v's part of y - f_0, a share lambda c of that part is learned. A filter
gives both for all times and eigenvalues at once. `checked_times` and `checked_steps` parse its times.
"""

import abc
import dataclasses
import warnings
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.learning_rates import stability_limit
from ntk_repro.errors import UserError
from ntk_repro.gram.checks import as_array, check_real
from ntk_repro.ranges import check_positive

_LARGEST_EXPONENT = 600.0  # e^600: float64 has room left for the size of the outputs


def checked_times(t: Any) -> Float[np.ndarray, "*T"]:
    """Times in float64; None is infinity.

    Raises:
        UserError: times below 0 or not numbers, and lists of different lengths.
    """
    times = as_array(np.inf if t is None else t, "a time")
    check_real(times, "a time")
    times = times.astype(np.float64)
    if np.any(np.isnan(times)) or np.any(times < 0):
        raise UserError("times must be numbers that are not negative: pass infinity (or None) for the limit")
    return times


def checked_steps(steps: Any, learning_rate: float, *, fractions: bool = False) -> Float[np.ndarray, "*T"]:
    """Numbers of steps in float64; None is infinity.

    Args:
        steps: the numbers.
        learning_rate: of these steps.
        fractions: whether fractions are allowed.

    Raises:
        UserError: negative or fractional steps, and a learning rate that is not finite and positive.
    """
    numbers = checked_times(steps)
    if not fractions and np.any(np.isfinite(numbers) & (numbers != np.floor(numbers))):
        raise UserError("gradient descent takes whole steps: for times between them use the flow, `outputs`")
    check_positive(learning_rate=learning_rate)
    return numbers


@dataclasses.dataclass(frozen=True, eq=False)
class Filter(abc.ABC):
    """Training along eigenvectors, at times of any shape *T (numbers of steps for training in steps)."""

    times: Float[np.ndarray, "*T"]

    @abc.abstractmethod
    def learned(self, values: Float[np.ndarray, " r"]) -> Float[np.ndarray, "*T r"]:
        """The share of y - f_0 that is learned along eigenvalues >= 0: 0 at the start, 1 in the limit."""

    @abc.abstractmethod
    def duration(self) -> Float[np.ndarray, "*T"]:
        """The coefficient at eigenvalue 0, which may be infinite: the limit of `learned` / eigenvalue."""

    def coefficients(self, values: Float[np.ndarray, " r"]) -> Float[np.ndarray, "*T r"]:
        """`learned` / eigenvalue: the coefficients c."""
        return _divided(self.learned(values), values, self.duration())

    def check(self, largest: float) -> None:
        """Warns where training at this largest eigenvalue diverges, and refuses it beyond float64.

        Raises:
            UserError: outputs that exceed float64, or have no limit.
        """
        return  # a flow never diverges

    def at(self, times: Float[np.ndarray, "*T"]) -> Self:
        """The same filter at other times."""
        return dataclasses.replace(self, times=times)


class GradientFlow(Filter):
    """Gradient flow: the residual decays by exp(-lambda t), t in units of learning rate times steps.

    Source: Lee et al. 2019, Eqs. (8) and (9).
    """

    def learned(self, values: np.ndarray) -> np.ndarray:
        """1 - exp(-lambda t), to all digits where lambda t is small."""
        return -np.expm1(-_outer(self.times, values))

    def duration(self) -> np.ndarray:
        """(1 - exp(-lambda t)) / lambda at 0: t."""
        return self.times

    # For the bounds on the error of a truncated spectrum (see `truncation`).

    def perturbed(self, values: np.ndarray) -> np.ndarray:
        """The largest factor on a residual ||K v - lambda v|| in the part of y - f_0 along v."""
        return self.coefficients(values)

    def learned_at_most(self, value: float) -> np.ndarray:
        """The largest share learned along any eigenvalue between 0 and `value`."""
        return self.learned(np.array([value]))[..., 0]

    def spread(self) -> np.ndarray:
        """The largest of (1 - exp(-lambda t)) / sqrt(lambda) for any eigenvalue: 0.6382 sqrt(t)."""
        return 0.63818 * np.sqrt(self.times)

    def ceiling(self, largest: float) -> float:
        """The largest share learned along any eigenvalue up to `largest`, at any time."""
        return 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Steps(Filter):
    """Steps theta_{i+1} = theta_i + momentum (theta_i - theta_{i-1}) - learning_rate grad L, from rest.

    `times` are whole numbers, inf allowed; `learning_rate` is that of the summed loss.
    """

    learning_rate: float
    momentum: float = 0.0

    def check(self, largest: float) -> None:
        """As `Filter.check`: steps above the stability limit diverge."""
        limit = stability_limit(largest, self.momentum)
        if self.learning_rate < limit:
            return
        if np.any(np.isinf(self.times)):
            raise UserError(f"training has no limit at this learning rate: take one below {limit:.6g}")
        middle = self.learning_rate * largest - 1 - self.momentum
        growth = np.log((middle + np.sqrt(max(middle**2 - 4 * self.momentum, 0.0))) / 2)
        exponent = growth * self.times.max(initial=0.0)
        if growth <= 0:
            return
        ratio = (
            f"the learning rate {self.learning_rate:.4g} is {self.learning_rate / limit:.3g} times the largest stable"
        )
        if exponent > _LARGEST_EXPONENT:
            raise UserError(f"{ratio} one: after these steps the outputs exceed float64; take one below {limit:.6g}")
        factor = f"training diverges, here by a factor of {np.exp(exponent):.3g}"
        warnings.warn(f"{ratio} one, {limit:.4g}: {factor}", stacklevel=4)


class GradientDescent(Steps):
    """Full-batch gradient descent: the residual is multiplied by 1 - learning_rate lambda in every step."""

    def learned(self, values: np.ndarray) -> np.ndarray:
        """1 - (1 - eta lambda)^i, to all digits where eta lambda is small; beyond 1 for eta lambda > 1 and odd i."""
        x, power = self.learning_rate * values, self._log_power(values)
        finite = np.where(np.isinf(self.times), 0.0, self.times)
        sign = np.where(finite % 2 == 1, -1.0, 1.0)
        with np.errstate(over="ignore"):
            return np.where(x <= 1, -np.expm1(power), 1 - sign[..., None] * np.exp(power))

    def duration(self) -> np.ndarray:
        """(1 - (1 - eta lambda)^i) / lambda at 0: eta i."""
        return self.learning_rate * self.times

    def perturbed(self, values: np.ndarray) -> np.ndarray:
        """As `GradientFlow.perturbed`: eta times the sum of |1 - eta lambda|^l over the steps."""
        x = self.learning_rate * values
        folded = np.where(x <= 1, x, 2 - x)  # 1 - |1 - x|
        with np.errstate(over="ignore"):
            return self.learning_rate * _divided(-np.expm1(self._log_power(values)), folded, self.times)

    def learned_at_most(self, value: float) -> np.ndarray:
        """As `GradientFlow.learned_at_most`, and beyond 1 where eta lambda is; no eigenvalue makes it more than 2."""
        values = np.array([min(value, 2.0 / self.learning_rate)])
        if self.learning_rate * values[0] <= 1:
            return self.learned(values)[..., 0]
        return np.where(self.times > 0, 1 + np.exp(self._log_power(values))[..., 0], 0.0)

    def spread(self) -> np.ndarray:
        """At least (1 - (1 - eta lambda)^i) / sqrt(lambda) for any eta lambda up to 2."""
        return np.sqrt(self.learning_rate) * np.where(self.times > 0, np.maximum(np.sqrt(self.times), 2), 0.0)

    def ceiling(self, largest: float) -> float:
        """2 where eta lambda is above 1 somewhere, infinite where it is above 2."""
        x = self.learning_rate * largest
        return 1.0 if x <= 1 else 2.0 if x <= 2 else np.inf

    def _log_power(self, values: np.ndarray) -> np.ndarray:
        """i log |1 - eta lambda|."""
        x = self.learning_rate * values
        with np.errstate(divide="ignore"):  # log 0 at x = 1: all is learned in one step
            logs = np.log1p(-np.where(x < 1, x, 0.0)) + np.log(np.where(x < 1, 1.0, np.abs(x - 1)))
        return _outer(self.times, logs)


class HeavyBall(Steps):
    """Full-batch gradient descent with momentum beta: e_{i+1} = (1 + beta - eta lambda) e_i - beta e_{i-1}.

    Source: Lee et al. 2019, Eq. (S2).
    """

    def learned(self, values: np.ndarray) -> np.ndarray:
        """1 - e_i.

        A step maps the residual e and its last decrease d to e - d' and d' = beta d + eta lambda e. Powers of that map
        come from repeated squaring of its difference A from the identity, (1 + A)^2 = 1 + 2 A + A^2, so that no digits
        of small eigenvalues are lost.
        """
        x, beta = self.learning_rate * values, self.momentum
        a = np.array([[-x, np.full_like(x, -beta)], [x, np.full_like(x, beta - 1)]])
        remaining = np.where(np.isinf(self.times), 0.0, self.times)
        learned, decrease = np.zeros((2, *self.times.shape, len(x)))
        with np.errstate(over="ignore", invalid="ignore"):  # in the last square, which is not used
            while np.any(remaining > 0):
                odd = remaining % 2 == 1
                e, d = 1 - learned[odd], decrease[odd]
                learned[odd] -= a[0, 0] * e + a[0, 1] * d
                decrease[odd] += a[1, 0] * e + a[1, 1] * d
                remaining = remaining // 2
                a = 2 * a + np.einsum("ijr,jkr->ikr", a, a)
        return _with_limit(learned, self.times, x)

    def duration(self) -> np.ndarray:
        """The motion under a constant force: friction limits its speed to eta / (1 - beta)."""
        i, beta = self.times, self.momentum
        return self.learning_rate * (i + beta * np.expm1(i * np.log(beta)) / (1 - beta)) / (1 - beta)


@dataclasses.dataclass(frozen=True, eq=False)
class HeavyBallFlow(Filter):
    """The flow that momentum follows at small learning rates: a damped oscillator, in units of steps, from rest.

    With t = i sqrt(eta), e'' = -(1 - beta) / sqrt(eta) e' - lambda e.

    Source: Lee et al. 2019, Eqs. (S3) and (S4).
    """

    learning_rate: float
    momentum: float

    def learned(self, values: np.ndarray) -> np.ndarray:
        """1 - e(t)."""
        x, damping = self.learning_rate * values, (1 - self.momentum) / 2
        i = np.where(np.isinf(self.times), 0.0, self.times)[..., None]
        square = damping**2 - x
        slow = square >= 0
        result = np.empty((*self.times.shape, len(x)))
        omega = np.sqrt(square[slow])
        decay = i * (x[slow] / (damping + omega))
        twice = 2 * omega * i
        mean_decay = np.divide(-np.expm1(-twice), twice, out=np.ones_like(twice), where=twice > 0)
        result[..., slow] = -np.expm1(-decay) - np.exp(-decay) * decay * mean_decay
        omega = np.sqrt(-square[~slow])
        swing = 2 * np.sin(omega * i / 2) ** 2 - damping * np.sin(omega * i) / omega
        result[..., ~slow] = -np.expm1(-damping * i) + np.exp(-damping * i) * swing
        return _with_limit(result, self.times, x)

    def duration(self) -> np.ndarray:
        """As `HeavyBall.duration`, in continuous time."""
        i, rate = self.times, 1 - self.momentum
        return self.learning_rate / rate * (i + np.expm1(-rate * i) / rate)


def _with_limit(learned: np.ndarray, times: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The limit at infinite times: all is learned where the eigenvalue is not 0."""
    return np.where(np.isinf(times)[..., None], np.where(x > 0, 1.0, 0.0), learned)


def _outer(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Products (*T, r), where 0 times infinity is 0: no time, or nothing to decay."""
    with np.errstate(invalid="ignore", over="ignore"):
        product = np.multiply.outer(times, values)
    product[np.isnan(product)] = 0.0
    return product


def _divided(numerator: np.ndarray, values: np.ndarray, at_zero: np.ndarray) -> np.ndarray:
    """numerator / values, and `at_zero` (*T) where the value is 0."""
    result = np.broadcast_to(at_zero[..., None], numerator.shape).copy()
    return np.divide(numerator, values, out=result, where=np.broadcast_to(values > 0, numerator.shape))
