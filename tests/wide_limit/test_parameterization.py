import numpy as np
import pytest

from ntk_repro.wide_limit import parameterization
from ntk_repro.wide_limit.parameterization import Config
from tests.interruption import interrupted

RUN = parameterization.run
CONFIG = Config(
    loss="half_mean_squared_error", log2_etas=(40, -3, 2), hidden=24, depth=1, data="digits", n_train=200, n_test=50,
    batch_size=20, epochs=40,
)  # fmt: skip


@pytest.mark.slow
def test_the_result_has_every_rate_in_both_parameterizations(done):
    result = done.result()
    assert result["log2_eta"].tolist() == [-3, 2, 40]
    np.testing.assert_allclose(result["ntk_learning_rate"], [1 / 8, 4, 2**40])
    np.testing.assert_allclose(result["standard_learning_rate"], result["ntk_learning_rate"] / 24)
    assert result["compared"].tolist() == [0, 1, 10, 100]
    assert result["layerwise_apart"].shape == result["plain_apart"].shape == (3, 4)
    assert np.all(result["layerwise_apart"] < 1e-10)
    assert np.all(result["plain_apart"][:, 0] < 1e-13)
    assert np.all(result["plain_apart"][:, 1:] > 0.01)
    assert len(np.unique(result["plain_apart"][:, 1])) == 3  # initializations
    for name in ("ntk", "standard"):
        for kind in ("test_accuracy", "train_accuracy", "train_loss"):
            assert result[f"{name}_{kind}"].shape == (3,)
        assert 0.1 < result[f"{name}_eta_critical"] < 2**40


@pytest.mark.slow
def test_a_diverging_rate_gives_nan_and_the_others_learn(done):
    result = done.result()
    for name in ("ntk", "standard"):
        assert np.isnan(result[f"{name}_test_accuracy"]).tolist() == [False, False, True]
        assert np.isnan(result[f"{name}_train_loss"]).tolist() == [False, False, True]
        slow, fast = result[f"{name}_train_loss"][:2]
        assert fast < slow
        assert result[f"{name}_train_accuracy"][1] > 0.5


@pytest.mark.slow
def test_the_squared_loss_is_that_of_one_hot_targets(done):
    # Below the loss of saying 0 everywhere: 1/2 of the mean of ten squares of which one is 1.
    assert done.result()["ntk_train_loss"][1] < 0.05


@pytest.mark.slow
def test_an_interrupted_run_trains_only_what_is_missing(done, tmp_path, monkeypatch):
    asked, again = interrupted(
        monkeypatch, parameterization, "descend", 3, done, parameterization.run, CONFIG, tmp_path
    )
    assert asked == ["ntk_-3", "ntk_+2", "ntk_+40", "ntk_+40", "standard_-3", "standard_+2", "standard_+40"]
    assert [row["phase"] for row in again.metrics()] == list(dict.fromkeys(asked))
