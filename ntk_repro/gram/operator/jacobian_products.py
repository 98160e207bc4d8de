"""Products with the Jacobian of a network and with its transpose, a block of samples at a time."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.banded_convolution import with_banded_convolutions
from ntk_repro.gram.shardings import shardings
from ntk_repro.gram.structured.schedule import Blocks
from ntk_repro.memory import available_bytes, check_memory, given_bytes
from ntk_repro.network import ApplyFn, Network
from ntk_repro.samples import Samples, number_of, shape_of_one

PyTree = Any

# On a CPU more directions at once gain nothing, and more samples only where their activations fit into the cache or
# are fewer than the parameters, which are read once a block.
_CPU_DIRECTIONS, _CPU_SAMPLES, _CPU_CACHE = 8, (32, 256), 2**22
_DIRECTIONS, _SAMPLES = 64, 1024
_PARAMETERS_EACH = 3  # of a direction: the sum, what is added to it, and its copy in the layout of a product


@dataclasses.dataclass(frozen=True, eq=False)
class Sizes:
    """How much of a product is computed at once.

    Attributes:
        samples: in a block.
        directions: vectors, or pairs of a vector and an output; a power of two.
    """

    samples: int
    directions: int

    @classmethod
    def of(cls, net: Network, x: Samples, memory: int | str | None) -> "Sizes":
        """The sizes for a network on samples.

        Args:
            net: the network.
            x: its samples, of which the shape counts.
            memory: bytes that may be used, None for half of what is available.

        Raises:
            UserError: not even a product for one sample fits.
        """
        params = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(net.params))
        sample = _activation_bytes(net, x)
        allowed = given_bytes(memory, available_bytes() // 2)
        needed = _PARAMETERS_EACH * params + 2 * sample
        check_memory("a product with the NTK", needed, allowed, "allow more, free memory, or take a narrower network")
        on_cpu = jax.default_backend() == "cpu"
        largest = int(np.clip(max(params, _CPU_CACHE) / sample, *_CPU_SAMPLES)) if on_cpu else _SAMPLES
        fewest = min(largest, _CPU_SAMPLES[0], int((allowed - _PARAMETERS_EACH * params) / (2 * sample)))
        most = (allowed - fewest * sample) / (_PARAMETERS_EACH * params + fewest * sample)
        directions = 1 << (int(np.clip(most, 1, _CPU_DIRECTIONS if on_cpu else _DIRECTIONS)).bit_length() - 1)
        left = (allowed - directions * _PARAMETERS_EACH * params) / (sample * (1 + directions))
        return cls(int(np.clip(left, 1, largest)), directions)


@dataclasses.dataclass(frozen=True, eq=False)
class JacobianProducts:
    """The Jacobian J of a network on samples, of which only products exist.

    Attributes:
        net: the network, its parameters in the float type of the products.
        x: its samples.
        output: as `jacobian_fns`.
        blocks: of the samples.
    """

    net: Network
    x: Samples
    output: int | None
    blocks: Blocks

    @classmethod
    def of(cls, net: Network, x: Samples, output: int | None, samples: int) -> "JacobianProducts":
        """The products in blocks of so many samples, which the devices of this host share."""
        return cls(net, x, output, Blocks.of(number_of(x), samples, samples, jax.local_device_count()))

    def transposed(self, cotangents: Float[np.ndarray, "c n k"], advance: Callable[[int], None]) -> PyTree:
        """J^T w of each direction w: parameters with a leading axis c."""
        padding = self.blocks.count * self.blocks.tile - self.blocks.n
        padded = np.pad(cotangents, ((0, 0), (0, padding), (0, 0)))  # what fills up the last block weighs 0
        params, state, place = self._placed()
        sums = place(jax.tree.map(lambda leaf: jnp.zeros((len(cotangents), *leaf.shape), leaf.dtype), params))
        add, _ = _compiled(self.net.apply_fn, self.output)
        for block, of_samples in enumerate(np.split(padded, self.blocks.count, axis=1)):
            sums = jax.block_until_ready(add(sums, params, state, self._block(block), of_samples))
            advance(self._count(block))
        return sums

    def times(self, directions: PyTree, advance: Callable[[int], None]) -> Float[np.ndarray, "c n k"]:
        """J u of each direction u, parameters with a leading axis c."""
        params, state, _ = self._placed()
        _, push = _compiled(self.net.apply_fn, self.output)
        found = []
        for block in range(self.blocks.count):
            made = np.asarray(push(directions, params, state, self._block(block)))
            found.append(made[:, : self._count(block)])
            advance(self._count(block))
        return np.concatenate(found, axis=1)

    def stacked(self) -> Samples:
        """The samples of all blocks on the devices, each block shared out among them."""
        split, _ = shardings(self.blocks.tile)
        blocks = [self.blocks.take(self.x, block) for block in range(self.blocks.count)]
        x = jax.tree.map(lambda *parts: np.stack(parts), *blocks)
        if split is None:
            return jax.tree.map(jnp.asarray, x)
        spec = jax.sharding.PartitionSpec(None, *split.spec)
        return jax.device_put(x, jax.sharding.NamedSharding(split.mesh, spec))

    def _placed(self) -> tuple[PyTree, PyTree, Callable[[PyTree], PyTree]]:
        """Parameters and state on every device, and what puts others there."""
        _, replicated = shardings(self.blocks.tile)
        if replicated is None:
            return self.net.params, self.net.state, lambda tree: tree
        place = functools.partial(jax.device_put, device=replicated)
        return *place((self.net.params, self.net.state)), place

    def _block(self, block: int) -> Any:
        rows, (split, _) = self.blocks.take(self.x, block), shardings(self.blocks.tile)
        return rows if split is None else jax.device_put(rows, split)

    def _count(self, block: int) -> int:
        samples = self.blocks.samples(block)
        return samples.stop - samples.start


def jacobian_fns(apply_fn: Callable, output: int | None) -> tuple[Callable, Callable]:
    """J^T w and J u on one block of samples, as pure functions of parameters, state, samples and w or u.

    Args:
        apply_fn: of the network.
        output: the output to differentiate, None for all.
    """
    forward = with_banded_convolutions(apply_fn)

    def outputs(params, state, x):
        fx = forward(params, state, x)
        return fx if output is None else fx[:, output : output + 1]

    def transposed(params, state, x, cotangent):
        fx, pull = jax.vjp(lambda p: outputs(p, state, x), params)
        return pull(cotangent.astype(fx.dtype))[0]  # of a network that returns another type than its parameters'

    def times(params, state, x, direction):
        return jax.jvp(lambda p: outputs(p, state, x), (params,), (direction,))[1]

    return transposed, times


@functools.lru_cache(maxsize=16)
def _compiled(apply_fn: ApplyFn, output: int | None) -> tuple[Callable, Callable]:
    """`jacobian_fns` for several directions at once: the first adds to the sums of the blocks before."""
    transposed, times = jacobian_fns(apply_fn, output)

    def add(sums, params, state, x, cotangents):
        parts = jax.vmap(transposed, (None, None, None, 0))(params, state, x, cotangents)
        return jax.tree.map(jnp.add, sums, parts)

    def push(directions, params, state, x):
        return jax.vmap(times, (None, None, None, 0))(params, state, x, directions)

    return jax.jit(add, donate_argnums=0), jax.jit(push)


def _activation_bytes(net: Network, x: Samples) -> int:
    """What one sample keeps between the forward and the backward pass."""
    forward = with_banded_convolutions(net.apply_fn)

    def kept(count: int) -> int:
        samples = shape_of_one(x, count)
        saved = jax.eval_shape(
            lambda p, s, x: jax.vjp(lambda p: forward(p, s, x), p)[1], net.params, net.state, samples
        )
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(saved))

    return max(kept(2) - kept(1), sum(leaf[:1].nbytes for leaf in jax.tree.leaves(x)))
