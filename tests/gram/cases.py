"""The networks on which every way to the Gram matrix is held against the dense Jacobian."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntk_repro.gram import empirical_gram
from ntk_repro.gram.structured import structured_plan
from ntk_repro.network import Network
from tests.gram import functions
from tests.gram.functions import flat, plain

IMAGE = (6, 5, 3)


class Head(nn.Module):
    """Any body, flattened, under one dense layer."""

    body: Any
    outputs: int = 1

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(self.body(x))
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))


class Compact(nn.Module):
    """A function of the inputs that makes its layers as it goes; the module itself is its first argument."""

    function: Callable[[nn.Module, Any], Any]

    @nn.compact
    def __call__(self, x):
        return self.function(self, x)


def shared_dense(module, x):
    layer = nn.Dense(3)
    return nn.Dense(1)(flat(nn.tanh(layer(nn.tanh(layer(x))))))


def shared_conv(module, x):
    """One convolution at two image sizes."""
    layer = nn.Conv(3, (3, 3))
    x = nn.tanh(layer(x))
    return nn.Dense(2)(flat(nn.tanh(layer(x[:, ::2, ::2]))))


def _first_layer(x):
    """The outputs of a dense layer and its kernel, to be used once more."""
    layer = nn.Dense(7)
    h = nn.tanh(layer(flat(x)))
    return h, layer.variables["params"]["kernel"]


def tied_dense(module, x):
    """A dense layer whose kernel is also used outside its call."""
    h, kernel = _first_layer(x)
    return nn.Dense(1)(h @ kernel.T)


def tied_in_one_output(module, x):
    """The kernel's other use shows in the second output alone."""
    h, kernel = _first_layer(x)
    reused = (nn.tanh(h) @ kernel.T).mean(1)
    return nn.Dense(2)(h) + jnp.stack([jnp.zeros_like(reused), reused], 1)


def tied_behind_a_gate(module, x):
    """The kernel's other use is blocked by a scale that is 0 at initialization."""
    h, kernel = _first_layer(x)
    gate = module.param("gate", nn.initializers.zeros, ())
    return nn.Dense(1)(h) + gate * (h @ kernel.T)[:, :1]


def own_parameters(module, x):
    x = flat(x)
    scale = module.param("scale", nn.initializers.normal(1.0), (x.shape[-1],))
    power = module.param("power", nn.initializers.ones, ())
    return nn.Dense(2)(jnp.tanh(x * scale) * power)


def recurrent(module, x):
    """An LSTM (a lifted scan) between two dense layers."""
    x = nn.tanh(nn.Dense(4)(x.reshape(len(x), IMAGE[0], -1)))
    return nn.Dense(1)(jnp.asarray(nn.RNN(nn.LSTMCell(3))(x))[:, -1])


def lifted(module, x):
    """A rematerialised and a vmapped layer, followed by an ordinary one."""
    x = nn.tanh(nn.remat(nn.Dense)(4)(flat(x)))
    each: Any = {"variable_axes": {"params": 0}, "split_rngs": {"params": True}, "in_axes": None}
    mapped = nn.vmap(nn.Dense, **each, out_axes=1, axis_size=2)
    return nn.Dense(2)(flat(nn.tanh(mapped(3)(x))))


