import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.spectrum import BlockKrylov, Lapack, effective_rank, energy_concentration, top_eigenpairs
from ntk_repro.gram.spectrum.krylov.plan import Problem
from tests.refusals import refused


def orthogonal(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def with_spectrum(values, seed=0, dtype: type = np.float64):
    q = orthogonal(len(values), seed)
    gram = (q * values) @ q.T
    return ((gram + gram.T) / 2).astype(dtype), q


def power_law(n):
    return 1000.0 * np.arange(1, n + 1) ** -1.5


def one_nan(n):
    """A large matrix with a single NaN and its mirror image."""
    gram = np.eye(n, dtype=np.float32)
    gram[2 * n // 3, n // 3] = gram[n // 3, 2 * n // 3] = np.nan
    return gram


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dense", "krylov"])
def test_pairs_of_a_known_spectrum_are_recovered(method):
    values = power_law(400)
    gram, q = with_spectrum(values)
    pairs = top_eigenpairs(gram, 40, method=method, tolerance=1e-9)
    np.testing.assert_allclose(pairs.values, values[:40], rtol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(q[:, :40] * pairs.vectors, axis=0)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(40), atol=1e-12)
    assert pairs.residuals.max() < 1e-9
    assert pairs.clipped == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_residuals_are_those_of_the_returned_pairs():
    gram, _ = with_spectrum(power_law(300))
    pairs = top_eigenpairs(gram, 30, method="krylov", tolerance=1e-3)
    products = gram @ pairs.vectors - pairs.vectors * pairs.values
    np.testing.assert_allclose(pairs.residuals, np.linalg.norm(products, axis=0) / pairs.values, atol=1e-12)


@pytest.mark.slow
def test_krylov_equals_dense_in_float32_including_signs():
    gram, _ = with_spectrum(power_law(1000), dtype=np.float32)
    dense = top_eigenpairs(gram, 60, method="dense")
    krylov = top_eigenpairs(gram, 60, method="krylov", tolerance=1e-4)
    np.testing.assert_allclose(krylov.values, dense.values, rtol=1e-6)
    np.testing.assert_allclose(krylov.vectors, dense.vectors, atol=1e-3)
    assert krylov.residuals.max() < 1e-4


@pytest.mark.slow
def test_restarts_reach_the_tolerance_where_the_spectrum_decays_slowly():
    values = 1.0 + np.linspace(1.0, 0.0, 400)
    pairs = top_eigenpairs(with_spectrum(values)[0], 12, method="krylov", tolerance=1e-6)
    np.testing.assert_allclose(pairs.values, values[:12], rtol=1e-9)
    assert pairs.residuals.max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("copies", [1, 10, 90, 200])
def test_degenerate_spaces_are_complete(copies):
    # More copies than the start block is wide: one Krylov space cannot hold them all.
    values = np.concatenate([[9.0], np.full(copies, 5.0), power_law(500 - copies - 1) / 1000])
    gram, q = with_spectrum(values)
    k = copies + 11
    found = BlockKrylov().iterate(SymmetricMatrix.of(gram), k, 1e-8)
    np.testing.assert_allclose(found.values, values[:k], rtol=1e-9)
    space, expected = found.vectors[:, 1 : copies + 1], q[:, 1 : copies + 1]
    np.testing.assert_allclose(space @ space.T, expected @ expected.T, atol=1e-8)


@pytest.mark.parametrize("gram", [3.0 * np.eye(200), np.diag(np.repeat([4.0, 1.0], 100)), np.ones((200, 200))])
@pytest.mark.parametrize("k", [1, 30, 120, 200])
@pytest.mark.filterwarnings("error")
def test_krylov_survives_exhausted_spaces(gram, k):
    pairs = top_eigenpairs(gram, k, method="krylov")
    np.testing.assert_allclose(pairs.values, np.sort(np.linalg.eigvalsh(gram))[::-1][:k].clip(0), atol=1e-9)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(k), atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dense", "krylov"])
def test_rounding_below_zero_is_clipped_and_counted(method):
    x = np.random.default_rng(0).standard_normal((300, 20))
    pairs = top_eigenpairs((x @ x.T).astype(np.float32), 250, method=method)
    assert np.all(pairs.values >= 0)
    assert pairs.clipped == np.sum(pairs.values == 0) > 0
    assert pairs.residuals[:20].max() < 1e-4


def test_a_matrix_with_truly_negative_eigenvalues_is_reported():
    gram, _ = with_spectrum(np.array([4.0, 3.0, 1.0, -2.0]))
    with pytest.warns(UserWarning, match="not positive semi-definite"):
        pairs = top_eigenpairs(gram, 4)
    assert pairs.clipped == 1
    assert pairs.values[-1] == 0


@pytest.mark.slow
def test_a_tolerance_out_of_reach_is_reported():
    gram, _ = with_spectrum(np.concatenate([[1e7], power_law(299)]), dtype=np.float32)
    problem = Problem(300, 40, itemsize=4, product_itemsize=4, panel_rows=0)
    # Enough for products in float32, and not for those in float64 that would do.
    memory = problem.memory(problem.block, problem.smallest_capacity(problem.block))
    with pytest.warns(UserWarning, match="miss the tolerance"):
        top_eigenpairs(gram, 40, method="krylov", memory=memory)


@pytest.mark.parametrize("method", ["dense", "krylov"])
def test_a_positive_matrix_has_a_positive_first_vector(method):
    x = np.abs(np.random.default_rng(0).standard_normal((400, 5)))
    assert np.all(top_eigenpairs(x @ x.T, 3, method=method).vectors[:, 0] > 0)


def test_signs_do_not_depend_on_the_order_of_samples():
    gram, _ = with_spectrum(power_law(120))
    order = np.random.default_rng(1).permutation(120)
    pairs, permuted = top_eigenpairs(gram, 20), top_eigenpairs(gram[np.ix_(order, order)], 20)
    np.testing.assert_allclose(permuted.vectors, pairs.vectors[order], atol=1e-9)


def test_signs_of_antisymmetric_vectors_are_fixed_by_the_first_large_entry():
    gram = np.array([[2.0, -1.0], [-1.0, 2.0]])
    assert top_eigenpairs(gram, 2).vectors[0, 0] > 0


@pytest.mark.slow
def test_krylov_is_deterministic():
    gram, _ = with_spectrum(power_law(300), dtype=np.float32)
    first, second = (top_eigenpairs(gram, 30, method="krylov") for _ in range(2))
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_a_memory_map_is_taken(tmp_path):
    gram, _ = with_spectrum(power_law(200), dtype=np.float32)
    np.save(tmp_path / "gram.npy", gram)
    mapped = np.load(tmp_path / "gram.npy", mmap_mode="r")
    for method in ("dense", "krylov"):
        ours, expected = (top_eigenpairs(k, 10, method=method).vectors for k in (mapped, gram))
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.slow
@settings(max_examples=25)
@given(n=st.integers(1, 60), share=st.floats(0.02, 1.0), decay=st.floats(0.0, 3.0), seed=st.integers(0, 99))
def test_any_size_and_decay_agrees_with_numpy(n, share, decay, seed):
    k = max(1, int(share * n))
    gram, _ = with_spectrum(np.arange(1, n + 1) ** -decay, seed)
    for method in ("dense", "krylov"):
        pairs = top_eigenpairs(gram, k, method=method, tolerance=1e-8)
        np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(gram)[::-1][:k], rtol=1e-8)
        np.testing.assert_allclose(gram @ pairs.vectors, pairs.vectors * pairs.values, atol=1e-7)


def test_bad_matrices_are_refused():
    refused("6 eigenfunctions need at least 6 samples, not 5: ask for 1 to 5", top_eigenpairs, np.eye(5), 6)
    refused("ask for 1 to 5", top_eigenpairs, np.eye(5), 0)
    for gram in (np.ones((4, 5)), np.ones(4)):
        refused("square", top_eigenpairs, gram, 2)
    refused("real numbers, not complex128", top_eigenpairs, np.eye(3) * 1j, 2)
    refused("symmetric", top_eigenpairs, np.triu(np.ones((5, 5))), 2)
    for gram in (np.diag([1.0, np.nan, 1.0]), np.diag([1.0, np.inf, 1.0]), one_nan(2000)):
        refused("finite", top_eigenpairs, gram, 2)


def test_an_unknown_method_and_tolerance_are_refused():
    refused(r"unknown method 'lanczos'.*known: auto, dense, krylov", top_eigenpairs, np.eye(3), 1, method="lanczos")
    refused("tolerance", top_eigenpairs, np.eye(3), 1, tolerance=0)


def test_a_solver_is_taken_in_place_of_a_method():
    gram, _ = with_spectrum(power_law(200))
    for solver, method in ((Lapack(), "dense"), (BlockKrylov(seed=3), "krylov")):
        expected = top_eigenpairs(gram, 5, method=method, seed=3)
        np.testing.assert_array_equal(top_eigenpairs(gram, 5, solver=solver).vectors, expected.vectors)


def test_effective_rank_is_the_exponential_of_the_entropy():
    for values, rank in (([3.0] * 7, 7.0), ([5.0, 0.0, 0.0], 1.0), ([4.0, 1.0], 0.8**-0.8 * 0.2**-0.2)):
        assert effective_rank(np.array(values)) == pytest.approx(rank, rel=1e-12)


def test_effective_rank_refuses_values_without_an_entropy():
    refused(r"must be of shape \(d,\), not \(3, 3\)", effective_rank, np.eye(3))
    refused("at least one above 0", effective_rank, np.zeros(3))
    refused("none is negative", effective_rank, np.array([1.0, -1.0]))
    refused("finite", effective_rank, np.array([np.nan]))
    refused(r"must be of shape \(d,\), not \(0,\)", effective_rank, np.array([]))


def test_energy_concentration_is_a_ratio_of_norms():
    vectors = orthogonal(30)[:, :5]
    y = 3 * vectors[:, 0] + 4 * orthogonal(30)[:, 20]
    assert energy_concentration(vectors, y) == pytest.approx(0.6, rel=1e-12)
    assert energy_concentration(vectors, vectors[:, 2]) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(energy_concentration(vectors, np.stack([y, vectors[:, 1]], axis=1)), [0.6, 1.0])


def test_energy_concentration_refuses_bad_input():
    vectors = orthogonal(30)[:, :5]
    refused(r"the labels must be of shape \(30,\)", energy_concentration, vectors, np.ones(29))
    refused("orthonormal", energy_concentration, 2 * vectors, np.ones(30))
    refused("zeros", energy_concentration, vectors, np.zeros(30))
