from types import SimpleNamespace

import jax
import numpy as np
import pytest

from ntk_repro.gram import eigenbasis, eigenfunction_labels, empirical_gram, on_disk, top_eigenpairs
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.gram.structured.computation import Computation
from ntk_repro.network import Network
from tests.gram.counting import counted
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(12, 4, 4, 1)).astype(np.float32)
NET = Network.create("mlp", 0, (4, 4, 1), width=0.1)


@pytest.fixture
def grams(monkeypatch):
    """The computations of a Gram matrix."""
    return counted(monkeypatch, Computation, "run")


def basis(net=NET, x=X, k=5, root=None, **identity):
    return eigenbasis(net, x, k, identity={"net": "mlp", **identity}, root=root)


@pytest.mark.slow
def test_a_basis_is_that_of_its_gram_matrix(tmp_path):
    found = basis(root=tmp_path)
    np.testing.assert_array_equal(found.gram, empirical_gram(NET, X))
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(found.gram.astype(np.float64))[::-1][:5], rtol=1e-6)
    np.testing.assert_allclose(found.gram @ found.vectors, found.vectors * found.values, atol=1e-4 * found.values[0])


def test_a_basis_is_computed_once_and_its_gram_serves_every_k(tmp_path, grams):
    first, again, more = basis(root=tmp_path), basis(root=tmp_path), basis(root=tmp_path, k=8)
    assert len(grams) == 1
    np.testing.assert_array_equal(first.vectors, again.vectors)
    np.testing.assert_allclose(more.values[:5], first.values, rtol=1e-9)


def test_a_basis_has_the_rounding_of_its_matrix(tmp_path):
    for precision in ("float32", "float64"):
        found = eigenbasis(NET, X, 5, identity={}, root=tmp_path, precision=precision)
        assert found.eps == np.finfo(precision).eps


def test_other_parameters_other_data_and_another_identity_are_another_basis(tmp_path, grams):
    basis(root=tmp_path)
    basis(Network.create("mlp", 1, (4, 4, 1), width=0.1), root=tmp_path)
    basis(x=X[::-1], root=tmp_path)
    basis(root=tmp_path, activation="gelu")
    assert len(grams) == 4


def test_labels_are_the_signs_by_one_based_index():
    pairs = top_eigenpairs(empirical_gram(NET, X), 5)
    np.testing.assert_array_equal(eigenfunction_labels(pairs, 3), np.sign(pairs.vectors[:, 2]))
    np.testing.assert_array_equal(eigenfunction_labels(pairs.vectors, 3), eigenfunction_labels(pairs, 3))
    np.testing.assert_array_equal(eigenfunction_labels(np.array([[0.0], [-1.0]]), 1), [1, -1])


def test_indices_without_a_task_are_refused(tmp_path):
    vectors = np.array([[0.6, 0.8], [0.8, -0.6]])
    refused(r"phi_1 has one sign.*begin at 2", eigenfunction_labels, vectors, 1)
    for index in (0, 3):
        refused("the index of an eigenfunction must be from 1 to 2", eigenfunction_labels, vectors, index)
    refused("need at least 13 samples, not 12: ask for 1 to 12", basis, k=13, root=tmp_path)


def test_too_little_disk_is_refused_before_the_work(tmp_path, monkeypatch, grams):
    monkeypatch.setattr(on_disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    refused(r"576 B of disk and 100 B are available.*NTK_REPRO_RUNS", basis, root=tmp_path)
    assert not grams


def test_a_lost_tile_is_computed_again_although_the_eigenpairs_are_saved(tmp_path, grams):
    first = basis(root=tmp_path)
    exact = first.gram
    next((first.store.path / "tiles/c").rglob("0/0")).unlink()
    np.testing.assert_array_equal(basis(root=tmp_path).gram, exact)
    assert len(grams) == 2


def test_parameters_in_bfloat16_and_keys_in_the_state_have_a_fingerprint():
    """The dropout of an NNX module keeps a key in the state."""
    half = NET.replace(params=jax.tree.map(lambda leaf: leaf.astype(jax.numpy.bfloat16), NET.params))
    nets = [NET, half, *(NET.replace(state={"rng": jax.random.key(seed)}) for seed in (0, 1))]
    first, again = ([fingerprint(net, X) for net in nets] for _ in range(2))
    assert first == again
    assert len(set(first)) == len(nets)
