import dataclasses

import numpy as np

from ntk_repro.gram.spectrum.eigenpairs import top_eigenpairs
from ntk_repro.gram.spectrum.nystrom import nystrom_eigenpairs, nystrom_extension, nystrom_residuals
from tests.refusals import refused

N, OLD = 150, 60


def low_rank(rank=12, seed=0):
    """A kernel whose rank the first samples exhaust."""
    features = np.random.default_rng(seed).standard_normal((N, rank)) * np.arange(1, rank + 1) ** -1.0
    return features @ features.T


def smooth(seed=0):
    """A kernel of full rank whose eigenvalues fall fast."""
    x = np.random.default_rng(seed).uniform(-1, 1, N)
    return np.exp(-4 * np.abs(x[:, None] - x) ** 1.9)


def continued(count, old=OLD):
    """The smooth kernel and its eigenpairs continued from the first samples."""
    k = smooth()
    return k, nystrom_eigenpairs(top_eigenpairs(k[:old, :old], count), k[old:, :old])


def test_extension_to_the_old_samples_returns_their_vectors():
    k = smooth()[:OLD, :OLD]
    pairs = top_eigenpairs(k, 15)
    np.testing.assert_allclose(nystrom_extension(pairs, k), pairs.vectors, atol=1e-9)


def test_extension_is_linear_in_the_kernel_rows():
    k = smooth()
    pairs = top_eigenpairs(k[:OLD, :OLD], 10)
    mixed = 0.3 * k[OLD, :OLD] + 0.7 * k[3, :OLD]
    expected = 0.3 * nystrom_extension(pairs, k[OLD : OLD + 1, :OLD])[0] + 0.7 * pairs.vectors[3]
    np.testing.assert_allclose(nystrom_extension(pairs, mixed[None])[0], expected, atol=1e-9)


def test_all_pairs_are_exact_where_the_old_samples_exhaust_the_rank():
    k = low_rank()
    approximate = nystrom_eigenpairs(top_eigenpairs(k[:OLD, :OLD], 12), k[OLD:, :OLD])
    exact = top_eigenpairs(k, 12)
    np.testing.assert_allclose(approximate.values, exact.values, rtol=1e-10)
    np.testing.assert_allclose(approximate.vectors, exact.vectors, atol=1e-9)
    assert nystrom_residuals(approximate, k, np.arange(N)).max() < 1e-9


def test_no_new_samples_change_nothing():
    k = smooth()[:OLD, :OLD]
    pairs = top_eigenpairs(k, 10)
    same = nystrom_eigenpairs(pairs, np.empty((0, OLD)))
    np.testing.assert_allclose(same.values, pairs.values, rtol=1e-12)
    np.testing.assert_allclose(same.vectors, pairs.vectors, atol=1e-9)


def test_eigenvalues_are_lower_bounds_and_vectors_orthonormal():
    k, approximate = continued(20)
    exact = top_eigenpairs(k, 20).values
    assert np.all(approximate.values <= exact * (1 + 1e-12))
    np.testing.assert_allclose(approximate.values[:5], exact[:5], rtol=1e-3)
    np.testing.assert_allclose(approximate.vectors.T @ approximate.vectors, np.eye(20), atol=1e-12)
    assert np.all(np.isnan(approximate.residuals))


def test_more_old_samples_come_closer():
    errors = []
    for old in (20, 40, 100):
        k, pairs = continued(15, old)
        errors.append(nystrom_residuals(pairs, k, np.arange(N))[:5].max())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_residuals_of_all_rows_are_the_residuals():
    k, pairs = continued(10)
    order = np.random.default_rng(0).permutation(N)
    expected = np.linalg.norm(k @ pairs.vectors - pairs.vectors * pairs.values, axis=0) / pairs.values
    np.testing.assert_allclose(nystrom_residuals(pairs, k[order], order), expected, rtol=1e-10)


def test_residuals_of_some_rows_are_unbiased():
    k, pairs = continued(10)
    exact = nystrom_residuals(pairs, k, np.arange(N))
    rng = np.random.default_rng(0)
    draws = [rng.choice(N, 30, replace=False) for _ in range(500)]
    squares = np.mean([nystrom_residuals(pairs, k[rows], rows) ** 2 for rows in draws], axis=0)
    np.testing.assert_allclose(squares, exact**2, rtol=0.15)


def test_a_float32_memory_map_is_taken(tmp_path):
    k = low_rank()
    np.save(tmp_path / "k.npy", k[OLD:, :OLD].astype(np.float32))
    pairs = top_eigenpairs(k[:OLD, :OLD], 12)
    extended = nystrom_extension(pairs, np.load(tmp_path / "k.npy", mmap_mode="r"))
    np.testing.assert_allclose(extended, nystrom_extension(pairs, k[OLD:, :OLD]), atol=1e-4)


def test_an_eigenvalue_of_zero_is_refused_by_its_number():
    k = low_rank(rank=12)
    pairs = top_eigenpairs(k[:OLD, :OLD], 20)
    for extend in (nystrom_extension, nystrom_eigenpairs):
        refused(r"eigenvalue 13 is .*: take 12 eigenpairs", extend, pairs, k[OLD:, :OLD])
    zero = dataclasses.replace(pairs, values=np.zeros(20))
    refused("the kernel is 0", nystrom_extension, zero, k[OLD:, :OLD])


def test_bad_kernels_and_rows_are_refused():
    k = smooth()
    pairs = top_eigenpairs(k[:OLD, :OLD], 5)
    refused(r"of shape \(m, 60\)", nystrom_extension, pairs, k[OLD:])
    refused("finite", nystrom_extension, pairs, np.full((3, OLD), np.nan))
    everything = nystrom_eigenpairs(pairs, k[OLD:, :OLD])
    for rows in ([1, 1], [], [N], [-1]):
        refused("different numbers from 0 to 149", nystrom_residuals, everything, k[: len(rows)], np.array(rows, int))
    refused(r"of shape \(2, 150\)", nystrom_residuals, everything, k[:3], np.array([0, 1]))
