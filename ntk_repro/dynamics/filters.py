"""What (full-batch) gradient descent and its flow make of one eigendirection of the kernel.

Along an eigenvector with eigenvalue lambda, training on 1/2 ||f - y||^2 is a scalar problem: with c the coefficient of
the eigenvector in theta_t = theta_0 + J^T c (in units of its part of y - f0), a share lambda c of y - f0 is learned.
A filter gives both for all times and eigenvalues at once.
"""

import dataclasses
import warnings
from typing import Protocol

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.errors import UserError

__all__ = ["Filter", "GradientDescent", "GradientFlow", "flow_times", "refuse_overflow", "step_numbers"]

_LARGEST_EXPONENT = 600.0  # e^600: room is left for the outputs' own size


class Filter(Protocol):
    """Training seen along eigendirections; the leading axis T runs over times or steps, `some` picks part of it."""

    def __len__(self) -> int:
        """The number T of times."""
        ...

    def learned(self, values: Float[np.ndarray, " r"], some: slice) -> Float[np.ndarray, "T r"]:
        """The share of y - f0 that is learned along eigenvalues >= 0: 0 at the start, 1 in the limit."""
        ...

    def reach(self, values: Float[np.ndarray, " r"], some: slice) -> Float[np.ndarray, "T r"]:
        """`learned` / eigenvalue: the coefficient c; where the eigenvalue is 0 its limit, which may be infinite."""
        ...

    def check(self, largest: float) -> None:
        """Warns where training at this largest eigenvalue diverges; refuses it where float64 has no such numbers."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class GradientFlow:
    """Gradient flow: the residual decays by exp(-lambda t). `times` (T,), in units of learning rate times steps."""

    times: Float[np.ndarray, " T"]

    def __len__(self) -> int:
        return len(self.times)

    def learned(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """1 - exp(-lambda t), to all digits where lambda t is small."""
        exponent = _outer(-self.times[some], values)
        return np.negative(np.expm1(exponent, out=exponent), out=exponent)

    def reach(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """(1 - exp(-lambda t)) / lambda."""
        return _divided(self.learned(values, some), values, self.times[some])

    def check(self, largest: float) -> None:
        """A flow never diverges."""

    # What bounds on the error of a truncated spectrum are made of (see `truncation`).

    def perturbed(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """By what a residual ||K v - lambda v|| is multiplied, at most, in the part of y - f0 along v."""
        return self.reach(values, some)

    def learned_at_most(self, value: float, some: slice = slice(None)) -> np.ndarray:
        """The largest share learned along any eigenvalue between 0 and `value`."""
        return self.learned(np.array([value]), some)[:, 0]

    def spread(self, some: slice = slice(None)) -> np.ndarray:
        """The largest of (1 - exp(-lambda t)) / sqrt(lambda) for any eigenvalue: 0.6382 sqrt(t)."""
        return 0.63818 * np.sqrt(self.times[some])

    def duration(self, some: slice = slice(None)) -> np.ndarray:
        """The limit of `reach` at eigenvalue 0."""
        return self.times[some]

    def ceiling(self, largest: float) -> float:
        """The largest share learned along any eigenvalue up to `largest`, at any time."""
        return 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class GradientDescent:
    """Full-batch gradient descent: the residual is multiplied by 1 - learning_rate lambda a step.

    `steps` (T,) are whole numbers in float64, inf allowed; `learning_rate` is that of the summed loss.
    """

    steps: Float[np.ndarray, " T"]
    learning_rate: float

    def __len__(self) -> int:
        return len(self.steps)

    def learned(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """1 - (1 - eta lambda)^i, to all digits where eta lambda is small; beyond 1 for eta lambda > 1 and odd i."""
        x, steps = self.learning_rate * values, self.steps[some]
        power = self._log_power(x, steps)
        with np.errstate(over="ignore"):
            return np.where(x <= 1, -np.expm1(power), 1 - _alternating(steps)[:, None] * np.exp(power))

    def reach(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """(1 - (1 - eta lambda)^i) / lambda."""
        return _divided(self.learned(values, some), values, self.learning_rate * self.steps[some])

    def check(self, largest: float) -> None:
        """Diverging is reported: gradient descent itself would."""
        x = self.learning_rate * largest
        if x < 2:
            return
        if np.any(np.isinf(self.steps)):
            raise UserError(f"gradient descent has no limit at this learning rate: take one below {2 / largest:.6g}")
        if x == 2:
            return
        refuse_overflow(np.log(x - 1) * self.steps.max(), self.learning_rate, 2 / largest)

    def perturbed(self, values: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """eta times the sum of |1 - eta lambda|^l over the steps."""
        x, steps = self.learning_rate * values, self.steps[some]
        folded = np.where(x <= 1, x, 2 - x)  # 1 - |1 - x|
        with np.errstate(over="ignore"):
            total = _divided(-np.expm1(self._log_power(x, steps)), folded, steps)
        return self.learning_rate * total

    def learned_at_most(self, value: float, some: slice = slice(None)) -> np.ndarray:
        """As `GradientFlow.learned_at_most`, and beyond 1 where eta lambda is; no eigenvalue makes it more than 2."""
        x = min(self.learning_rate * value, 2.0)
        if x <= 1:
            return self.learned(np.array([x / self.learning_rate]), some)[:, 0]
        started = self.steps[some] > 0
        return np.where(started, 1 + np.exp(self._log_power(np.array([x]), self.steps[some]))[:, 0], 0.0)

    def spread(self, some: slice = slice(None)) -> np.ndarray:
        """At least (1 - (1 - eta lambda)^i) / sqrt(lambda) for any eta lambda up to 2."""
        steps = self.steps[some]
        return np.sqrt(self.learning_rate) * np.where(steps > 0, np.maximum(np.sqrt(steps), 2), 0.0)

    def duration(self, some: slice = slice(None)) -> np.ndarray:
        """eta i."""
        return self.learning_rate * self.steps[some]

    def ceiling(self, largest: float) -> float:
        """2 where eta lambda is above 1 somewhere, infinite where it is above 2."""
        x = self.learning_rate * largest
        return 1.0 if x <= 1 else 2.0 if x <= 2 else np.inf

    @staticmethod
    def _log_power(x: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """i log |1 - x|."""
        with np.errstate(divide="ignore"):  # log 0 at x = 1: all is learned in one step
            logs = np.log1p(-np.where(x < 1, x, 0.0)) + np.log(np.where(x < 1, 1.0, np.abs(x - 1)))
        return _outer(steps, logs)


def flow_times(t: ArrayLike | None) -> tuple[np.ndarray, tuple[int, ...]]:
    """Times as a float64 vector, and the shape that they came in; None is infinity.

    Raises:
        UserError: times below 0 or not numbers.
    """
    times = np.array(np.inf if t is None else t, dtype=np.float64)
    if np.any(np.isnan(times)) or np.any(times < 0):
        raise UserError("times must be numbers that are not negative, infinity (or None) for the limit")
    return times.reshape(-1), times.shape


def step_numbers(
    steps: ArrayLike | None, learning_rate: float, *, whole: bool = True
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Numbers of steps as a float64 vector, and the shape that they came in; None is infinity.

    Raises:
        UserError: negative or broken steps, and a learning rate that is not finite and positive.
    """
    numbers, shape = flow_times(steps)
    if whole and np.any(np.isfinite(numbers) & (numbers != np.floor(numbers))):
        raise UserError("gradient descent takes whole steps; for times in between take the flow, `outputs`")
    if np.ndim(learning_rate) or not (np.isfinite(learning_rate) and learning_rate > 0):
        raise UserError(f"the learning rate must be one finite number above 0, not {learning_rate}")
    return numbers, shape


