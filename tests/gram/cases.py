"""The networks on which every way to the Gram matrix is held against the dense Jacobian."""

from collections.abc import Callable, Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntk_repro.network import Network
from tests.gram import functions

IMAGE = (6, 5, 3)


class Head(nn.Module):
    """Any body, flattened, under one dense layer."""

    body: Any
    outputs: int = 1

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(self.body(x))
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))


class SharedDense(nn.Module):
    @nn.compact
    def __call__(self, x):
        layer = nn.Dense(3)
        return nn.Dense(1)(nn.tanh(layer(nn.tanh(layer(x)))).reshape(len(x), -1))


class SharedConv(nn.Module):
    """One convolution at two image sizes."""

    @nn.compact
    def __call__(self, x):
        layer = nn.Conv(3, (3, 3))
        x = nn.tanh(layer(x))
        x = nn.tanh(layer(x[:, ::2, ::2]))
        return nn.Dense(2)(x.reshape(len(x), -1))


class TiedDense(nn.Module):
    """A dense layer whose kernel is also used outside its call."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        layer = nn.Dense(7)
        h = nn.tanh(layer(x))
        kernel = layer.variables["params"]["kernel"]
        return nn.Dense(1)(h @ kernel.T)


class TiedInOneOutput(nn.Module):
    """The kernel's other use shows in the second output alone."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        layer = nn.Dense(7)
        h = nn.tanh(layer(x))
        reused = (nn.tanh(h) @ layer.variables["params"]["kernel"].T).mean(1)
        return nn.Dense(2)(h) + jnp.stack([jnp.zeros_like(reused), reused], 1)


class TiedBehindAGate(nn.Module):
    """The kernel's other use is blocked by a scale that is 0 at initialization."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        layer = nn.Dense(7)
        h = nn.tanh(layer(x))
        gate = self.param("gate", nn.initializers.zeros, ())
        return nn.Dense(1)(h) + gate * (h @ layer.variables["params"]["kernel"].T)[:, :1]


class OwnParameters(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        scale = self.param("scale", nn.initializers.normal(1.0), (x.shape[-1],))
        power = self.param("power", nn.initializers.ones, ())
        return nn.Dense(2)(jnp.tanh(x * scale) * power)


class Norms(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.Conv(4, (3, 3))(x)
        x = nn.tanh(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.GroupNorm(num_groups=2)(nn.Conv(4, (3, 3))(x))
        x = nn.LayerNorm()(nn.tanh(x))
        return nn.Dense(1)(x.reshape(len(x), -1))


class Tokens(nn.Module):
    """Embedding, attention, and logits by the transposed embedding."""

    @nn.compact
    def __call__(self, tokens, deterministic: bool = True):
        embed = nn.Embed(11, 6)
        x = embed(tokens)
        x = x + nn.MultiHeadDotProductAttention(num_heads=2, dropout_rate=0.5)(x, x, deterministic=deterministic)
        x = nn.LayerNorm()(x).mean(1)
        return embed.attend(nn.Dense(6)(x))[:, :2]


class Recurrent(nn.Module):
    """An LSTM (a lifted scan) between two plain layers."""

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.Dense(4)(x.reshape(len(x), IMAGE[0], -1)))
        states = jnp.asarray(nn.RNN(nn.LSTMCell(3))(x))
        return nn.Dense(1)(states[:, -1])


class Lifted(nn.Module):
    """A rematerialised and a vmapped layer, followed by a plain one."""

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.remat(nn.Dense)(4)(x.reshape(len(x), -1)))
        each: Any = {"variable_axes": {"params": 0}, "split_rngs": {"params": True}, "in_axes": None}
        mapped = nn.vmap(nn.Dense, **each, out_axes=1, axis_size=2)
        x = nn.tanh(mapped(3)(x))
        return nn.Dense(2)(x.reshape(len(x), -1))


class ScannedLayers(nn.Module):
    @nn.compact
    def __call__(self, x):
        class Step(nn.Module):
            @nn.compact
            def __call__(self, carry, _):
                return nn.tanh(nn.Dense(5)(carry)), None

        x = nn.Dense(5)(x.reshape(len(x), -1))
        layers = nn.scan(Step, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        x, _ = layers()(x, None)
        return nn.Dense(1)(x)


class Weighted(nn.Module):
    """Weight normalisation changes the kernel between its parameter and its use."""

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.WeightNorm(nn.Dense(5))(x.reshape(len(x), -1)))
        return nn.Dense(1)(x)


class PlainVector(nn.Module):
    """One number a sample, without an axis for outputs, and a branch that takes unused layers along."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        nn.Dense(3)(x)
        return nn.Dense(4, use_bias=False)(x).sum(-1) ** 2


