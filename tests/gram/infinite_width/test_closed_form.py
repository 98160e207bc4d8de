"""The paper's expectations and recursions against integrals, limits and `nt.stax`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from ntk_repro.gram import analytic_kernel, erf_expectations, fcn_kernels, relu_expectations
from ntk_repro.gram.infinite_width.closed_form import EXPECTATIONS, kernel_step
from ntk_repro.models import build_model
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(6, 5))
VARIANCES = st.floats(1e-3, 1e3)
COSINES = st.floats(-0.999, 0.999)


@settings(max_examples=60)
@given(VARIANCES, VARIANCES, COSINES)
def test_relu_expectations_are_the_integrals_over_the_angle(k11, k22, cosine):
    """In polar coordinates, u = s1 r cos(a), v = s2 r cos(a - theta), and E[r^2] = 2 with the angle uniform."""
    theta, scale = np.arccos(cosine), (k11 * k22) ** 0.5
    t, t_dot = relu_expectations(np.array(k11), np.array(cosine * scale), np.array(k22))
    both_positive = (theta - np.pi / 2, np.pi / 2)
    integral = quad(lambda a: np.cos(a) * np.cos(a - theta), *both_positive, epsabs=1e-13)[0]
    np.testing.assert_allclose(t, scale * integral / np.pi, rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(t_dot, (both_positive[1] - both_positive[0]) / (2 * np.pi), rtol=1e-10)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.floats(0.01, 4), st.floats(0.01, 4), COSINES)
def test_erf_expectations_are_gaussian_integrals(k11, k22, cosine):
    from scipy.special import erf

    points, weights = np.polynomial.hermite_e.hermegauss(160)
    weights = np.outer(weights, weights) / (2 * np.pi)
    u = k11**0.5 * points[:, None]
    v = k22**0.5 * (cosine * points[:, None] + (1 - cosine**2) ** 0.5 * points[None, :])
    t, t_dot = erf_expectations(np.array(k11), np.array(cosine * (k11 * k22) ** 0.5), np.array(k22))
    slope = 4 / np.pi * np.exp(-(u**2) - v**2)
    np.testing.assert_allclose(t, (weights * erf(u) * erf(v)).sum(), atol=1e-6)
    np.testing.assert_allclose(t_dot, (weights * slope).sum(), atol=1e-6)


@pytest.mark.parametrize("activation", EXPECTATIONS)
def test_recursions_equal_stax(activation):
    for depth, sigma_w, sigma_b in ((1, 1.0, 0.0), (3, 1.5, 0.3)):
        kw = {"depth": depth, "sigma_w": sigma_w, "sigma_b": sigma_b, "activation": activation}
        k, theta = fcn_kernels(X[:4], X[4:], **kw)
        theirs = analytic_kernel(build_model("fcn", **kw), X[:4], X[4:])
        np.testing.assert_allclose(k, theirs.nngp, rtol=1e-12)
        np.testing.assert_allclose(theta, theirs.ntk, rtol=1e-12)


def test_the_diagonal_keeps_all_digits():
    """Where x = x' the recursion of ReLU is K = K + sigma_b^2 at sigma_w^2 = 2, and half of T' = 1/2."""
    x = np.concatenate([X, X[:2]])
    k, theta = fcn_kernels(x, depth=4, sigma_b=0.5)
    variance = 2 * (x**2).mean(1) + 0.25
    tangent = variance
    for _ in range(4):
        variance = variance + 0.25
        tangent = tangent + variance
    np.testing.assert_allclose(np.diag(k), variance, rtol=1e-14)
    np.testing.assert_allclose(np.diag(theta), tangent, rtol=1e-14)
    np.testing.assert_allclose(theta[[0, 1], [6, 7]], tangent[:2], rtol=1e-14)  # duplicated points
    assert np.abs(np.linalg.eigvalsh(theta)[:2]).max() < 1e-13 * np.trace(theta)


def test_limits():
    zero, one = np.zeros(()), np.ones(())
    assert relu_expectations(zero, zero, one) == (0, 0.25)  # half of relu'(0) and half of the other sign
    np.testing.assert_allclose(relu_expectations(one, -one, one), (0, 0), atol=1e-15)
    np.testing.assert_allclose(relu_expectations(1e-300 * one, 0.5e-300 * one, 1e-300 * one)[1], 1 / 3, rtol=1e-12)
    np.testing.assert_allclose(erf_expectations(1e8 * one, 1e8 * one, 1e8 * one)[0], 1, rtol=1e-4)
    k, theta = fcn_kernels(X, depth=0, sigma_w=1.0)
    np.testing.assert_allclose(k, X @ X.T / 5)
    np.testing.assert_array_equal(theta, k)


def test_bad_arguments_are_refused():
    refused("unknown activation with closed forms 'tanh'", fcn_kernels, X, activation="tanh")
    refused("depth counts hidden layers", fcn_kernels, X, depth=-1)
    refused("they must agree", fcn_kernels, X, X[:, :3])
    one = np.ones((1, 1))
    refused("did you mean 'relu'", kernel_step, one[0], one, one[0], one, "rellu", 1.0, 0.0)
