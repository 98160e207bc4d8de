"""The cost of the checks before a kernel: that samples are independent, and that layers are recognized correctly."""

import jax
import numpy as np

from benchmarks.stopwatch import timed
from ntk_repro.gram import sample_by_sample
from ntk_repro.gram.capture import find_layers
from ntk_repro.gram.structured.agreement import agreeing_layers
from ntk_repro.network import Network
from ntk_repro.precision import precision_scope

NETWORKS = {
    "mlp": ((28, 28, 1), {}),
    "lenet": ((32, 32, 3), {}),
    "resnet18_narrow": ((32, 32, 3), {"width": 1 / 8, "residual_scale_init": 1.0}),
    "resnet18": ((32, 32, 3), {"residual_scale_init": 1.0}),
}


def run() -> dict[str, dict[str, float]]:
    """Seconds for each network: a trace of its shapes, needed in any case, and both checks, first and later calls."""
    found = {}
    for name, (shape, settings) in NETWORKS.items():
        net = Network.create(name.removesuffix("_narrow"), 0, shape, **settings)
        x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)

        def shapes(net=net, x=x):
            return jax.eval_shape(lambda *arguments: net.apply_fn(*arguments), net.params, net.state, x[:1])

        with precision_scope("float32"):
            shapes()
            seconds = {
                "shapes": min(timed(shapes)[0] for _ in range(3)),
                "one_by_one_first": timed(lambda net=net, x=x: sample_by_sample.outputs_of_one_sample(net, x))[0],
                "one_by_one_later": min(
                    timed(lambda net=net, x=x: sample_by_sample.outputs_of_one_sample(net, x))[0] for _ in range(3)
                ),
                "layers_first": timed(lambda net=net, x=x: agreeing_layers(net, find_layers(net, x), x))[0],
            }
        found[name] = {key: round(value, 4) for key, value in seconds.items()}
        print(name.ljust(18), "  ".join(f"{key} {value:.3f} s" for key, value in found[name].items()), flush=True)
    return found
