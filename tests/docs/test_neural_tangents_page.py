"""Each public name of neural-tangents beside what docs/neural_tangents.md names in its place."""

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro import (
    Network,
    cross_entropy_dynamics,
    empirical_gram,
    momentum_dynamics,
    mse_dynamics,
    nngp_posterior,
    ntk_function,
    ntk_gp_posterior,
    ntk_operator,
    readout_posterior,
)
from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import max_learning_rate, neural_tangents_time
from ntk_repro.gram import monte_carlo_kernels
from ntk_repro.models import build_model
from ntk_repro.precision import cast, float64_scope
from tests.docs.blocks import DOCS

N, M, K = 6, 4, 3
MODULES = ("empirical", "predict", "batching", "monte_carlo")


@functools.cache
def problem():
    """A network of K outputs, N training and M test samples, targets, and the NTK between them; in float64."""
    rng = np.random.default_rng(0)
    x1, x2, y = (rng.standard_normal(shape) for shape in ((N, 5), (M, 5), (N, K)))
    net = Network.create(build_model("fcn", depth=2, hidden=16, num_outputs=K), 0, (5,))
    net = net.replace(params=cast(net.params, np.dtype(np.float64)))
    gram = empirical_gram(net, np.concatenate([x1, x2]), precision="float64")
    return net, x1, x2, y, gram


def starts():
    net, x1, x2, _, gram = problem()
    return np.asarray(net(x1)), np.asarray(net(x2)), gram[N:, :N]


def ntk():
    net, x1, x2, *_ = problem()
    theirs, ours, functions = [], [], []
    for trace_axes, outputs in (((-1,), "mean"), ((), "full")):
        kernel = np.asarray(nt.empirical_ntk_fn(net.apply, trace_axes=trace_axes)(x1, x2, net.params))
        theirs.append(kernel if outputs == "mean" else np.moveaxis(kernel, 2, 1).reshape(N * K, M * K))
        ours.append(empirical_gram(net, x1, x2, outputs=outputs, precision="float64"))
        functions.append(ntk_function(net, outputs=outputs)(net.params, x1, x2))
    return tuple(np.concatenate([np.ravel(one) for one in found]) for found in (theirs, ours, functions))


def nngp():
    net, x1, x2, *_ = problem()
    return nt.empirical_nngp_fn(net.apply)(x1, x2, net.params), net(x1) @ net(x2).T / K


def both_kernels():
    net, x1, x2, *_ = problem()
    theirs = nt.empirical_kernel_fn(net.apply)(x1, x2, ("ntk", "nngp"), net.params)
    return np.stack([theirs.ntk, theirs.nngp]), np.stack([problem()[4][:N, N:], nngp()[1]])


def products():
    net, x1, x2, *_ = problem()
    vectors = np.random.default_rng(1).standard_normal((M, K))
    theirs = np.ravel(nt.empirical_ntk_vp_fn(net.apply, x1, x2, net.params)(vectors))
    operator = ntk_operator(net, x1, x2, outputs="full", precision="float64")
    return theirs, operator @ vectors.ravel()


def linearization():
    net, x1, *_ = problem()
    moved = jax.tree.map(lambda leaf: leaf * 1.1, net.params)
    theirs = nt.linearize(net.apply, net.params)(moved, x1)
    return theirs, net.linearized()(moved, x1), net.linearization().replace(params=moved)(x1)


def flow():
    _, _, _, y, gram = problem()
    times = np.array([0.1, 3.0])
    theirs = nt.predict.gradient_descent_mse(gram[:N, :N], y)(neural_tangents_time(times, y.size), *starts())
    return np.concatenate(theirs, 1), np.concatenate(mse_dynamics(gram[:N, :N], y).outputs(times, *starts()), 1)


def flow_of_other_losses():
    _, _, _, y, gram = problem()
    times, k = np.array([1.0, 5.0]), gram[:N, :N]
    squares = nt.predict.gradient_descent(lambda fx, y: ((fx - y) ** 2).sum() / 2, k, y, 0.05, 0.9)(times, *starts())
    ours = momentum_dynamics(k, y, 0.9).outputs(times, 0.05, *starts())
    one_hot = np.eye(K)[np.arange(N) % K]
    entropy = lambda fx, y: -jnp.sum(y * jax.nn.log_softmax(fx))  # noqa: E731
    others = nt.predict.gradient_descent(entropy, k, one_hot)(times, *starts())
    ours_too = cross_entropy_dynamics(k, one_hot).outputs(times, *starts())
    return np.concatenate([*squares, *others], 1), np.concatenate([*ours, *ours_too], 1)


