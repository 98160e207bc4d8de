"""A product with the NTK in a process of its own, whose devices share the samples."""

import sys

import jax
import numpy as np

from ntk_repro.gram import ntk_operator
from ntk_repro.network import Network


def operators():
    """A symmetric and a rectangular operator, and vectors."""
    rng = np.random.default_rng(0)
    net = Network.create("mlp", 0, (4, 4, 1), width=0.1, num_outputs=2)
    x, y = (rng.normal(size=(n, 4, 4, 1)).astype(np.float32) for n in (37, 21))
    return ntk_operator(net, x), ntk_operator(net, y, x), rng.normal(size=(37, 3))


def main() -> None:
    """Writes the products into the file named, by both ways."""
    found = []
    for operator in operators()[:2]:
        function, vectors = operator.function(), operators()[2]
        found += [
            operator.matmat(vectors),
            np.asarray(jax.jit(lambda k, v: k(v))(function, vectors.astype(np.float32))),
        ]
        assert len(jax.tree.leaves(function)[-1].sharding.device_set) == jax.local_device_count()
    np.savez(sys.argv[1], *found)


if __name__ == "__main__":
    main()
