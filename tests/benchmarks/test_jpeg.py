import numpy as np
import pytest

from benchmarks import jpeg
from benchmarks.jpeg import extrapolated, recompressed
from ntk_repro.data import load_dataset


@pytest.mark.slow
@pytest.mark.parametrize(("part", "number"), [("accuracy", "test accuracy, linearized"), ("energy", "energy, mlp")])
def test_parts_on_random_images(part, number, tmp_path, monkeypatch):
    images, labels = np.random.default_rng(0).uniform(size=(2, 20, 32, 32, 3)).astype(np.float32), np.arange(20) % 10
    np.savez(tmp_path / "random.npz", x_train=images[0], y_train=labels, x_test=images[1], y_test=labels)
    data = load_dataset(str(tmp_path / "random.npz"), standardize=False)
    monkeypatch.setattr(jpeg, "load_dataset", lambda name, **options: data)
    monkeypatch.setattr(
        jpeg, "_TRAINING", {**jpeg._TRAINING, "n_train": 20, "n_test": 20, "batch_size": 10, "epochs": 1}
    )
    monkeypatch.setattr(jpeg, "settings_of_table_1", lambda: {"data": "cifar10", "top": 5, "epochs": 0})
    monkeypatch.setattr(jpeg, "_ENERGY_SEEDS", 2)
    found = jpeg.PARTS[part]()
    assert found["distances"]["copy"] == 0 < found["distances"]["quality 75"] < found["distances"]["quality 50"]
    assert found[number]["by_seed"].keys() == found["distances"].keys()
    assert found[number]["original"]["low"] <= found[number]["original"]["mean"] <= found[number]["original"]["high"]


def test_a_change_that_grows_with_the_squared_distance_leads_back_to_the_original():
    distances = {"copy": 0.0, "quality 75": 0.02, "quality 50": 0.03}
    by_version = {
        version: [0.5 + seed / 10 - 20 * (distance**2 + distances["quality 75"] ** 2) for seed in range(3)]
        for version, distance in distances.items()
    }
    found = extrapolated(by_version, distances)
    np.testing.assert_allclose(found["original"]["mean"], 0.6)
    np.testing.assert_allclose(found["moved"]["mean"], -20 * distances["quality 75"] ** 2)
    np.testing.assert_allclose(found["moved"]["low"], found["moved"]["high"])  # the same for every seed
    np.testing.assert_allclose(found["changes"]["quality 50"]["mean"], -20 * 0.03**2)


def test_compression_moves_images_by_more_at_a_lower_quality():
    images = np.random.default_rng(0).uniform(0.3, 0.7, (4, 32, 32, 3)).astype(np.float32)
    images = np.round(255 * images) / 255
    errors = [np.sqrt(np.mean((recompressed(images, quality) - images) ** 2)) for quality in (95, 75, 50)]
    assert 0 < errors[0] < errors[1] < errors[2] < 0.2
    flat = np.full((1, 32, 32, 3), 100 / 255, np.float32)
    np.testing.assert_allclose(recompressed(flat, 75), flat, atol=1 / 255)
