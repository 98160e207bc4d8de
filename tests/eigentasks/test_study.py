import dataclasses

import jax
import numpy as np
import pytest

from ntk_repro import eigentasks
from ntk_repro.data import binary_labels, load_dataset
from ntk_repro.eigentasks import EigentasksConfig, study
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.record import RunFolder, config_to_dict
from tests.interruption import interrupted

RUN = eigentasks.run
CONFIG = EigentasksConfig(
    net="mlp", width=0.3, data="digits", n_train=150, n_test=50, indices=(2, 5, 9), epochs=3, batch_size=32
)


def test_every_array_has_the_documented_shape(done):
    result = {name: array.shape for name, array in done.result().items()}
    for name in ("test_accuracy", "train_accuracy"):
        assert result[f"network_{name}"] == (3,)
        assert result[f"linearized_{name}"] == (8,)
        assert result[f"baseline_network_{name}"] == result[f"baseline_linearized_{name}"] == ()
    for name in ("index", "l2_distance", "cosine_distance"):
        assert result[name] == (3,)
    assert result["linearized_index"] == result["majority_rate"] == (8,)
    assert result["network_loss"] == (3, 3)
    assert result["linearized_loss"] == (8, 3)
    assert result["linearized_halfway_accuracy"] == result["alignment"] == (8,)
    assert result["eigenvalues"] == result["residuals"] == result["sign_overlap"] == (9,)
    assert result["baseline_alignment"] == result["parameters"] == ()


def test_the_eigenpairs_are_those_of_the_gram_of_training_and_test_images(done):
    data = load_dataset("digits", n_train=150, n_test=50)
    net = Network.create("mlp", jax.random.fold_in(jax.random.key(0), 0), (8, 8, 1), width=0.3)
    values = np.linalg.eigvalsh(empirical_gram(net, data.x).astype(np.float64))[::-1][:9]
    np.testing.assert_allclose(done.result()["eigenvalues"], values, rtol=1e-4)


def test_the_labels_of_each_eigenfunction_are_recorded(done):
    data, result = load_dataset("digits", n_train=150, n_test=50), done.result()
    net = Network.create("mlp", jax.random.fold_in(jax.random.key(0), 0), (8, 8, 1), width=0.3)
    vectors = np.linalg.eigh(empirical_gram(net, data.x).astype(np.float64))[1][:, ::-1]
    labels = np.unpackbits(result["network_label_bits"], axis=1)
    for index, row in zip(result["index"], labels, strict=True):
        agree = np.mean((vectors[:, index - 1] > 0) == row)
        assert max(agree, 1 - agree) > 0.97  # entries near 0 may turn
    classes = np.unpackbits(result["baseline_network_label_bits"])
    np.testing.assert_array_equal(classes, binary_labels(data.y) > 0)


def test_accuracies_are_shares_of_the_images(done):
    for name in ("network", "linearized"):
        tests, trains = (done.result()[f"{name}_{part}_accuracy"] for part in ("test", "train"))
        np.testing.assert_allclose(tests * 50, np.round(tests * 50), atol=1e-5)
        np.testing.assert_allclose(trains * 150, np.round(trains * 150), atol=1e-4)
        assert (trains > 0.5).all()


def test_training_lowers_the_loss_of_every_task(done):
    result = done.result()
    for loss in (result["network_loss"], result["linearized_loss"]):
        assert (loss[:, -1] < loss[:, 0]).all()


def test_the_same_command_again_computes_nothing(done, root, monkeypatch):
    monkeypatch.setattr(study, "train", None)
    monkeypatch.setattr(study.Network, "create", None)
    again = eigentasks.run(dataclasses.replace(CONFIG, indices=(9, 5, 2)), root=root)
    assert again.path == done.path


def test_a_finished_run_is_not_returned_for_a_missing_data_folder(done, root, tmp_path):
    with RunFolder.open("eigentasks", dataclasses.replace(CONFIG, data="cifar10").resolved(), root=tmp_path) as folder:
        folder.finish()
    with pytest.raises(UserError, match="there is no data directory"):
        eigentasks.run(dataclasses.replace(CONFIG, data="cifar10", data_dir=str(tmp_path / "none")), root=tmp_path)


