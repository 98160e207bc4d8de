"""A parameter seen through reshapes, transposes and the like, as a layer's equation uses it."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, Self

import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class View:
    """The map from an array of shape `source` to one of shape `shape` with the same entries in other places.

    Attributes:
        source: shape of the parameter.
        shape: shape of what is seen.
        steps: (name of a NumPy function, its argument beside the array), in order.
    """

    source: tuple[int, ...]
    shape: tuple[int, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @classmethod
    def of(cls, shape: Iterable[int]) -> Self:
        """The array itself."""
        shape = tuple(shape)
        return cls(shape, shape)

    def reshape(self, shape: Iterable[int]) -> "View":
        """Followed by a reshape."""
        shape = tuple(shape)
        return self._then("reshape", shape, shape)

    def transpose(self, order: Iterable[int]) -> "View":
        """Followed by a transposition."""
        order = tuple(order)
        return self._then("transpose", order, tuple(self.shape[axis] for axis in order))

    def flip(self, axes: tuple[int, ...]) -> "View":
        """Followed by a reversal of some axes."""
        return self._then("flip", tuple(axes), self.shape)

    def broadcast(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> "View":
        """Followed by a broadcast that puts axis i at `axes[i]` of the new shape."""
        sizes = dict(zip(axes, self.shape, strict=True))
        spread = self.reshape(sizes.get(axis, 1) for axis in range(len(shape)))
        return spread._then("broadcast_to", tuple(shape), tuple(shape))

    @property
    def is_permutation(self) -> bool:
        """Whether every entry is seen once; a broadcast shows it more often."""
        return math.prod(self.shape) == math.prod(self.source)

    def __call__(self, a: Any) -> Any:
        """The view of a NumPy or JAX array."""
        for name, argument in self.steps:
            a = getattr(np if isinstance(a, np.ndarray) else jnp, name)(a, argument)
        return a

    def entries(self) -> np.ndarray:
        """The index of the parameter's entry that is seen in each place."""
        return self(np.arange(math.prod(self.source)).reshape(self.source))

    def same_as(self, other: "View") -> bool:
        """Whether both show the same entries in the same places, whatever their steps."""
        if self.source != other.source or self.shape != other.shape:
            return False
        return self.steps == other.steps or np.array_equal(self.entries(), other.entries())

    def _then(self, name: str, argument: tuple[int, ...], shape: tuple[int, ...]) -> "View":
        return View(self.source, shape, (*self.steps, (name, argument)))


@dataclasses.dataclass(frozen=True)
class SeenParameter:
    """A parameter as a step of a program uses it.

    Attributes:
        leaf: its index among the leaves of the parameters.
        view: its layout.
        factors: (operation, number of a scalar value) by which it was multiplied, divided or negated, in order.
    """

    leaf: int
    view: View
    factors: tuple[tuple[str, int | None], ...] = ()

    def through(self, view: View) -> "SeenParameter":
        """In another layout."""
        return dataclasses.replace(self, view=view)

    def times(self, operation: str, scalar: int | None = None) -> "SeenParameter":
        """With one more factor."""
        return dataclasses.replace(self, factors=(*self.factors, (operation, scalar)))