def refuse_overflow(exponent: float, learning_rate: float, limit: float) -> None:
    """Warns that training diverges by e^exponent at this learning rate, and refuses it beyond float64."""
    what = f"the learning rate {learning_rate:.4g} is {learning_rate / limit:.3g} times the largest stable one"
    if exponent > _LARGEST_EXPONENT:
        raise UserError(f"{what}: after these steps the outputs exceed float64; take one below {limit:.6g}")
    warnings.warn(f"{what}, {limit:.4g}: training diverges, here by a factor of {np.exp(exponent):.3g}", stacklevel=5)


def _outer(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Products (T, r), where 0 times infinity is 0: no time, or nothing to decay."""
    with np.errstate(invalid="ignore", over="ignore"):
        product = np.multiply.outer(times, values)
    product[np.isnan(product)] = 0.0
    return product


def _divided(numerator: np.ndarray, values: np.ndarray, at_zero: np.ndarray) -> np.ndarray:
    """numerator / values, and `at_zero` (T,) where the value is 0."""
    zero = np.broadcast_to(at_zero[:, None], numerator.shape).copy()
    return np.divide(numerator, values, out=zero, where=np.broadcast_to(values > 0, numerator.shape))


def _alternating(steps: np.ndarray) -> np.ndarray:
    """(-1)^i; 1 for infinity, where what it multiplies is 0."""
    return np.where(np.mod(np.where(np.isinf(steps), 0.0, steps), 2) == 1, -1.0, 1.0)
