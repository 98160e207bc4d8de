"""The block Krylov iteration on matrices that come in panels: its plan, its memory, and how it checks itself."""

import tracemalloc

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.spectrum import BlockKrylov, top_eigenpairs
from ntk_repro.gram.spectrum.krylov import iteration
from ntk_repro.gram.spectrum.krylov.basis import Basis
from ntk_repro.gram.spectrum.krylov.plan import Problem
from ntk_repro.gram.store.gram_store import GramStore
from tests.gram.spectrum.test_eigenpairs import one_nan, power_law, with_spectrum
from tests.gram.store.store_child import fill
from tests.gram.test_matrices import Panels
from tests.refusals import refused


@pytest.fixture
def few_products(monkeypatch):
    """What never converges is given up early."""
    monkeypatch.setattr(iteration, "MAX_PRODUCTS", 4)


def block_krylov(matrix, *args, **kw):
    return BlockKrylov().iterate(SymmetricMatrix.of(matrix), *args, **kw)


@pytest.mark.slow
@pytest.mark.parametrize("memory", [None, 5_600_000])
def test_pairs_of_panels_are_those_of_the_array(memory):
    gram, _ = with_spectrum(power_law(1000), dtype=np.float32)
    source = Panels(gram, 96)
    found = top_eigenpairs(source, 40, method="krylov", tolerance=1e-4, memory=memory)
    expected = top_eigenpairs(gram, 40, method="dense")
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-3)
    assert found.residuals.max() < 1e-4
    assert (source.read == source.num_blocks) == (memory is None)
    assert found.products > 40
    assert found.passes > 1


def test_the_plan_at_full_size_streams_with_wider_blocks_and_without_restarts():
    triangle = 4 * 60_000 * 61_024 / 2
    problem = Problem(60_000, 1000, itemsize=4, product_itemsize=4, panel_rows=1024)
    in_memory, partly, streamed = (problem.plan(memory * 2**30) for memory in (20, 5, 3))
    assert in_memory.block == 64
    assert in_memory.kept_bytes >= triangle
    assert 0.3 * triangle < partly.kept_bytes < 0.6 * triangle
    assert streamed.block >= 96
    for plan in (in_memory, partly, streamed):
        assert plan.capacity >= 1000 + 5 * np.sqrt(1000 * plan.block)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_memory_allowed_is_kept_to(dtype):
    n, k, memory = 3000, 50, 22_000_000
    x = np.random.default_rng(0).standard_normal((n, 400), np.float32) * np.arange(1, 401, dtype=np.float32) ** -1
    source = Panels(x @ x.T, 100)
    tracemalloc.start()
    try:
        found = block_krylov(source, k, 1e-3, memory=memory, dtype=dtype)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory < source.matrix.nbytes
    assert (found.residuals / found.values).max() < 1e-3


def test_too_little_memory_is_refused():
    gram, _ = with_spectrum(power_law(400))
    with pytest.raises(UserError, match=r"40 eigenpairs of 400 samples needs .* allow more"):
        top_eigenpairs(Panels(gram, 50), 40, method="krylov", memory=1_000_000)
    refused("allow more", top_eigenpairs, gram, 40, method="dense", memory=1_000_000)


@pytest.mark.slow
def test_small_panels_go_to_lapack_where_they_fit():
    gram, _ = with_spectrum(power_law(200), dtype=np.float32)
    dense = top_eigenpairs(Panels(gram, 30), 20)
    assert (dense.products, dense.passes) == (0, 0)
    np.testing.assert_array_equal(dense.vectors, top_eigenpairs(gram, 20).vectors)
    gram, _ = with_spectrum(power_law(600), dtype=np.float32)
    assert top_eigenpairs(Panels(gram, 30), 20, memory=6_000_000).passes > 0


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [np.asarray, lambda gram: Panels(gram, 64)])
def test_a_steep_float32_spectrum_is_solved_again_in_float64(wrap):
    """In float32 products a matrix whose first eigenvalue stands 1e6 above the last one misses the tolerance."""
    gram, _ = with_spectrum(np.concatenate([[1e7], power_law(299)]), dtype=np.float32)
    single = block_krylov(wrap(gram), 40, 1e-3)
    assert (single.residuals / single.values).max() > 1e-3
    pairs = top_eigenpairs(wrap(gram), 40, method="krylov")
    assert pairs.residuals.max() < 1e-3
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(gram.astype(np.float64))[::-1][:40], rtol=1e-5)


@pytest.mark.slow
def test_a_matrix_that_changes_between_passes_shows_in_the_residuals(few_products):
    gram, _ = with_spectrum(power_law(300))
    other = with_spectrum(power_law(300), seed=1)[0]

    class Changing(Panels):
        def panels(self, blocks=None):
            if self.read > 40:  # the later passes see another matrix
                self.matrix = other
            return super().panels(blocks)

    source = Changing(gram, 30)
    found = block_krylov(source, 10, 1e-6, memory=1_450_000)
    direct = np.linalg.norm(source.matrix @ found.vectors - found.vectors * found.values, axis=0)
    assert direct.max() > 1
    assert np.all(found.residuals > 0.5 * direct)


@pytest.mark.slow
def test_residuals_that_the_probes_contradict_are_computed_directly(monkeypatch):
    gram, _ = with_spectrum(power_law(300))
    expected = block_krylov(gram, 10, 1e-2)
    monkeypatch.setattr(Basis, "residuals", lambda self, values, coefficients: np.zeros(len(values)))
    for matrix in (gram, Panels(gram, 50)):
        found = block_krylov(matrix, 10, 1e-2)
        direct = np.linalg.norm(gram @ found.vectors - found.vectors * found.values, axis=0)
        np.testing.assert_allclose(found.residuals, direct, atol=1e-11)
        assert found.residuals.max() > 1e-5
        assert found.products == expected.products + 10


@pytest.mark.slow
def test_a_matrix_that_is_not_symmetric_shows_in_the_residuals(few_products):
    gram, _ = with_spectrum(power_law(300))
    gram += np.triu(np.random.default_rng(0).standard_normal((300, 300)), 1) * 0.05
    found = block_krylov(SymmetricMatrix.of(gram, asymmetry=1), 10, 1e-6)
    right = np.linalg.norm(gram @ found.vectors - found.vectors * found.values, axis=0)
    assert np.all(found.residuals > 0.3 * right)
    assert right.max() > 0.1


def test_a_nan_in_a_panel_is_found():
    for method in ("dense", "krylov"):
        refused("finite", top_eigenpairs, Panels(one_nan(300), 64), 3, method=method)


@pytest.mark.slow
def test_pairs_of_a_store_on_disk(tmp_path):
    gram, _ = with_spectrum(power_law(500), dtype=np.float32)
    with GramStore.open(tmp_path / "store", {"case": "spectrum"}, n=500, tile=128) as store:
        fill(store, gram)
    expected = block_krylov(Panels(gram, 128), 30, 1e-4)
    np.testing.assert_array_equal(block_krylov(store, 30, 1e-4).vectors, expected.vectors)
    streamed = top_eigenpairs(store, 30, method="krylov", tolerance=1e-4, memory=8_000_000)
    np.testing.assert_allclose(streamed.values, expected.values, rtol=1e-6)
    np.testing.assert_array_equal(top_eigenpairs(store, 30).vectors, top_eigenpairs(gram, 30).vectors)
