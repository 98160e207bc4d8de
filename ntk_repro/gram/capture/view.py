"""A parameter seen through reshapes, transposes and the like, as a layer's equation meets it."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["View"]


@dataclasses.dataclass(frozen=True)
class View:
    """The way from an array of shape `source` to one of shape `shape` with the same entries in other places.

    Attributes:
        source: shape of the parameter.
        shape: shape of what is seen.
        steps: (name, axes) or (name, shape, axes), in order.
    """

    source: tuple[int, ...]
    shape: tuple[int, ...]
    steps: tuple[tuple, ...] = ()

    def reshape(self, shape: tuple[int, ...]) -> "View":
        """Followed by a reshape."""
        return View(self.source, tuple(shape), (*self.steps, ("reshape", tuple(shape))))

    def transpose(self, order: tuple[int, ...]) -> "View":
        """Followed by a transposition."""
        shape = tuple(self.shape[axis] for axis in order)
        return View(self.source, shape, (*self.steps, ("transpose", tuple(order))))

    def flip(self, axes: tuple[int, ...]) -> "View":
        """Followed by a reversal of some axes."""
        return View(self.source, self.shape, (*self.steps, ("flip", tuple(axes))))

    def broadcast(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> "View":
        """Followed by a broadcast that puts axis i at `axes[i]` of the new shape."""
        return View(self.source, tuple(shape), (*self.steps, ("broadcast", tuple(shape), tuple(axes))))

    @property
    def is_permutation(self) -> bool:
        """Whether every entry is seen once; a broadcast shows it more often."""
        return math.prod(self.shape) == math.prod(self.source)

    def __call__(self, a: Any) -> Any:
        """The view of a NumPy or JAX array."""
        for name, *settings in self.steps:
            if name == "reshape":
                a = a.reshape(settings[0])
            elif name == "transpose":
                a = a.transpose(settings[0])
            elif name == "flip":
                a = (np if isinstance(a, np.ndarray) else jnp).flip(a, settings[0])
            else:
                shape, axes = settings
                spread = [1] * len(shape)
                for axis, size in zip(axes, a.shape, strict=True):
                    spread[axis] = size
                a = (np if isinstance(a, np.ndarray) else jnp).broadcast_to(a.reshape(spread), shape)
        return a

    def entries(self) -> np.ndarray:
        """The number of the parameter's entry that is seen in each place."""
        return self(np.arange(math.prod(self.source)).reshape(self.source))

    def same_as(self, other: "View") -> bool:
        """Whether both show the same entries in the same places, whatever their steps."""
        if self.source != other.source or self.shape != other.shape:
            return False
        return self.steps == other.steps or np.array_equal(self.entries(), other.entries())
