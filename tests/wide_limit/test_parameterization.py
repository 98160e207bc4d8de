import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder
from ntk_repro.wide_limit import parameterization
from ntk_repro.wide_limit.parameterization import Config, run, show
from tests.wide_limit.interruption import interrupted

CONFIG = Config(
    loss="half_mean_squared_error",
    log2_etas=(40, -3, 2),
    hidden=24,
    depth=1,
    data="digits",
    n_train=200,
    n_test=50,
    batch_size=20,
    epochs=40,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def done(root):
    return run(CONFIG, root=root)


@pytest.mark.slow
def test_the_result_has_every_rate_in_both_parameterizations(done):
    result = done.result()
    assert result["log2_eta"].tolist() == [-3, 2, 40]
    np.testing.assert_allclose(result["ntk_learning_rate"], [1 / 8, 4, 2**40])
    np.testing.assert_allclose(result["standard_learning_rate"], result["ntk_learning_rate"] / 24)
    assert result["one_step_apart"] < 1e-11
    for name in ("ntk", "standard"):
        for kind in ("test_accuracy", "train_accuracy", "train_loss"):
            assert result[f"{name}_{kind}"].shape == (3,)
        assert 0.1 < result[f"{name}_eta_critical"] < 2**40


@pytest.mark.slow
def test_a_rate_that_diverges_is_a_gap_and_the_others_learn(done):
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
    asked, again = interrupted(parameterization, "descend", CONFIG, done, 3, tmp_path, monkeypatch)
    assert asked == ["ntk_-3", "ntk_+2", "ntk_+40", "ntk_+40", "standard_-3", "standard_+2", "standard_+40"]
    assert [row["phase"] for row in again.metrics()] == list(dict.fromkeys(asked))


@pytest.mark.slow
def test_other_images_than_begun_with_are_refused(done, tmp_path):
    with RunFolder.open("wide_limit_parameterization", CONFIG.resolved(), root=tmp_path) as folder:
        folder.describe(provenance={"sha256": "another"})
    with pytest.raises(UserError, match="are not those that"):
        run(CONFIG, root=tmp_path)


@pytest.mark.slow
def test_show_prints_each_rate_and_what_diverged(done, capsys):
    show(done)
    said = capsys.readouterr().out
    assert said.count("diverged") == 2
    assert "squared loss on digits" in said
    assert "eta_critical" in said


def test_the_label_says_what_is_trained():
    assert CONFIG.label == "relu fcn of width 24, squared loss on digits"
