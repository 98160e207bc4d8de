"""The door for matrices: what is refused there, and products with matrices that come in panels."""

import numpy as np
import pytest

from ntk_repro.gram.matrices import KeptPanels, SymmetricMatrix
from tests.gram.spectrum.test_eigenpairs import power_law, with_spectrum
from tests.refusals import refused


class Panels(SymmetricMatrix):
    """Hands out copies of panels and counts them."""

    def __init__(self, matrix, tile):
        self.matrix, self.n, self.dtype, self.panel_rows = matrix, len(matrix), matrix.dtype, tile
        self.num_blocks = -(-len(matrix) // tile)
        self.read = 0

    def panels(self, blocks=None):
        for i in range(self.num_blocks) if blocks is None else blocks:
            self.read += 1
            start = i * self.panel_rows
            yield start, self.matrix[start : start + self.panel_rows, start:].copy()


@pytest.mark.parametrize("tile", [1, 7, 50, 64, 100])
@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_with_the_whole_matrix(tile, kept, dtype):
    gram, _ = with_spectrum(power_law(100), dtype=dtype)
    times = Panels(gram, tile).products(gram.dtype, kept * gram.nbytes)
    rows = np.random.default_rng(0).standard_normal((5, 100))
    rtol = {np.float32: 1e-5, np.float64: 1e-13}[dtype]
    for _ in range(3):
        np.testing.assert_allclose(times(rows), rows @ gram.astype(np.float64), atol=rtol * 1000)
    assert (times.products, times.passes) == (15, 3)


def test_a_panel_is_read_once_a_pass_or_kept_within_the_bytes_allowed():
    gram, _ = with_spectrum(power_law(100))
    triangle = sum(gram[i : i + 10, i:].nbytes for i in range(0, 100, 10))
    for share, reads in [(0.0, 30), (0.5, 20), (1.1, 10)]:
        source = Panels(gram, 10)
        panels = KeptPanels(source, share * triangle)
        for _ in range(3):
            assert [start for start, _ in panels] == list(range(0, 100, 10))
        assert abs(source.read - reads) <= 2 * (share == 0.5)
        assert sum(panel.nbytes for _, panel in panels.kept.values()) <= share * triangle


@pytest.mark.parametrize("wrap", [lambda gram: gram, lambda gram: Panels(gram, 7)])
def test_a_whole_matrix_is_read_into_memory(wrap):
    gram, _ = with_spectrum(power_law(30), dtype=np.float32)
    matrix = SymmetricMatrix.of(wrap(gram))
    assert SymmetricMatrix.of(matrix) is matrix
    np.testing.assert_array_equal(matrix.dense(), gram, strict=True)
    np.testing.assert_array_equal(matrix.dense(np.float64), gram.astype(np.float64), strict=True)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "finite"), (-np.inf, "finite"), (5.0, "not symmetric")])
def test_one_bad_entry_of_a_large_matrix_is_found_when_all_of_it_is_read(value, message):
    gram = np.eye(700, dtype=np.float32)
    gram[600, 17] = value
    refused(f"my kernel .*{message}", SymmetricMatrix.of(gram, "my kernel").dense)


@pytest.mark.parametrize("dtype", [int, bool, np.float16])
def test_types_that_are_no_floats_become_float64(dtype):
    assert SymmetricMatrix.of(np.eye(3, dtype=dtype)).dtype == np.float64
