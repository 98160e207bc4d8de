"""Networks of several kinds, and definitions that are not networks: read as text by `tests/models/test_custom.py`."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from flax import nnx
from layers import SCALE  # pyright: ignore[reportMissingImports]


class Sized(nn.Module):
    hidden: tuple[int, ...] = (4, 6)
    width: float = 1.0
    activation: str = "tanh"
    num_outputs: int = 1
    depth: int = 2

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        for size in self.hidden:
            x = SCALE * nn.Dense(size)(x)
        return nn.Dense(self.num_outputs)(x)


class WithFunction(nn.Module):
    activation: Callable = nn.relu

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(self.activation(x.reshape(len(x), -1)))


class Nnx(nnx.Module):
    def __init__(self, input_shape, hidden: int = 5, *, rngs):
        self.first = nnx.Linear(input_shape[0], hidden, rngs=rngs)
        self.last = nnx.Linear(hidden, 1, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.first(x)))


def factory(num_outputs, activation=nn.relu):
    return nn.Sequential([nn.Dense(4), activation, nn.Dense(num_outputs)])


class Broken(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x) @ jnp.ones((7, 7))


class NoDefaultActivation(nn.Module):
    activation: str | None = None


class Needs(nn.Module):
    levels: int

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x)


class Plain:
    """A class that is no module."""


made = Sized(hidden=(3,))
table = {}


def gives_a_list():
    return []


def raises():
    raise KeyError("two\nlines")
