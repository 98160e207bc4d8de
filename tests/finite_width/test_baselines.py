import numpy as np
import pytest
import sklearn.linear_model

from ntk_repro.finite_width import baselines
from ntk_repro.finite_width.settings import Images
from ntk_repro.finite_width.task import images, targets

IMAGES = {"data": "digits", "n_train": 60, "n_test": 30}


@pytest.mark.slow
@pytest.mark.parametrize("positive", [None, 3])
def test_the_ridge_regression_solves_its_normal_equations(tmp_path, positive):
    config = baselines.Config(**IMAGES, positive=positive, ridge=0.1)
    result = baselines.run(config, root=tmp_path).result()
    data = images(Images(**IMAGES))
    y = targets(data, positive)
    x, x_test = (part.reshape(len(part), -1).astype(float) for part in (data.x_train, data.x_test))
    center, mean = x.mean(axis=0), y.y_train.mean(axis=0)
    strength = 0.1 * np.mean(np.sum(x**2, axis=1))
    w = np.linalg.solve(
        (x - center).T @ (x - center) + strength * np.eye(x.shape[1]), (x - center).T @ (y.y_train - mean)
    )
    fx = (x_test - center) @ w + mean
    right = (fx[:, 0] > 0.5) == (y.y_test[:, 0] > 0.5) if positive else fx.argmax(1) == data.y_test
    assert result["ridge_test_accuracy"] == pytest.approx(right.mean())
    assert result["logistic_train_accuracy"] > 0.95


def test_both_are_fitted_in_float64(tmp_path, monkeypatch):
    """In float32 the number of threads changed the accuracy of the logistic regression."""
    fitted = {}
    for name in ("LogisticRegression", "Ridge"):
        model = getattr(sklearn.linear_model, name)

        def fit(self, x, y, name=name, usual=model.fit):
            fitted[name] = usual(self, x, y)
            return fitted[name]

        monkeypatch.setattr(model, "fit", fit)
    baselines.run(baselines.Config(**IMAGES), root=tmp_path)
    assert {name: model.coef_.dtype for name, model in fitted.items()} == dict.fromkeys(
        ("LogisticRegression", "Ridge"), np.dtype(np.float64)
    )


@pytest.mark.parametrize(("iterations", "converged"), [(10_000, True), (3, False)])
def test_the_logistic_regression_converges_or_is_reported(tmp_path, capsys, iterations, converged):
    result = baselines.run(baselines.Config(**IMAGES, iterations=iterations), root=tmp_path).result()
    assert bool(result["logistic_iterations"] < iterations) is converged
    assert ("not converged after 3 iterations" in capsys.readouterr().err) is not converged


def test_a_fit_is_made_once(tmp_path, monkeypatch):
    config = baselines.Config(**IMAGES)
    first = baselines.run(config, root=tmp_path)
    monkeypatch.setattr(baselines, "targets", None)
    assert baselines.run(config, root=tmp_path).path == first.path
