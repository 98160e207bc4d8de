"""Estimates by random vectors against the spectra that they are about, and how often their intervals are right."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from ntk_repro.gram import empirical_gram, ntk_operator
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.spectrum import (
    Estimate,
    effective_rank,
    stochastic_effective_rank,
    stochastic_frobenius_norm,
    stochastic_participation_ratio,
    stochastic_trace,
)
from ntk_repro.network import Network
from tests.gram.spectrum.test_eigenpairs import power_law, with_spectrum
from tests.gram.test_matrices import Panels
from tests.refusals import refused


def singular_rank(gram, **kw):
    return stochastic_effective_rank(gram, "singular_values", **kw)


ESTIMATES = {
    "trace": (stochastic_trace, np.sum),
    "frobenius_norm": (stochastic_frobenius_norm, np.linalg.norm),
    "participation_ratio": (stochastic_participation_ratio, lambda values: values.sum() ** 2 / (values**2).sum()),
    "effective_rank": (stochastic_effective_rank, effective_rank),
    "singular_effective_rank": (singular_rank, lambda values: effective_rank(np.sqrt(values))),
}
SPECTRA = {
    "power_law": power_law(300),
    "slow": np.arange(1, 301) ** -0.5,
    "flat": np.linspace(2, 1, 300),
    "low_rank": np.concatenate([np.linspace(2, 1, 150), np.zeros(150)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("spectrum", ["power_law", "slow"])
@pytest.mark.parametrize("name", ESTIMATES)
def test_intervals_hold_the_truth_in_most_draws(name, spectrum):
    """Student's intervals of 95%: fewer than 88 of 100 have a probability of one in 680."""
    values = SPECTRA[spectrum]
    gram, (estimate, exact) = with_spectrum(values)[0], ESTIMATES[name]
    intervals = [estimate(gram, seed=seed).interval() for seed in range(100)]
    assert sum(low <= exact(values) <= high for low, high in intervals) >= 88


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("name", ESTIMATES)
def test_an_estimate_is_near_the_truth_for_its_standard_error(name, spectrum):
    values = SPECTRA[spectrum]
    gram, (estimate, exact) = with_spectrum(values)[0], ESTIMATES[name]
    found = estimate(gram, seed=1)
    assert 0 < found.standard_error < 0.05 * found.value
    assert abs(found.value - exact(values)) < 3.5 * found.standard_error
    assert found.samples == 32


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATES)
def test_operator_store_and_array_have_the_same_estimate(name):
    net = Network.create("mlp", 0, (6, 6, 1), width=0.1)
    x = np.random.default_rng(0).normal(size=(120, 6, 6, 1)).astype(np.float32)
    gram, (estimate, exact) = empirical_gram(net, x, precision="float64"), ESTIMATES[name]
    operator = ntk_operator(net, x, precision="float64")
    found = [estimate(each) for each in (gram, Panels(gram, 32), aslinearoperator(gram), operator)]
    for other in found[1:]:
        assert other.value == pytest.approx(found[0].value, rel=1e-5)
        assert other.standard_error == pytest.approx(found[0].standard_error, rel=1e-3)
    method = {"singular_effective_rank": lambda: operator.effective_rank("singular_values")}.get(name)
    assert (method or getattr(operator, name))() == found[-1]
    truth = exact(np.linalg.eigvalsh(gram))
    assert abs(found[0].value - truth) < 3.5 * found[0].standard_error


@pytest.mark.parametrize("name", ESTIMATES)
def test_few_rows_are_multiplied_out(name):
    values = np.array([5.0, 3.0, 1.0, 0.5])
    estimate, exact = ESTIMATES[name]
    found = estimate(with_spectrum(values)[0])
    assert found.value == pytest.approx(exact(values), rel=1e-9)
    assert (found.standard_error, found.samples, found.products) == (0, 0, 4)
    assert found.interval() == (found.value, found.value)


def test_more_probes_have_a_smaller_standard_error():
    gram, _ = with_spectrum(SPECTRA["slow"])
    few, many = (stochastic_trace(gram, probes=probes) for probes in (8, 128))
    assert many.standard_error < 0.5 * few.standard_error
    assert (few.products, many.products) == (72, 192)


def test_a_scaled_matrix_has_the_same_ranks():
    gram, _ = with_spectrum(SPECTRA["power_law"])
    for estimate in (stochastic_participation_ratio, stochastic_effective_rank, singular_rank):
        assert estimate(1e-9 * gram).value == pytest.approx(estimate(gram).value, rel=1e-9)


def test_a_quadrature_that_has_not_settled_is_reported():
    gram, _ = with_spectrum(0.9 ** np.arange(300))
    with pytest.warns(UserWarning, match="still changed by .* in the last of 20 Lanczos steps: allow more"):
        singular_rank(gram, steps=20)


def test_intervals_are_students():
    # The quantile of Student's distribution with 9 degrees of freedom at 97.5%, from tables.
    low, high = Estimate(1.0, 0.5, 10, 0).interval()
    assert (high - 1, 1 - low) == pytest.approx((0.5 * 2.262157, 0.5 * 2.262157), rel=1e-6)
    assert Estimate(1.0, 0.5, 10, 0).interval(0.5)[1] < high


def test_bad_input_is_refused():
    for estimate, _ in ESTIMATES.values():
        refused("square", estimate, np.ones((4, 5)))
        refused("probes=1 have no standard error", estimate, np.eye(5), probes=1)
    refused("sketch=0", stochastic_trace, np.eye(5), sketch=0)
    refused("0 everywhere", stochastic_effective_rank, np.zeros((5, 5)))
    refused("the matrix is 0", stochastic_participation_ratio, np.zeros((5, 5)))
    refused("did you mean 'eigenvalues'", stochastic_effective_rank, np.eye(5), "eigenvalue")
    refused("deflated=0", stochastic_effective_rank, np.eye(5), deflated=0)
    refused("has no entries: pass the matrix", SymmetricMatrix.of, aslinearoperator(np.eye(5)))
