"""Every way to the Gram matrix against the dense Jacobian, on one list of networks."""

import functools
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro import memory
from ntk_repro.gram import empirical_gram, structured
from ntk_repro.gram.structured import schedule
from ntk_repro.gram.structured.schedule import Blocks, Schedule
from ntk_repro.network import Network
from ntk_repro.precision import cast, precision_scope
from tests.gram.cases import CASES, Compact, by_speed, dense_kernel, relative_error, samples
from tests.refusals import refused


@functools.cache
def network(name: str) -> Network:
    """A case's network."""
    return CASES[name].network()


@functools.cache
def oracle(name: str) -> tuple[Network, np.ndarray]:
    """A case's network and the kernel between its 5 + 5 samples, (10, k, 10, k), from dense Jacobians in float64."""
    net = network(name)
    x = np.concatenate([samples(name, 5), samples(name, 5, seed=1)])
    # Flax's LSTM begins with a float32 state whatever its parameters are.
    with precision_scope("float32" if name == "recurrent" else "float64") as dtype:
        exact = net.replace(params=cast(net.params, dtype), state=cast(net.state, dtype))
        inputs = x if np.issubdtype(x.dtype, np.integer) else x.astype(dtype)
        jacobian = jax.jit(jax.jacrev(lambda params, x: exact.apply(params, x)))(exact.params, inputs)
        j = np.concatenate([np.asarray(leaf).reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(jacobian)], -1)
    return net, np.einsum("nkp,mlp->nkml", j, j)


def blocks(kernel: np.ndarray, outputs: str | int) -> np.ndarray:
    """The oracle's kernel as `empirical_gram` returns it."""
    if outputs == "mean":
        return np.einsum("nkmk->nm", kernel) / kernel.shape[1]
    if outputs == "full":
        return kernel.reshape(kernel.shape[0] * kernel.shape[1], -1)
    return kernel[:, int(outputs), :, int(outputs)]


@pytest.mark.parametrize("name", by_speed(CASES))
def test_structured_equals_dense_jacobian(name):
    net, kernel = oracle(name)
    x, y = samples(name, 5), samples(name, 5, seed=1)
    assert relative_error(empirical_gram(net, x, outputs="full"), blocks(kernel[:5, :, :5], "full")) < 3e-6
    assert relative_error(empirical_gram(net, x, y, outputs="full"), blocks(kernel[:5, :, 5:], "full")) < 3e-6


@pytest.mark.parametrize("name", by_speed(["mlp", "lenet", "shared_conv", "norms", "tokens", "nnx"]))
def test_structured_equals_dense_jacobian_in_float64(name):
    """Parameters, activations and sums: the error is that of 64 bits, and nothing of it is left behind."""
    net, kernel = oracle(name)
    k = empirical_gram(net, samples(name, 5), precision="float64")
    assert k.dtype == np.float64
    assert relative_error(k, blocks(kernel[:5, :, :5], "mean")) < 1e-13
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.parametrize("method", ["structured", "jacobian", "neural_tangents"])
@pytest.mark.parametrize("name", by_speed(["mlp", "lenet", "resnet18_scale_1", "shared_conv", "plain_vector"]))
def test_every_method_has_the_same_outputs(name, method):
    net, kernel = oracle(name)
    x, y = samples(name, 5), samples(name, 5, seed=1)
    for outputs in ("mean", "full", 0) if name != "resnet18_scale_1" else ("mean",):
        for x2, columns in ((None, slice(0, 5)), (y, slice(5, 10))):
            ours = empirical_gram(net, x, x2, outputs=outputs, method=method)
            assert relative_error(ours, blocks(kernel[:5, :, columns], outputs)) < 3e-6


@pytest.mark.parametrize("name", by_speed(CASES))
def test_layers_are_recognised(name):
    net, x, expected = network(name), samples(name, 5), CASES[name].layers
    assert len(structured.structured_plan(net, x, "mean", 2).layers) == expected


@pytest.mark.parametrize("name", by_speed(["mlp", "lenet", "resnet18_scale_0", "resnet18_scale_1"]))
def test_gram_is_symmetric_and_positive_semidefinite(name):
    net = network(name)
    k = empirical_gram(net, samples(name, 9), outputs="full")
    assert np.array_equal(k, k.T)
    assert np.linalg.eigvalsh(k.astype(np.float64)).min() > -1e-6 * np.trace(k)


