"""Singular values of a Jacobian from the kernel of all outputs, against the Jacobian's own."""

import functools

import numpy as np
import pytest

from ntk_repro.gram import effective_rank, empirical_gram, singular_spectrum
from ntk_repro.gram.jacobian import jacobian
from ntk_repro.gram.spectrum import SingularSpectrum
from ntk_repro.models import build_model
from ntk_repro.precision import cast, float64_scope
from tests.models.stax_parameters import drawn_network
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


@functools.cache
def problem() -> tuple[np.ndarray, np.ndarray]:
    """The Jacobian of 9 samples by 3 outputs, and the kernel of all of these rows."""
    net = drawn_network(build_model("mlp", hidden=(8, 7), num_outputs=3), (4,))
    gram = empirical_gram(net, X, outputs="full", precision="float64")
    with float64_scope():
        j = jacobian(net.replace(params=cast(net.params, np.dtype("float64"))), X.astype(np.float64), 3)
    return j.reshape(27, -1), gram


@pytest.mark.slow
def test_they_are_the_jacobians():
    j, gram = problem()
    sigma = np.linalg.svd(j, compute_uv=False)
    found = singular_spectrum(gram)
    assert isinstance(found, SingularSpectrum)
    kept = sigma > found.cutoff
    assert found.rank == kept.sum() == np.linalg.matrix_rank(j, tol=found.cutoff)
    np.testing.assert_allclose(found.values[: found.rank], sigma[kept], rtol=1e-6)
    assert found.condition_number == pytest.approx(sigma[0] / sigma[kept][-1], rel=1e-6)


def test_effective_rank_of_root_eigenvalues_is_that_of_singular_values():
    """erank(sqrt(lambda(K))) = erank(sigma(J)); that of lambda(K) itself is another, smaller number."""
    j, gram = problem()
    found = singular_spectrum(gram)
    sigma = np.linalg.svd(j, compute_uv=False)
    assert found.effective_rank == pytest.approx(effective_rank(sigma), abs=1e-3)
    assert found.kernel_effective_rank == pytest.approx(effective_rank(sigma**2), abs=1e-3)
    assert 1 < found.kernel_effective_rank < found.effective_rank - 1 < found.rank


def test_equal_singular_values_have_full_effective_rank():
    found = singular_spectrum(4 * np.eye(5))
    np.testing.assert_array_equal(found.values, 2.0)
    assert (found.rank, found.condition_number) == (5, 1.0)
    assert found.effective_rank == pytest.approx(5)


def test_rounding_is_no_rank():
    """A kernel of rank 3 in float32 and in float64: what its eigenvalues have beyond is rounding, and counts as 0."""
    j = np.random.default_rng(1).normal(size=(40, 3))
    for dtype in (np.float32, np.float64):
        found = singular_spectrum((j @ j.T).astype(dtype))
        assert found.rank == 3
        assert not found.values[3:].any()
        sigma = np.linalg.svd(j, compute_uv=False)
        assert found.effective_rank == pytest.approx(effective_rank(sigma), abs=1e-3)


def test_matrices_that_are_no_kernel_are_refused():
    refused("a square matrix", singular_spectrum, np.ones((2, 3)))
    refused("not finite", singular_spectrum, np.full((2, 2), np.nan))
    refused("not symmetric", singular_spectrum, np.array([[1.0, 2.0], [0.0, 1.0]]))
    refused("0 everywhere", singular_spectrum, np.zeros((3, 3)))
