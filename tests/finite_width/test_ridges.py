import dataclasses

import numpy as np
import pytest

from ntk_repro.data import RegressionData
from ntk_repro.dynamics import solve_least_squares
from ntk_repro.errors import UserError
from ntk_repro.finite_width import ridges
from ntk_repro.finite_width.task import images, targets
from ntk_repro.gram.solve.cholesky import factor_folder
from ntk_repro.gram.solve.factor import FactorOnDisk
from ntk_repro.training import accuracy
from tests.finite_width.small import SMALL
from tests.refusals import refused

RUN = ridges.run
CONFIG = ridges.Config(**SMALL, positive=3, ridges=(1e-6, 1e-2, 0.0), jacobian=True)


def solved(y: RegressionData, config=CONFIG, **settings):
    """The accuracies and the length by `solve_least_squares`."""
    net = config.initial_network(y.x_train.shape[1:], 1)
    found = solve_least_squares(net, y.x_train, y.y_train, y.x_test, **settings)
    assert found.fx_test is not None
    fits = accuracy(found.fx_train, y.y_train, 0.5), accuracy(found.fx_test, y.y_test, 0.5)
    return [*fits, np.mean((y.y_train - found.fx_train) ** 2), found.norm]


@pytest.mark.slow
def test_each_ridge_is_least_squares_with_it(done):
    result, y = done.result(), targets(images(CONFIG), CONFIG.positive)
    np.testing.assert_array_equal(result["ridges"], [1e-2, 1e-6, 0.0])
    names = ("train_accuracy", "test_accuracy", "train_error", "norm")
    for i, share in enumerate(result["ridges"]):
        exact = solved(y, ridge=share * float(result["largest_eigenvalue"]), method="dual")
        np.testing.assert_allclose([result[name][i] for name in names], exact, rtol=1e-6, atol=1e-12)
    assert (result["residual"] < 1e-9).all()
    by_jacobian = solved(y, method="primal")
    assert result["jacobian_train_accuracy"] == result["train_accuracy"][-1] == by_jacobian[0]
    assert result["jacobian_norm"] == pytest.approx(by_jacobian[-1]) == pytest.approx(result["norm"][-1])
    assert result["jacobian_rank"] == len(y.x_train)
    assert not list(done.root.rglob("factor*"))


@pytest.mark.slow
def test_from_disk_it_is_the_same_and_leaves_neither_kernel_nor_factor(done, tmp_path, monkeypatch):
    made = []
    solve = ridges.kernel_solve

    def from_disk(store, y, ridge):
        found = solve(store, y, ridge, folder=factor_folder(store, ridge))
        assert isinstance(found.inverse, FactorOnDisk)
        made.append(found.inverse.store.path)
        return found

    monkeypatch.setattr(ridges, "kernel_solve", from_disk)
    again = ridges.run(CONFIG, root=tmp_path)
    assert len(set(made)) == 3
    for name in ("test_accuracy", "norm"):
        np.testing.assert_allclose(again.result()[name], done.result()[name], rtol=1e-6)
    assert not [path for path in tmp_path.rglob("*") if "factor" in path.name or "kernel" in path.name]


@pytest.mark.slow
def test_a_singular_kernel_without_a_ridge_has_no_solution_and_the_others_stay(root):
    config = dataclasses.replace(CONFIG, activation="tanh", width=0.01, n_train=100, jacobian=False)
    result = ridges.run(config, root=root).result()
    assert result["num_params"] < 100
    assert np.isnan(result["test_accuracy"]).tolist() == [False, False, True]


@pytest.mark.parametrize("values", [(), (-1e-3,), (float("nan"),)])
def test_ridges_that_are_none_are_refused(values):
    with pytest.raises(UserError, match="ridges"):
        dataclasses.replace(CONFIG, ridges=values).resolved()


def test_a_class_that_no_image_has_is_refused(tmp_path):
    refused("class 11 cannot be learned", ridges.run, dataclasses.replace(CONFIG, positive=11), root=tmp_path)
