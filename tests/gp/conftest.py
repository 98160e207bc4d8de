from types import SimpleNamespace

import numpy as np
import pytest

from ntk_repro._neural_tangents import nt
from ntk_repro.precision import float64_scope

N, M, K = 14, 5, 2


@pytest.fixture(scope="session")
def problem():
    """NNGP and NTK of an infinitely wide erf network on random data, and neural-tangents' kernel function for them."""
    rng = np.random.default_rng(0)
    x, x_test, y = rng.standard_normal((N, 4)), rng.standard_normal((M, 4)), rng.standard_normal((N, K))
    layers = [nt.stax.Dense(1, 1.3, 0.2), nt.stax.Erf()] * 2
    _, _, kernel_fn = nt.stax.serial(*layers, nt.stax.Dense(1, 1.3, 0.2))
    with float64_scope():
        pairs = (kernel_fn(a, b, ("nngp", "ntk")) for a, b in ((x, x), (x_test, x), (x_test, x_test)))
        train, cross, test = (pair._replace(nngp=np.asarray(pair.nngp), ntk=np.asarray(pair.ntk)) for pair in pairs)
    kernels = {
        "nngp_train_train": train.nngp,
        "nngp_test_train": cross.nngp,
        "nngp_test_test": test.nngp,
        "y_train": y,
    }
    return SimpleNamespace(
        x=x, x_test=x_test, y=y, kernel_fn=kernel_fn, nngp=kernels, train=train, cross=cross, test=test,
        both={"ntk_train_train": train.ntk, "ntk_test_train": cross.ntk, **kernels},
    )  # fmt: skip
