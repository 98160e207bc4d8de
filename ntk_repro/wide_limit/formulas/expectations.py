"""Expectations over a Gaussian pair, Eqs. (S12) to (S17) of Lee et al. 2019, against integrals over the angle."""

import itertools
import math

import numpy as np
from scipy.integrate import quad
from scipy.special import erf

from ntk_repro.gram import erf_expectations, relu_expectations
from ntk_repro.wide_limit.formulas.measured import Measured, residual, worst

_PAIRS = 50


def _vectors(rng: np.random.Generator) -> np.ndarray:
    """Pairs (x, y) in the plane; x . x, x . y and y . y are the covariances of (x . w, y . w)."""
    return rng.normal(size=(_PAIRS, 2, 2))


def _over_angle(x: np.ndarray, y: np.ndarray, degree: int) -> float:
    """k_n of Eq. (S12) by its definition, in polar coordinates: w = r (cos a, sin a)."""
    radial = {0: 1.0, 1: 2.0}[degree]  # the integral of r^(2 n + 1) exp(-r^2 / 2) over r

    def integrand(angle: float) -> float:
        w = np.array([math.cos(angle), math.sin(angle)])
        one, two = float(x @ w), float(y @ w)
        return (one * two) ** degree if one > 0 and two > 0 else 0.0

    # The integrand has kinks where x or y is orthogonal to w.
    kinks = sorted((math.atan2(v[1], v[0]) + turn * math.pi / 2) % (2 * math.pi) for v in (x, y) for turn in (-1, 1))
    ends = [0.0, *kinks, 2 * math.pi]
    parts = [quad(integrand, low, high, epsabs=1e-13)[0] for low, high in itertools.pairwise(ends)]
    return radial * sum(parts) / (2 * math.pi)


def _gaussian(pair: np.ndarray, function, nodes: int = 200) -> float:
    """E[function(u) function(v)] by Gauss-Hermite quadrature in the plane."""
    z, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    grid = np.stack(np.meshgrid(z, z, indexing="ij"))
    u, v = np.einsum("pd,dij->pij", pair, grid)
    return float(np.einsum("i,j,ij->", weights, weights, function(u) * function(v)))


def _products(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    gram = np.einsum("pid,pjd->pij", pairs, pairs)
    return gram[:, 0, 0], gram[:, 0, 1], gram[:, 1, 1]


def _arc_cosine(degree: int):
    def formula(rng: np.random.Generator) -> Measured:
        pairs = _vectors(rng)
        k11, k12, k22 = _products(pairs)
        norms = np.sqrt(k11 * k22)
        cosine = k12 / norms
        theta = np.arccos(cosine)
        # Both forms of J_1 that the paper prints.
        forms = {
            0: [np.pi - theta],
            1: [
                np.sin(theta) + (np.pi - theta) * np.cos(theta),
                np.sqrt(1 - cosine**2) + (np.pi - theta) * cosine,
            ],
        }[degree]
        expected = np.array([_over_angle(x, y, degree) for x, y in pairs])
        found = [residual(norms**degree * j / (2 * np.pi), expected) for j in forms]
        return worst(found)

    return formula


def _relu(order: int):
    def formula(rng: np.random.Generator) -> Measured:
        pairs = _vectors(rng)
        expected = [_over_angle(x, y, 1 - order) for x, y in pairs]
        return residual(relu_expectations(*_products(pairs))[order], np.array(expected))

    return formula


def _erf(order: int):
    def formula(rng: np.random.Generator) -> Measured:
        pairs = _vectors(rng)
        function = (erf, lambda u: 2 / math.sqrt(math.pi) * np.exp(-(u**2)))[order]
        expected = np.array([_gaussian(pair, function) for pair in pairs])
        k11, k12, k22 = _products(pairs)
        determinant = (1 + 2 * k11) * (1 + 2 * k22) - 4 * k12**2
        as_printed = (
            2 / np.pi * np.arcsin(2 * k12 / np.sqrt((1 + 2 * k11) * (1 + 2 * k22))),
            4 / np.pi * determinant**-0.5,
        )[order]
        found = [residual(form, expected) for form in (as_printed, erf_expectations(k11, k12, k22)[order])]
        return worst(found)

    return formula


FORMULAS = {
    "S12 k0": _arc_cosine(0),
    "S12 k1": _arc_cosine(1),
    "S14": _relu(0),
    "S15": _relu(1),
    "S16": _erf(0),
    "S17": _erf(1),
}
"""By the equation: (generator) -> largest relative difference."""
