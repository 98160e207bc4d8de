import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import training, variants
from ntk_repro.training import Recipe
from tests.finite_width.small import TRAINING

SETTINGS = {name: value for name, value in TRAINING.items() if name != "follow"}


@pytest.mark.slow
def test_the_default_variant_is_the_training_of_the_study(tmp_path):
    result = variants.run(variants.Config(**SETTINGS, models="both"), root=tmp_path).result()
    known = training.run(training.Config(**TRAINING, baseline=False), root=tmp_path).result()
    for kind in variants.KINDS:
        for name in ("train_accuracy", "test_accuracy"):
            assert result[f"{kind}_{name}"] == known[f"{kind}_{name}"]
        assert result[f"{kind}_distance"][-1] == pytest.approx(known[f"{kind}_distance"], rel=1e-6)
    np.testing.assert_array_equal(result["followed_epochs"], [0, 1, 2])
    assert result["network_distance"][0] == 0


@pytest.mark.slow
def test_double_precision_moves_the_weights_alike(tmp_path):
    config = variants.Config(**SETTINGS, models="both")
    single, double = (
        variants.run(variants.Config(**SETTINGS, models="both", precision=precision), root=tmp_path).result()
        for precision in ("float32", "float64")
    )
    assert config.resolved() == variants.Config(**SETTINGS, models="both", precision="float32").resolved()
    for kind in variants.KINDS:
        np.testing.assert_allclose(double[f"{kind}_distance"], single[f"{kind}_distance"], rtol=1e-4)
        assert np.any(double[f"{kind}_distance"] != single[f"{kind}_distance"])


@pytest.mark.slow
def test_cross_entropy_is_another_training(tmp_path):
    result = variants.run(variants.Config(**SETTINGS, loss="cross_entropy"), root=tmp_path).result()
    other = variants.run(variants.Config(**SETTINGS), root=tmp_path).result()
    assert 0 <= result["network_test_accuracy"] <= 1
    assert abs(result["network_distance"][-1] / other["network_distance"][-1] - 1) > 0.01
    assert "linearized_distance" not in result


def test_cross_entropy_is_no_loss_of_function_space():
    with pytest.raises(UserError, match="couples the outputs"):
        Recipe(loss="cross_entropy", batch_size=2).in_function_space(4)