def scanned_layers(module, x):
    class Step(nn.Module):
        @nn.compact
        def __call__(self, carry, _):
            return nn.tanh(nn.Dense(5)(carry)), None

    layers = nn.scan(Step, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
    x, _ = layers()(nn.Dense(5)(flat(x)), None)
    return nn.Dense(1)(x)


def weighted(module, x):
    """Weight normalisation changes the kernel between its parameter and its use."""
    h = nn.tanh(nn.WeightNorm(nn.Dense(5))(flat(x)))
    return nn.Dense(1)(h)


def plain_vector(module, x):
    """One number a sample, without an axis for outputs, and a branch that takes unused layers along."""
    nn.Dense(3)(flat(x))
    return nn.Dense(4, use_bias=False)(flat(x)).sum(-1) ** 2


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


class Case(NamedTuple):
    """A network, how many of its layers must be recognised, and the shape and type of a sample."""

    network: Callable[[], Network]
    layers: int
    shape: tuple[int, ...] = IMAGE
    dtype: Any = np.float32


def _linen(layers: int, module: Callable[[], nn.Module], shape=IMAGE, dtype: Any = np.float32) -> Case:
    return Case(lambda: Network.create(module(), 1, shape, input_dtype=dtype), layers, shape, dtype)


def _compact(layers: int, function: Callable) -> Case:
    return _linen(layers, lambda: Compact(function))


def _body(layers: int, body: Callable[[], nn.Module], shape=IMAGE, **kw) -> Case:
    return _linen(layers, lambda: Head(body(), **kw), shape)


def _conv(*args, shape=IMAGE, layers: int = 2, **kw) -> Case:
    return _body(layers, lambda: nn.Conv(*args, **kw), shape)


def _named(layers: int, name: str, **kw) -> Case:
    return Case(lambda: Network.create(name, 1, (8, 8, 3), **kw), layers, (8, 8, 3))


def _for_one(p, x):
    return jax.vmap(lambda x: functions.by_hand_for_one(p, x))(x)


CASES: dict[str, Case] = {
    "mlp": _named(3, "mlp", width=0.1, num_outputs=2),
    "lenet": _named(5, "lenet", num_outputs=3),
    "resnet18_scale_1": _named(9, "resnet18", width=1 / 16, stage_sizes=(2, 1), residual_scale_init=1.0),
    "resnet18_scale_0": _named(7, "resnet18", width=1 / 16, stage_sizes=(1, 1)),
    "conv_no_bias": _conv(4, (3, 2), use_bias=False),
    "conv_even_kernel": _conv(4, (4, 2)),
    "conv_valid": _conv(4, (3, 3), padding="VALID"),
    "conv_uneven_padding": _conv(4, (3, 3), padding=((0, 2), (3, 1))),
    "conv_strided": _conv(4, (3, 3), strides=(2, 3)),
    "conv_strided_1x1": _conv(4, (1, 1), strides=2),
    "conv_dilated": _conv(4, (3, 2), kernel_dilation=(1, 2)),
    "conv_input_dilated": _conv(4, (3, 3), input_dilation=(2, 1), padding=((1, 2), (0, 1))),
    "conv_circular": _conv(4, (3, 4), padding="CIRCULAR"),
    "conv_circular_dilated": _conv(4, (3, 3), padding="CIRCULAR", kernel_dilation=2),
    "conv_reflect_strided": _conv(4, (3, 3), padding="REFLECT", strides=2),
    "conv_causal_1d": _conv(4, (3,), shape=(9, 3), padding="CAUSAL", kernel_dilation=2),
    "conv_1d_on_image_rows": _conv(4, (3,)),
    "conv_3d": _conv(2, (2, 2, 2), shape=(3, 4, 3, 2)),
    "conv_grouped": _conv(6, (3, 3), layers=1, feature_group_count=3),
    "conv_masked": _body(1, lambda: nn.Conv(2, (2, 2), mask=_mask())),
    "conv_transposed": _body(2, lambda: nn.ConvTranspose(3, (3, 3), strides=(2, 2))),
    "conv_local": _body(1, lambda: nn.ConvLocal(2, (3, 3))),
    "dense_on_pixels": _body(2, lambda: nn.Dense(4), outputs=2),
    "dense_general": _body(2, lambda: nn.DenseGeneral((2, 3), axis=(-2, -1))),
    "shared_dense": _compact(2, shared_dense),
    "shared_conv": _compact(2, shared_conv),
    "tied_dense": _compact(1, tied_dense),
    "tied_in_one_output": _compact(1, tied_in_one_output),
    "tied_behind_a_gate": _compact(1, tied_behind_a_gate),
    "one_dense_layer": _linen(1, lambda: nn.Dense(1), (5,)),
    "one_dense_layer_of_three": _linen(1, lambda: nn.Dense(3), (5,)),
    "own_parameters": _compact(1, own_parameters),
    "norms": _linen(3, Norms),
    "tokens": _linen(5, Tokens, (7,), np.int32),
    "recurrent": _compact(2, recurrent),
    "lifted": _compact(3, lifted),
    "scanned_layers": _compact(2, scanned_layers),
    "weight_norm": _compact(1, weighted),
    "plain_vector": _compact(1, plain_vector),
    "nnx": Case(lambda: Network.create(NNXNet(nnx.Rngs(0))), 2),
    "nnx_jitted": Case(lambda: Network.create(NNXJitted(nnx.Rngs(0))), 3),
    "function": Case(functions.function, 2),
    "by_hand": Case(functions.by_hand_network, 3),
    "by_hand_for_one": Case(plain(_for_one, (6, 90), (6,), (6,), ()), 2),
    "turned": Case(plain(functions.turned, (7, 90), (35,), (1, 4, 5), (4,), (4, 1, 2)), 4),
    "channels_last": Case(plain(functions.channels_last, (3, 2, 3, 4), (4,), (2, 2, 4, 3), (54, 2)), 3),
    "channels_first": Case(plain(functions.channels_first, (4, 3, 3, 3), (4,), (4, 2, 2, 3), (16, 1)), 3),
    "upsampling": Case(plain(functions.upsampling, (3, 3, 3, 4), (3, 3, 2, 4), (120, 2)), 2),
    "attention": Case(plain(functions.attention, *[(15, 2, 3)] * 3, (2, 3, 5), (5,), (5, 2)), 5),
    "shared": Case(plain(functions.shared, (90, 4), *[(4, 4), (4,)] * 2, (4, 3), (3,)), 4),
    "tied_both_ways": Case(plain(functions.tied_both_ways, (90, 4), (4, 5), (4, 2)), 1),
    "in_transformations": Case(
        plain(functions.in_transformations, (90, 4), (4,), (4, 4), (5, 4), (3, 5, 5), (5, 3), (3, 2)), 3
    ),
    "sums_of_parameters": Case(plain(functions.sums_of_parameters, (90, 5), (90, 2), (2, 5), (5, 2), (2,)), 2),
    "nested": Case(functions.nested, 3),
    "linearization": Case(lambda: functions.by_hand_network().linearization(), 3),
}


def relative_error(ours: np.ndarray, oracle: np.ndarray) -> float:
    return np.abs(ours - oracle).max() / np.abs(oracle).max()


def dense_kernel(net: Network, x: np.ndarray) -> np.ndarray:
    """The oracle: whole Jacobians in float64."""
    return empirical_gram(net, x, method="jacobian", precision="float64", outputs="full")


def assert_exact(net: Network, x: np.ndarray, oracle: Network | None = None, layers: int | None = None, **kw) -> None:
    """The kernel is that of whole Jacobians (of another network where one is given), with so many layers recognised."""
    assert relative_error(empirical_gram(net, x, outputs="full", **kw), dense_kernel(oracle or net, x)) < 3e-6
    if layers is not None:
        assert len(structured_plan(net, x, "full", net(x).shape[1]).layers) == layers


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
    _, _, shape, dtype = CASES[name]
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 11, (n, *shape)).astype(dtype)
    return rng.normal(size=(n, *shape)).astype(dtype)