@pytest.mark.slow
def test_form_is_chosen_by_counting():
    """The outer product for a wide dense layer, gradients for a convolution with many pixels and few channels."""
    plan = structured.structured_plan(
        Network.create("lenet", 0, (32, 32, 3)), np.zeros((2, 32, 32, 3), np.float32), 0, 1
    )
    forms = {layer.path[-1]: form for layer, form in zip(plan.layers, plan.forms, strict=True)}
    assert forms["Conv_0"] == forms["Conv_1"] == "gradient"
    assert forms["Dense_0"] == forms["Dense_1"] == "positions"
    by_hand = 456 + 2416 + (1025 + 120) + (121 + 84) + 85
    assert plan.multiplications_per_pair == by_hand


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(1, 23), st.integers(0, 23), *[st.integers(1, 9)] * 3)
def test_any_blocking_gives_the_same_kernel(n1, n2, tile, batch, held):
    """Whatever the sizes of passes and tiles and however few features are held; n2 = 0 stands for x against itself."""
    x, y = _X[:n1], None if n2 == 0 else _X[-n2:]
    rows, columns = Blocks.of(n1, tile, batch), None if y is None else Blocks.of(n2, tile, batch)
    forced = Schedule(rows, columns, min(held, rows.count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Schedule, "of", classmethod(lambda cls, *args, **kw: forced))
        ours = empirical_gram(_SMALL, x, y)
    n2 = n2 or n1
    rows, columns = slice(0, n1), slice(0, n1) if y is None else slice(len(_X) - n2, None)
    assert relative_error(ours, _ORACLE[rows, columns]) < 3e-6
    assert y is not None or np.array_equal(ours, ours.T)


_SMALL = Network.create("mlp", 0, (3, 3, 1), width=0.05)
_X = np.random.default_rng(5).normal(size=(23, 3, 3, 1)).astype(np.float32)
_ORACLE = empirical_gram(_SMALL, _X, method="jacobian", precision="float64")


@pytest.mark.slow
def test_little_memory_changes_the_schedule_not_the_kernel(monkeypatch):
    net, x = network("lenet"), samples("lenet", 40)
    plan = structured.structured_plan(net, x, "mean", 3)
    whole = empirical_gram(net, x)
    monkeypatch.setattr(schedule, "available_bytes", lambda: 40 * 40 * 4 + 2 * 15 * plan.floats_per_sample * 4)
    assert not Schedule.of(plan, 40, None, 4).all_held
    assert relative_error(empirical_gram(net, x), whole) < 1e-6


def test_kernel_of_a_linear_function_is_the_inner_product():
    net = Network.from_apply(lambda w, x: x @ w, np.ones(4, np.float32))
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    assert relative_error(empirical_gram(net, x), x @ x.T) < 1e-6


@pytest.mark.slow
def test_kernel_follows_the_parameters_and_the_frozen_state():
    net, x = network("norms"), samples("norms", 4)
    moved = net.replace(state=jax.tree.map(lambda s: s + 0.5, net.state))
    kernel = empirical_gram(moved, x)
    assert relative_error(kernel, empirical_gram(net, x)) > 1e-2
    assert relative_error(kernel, dense_kernel(moved, x)) < 5e-6


@pytest.mark.slow
def test_the_number_of_an_output_may_be_any_integer():
    output: Any = np.int64(2)
    net, x = network("lenet"), samples("lenet", 2)
    np.testing.assert_array_equal(empirical_gram(net, x, outputs=output), empirical_gram(net, x, outputs=2))


def test_bad_input_is_refused():
    net, x = _SMALL, _X[:4]
    refused("did you mean 'structured'", empirical_gram, net, x, method="structred")
    refused("output 0 alone", empirical_gram, net, x, outputs=1)
    refused("known: full, mean", empirical_gram, net, x, outputs="average")
    wrong: Any
    for wrong in (nn.Dense(1), net.params):
        refused(r"must be a Network, not .* make one by Network\.create", empirical_gram, wrong, x)
    for wrong in (x[:, 1:], x[0]):
        refused(r"does not run on inputs .* shape \(of one sample\) and the type", empirical_gram, net, wrong)
    for wrong in (2.0, None, True):
        refused('must be "mean", "full" or the number', empirical_gram, net, x, outputs=wrong)
    refused("known: bf16, float32, float64, tf32", empirical_gram, net, x, precision="float16")
    refused("they must agree", empirical_gram, net, x, np.ones((2, 5, 5, 1), np.float32))
    refused("has shape", empirical_gram, net, x[:0])
    broken = x.copy()
    broken[2, 1] = np.nan
    refused("1 of the 4 samples of x1 are not finite, the first is number 2", empirical_gram, net, broken)
    single = Network.create(nn.Dense(1, dtype=jax.numpy.float32), 0, (3,))
    refused("computes in float32 whatever", empirical_gram, single, np.ones((2, 3)), precision="float64")
    overflowing = Network.create(Compact(lambda _, x: nn.Dense(1)(jax.numpy.exp(1e3 * nn.Dense(2)(x)))), 0, (3,))
    zeros, ones = np.zeros((3, 3), np.float32), np.ones((2, 3), np.float32)
    zeros[1] = 100
    for xs in ((zeros, ones * 0), (ones * 0, zeros), (100 * ones,)):
        refused("the kernel is not finite", empirical_gram, overflowing, *xs)


def test_too_little_memory_is_refused_before_the_work(monkeypatch):
    x = np.broadcast_to(np.float32(1), (10**6, 3, 3, 1))
    refused(r"1,000,000 x 1,000,000 needs 3\.6 TiB .* at most [0-9,]+ samples", empirical_gram, _SMALL, x)
    monkeypatch.setattr(memory, "host_available_bytes", lambda: 4 * 60 * 60)
    refused(r"at most 18 samples", memory.check_result_fits, 100, 100, 3, 4)
    refused(r"at most 40 samples by 20,", memory.check_result_fits, 160, 80, 2, 4)
    monkeypatch.undo()
    monkeypatch.setattr(schedule, "available_bytes", lambda: 500)
    refused("features of two samples need", empirical_gram, _SMALL, _X[:4])
