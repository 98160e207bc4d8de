"""`ntk_function` and its gradient against Jacobians of all samples, contracted; and against `empirical_gram`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.stopwatch import gemm_peak, seconds
from ntk_repro import Network, empirical_gram, ntk_function

CASES: tuple[tuple[str, int, int, dict[str, Any]], ...] = (
    ("mlp", 1, 16, {}),
    ("mlp", 10, 16, {}),
    ("lenet", 1, 64, {}),
    ("lenet", 10, 16, {}),
    ("resnet18", 1, 8, {"width": 0.25, "residual_scale_init": 1.0}),
)
SHAPE = (32, 32, 3)


def run(cases=CASES, shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    """Seconds of each, and the largest difference of the kernels, relative to the largest entry."""
    found: dict[str, Any] = {"gemm_peak": gemm_peak(), "cases": {}}
    for name, outputs, n, settings in cases:
        net = Network.create(name, 0, shape, num_outputs=outputs, **settings)
        x = np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)
        row: dict[str, Any] = {"gram": seconds(lambda net=net, x=x: empirical_gram(net, x))}
        kernels = {}
        for way, k in (("function", ntk_function(net)), ("jacobians", _by_jacobians(net))):
            value = jax.jit(k)
            gradient = jax.jit(jax.grad(lambda params, x, k=k: jnp.sum(k(params, x) ** 2)))
            row[way] = seconds(lambda fn=value, net=net, x=x: fn(net.params, x))
            row[f"gradient_{way}"] = seconds(lambda fn=gradient, net=net, x=x: fn(net.params, x))
            kernels[way] = np.asarray(value(net.params, x))
        row["difference"] = float(np.abs(kernels["function"] - kernels["jacobians"]).max() / kernels["jacobians"].max())
        found["cases"][f"{name}, {outputs} outputs, n = {n}"] = row
        shown = ", ".join(f"{way} {1000 * row[way]:.3g}" for way in row if way != "difference")
        print(f"{name}, {outputs} outputs, n = {n}: {shown} ms, difference {row['difference']:.1e}", flush=True)
    return found


def _by_jacobians(net: Network):
    def kernel(params, x):
        def fx(params, one):
            return net.apply_fn(params, net.state, one[None])[0]

        with jax.default_matmul_precision("highest"):
            jacobian = jax.vmap(jax.jacrev(fx), (None, 0))(params, x)
            rows = [leaf.reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(jacobian)]
            return sum(jnp.einsum("nkp,mkp->nm", row, row) for row in rows) / rows[0].shape[1]

    return kernel