@pytest.mark.parametrize("first", [5, 95, -3])
def test_a_baseline_of_one_class_or_other_classes_is_refused_before_the_gram(first, tmp_path, monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(50, 6, 6)), first + np.arange(50) % 2
    np.savez(tmp_path / "two.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    config = EigentasksConfig(net="mlp", data=str(tmp_path / "two.npz"), indices=(2,), batch_size=20)
    monkeypatch.setattr(study, "eigenbasis", None)
    with pytest.raises(UserError, match="--no-baseline"):
        eigentasks.run(config, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_training_that_diverged_has_no_accuracy(root):
    settings = {"learning_rate": 1e38, "linearized_training": "weight_space"}
    config = dataclasses.replace(CONFIG, indices=(2,), epochs=1, baseline=False, **settings)
    with pytest.warns(UserWarning, match="diverged"):
        result = eigentasks.run(config, root=root).result()
    for name in ("network", "linearized"):
        assert np.isnan(result[f"{name}_test_accuracy"]).all()
        assert np.isnan(result[f"{name}_train_accuracy"]).all()


def test_a_part_is_saved_after_its_line_is_logged(tmp_path, monkeypatch):
    real = RunFolder.save_part

    def save_part(folder, name, **arrays):
        phase, _, index = name.partition("_")
        lines = [(line["phase"], line.get("index")) for line in folder.metrics()]
        assert (phase, int(index) if index.isdigit() else None) in lines
        real(folder, name, **arrays)

    monkeypatch.setattr(RunFolder, "save_part", save_part)
    eigentasks.run(dataclasses.replace(CONFIG, indices=(2,), epochs=1), root=tmp_path)


def test_an_interrupted_run_continues_with_the_trainings_it_has(done, tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})  # one after the other
    calls = []
    real = study.train_linearization
    monkeypatch.setattr(study, "train_linearization", lambda *args, **kwargs: calls.append(0) or real(*args, **kwargs))
    rounding = {"rtol": 1e-5, "atol": 1e-5}
    trained, _ = interrupted(monkeypatch, study, "train", 3, done, eigentasks.run, CONFIG, tmp_path, **rounding)
    assert (len(trained), len(calls)) == (5, 2)  # eigenfunctions and classes


def test_each_network_starts_from_its_initialization(done, root):
    alone = eigentasks.run(dataclasses.replace(CONFIG, indices=(9,), num_eigenfunctions=9), root=root)
    np.testing.assert_allclose(alone.result()["l2_distance"], done.result()["l2_distance"][2:], rtol=1e-5)
    np.testing.assert_allclose(alone.result()["network_loss"], done.result()["network_loss"][2:], rtol=1e-4)


@pytest.mark.slow
def test_function_space_and_weight_space_train_the_same_linearization(done, root):
    config = dataclasses.replace(CONFIG, linearized_training="weight_space", linearized_indices=tuple(range(2, 10)))
    weights = eigentasks.run(config, root=root).result()
    functions = done.result()
    np.testing.assert_allclose(weights["linearized_loss"], functions["linearized_loss"], atol=2e-3)
    # One image of 50 may lie on the boundary to rounding.
    np.testing.assert_allclose(weights["linearized_test_accuracy"], functions["linearized_test_accuracy"], atol=0.021)
    assert weights["linearized_l2_distance"].shape == (8,)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "learning_rate": 1e-3},
        pytest.param({"net": "resnet18", "width": 0.05}, marks=pytest.mark.slow),  # compiling it takes long
    ],
)
def test_adam_and_batch_normalization_run(settings, root):
    config = dataclasses.replace(CONFIG, indices=(2,), epochs=1, baseline=False, **settings)
    result = eigentasks.run(config, root=root).result()
    assert np.isfinite(result["network_loss"]).all()
    assert np.isfinite(result["linearized_loss"]).all()
    assert "baseline_network_test_accuracy" not in result


def test_the_baseline_learns_the_first_five_classes_against_the_others(done, root, monkeypatch):
    seen = []
    real = study.train

    def spy(net, x, y, **kwargs):
        seen.append(np.asarray(y))
        return real(net, x, y, **kwargs)

    monkeypatch.setattr(study, "train", spy)
    eigentasks.run(dataclasses.replace(CONFIG, indices=(2,), epochs=2), root=root)
    expected = (binary_labels(load_dataset("digits", n_train=150, n_test=50).y_train) > 0).astype(int)
    np.testing.assert_array_equal(seen[-1], expected)


def test_the_classes_have_epochs_of_their_own(done, root):
    config = dataclasses.replace(CONFIG, baseline_epochs=5)
    longer, result = eigentasks.run(config, root=root).result(), done.result()
    assert longer["baseline_network_loss"].shape == longer["baseline_linearized_loss"].shape == (5,)
    assert longer["network_loss"].shape == (3, 3)
    np.testing.assert_allclose(longer["network_loss"], result["network_loss"], rtol=1e-4)
    assert longer["baseline_network_loss"][-1] < result["baseline_network_loss"][-1]
    assert dataclasses.replace(CONFIG, baseline_epochs=3).resolved() == CONFIG.resolved()
    assert dataclasses.replace(config, baseline=False).resolved().baseline_epochs is None


def test_a_config_without_epochs_for_the_classes_has_the_hash_of_before(done):
    assert "baseline_epochs" not in config_to_dict(CONFIG.resolved())
    assert config_to_dict(dataclasses.replace(CONFIG, baseline_epochs=5).resolved())["baseline_epochs"] == 5


def test_alignments_and_overlaps_are_those_of_the_eigenvectors(done):
    result, data = done.result(), load_dataset("digits", n_train=150, n_test=50)
    net = Network.create("mlp", jax.random.fold_in(jax.random.key(0), 0), (8, 8, 1), width=0.3)
    gram = empirical_gram(net, data.x).astype(np.float64)
    vectors = np.linalg.eigh(gram)[1][:, ::-1][:, :9]
    np.testing.assert_allclose(result["sign_overlap"], np.abs(vectors).sum(axis=0) / 200**0.5, rtol=1e-3)
    signs = np.sign(vectors[:150, 1:])
    alignments = np.einsum("nt,nm,mt->t", signs, gram[:150, :150], signs) / 150**2
    np.testing.assert_allclose(result["alignment"], alignments, rtol=1e-2)
    classes = binary_labels(data.y_train)
    assert result["baseline_alignment"] == pytest.approx(classes @ gram[:150, :150] @ classes / 150**2, rel=1e-4)


@pytest.mark.slow
def test_batch_normalization_has_an_effect_unless_its_statistics_are_those_at_initialization():
    net = Network.create("resnet18", 0, (8, 8, 3), width=0.05)
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)
    assert 0 < study.normalization_effect(net, x) < 1e-3
    doubled = jax.tree.map(lambda leaf: 2 * leaf, net.state)
    assert study.normalization_effect(net.replace(state=doubled), x) > 0.5
