import numpy as np
import pytest

from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.rotation.kernel_measurement import KernelMeasurement, nested_counts

N, K = 40, 5


@pytest.fixture(scope="module")
def nets():
    return tuple(Network.create("mlp", seed, (4, 4, 1), width=0.1) for seed in (0, 1))


X = np.random.default_rng(0).normal(size=(N, 4, 4, 1)).astype(np.float32)
Y = (X[:, 0, 0, 0] > 0).astype(np.int32)


def energy(kernel, y):
    vectors = np.linalg.eigh(kernel)[1][:, -K:]
    return np.linalg.norm(vectors.T @ y) / np.linalg.norm(y)


@pytest.mark.slow
def test_every_measurement_has_its_definition(folder, nets):
    targets = np.random.default_rng(1).normal(size=(N, 3))
    measure = KernelMeasurement(folder, nets[0], X, Y, K, (X, targets, np.array([7.0, 8, 9])))
    first, then = measure(0, nets[0]), measure(3, nets[1])
    y = 2.0 * Y - 1
    before, after = (empirical_gram(net, X, precision="float64") for net in nets)
    cosine = np.vdot(before, after) / np.linalg.norm(before) / np.linalg.norm(after)
    for measured, kernel, distance in ((first, before, 0.0), (then, after, 1 - cosine)):
        assert measured["energy_concentration"] == pytest.approx(energy(kernel, y), rel=1e-4)
        expected = np.array([energy(kernel[:n, :n], y[:n]) for n in (10, 20, 40)])
        np.testing.assert_allclose(measured["energy_by_images"], expected, rtol=1e-4)
        np.testing.assert_allclose(measured["top_eigenvalues"], np.linalg.eigvalsh(kernel)[::-1][:K], rtol=1e-4)
        assert measured["label_alignment"] == pytest.approx(y @ kernel @ y / N**2, rel=1e-5)
        assert measured["mean_squared_gradient_norm"] == pytest.approx(np.trace(kernel) / N, rel=1e-5)
        assert measured["kernel_cosine_distance"] == pytest.approx(distance, rel=1e-4)
    np.testing.assert_array_equal(first["alignment"], [7, 8, 9])
    np.testing.assert_allclose(then["alignment"], np.einsum("nt,nm,mt->t", targets, after, targets) / N**2, rtol=1e-5)


def test_only_the_first_kernel_stays_on_disk(folder, nets):
    measure = KernelMeasurement(folder, nets[0], X, Y, K)
    assert "alignment" not in measure(3, nets[1])
    assert sorted(path.name for path in (folder.path / "parts").iterdir()) == ["gram_00000"]


def test_nested_sets_are_large_enough_for_the_eigenvectors():
    assert nested_counts(12_000, 50) == [1500, 3000, 6000, 12_000]
    assert nested_counts(300, 50) == [150, 300]
    assert nested_counts(60, 50) == [60]
