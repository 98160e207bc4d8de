import dataclasses

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import solver
from ntk_repro.finite_width.task import images, targets
from ntk_repro.training import train
from tests.finite_width.small import SMALL

RUN = solver.run
CONFIG = solver.Config(**SMALL, positive=3, sizes=(20, 60), epochs=3, batch_size=20, learning_rate=0.05)


@pytest.mark.slow
def test_the_solver_fits_every_image_while_rows_are_independent(done):
    result = done.result()
    np.testing.assert_array_equal(result["sizes"], [20, 60])
    np.testing.assert_array_equal(result["solver_rank"], [20, 60])
    np.testing.assert_array_equal(result["solver_train_accuracy"], [1.0, 1.0])
    assert (result["solver_live"] <= result["num_params"]).all()


@pytest.mark.slow
def test_every_solution_has_both_accuracies(done):
    result = done.result()
    for model in solver.MODELS:
        for part in ("train", "test"):
            assert np.all((result[f"{model}_{part}_accuracy"] >= 0) & (result[f"{model}_{part}_accuracy"] <= 1))
    assert result["majority_rate"] == pytest.approx(np.mean(images(CONFIG).y_test != 3))


@pytest.mark.slow
def test_sgd_in_function_space_is_sgd_on_the_weights(done, root, monkeypatch):
    monkeypatch.setattr(solver, "_kernel_fits", lambda n, m: False)
    config = dataclasses.replace(CONFIG, sizes=(), momentum=0.9, data_seed=0)
    weights = solver.run(config, root=root).result()
    for part in ("train", "test"):  # an image on the boundary may fall to either side
        name = f"linearized_{part}_accuracy"
        assert weights[name] == pytest.approx(done.result()[name], abs=0.034)
    assert "solver_rank" not in weights
    assert (weights["linearized_function_space"], done.result()["linearized_function_space"]) == (0, 1)


@pytest.mark.slow
def test_its_outputs_are_those_of_the_weights_to_1e_4(tmp_path, monkeypatch):
    seen = []
    real = solver.train_linearization
    monkeypatch.setattr(solver, "train_linearization", lambda *a, **k: seen.append(real(*a, **k)) or seen[0])
    solver.run(dataclasses.replace(CONFIG, sizes=()), root=tmp_path)
    data = targets(images(CONFIG), CONFIG.positive)
    net, recipe = CONFIG.initial_network(data.x_train.shape[1:]).linearization(), CONFIG.recipe
    trained = train(net, data.x_train, data.y_train, recipe=recipe, batches=recipe.minibatches(0, 60))
    for fx, x in ((seen[0].fx_train, data.x_train), (seen[0].fx_test, data.x_test)):
        np.testing.assert_allclose(fx, trained.network(x), atol=1e-4)
    assert seen[0].train_accuracy == trained.train_accuracy


@pytest.mark.slow
def test_a_linearization_that_diverges_leaves_nan_and_the_others(done, tmp_path):
    config = dataclasses.replace(CONFIG, learning_rate=1e6, sizes=(20,))
    with pytest.warns(UserWarning, match="stability limit"):
        result = solver.run(config, root=tmp_path).result()
    assert np.isnan(result["linearized_test_accuracy"])
    assert result["linearized_function_space"] == 1
    assert result["solver_test_accuracy"][0] == done.result()["solver_test_accuracy"][0]


@pytest.mark.slow
def test_a_factor_and_eigenvectors_solve_the_same_ridge(done, tmp_path, monkeypatch):
    monkeypatch.setattr(solver, "_RIDGE_FOR_CHOLESKY", 1.0)
    again = solver.run(dataclasses.replace(CONFIG, sgd=False), root=tmp_path).result()
    for part in ("train", "test"):
        name = f"kernel_ridge_{part}_accuracy"
        assert again[name] == done.result()[name]


def test_sizes_are_fitted_to_fewer_images():
    fit, lines = CONFIG.within(30, 20)
    assert fit.sizes == (20, 30)
    assert lines == ["30 training images: the largest size is all of them"]
    assert CONFIG.within(60, 20) == (CONFIG, [])


def test_sizes_above_the_number_of_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="--sizes 3000 is above"):
        solver.run(dataclasses.replace(CONFIG, n_train=None, sizes=(3000,)), root=tmp_path)


@pytest.mark.slow
def test_all_classes_are_learned_with_an_output_each(tmp_path):
    config = dataclasses.replace(CONFIG, positive=solver.ALL_CLASSES, sizes=(10, 60))
    result = solver.run(config, root=tmp_path).result()
    assert (result["outputs"], CONFIG.one_class, config.one_class) == (10, 3, None)
    labels = images(config).y_test
    assert result["majority_rate"] == pytest.approx(np.bincount(labels).max() / len(labels))
    assert result["solver_rank"][0] == 100  # rows of 10 images
    assert result["solver_train_accuracy"][0] == 1.0
    assert result["linearized_function_space"] == 0
    for model in solver.MODELS:
        assert 0 <= np.min(result[f"{model}_test_accuracy"]) <= 1


def test_classes_are_counted_from_0():
    with pytest.raises(UserError, match="or -1 for all of them, not -2"):
        solver.Config(positive=-2).resolved()
    assert "all classes" in solver.Config(positive=-1).label
    assert solver.Config(positive=-1).recipe.loss == "mean_squared_error"
    assert solver.Config().recipe.loss == "squared_error"