class NNXNet(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dense = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return self.dense(nnx.tanh(self.norm(self.conv(x))).mean((1, 2)))


@nnx.jit
def _jitted_block(block, x):
    return nnx.relu(block(x))


class NNXJitted(nnx.Module):
    """NNX's own transformations, and one layer at two places."""

    def __init__(self, rngs):
        self.first = nnx.Linear(15, 6, rngs=rngs)
        self.shared = nnx.Linear(6, 6, rngs=rngs)
        self.last = nnx.Linear(36, 1, use_bias=False, rngs=rngs)

    def __call__(self, x):
        x = nnx.tanh(self.first(x.reshape(*x.shape[:2], -1)))
        x = nnx.tanh(self.shared(_jitted_block(self.shared, x)))
        return self.last(x.reshape(len(x), -1))


def _conv(*args, shape=IMAGE, **kw) -> Callable[[], Network]:
    return _linen(lambda: Head(nn.Conv(*args, **kw)), shape)


def _linen(module: Callable[[], nn.Module], shape=IMAGE, dtype=jnp.float32) -> Callable[[], Network]:
    return lambda: Network.create(module(), 1, shape, input_dtype=dtype)


def _named(name: str, shape=(8, 8, 3), **kw) -> Callable[[], Network]:
    return lambda: Network.create(name, 1, shape, **kw)


# name -> (network, shape of a sample, dtype of a sample, layers that must be recognised)
CASES: dict[str, tuple[Callable[[], Network], tuple[int, ...], Any, int]] = {
    "mlp": (_named("mlp", width=0.1, num_outputs=2), (8, 8, 3), np.float32, 3),
    "lenet": (_named("lenet", num_outputs=3), (8, 8, 3), np.float32, 5),
    "resnet18_scale_1": (
        _named("resnet18", width=1 / 16, stage_sizes=(2, 1), residual_scale_init=1.0),
        (8, 8, 3),
        np.float32,
        9,
    ),
    "resnet18_scale_0": (_named("resnet18", width=1 / 16, stage_sizes=(1, 1)), (8, 8, 3), np.float32, 7),
    "conv_no_bias": (_conv(4, (3, 2), use_bias=False), IMAGE, np.float32, 2),
    "conv_even_kernel": (_conv(4, (4, 2)), IMAGE, np.float32, 2),
    "conv_valid": (_conv(4, (3, 3), padding="VALID"), IMAGE, np.float32, 2),
    "conv_uneven_padding": (_conv(4, (3, 3), padding=((0, 2), (3, 1))), IMAGE, np.float32, 2),
    "conv_strided": (_conv(4, (3, 3), strides=(2, 3)), IMAGE, np.float32, 2),
    "conv_strided_1x1": (_conv(4, (1, 1), strides=2), IMAGE, np.float32, 2),
    "conv_dilated": (_conv(4, (3, 2), kernel_dilation=(1, 2)), IMAGE, np.float32, 2),
    "conv_input_dilated": (_conv(4, (3, 3), input_dilation=(2, 1), padding=((1, 2), (0, 1))), IMAGE, np.float32, 2),
    "conv_circular": (_conv(4, (3, 4), padding="CIRCULAR"), IMAGE, np.float32, 2),
    "conv_circular_dilated": (_conv(4, (3, 3), padding="CIRCULAR", kernel_dilation=2), IMAGE, np.float32, 2),
    "conv_reflect_strided": (_conv(4, (3, 3), padding="REFLECT", strides=2), IMAGE, np.float32, 2),
    "conv_causal_1d": (_conv(4, (3,), shape=(9, 3), padding="CAUSAL", kernel_dilation=2), (9, 3), np.float32, 2),
    "conv_1d_on_image_rows": (_conv(4, (3,)), IMAGE, np.float32, 2),
    "conv_3d": (_conv(2, (2, 2, 2), shape=(3, 4, 3, 2)), (3, 4, 3, 2), np.float32, 2),
    "conv_grouped": (_conv(6, (3, 3), feature_group_count=3), IMAGE, np.float32, 1),
    "conv_masked": (_linen(lambda: Head(nn.Conv(2, (2, 2), mask=_mask()))), IMAGE, np.float32, 1),
    "conv_transposed": (_linen(lambda: Head(nn.ConvTranspose(3, (3, 3), strides=(2, 2)))), IMAGE, np.float32, 2),
    "conv_local": (_linen(lambda: Head(nn.ConvLocal(2, (3, 3)))), IMAGE, np.float32, 1),
    "dense_on_pixels": (_linen(lambda: Head(nn.Dense(4), outputs=2)), IMAGE, np.float32, 2),
    "dense_general": (_linen(lambda: Head(nn.DenseGeneral((2, 3), axis=(-2, -1)))), IMAGE, np.float32, 2),
    "shared_dense": (_linen(SharedDense), IMAGE, np.float32, 2),
    "shared_conv": (_linen(SharedConv), IMAGE, np.float32, 2),
    "tied_dense": (_linen(TiedDense), IMAGE, np.float32, 1),
    "tied_in_one_output": (_linen(TiedInOneOutput), IMAGE, np.float32, 1),
    "tied_behind_a_gate": (_linen(TiedBehindAGate), IMAGE, np.float32, 1),
    "one_dense_layer": (_linen(lambda: nn.Dense(1), (5,)), (5,), np.float32, 1),
    "one_dense_layer_of_three": (_linen(lambda: nn.Dense(3), (5,)), (5,), np.float32, 1),
    "own_parameters": (_linen(OwnParameters), IMAGE, np.float32, 1),
    "norms": (_linen(Norms), IMAGE, np.float32, 3),
    "tokens": (_linen(Tokens, (7,), jnp.int32), (7,), np.int32, 5),
    "recurrent": (_linen(Recurrent), IMAGE, np.float32, 2),
    "lifted": (_linen(Lifted), IMAGE, np.float32, 3),
    "scanned_layers": (_linen(ScannedLayers), IMAGE, np.float32, 2),
    "weight_norm": (_linen(Weighted), IMAGE, np.float32, 1),
    "plain_vector": (_linen(PlainVector), IMAGE, np.float32, 1),
    "nnx": (lambda: Network.create(NNXNet(nnx.Rngs(0))), IMAGE, np.float32, 2),
    "nnx_jitted": (lambda: Network.create(NNXJitted(nnx.Rngs(0))), IMAGE, np.float32, 3),
    "function": (functions.function, IMAGE, np.float32, 2),
    "by_hand": (functions.by_hand_network, IMAGE, np.float32, 3),
    "by_hand_for_one": (
        functions.plain(lambda p, x: jax.vmap(lambda x: functions.by_hand_for_one(p, x))(x), (6, 90), (6,), (6,), ()),
        IMAGE,
        np.float32,
        2,
    ),
    "turned": (functions.plain(functions.turned, (7, 90), (35,), (1, 4, 5), (4,), (4, 1, 2)), IMAGE, np.float32, 4),
    "channels_last": (
        functions.plain(functions.channels_last, (3, 2, 3, 4), (4,), (2, 2, 4, 3), (54, 2)),
        IMAGE,
        np.float32,
        3,
    ),
    "channels_first": (
        functions.plain(functions.channels_first, (4, 3, 3, 3), (4,), (4, 2, 2, 3), (16, 1)),
        IMAGE,
        np.float32,
        3,
    ),
    "upsampling": (functions.plain(functions.upsampling, (3, 3, 3, 4), (3, 3, 2, 4), (120, 2)), IMAGE, np.float32, 2),
    "attention": (
        functions.plain(functions.attention, (15, 2, 3), (15, 2, 3), (15, 2, 3), (2, 3, 5), (5,), (5, 2)),
        IMAGE,
        np.float32,
        5,
    ),
    "shared": (
        functions.plain(functions.shared, (90, 4), (4, 4), (4,), (4, 4), (4,), (4, 3), (3,)),
        IMAGE,
        np.float32,
        4,
    ),
    "tied_both_ways": (functions.plain(functions.tied_both_ways, (90, 4), (4, 5), (4, 2)), IMAGE, np.float32, 1),
    "in_transformations": (
        functions.plain(functions.in_transformations, (90, 4), (4,), (4, 4), (5, 4), (3, 5, 5), (5, 3), (3, 2)),
        IMAGE,
        np.float32,
        3,
    ),
    "sums_of_parameters": (
        functions.plain(functions.sums_of_parameters, (90, 5), (90, 2), (2, 5), (5, 2), (2,)),
        IMAGE,
        np.float32,
        2,
    ),
    "nested": (functions.nested, IMAGE, np.float32, 3),
    "linearization": (lambda: functions.by_hand_network().linearization(), IMAGE, np.float32, 3),
}


# One or two of each kind that are compiled within a second.
_FAST = {
    "mlp",
    "conv_no_bias",
    "conv_strided",
    "conv_circular_dilated",
    "dense_on_pixels",
    "tied_dense",
    "one_dense_layer",
    "one_dense_layer_of_three",
    "own_parameters",
    "function",
    "by_hand",
}


def by_speed(names: Iterable[str]) -> list[Any]:
    """Cases as parameters of a test: most of them are slow ones."""
    return [name if name in _FAST else pytest.param(name, marks=pytest.mark.slow) for name in names]


def _mask() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (2, 2, 3, 2)).astype(np.float32)


def samples(name: str, n: int, seed: int = 0) -> np.ndarray:
    """n inputs of a case."""
    _, shape, dtype, _ = CASES[name]
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 11, (n, *shape)).astype(dtype)
    return rng.normal(size=(n, *shape)).astype(dtype)