@functools.cache
def wide() -> Any:
    """Both kernels of an infinitely wide network, by parts, and neural-tangents' function for them."""
    _, x1, x2, y, _ = problem()
    layers = [nt.stax.Dense(1, 1.3, 0.2), nt.stax.Erf(), nt.stax.Dense(1, 1.3, 0.2)]
    kernel_fn = nt.stax.serial(*layers)[2]
    train, cross, test = (kernel_fn(a, b, ("nngp", "ntk")) for a, b in ((x1, x1), (x2, x1), (x2, x2)))
    pairs = {"train_train": train, "test_train": cross, "test_test": test}
    kernels: Any = {f"nngp_{name}": np.asarray(pair.nngp) for name, pair in pairs.items()} | {"y_train": y}
    ntks: Any = {f"ntk_{name}": np.asarray(pairs[name].ntk) for name in ("train_train", "test_train")}
    return kernel_fn, ntks, kernels, train, cross, test


def both_moments(gaussian):
    return np.concatenate([np.ravel(gaussian.mean), np.ravel(gaussian.covariance)])


def posteriors():
    _, ntks, kernels, train, cross, test = wide()
    y = kernels["y_train"]
    predict = nt.predict.gp_inference(train, y, diag_reg=0.1, diag_reg_absolute_scale=True)
    exact = nt.predict.gp_inference(train, y)
    theirs = predict("nngp", cross, test), exact("ntk", cross, test)
    ours = nngp_posterior(**kernels, observation_noise=0.1), ntk_gp_posterior(**ntks, **kernels, t=None)
    return np.concatenate([both_moments(one) for one in theirs]), np.concatenate([both_moments(one) for one in ours])


def ensembles():
    kernel_fn, ntks, kernels, *_ = wide()
    _, x1, x2, y, _ = problem()
    predict = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x1, y)
    theirs = [predict(neural_tangents_time(0.7, y.size), x2, get, compute_cov=True) for get in ("ntk", "nngp")]
    ours = ntk_gp_posterior(**ntks, **kernels, t=0.7), readout_posterior(**kernels, t=0.7)
    return np.concatenate([both_moments(one) for one in theirs]), np.concatenate([both_moments(one) for one in ours])


def largest_rate():
    gram = problem()[4][:N, :N]
    theirs = nt.predict.max_learning_rate(gram, y_train_size=N * K, momentum=0.9)
    return float(theirs) / neural_tangents_time(1.0, N * K), max_learning_rate(gram, 0.9)


COMPARED: dict[str, Callable[[], tuple[Any, ...]]] = {
    "empirical_ntk_fn": ntk,
    "empirical_nngp_fn": nngp,
    "empirical_kernel_fn": both_kernels,
    "empirical_ntk_vp_fn": products,
    "linearize": linearization,
    "gradient_descent_mse": flow,
    "gradient_descent": flow_of_other_losses,
    "gp_inference": posteriors,
    "gradient_descent_mse_ensemble": ensembles,
    "max_learning_rate": largest_rate,
}
ATOL = {"gradient_descent": 1e-6}  # the tolerance of its ODE solver
WITHOUT = {"NtkImplementation", "DEFAULT_NTK_IMPLEMENTATION", "taylor_expand", "Gaussian", "ODEState", "PredictFn",
           "PredictFnODE", "batch"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARED)
def test_a_counterpart_gives_the_same_numbers(name):
    with float64_scope():
        theirs, *ours = COMPARED[name]()
    for found in ours:
        np.testing.assert_allclose(found, theirs, rtol=0, atol=ATOL.get(name, 1e-8))


@pytest.mark.slow
def test_averages_over_initializations_agree_within_their_errors():
    module, x = build_model("fcn", depth=1, hidden=64), problem()[1].astype(np.float32)

    def init_fn(key, shape):
        return shape, module.init(key, x[:1])["params"]

    def apply_fn(params, x, **_):
        return module.apply({"params": params}, x)

    theirs = nt.monte_carlo_kernel_fn(init_fn, apply_fn, jax.random.key(1), 400)(x, None, ("nngp", "ntk"))
    ours = monte_carlo_kernels(module, 0, 400, x)
    # Its NNGP is that of the outputs, of which ours is the mean over the readout's weights.
    assert np.abs(np.asarray(theirs.ntk) - ours.ntk).max() < 4 * np.sqrt(2) * ours.ntk_error.max()
    assert np.abs(np.asarray(theirs.nngp) - ours.nngp).max() < 0.5 * ours.nngp.max()


def test_the_page_has_every_public_name():
    public = set()
    for name in MODULES:
        module = importlib.import_module(f"neural_tangents._src.{name}")
        own = {key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
        public |= {key for key in own if not key.startswith("_")}
    rows = re.findall(r"^\| (.*?) \|", (DOCS / "neural_tangents.md").read_text(), re.MULTILINE)[1:]
    listed = {name.split("(")[0].split(".")[-1] for row in rows for name in re.findall(r"`([\w.]+)", row)}
    assert listed == public == COMPARED.keys() | WITHOUT | {"monte_carlo_kernel_fn"}
