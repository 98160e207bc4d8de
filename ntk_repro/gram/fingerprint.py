"""The identity of a kernel by contents: of the parameters and state it is taken at and of its inputs."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.network import Network
from ntk_repro.samples import Samples, as_samples


def fingerprint(net: Network, x: Samples) -> str:
    """SHA-256, as hexadecimal digits, of all parameters, the state and x: names, types, shapes and values."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path((net.params, net.state, as_samples(x))):
        keys = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        array = np.ascontiguousarray(jax.random.key_data(leaf) if keys else leaf)  # keys are no numbers to NumPy
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)  # as bytes: buffers know no bfloat16
    return digest.hexdigest()
