"""Products of the operator against the matrix from dense Jacobians, as a SciPy operator and inside JAX."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator, cg

from ntk_repro.gram import alignment, alignment_from_gram, empirical_gram, ntk_operator, top_eigenpairs
from ntk_repro.gram.operator.jacobian_products import Sizes
from ntk_repro.gram.operator.ntk_operator import NTKOperator
from ntk_repro.network import Network
from ntk_repro.precision import precision_scope
from tests.gram.cases import Compact, relative_error, samples
from tests.gram.functions import flat, plain
from tests.gram.operator import operator_child
from tests.gram.test_empirical import blocks, oracle
from tests.refusals import refused
from tests.test_samples import IMAGE, TEXT, towers

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}

_SMALL = plain(lambda p, x: jnp.tanh(flat(x) @ p[0] + p[1]) @ p[2], (9, 7), (7,), (7, 3))()
_X = np.random.default_rng(5).normal(size=(23, 3, 3, 1)).astype(np.float32)


def dense(net, x, x2=None, outputs="mean") -> np.ndarray:
    return empirical_gram(net, x, x2, outputs=outputs, method="jacobian", precision="float64")


def times(operator: LinearOperator, vectors: np.ndarray) -> np.ndarray:
    return np.asarray(operator @ vectors)


def in_jax(operator: NTKOperator, vectors: np.ndarray) -> np.ndarray:
    with precision_scope(operator.precision):
        vectors = np.asarray(vectors, operator.dtype)
        return np.asarray(jax.jit(lambda k, v: k(v))(operator.function(), vectors))


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *itertools.product(["own_parameters"], TOLERANCE),
        pytest.param("mlp", "float32", marks=pytest.mark.slow),
        pytest.param("lenet", "float32", marks=pytest.mark.slow),
        pytest.param("tokens", "float32", marks=pytest.mark.slow),
        pytest.param("norms", "float64", marks=pytest.mark.slow),
    ],
)
def test_the_operator_is_the_matrix(name, precision):
    net, kernel = oracle(name)
    x, y = samples(name, 5), samples(name, 5, seed=1)
    for outputs, (x2, columns) in itertools.product(("mean", "full", 0), ((None, slice(0, 5)), (y, slice(5, 10)))):
        matrix = blocks(kernel[:5, :, columns], outputs)
        operator = ntk_operator(net, x, x2, outputs=outputs, precision=precision)
        assert isinstance(operator, LinearOperator)
        assert (operator.shape, operator.dtype) == (matrix.shape, precision)
        # Entry by entry, as products with the columns of the identity.
        made = times(operator, np.eye(matrix.shape[1]))
        assert made.dtype == precision
        assert relative_error(made, matrix) < TOLERANCE[precision]
        assert relative_error(times(operator.T, np.eye(matrix.shape[0])), matrix.T) < TOLERANCE[precision]
        if name == "own_parameters" or (name == "lenet" and outputs == "mean" and x2 is None):
            assert relative_error(in_jax(operator, np.eye(matrix.shape[1])), matrix) < TOLERANCE[precision]


def test_vectors_and_adjoints_have_the_shapes_of_scipy():
    operator, matrix = ntk_operator(_SMALL, _X[:6], _X[6:13], precision="float64"), dense(_SMALL, _X[:6], _X[6:13])
    rng = np.random.default_rng(0)
    v, u = rng.normal(size=7), rng.normal(size=(6, 2))
    for made, expected in [
        (times(operator, v), matrix @ v),
        (operator.matvec(v[:, None]), matrix @ v[:, None]),
        (operator.rmatvec(u[:, 0]), matrix.T @ u[:, 0]),
        (times(operator.H, u), matrix.T @ u),
        (times(operator.T.T, v), matrix @ v),
        (times(operator, v.astype(np.float16)), matrix @ v.astype(np.float16)),
        (in_jax(operator, v), matrix @ v),
    ]:
        np.testing.assert_allclose(made, expected, rtol=1e-11)
    assert times(operator, np.empty((7, 0))).shape == (6, 0)
    square = ntk_operator(_SMALL, _X)
    assert square.T is square


@pytest.mark.slow
@settings(max_examples=8)
@given(
    n1=st.integers(1, 23),
    n2=st.integers(0, 23),
    count=st.integers(1, 7),
    block=st.integers(1, 9),
    directions=st.sampled_from([1, 2, 4]),
    outputs=st.sampled_from(["mean", "full", 2]),
)
def test_any_blocks_give_the_same_products(n1, n2, count, block, directions, outputs):
    """Whatever the sizes of blocks of samples and of directions; n2 = 0 stands for x against itself."""
    x, y = _X[:n1], None if n2 == 0 else _X[-n2:]
    sizes = Sizes(block, directions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sizes, "of", classmethod(lambda cls, *args: sizes))
        operator = ntk_operator(_SMALL, x, y, outputs=outputs, precision="float64")
    vectors = np.random.default_rng(0).normal(size=(operator.shape[1], count))
    expected = dense(_SMALL, x, y, outputs) @ vectors
    scale = 1e-12 * np.abs(expected).max()
    np.testing.assert_allclose(times(operator, vectors), expected, atol=scale)
    np.testing.assert_allclose(in_jax(operator, vectors), expected, atol=scale)


def test_memory_decides_over_the_sizes():
    params = 4 * _SMALL.num_params
    ample = Sizes.of(_SMALL, _X, None)
    tight = Sizes.of(_SMALL, _X, 4 * params)
    assert ample.samples > tight.samples >= 1
    assert ample.directions > tight.directions == 1
    refused("a product with the NTK needs .* allow more", ntk_operator, _SMALL, _X, memory=2 * params)
    small = ntk_operator(_SMALL, _X, memory=4 * params)
    np.testing.assert_allclose(times(small, np.ones(23)), times(ntk_operator(_SMALL, _X), np.ones(23)), rtol=1e-5)


@pytest.mark.slow
def test_devices_share_the_samples(tmp_path):
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    environment = {**os.environ, **flags, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "tests.gram.operator.operator_child", str(tmp_path / "found.npz")]
    subprocess.run(command, env=environment, check=True, timeout=120)
    symmetric, rectangular, vectors = operator_child.operators()
    expected = [times(operator, vectors) for operator in (symmetric, symmetric, rectangular, rectangular)]
    with np.load(tmp_path / "found.npz") as found:
        for made, known in zip(found.values(), expected, strict=True):
            assert relative_error(made, known) < 1e-6


@pytest.mark.slow
def test_eigenpairs_alignments_and_solvers_take_an_operator():
    net = Network.create("mlp", 0, (4, 4, 1), width=0.2)
    x = np.random.default_rng(0).normal(size=(120, 4, 4, 1)).astype(np.float32)
    matrix, operator = dense(net, x), ntk_operator(net, x)
    pairs, expected = top_eigenpairs(operator, 10), top_eigenpairs(matrix, 10)
    np.testing.assert_allclose(pairs.values, expected.values, rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(pairs.vectors * expected.vectors, axis=0)), 1, atol=1e-5)
    assert pairs.products > 0
    assert pairs.residuals.max() < 1e-3
    everything = top_eigenpairs(ntk_operator(net, x[:9], precision="float64"), 9)
    np.testing.assert_allclose(everything.values, np.linalg.eigvalsh(matrix[:9, :9])[::-1], rtol=1e-9)
    targets = np.random.default_rng(1).normal(size=(120, 2))
    np.testing.assert_allclose(alignment_from_gram(operator, targets), alignment(net, x, targets), rtol=1e-5)
    ridge = aslinearoperator(ntk_operator(net, x, precision="float64")) + 0.1 * aslinearoperator(np.eye(120))
    solution, status = cg(ridge, targets[:, 0], rtol=1e-10, maxiter=2000)
    assert status == 0
    np.testing.assert_allclose(solution, np.linalg.solve(matrix + 0.1 * np.eye(120), targets[:, 0]), atol=1e-7)


def test_a_gradient_through_the_jax_function_is_that_of_the_matrix():
    operator, matrix = ntk_operator(_SMALL, _X), dense(_SMALL, _X)
    v = np.linspace(-1, 1, 23).astype(np.float32)
    gradient = jax.grad(lambda v: v @ operator.function()(v))(v)
    assert relative_error(np.asarray(gradient), 2 * matrix @ v) < 1e-5


def test_bad_input_is_refused():
    refused('take "float32" or "float64"', ntk_operator, _SMALL, _X, precision="bf16")
    refused("known: full, mean", ntk_operator, _SMALL, _X, outputs="average")
    refused("must be a Network", ntk_operator, _SMALL.params, _X)
    operator = ntk_operator(_SMALL, _X)
    refused("vectors are complex", operator.matvec, np.ones(23) * 1j)
    refused("vectors are complex", operator.function(), np.ones(23) * 1j)
    for outputs, columns in (("mean", 23), (1, 23), ("full", 69)):
        function = ntk_operator(_SMALL, _X, outputs=outputs).function()
        for shape in ((columns - 1,), (3 * columns,), (columns, 2, 2), (columns, 0), ()):
            refused(rf"must have shape \({columns},\) or \({columns}, b\), not ", function, np.ones(shape))
            refused(rf"must have shape \({columns},\)", jax.jit(function), np.ones(shape))
    refused("jax_enable_x64", ntk_operator(_SMALL, _X, precision="float64").function(), np.ones(23))
    refused("is not an amount of memory", ntk_operator, _SMALL, _X, memory="2")
    assert vars(ntk_operator(_SMALL, _X, memory="2GiB")._sizes) == vars(ntk_operator(_SMALL, _X, memory=2**31)._sizes)
    refused("block of vectors has entries that are not finite", operator.matvec, np.full(23, np.nan))
    refused('no entries for LAPACK: take method="krylov"', top_eigenpairs, operator, 3, method="dense")
    refused("not symmetric: leave x2 out", top_eigenpairs, ntk_operator(_SMALL, _X, _X[::-1]), 3)
    refused(r"square operator, not of shape \(23, 4\): leave x2 out", ntk_operator(_SMALL, _X, _X[:4]).trace)
    refused("float32 or float64, not of complex128", top_eigenpairs, aslinearoperator(np.eye(3) * 1j), 2)
    overflowing = Network.create(Compact(lambda _, x: nn.Dense(1)(jnp.exp(1e3 * nn.Dense(2)(x)))), 0, (3,))
    kernel = ntk_operator(overflowing, 100 * np.ones((2, 3), np.float32))
    refused("not finite: the network overflows", kernel.matvec, np.ones(2))


def test_inputs_may_be_several_arrays():
    net, x = towers(), (IMAGE, TEXT)
    matrix = dense(net, x)
    operator = ntk_operator(net, x, precision="float64")
    assert relative_error(times(operator, np.eye(len(matrix))), matrix) < 1e-12
    assert relative_error(in_jax(operator, np.eye(len(matrix))), matrix) < 1e-12
