"""Networks written as plain JAX functions f(params, x), for `Network.from_apply`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.network import Network


def _normal(*shapes: tuple[int, ...]) -> list[jax.Array]:
    """Parameters, each scaled by its number of rows."""
    keys = jax.random.split(jax.random.key(3), len(shapes))
    return [jax.random.normal(k, s) / np.sqrt(s[0] if s else 1) for k, s in zip(keys, shapes, strict=True)]


def plain(function: Callable, *shapes: tuple[int, ...]) -> Callable[[], Network]:
    """A function of a list of parameters."""
    return lambda: Network.from_apply(function, _normal(*shapes))


def flat(x):
    return x.reshape(len(x), -1)


def by_hand(p, x):
    h = jax.nn.relu(flat(x) @ p[0] + p[1])
    return jnp.tanh(h @ p[2] + p[3]) @ p[4] + p[5]


def by_hand_for_one(p, x):
    """Written for one sample, as under vmap."""
    h = jnp.tanh(p[0] @ x.reshape(-1) + p[1])
    return jnp.dot(h, p[2]) + p[3]


def turned(p, x):
    """Kernels stored transposed, flipped, flat and with axes of length 1, and scaled: each can be seen through."""
    h = jnp.tanh(flat(x) @ p[0].T)
    h = jnp.tanh(h @ (0.5 * p[1].reshape(7, 5)[::-1]) / jnp.sqrt(p[0].shape[0]))
    h = jnp.tanh(jnp.einsum("oi,bi->bo", -p[2][0] / jnp.sqrt(jnp.float32(5)), h) + p[3][None, ::-1])
    return jnp.matmul(h, jnp.squeeze(p[4], 1))


def channels_last(p, x):
    """Samples and channels as in Flax, strides and uneven padding, a bias added by broadcasting."""
    layout = ("NHWC", "HWIO", "NHWC")
    h = jax.lax.conv_general_dilated(x, p[0], (2, 1), ((0, 2), (1, 1)), dimension_numbers=layout) + p[1]
    h = jax.lax.conv_general_dilated(jax.nn.relu(h), p[2], (1, 1), "SAME", dimension_numbers=layout)
    return jnp.tanh(flat(h)) @ p[3]


def channels_first(p, x):
    """Channels and kernels in PyTorch's order."""
    layout = ("NCHW", "OIHW", "NCHW")
    h = jax.lax.conv_general_dilated(jnp.moveaxis(x, -1, 1), p[0], (1, 1), "VALID", dimension_numbers=layout)
    h = jnp.tanh(h + p[1][:, None, None])
    h = jax.lax.conv_general_dilated(
        h, p[2], (1, 2), "SAME", rhs_dilation=(2, 1), dimension_numbers=("NCHW", "IOHW", "NHWC")
    )
    return jnp.tanh(flat(h)) @ p[3]


def upsampling(p, x):
    """A transposed convolution, which dilates its input, and a grouped one, which goes by autodiff."""
    h = jax.lax.conv_transpose(x, p[0], (2, 2), "SAME")
    layout = ("NHWC", "HWIO", "NHWC")
    h = jax.lax.conv_general_dilated(h, p[1], (2, 2), "SAME", dimension_numbers=layout, feature_group_count=2)
    return jnp.tanh(flat(h)) @ p[2]


def attention(p, x):
    """Heads by einsum on a sequence of image rows."""
    x = x.reshape(*x.shape[:2], -1)
    q, k, v = (jnp.einsum("bsd,dhk->bhsk", x, w) for w in p[:3])
    weights = jax.nn.softmax(jnp.einsum("bhsk,bhtk->bhst", q, k))
    x = jnp.einsum("hkd,bhsk->bsd", p[3], weights @ v) + p[4]
    return jax.nn.gelu(x).mean(1) @ p[5]


def shared(p, x):
    """A kernel and its bias at two places, a bias of its own at one of two, and a kernel that gets no bias."""
    h = flat(x) @ p[0]
    h = jnp.tanh(jnp.tanh(h @ p[1] + p[2]) @ p[1] + p[2])
    h = jnp.tanh(jnp.tanh(h @ p[3] + p[4]) @ p[3])
    return h @ p[5] + jnp.sum(h @ p[5], -1, keepdims=True) + p[6]


def tied_both_ways(p, x):
    """The same kernel straight and transposed, and one that is also squared: both go by autodiff."""
    h = jnp.tanh(flat(x) @ p[0])
    h = jnp.tanh(jnp.tanh(h @ p[1]) @ p[1].T)
    return h @ p[2] + jnp.sum(p[2] ** 2, 0) + p[1].sum()


def in_transformations(p, x):
    """Kernels inside jit, remat and vmap are seen; those inside scan, cond and custom_vjp are not."""
    h = jax.jit(lambda w, x: jnp.tanh(x @ w[0] + w[1]))(p[:2], flat(x))
    h = jax.checkpoint(lambda w, x: jnp.tanh(x @ w))(p[2], h)
    h = jax.vmap(lambda w, x: jnp.tanh(w @ x), (None, 0))(p[3], h)
    h = jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), h, p[4])[0]
    h = jax.lax.cond(p[6].sum() > 0, lambda: h @ p[5], lambda: jnp.tanh(h @ p[5]))
    return _doubled_backwards(h, p[6])


@jax.custom_vjp
def _doubled_backwards(h, w):
    return h @ w


_doubled_backwards.defvjp(lambda h, w: (h @ w, (h, w)), lambda saved, d: (2 * d @ saved[1].T, 2 * saved[0].T @ d))


def sums_of_parameters(p, x):
    """Low-rank updates: the frozen part and the factors' product each keep their gradients."""
    h = jnp.tanh(flat(x) @ (p[0] + p[1] @ p[2]))
    return h @ (p[3] - 0.1 * jnp.ones((5, 2))) + jax.lax.stop_gradient(p[4]) + 1.0


by_hand_network = plain(by_hand, (90, 6), (6,), (6, 5), (5,), (5, 2), (2,))


def nested() -> Network:
    w = _normal((90, 4), (4,), (4, 3), (3, 2))
    params = {"body": [{"w": w[0], "b": w[1]}, (w[2], None)], "head": w[3]}

    def apply(p, x):
        h = jnp.tanh(flat(x) @ p["body"][0]["w"] + p["body"][0]["b"])
        return jnp.tanh(h @ p["body"][1][0]) @ p["head"]

    return Network.from_apply(apply, params)


def function() -> Network:
    keys = jax.random.split(jax.random.key(3), 2)
    params = [jax.random.normal(keys[0], (90, 4)), {"v": jax.random.normal(keys[1], (4,))}]
    return Network.from_apply(lambda p, x: jnp.tanh(flat(x) @ p[0] / 9) @ p[1]["v"], params)
