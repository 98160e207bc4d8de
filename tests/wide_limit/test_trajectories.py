import dataclasses

import flax.linen as nn
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import analytic_kernel
from ntk_repro.network import Network
from ntk_repro.seeds import INIT, key_for
from ntk_repro.wide_limit import trajectories
from ntk_repro.wide_limit.trajectories import Config
from tests.interruption import interrupted

RUN = trajectories.run
CONFIG = Config(
    hidden=48, depth=2, learning_rate=0.2, steps=12, observations=6, predictions=("analytic", "empirical"),
    data="digits", classes=(7, 0), n_train=12, n_test=10, num_observed=9, num_weights=5, flow_rate=0.01,
)  # fmt: skip
CLASSES = Config(
    hidden=48, depth=1, loss="cross_entropy", learning_rate=0.1, momentum=0.5, batch_size=6, steps=40, observations=3,
    spacing="linear", data="digits", classes=(0, 1, 2), n_train=12, n_test=8,
)  # fmt: skip
RESNET = Config(
    net="wide_resnet", channels=4, momentum=0.5, batch_size=4, learning_rate=0.1, steps=2, observations=2,
    spacing="linear", data="digits", classes=(0, 1, 2), n_train=8, n_test=8, num_observed=8,
)  # fmt: skip


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    shapes = {name: array.shape for name, array in done.result().items()}
    steps = shapes.pop("steps")
    assert steps == (len(CONFIG.observed),)
    assert shapes.pop("y_train") == shapes.pop("y_test") == (9, 1)
    assert shapes.pop("learning_rate_ratio") == ()
    for who in ("network", "linearized", "empirical", "analytic"):
        assert shapes.pop(f"{who}_train") == shapes.pop(f"{who}_test") == (*steps, 9, 1)
        for part in ("train", "test"):
            assert shapes.pop(f"{who}_{part}_loss") == shapes.pop(f"{who}_{part}_accuracy") == steps
        if who != "network":
            assert shapes.pop(f"{who}_rmse") == steps
    assert shapes.pop("flow_apart") == steps
    assert shapes.pop("weights_apart") == ()
    assert shapes.pop("network_weights") == shapes.pop("linearized_weights") == (*steps, 5)
    assert not shapes


@pytest.mark.slow
def test_the_closed_form_is_what_training_the_linearization_gives(done):
    result = done.result()
    for part in ("train", "test"):
        np.testing.assert_allclose(result[f"empirical_{part}"], result[f"linearized_{part}"], atol=1e-5)
        moved = np.abs(result[f"linearized_{part}"][-1] - result[f"linearized_{part}"][0]).max()
        assert moved > 0.5


@pytest.mark.slow
def test_all_weights_are_compared_at_the_end(done):
    assert 0 < done.result()["weights_apart"] < 0.5


@pytest.mark.slow
def test_steps_are_compared_with_the_flow_at_the_flow_rate(done, root):
    apart = done.result()["flow_apart"]
    assert apart[0] == pytest.approx(0, abs=1e-6)
    faster = dataclasses.replace(CONFIG, flow_rate=None, predictions=("empirical",))
    assert 0 < 5 * apart.max() < trajectories.run(faster, root=root).result()["flow_apart"].max()


@pytest.mark.parametrize("settings", [{"predictions": ("analytic",)}, {"loss": "cross_entropy", "classes": (0, 1, 2)}])
def test_a_flow_rate_needs_a_closed_form(settings):
    with pytest.raises(UserError, match="flow_rate"):
        dataclasses.replace(CONFIG, **settings).resolved()


@pytest.mark.slow
def test_the_closed_form_with_momentum_is_what_training_the_linearization_gives(root):
    config = dataclasses.replace(CONFIG, momentum=0.8, learning_rate=0.05, predictions=None)
    result = trajectories.run(config, root=root).result()
    np.testing.assert_allclose(result["empirical_test"], result["linearized_test"], atol=1e-5)
    assert "analytic_test" not in result


@pytest.mark.slow
def test_the_analytic_prediction_is_gradient_descent_with_the_analytic_kernel(done):
    result, data = done.result(), CONFIG.regression_data()
    k = analytic_kernel(CONFIG.network(1), np.concatenate([data.x_train, data.x_test])).ntk[:, :12]
    # All training images are needed: those beyond num_observed are taken from the network's start.
    fx = np.concatenate([start(data), result["network_test"][0]])
    k = np.concatenate([k[:12], k[12:21]])
    for _ in range(CONFIG.steps):
        fx = fx - CONFIG.learning_rate / 12 * k @ (fx[:12] - data.y_train)
    np.testing.assert_allclose(result["analytic_test"][-1], fx[12:], atol=1e-5)
    np.testing.assert_allclose(result["analytic_train"][-1], fx[:9], atol=1e-5)


def start(data):
    return Network.create(CONFIG.network(1), key_for(0, INIT), data.x_train.shape[1:])(data.x_train).astype(float)


@pytest.mark.slow
def test_network_and_linearization_start_equal_and_stay_close(done):
    result = done.result()
    np.testing.assert_allclose(result["network_train"][0], result["linearized_train"][0], atol=1e-6)
    assert result["linearized_rmse"][0] == pytest.approx(0, abs=1e-6)
    assert 0 < result["linearized_rmse"][-1] < 0.3
    assert (result["network_weights"][0] == 0).all()
    assert result["network_train_loss"][-1] < 0.5 * result["network_train_loss"][0]


@pytest.fixture
def known_critical(monkeypatch):
    """Spares the kernel that only eta / eta_critical is made of."""
    monkeypatch.setattr(trajectories, "critical_learning_rate", lambda *arguments: 0.5)


@pytest.mark.slow
def test_cross_entropy_trains_on_minibatches(root, known_critical):
    result = trajectories.run(CLASSES, root=root).result()
    y = np.eye(3)[CLASSES.regression_data().y_test.argmax(axis=1)]
    fx = result["network_test"][-1].astype(float)
    loss = np.log(np.exp(fx).sum(axis=1)).mean() - (fx * y).sum(axis=1).mean()
    assert result["network_test_loss"][-1] == pytest.approx(loss)
    assert result["network_train_loss"][-1] < 0.5 * result["network_train_loss"][0]
    assert "empirical_test" not in result
    difference = np.abs(result["network_test"] - result["linearized_test"])[-1].max()
    assert float(result["learning_rate_ratio"]) == pytest.approx(0.2)
    assert 1e-3 < difference < 0.3 * np.abs(result["network_test"][-1] - result["network_test"][0]).max()


class Normalised(nn.Module):
    """In place of a wide ResNet, which takes long to compile: one BatchNorm, and no convolution."""

    num_outputs: int

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.tanh(nn.Dense(20)(x.reshape(len(x), -1) / 8))
        return nn.Dense(self.num_outputs)(nn.BatchNorm(use_running_average=not train)(x))


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", ["batch", "frozen", "live"])
def test_batch_norm_is_a_choice(batch_norm, tmp_path, monkeypatch, known_critical):
    monkeypatch.setattr(trajectories, "build_model", lambda net, num_outputs, **settings: Normalised(num_outputs))
    settings = {"batch_norm": batch_norm, "learning_rate": 0.005}
    result = trajectories.run(dataclasses.replace(RESNET, **settings), root=tmp_path).result()
    # With live statistics too, as those of the start are those of the whole training set.
    np.testing.assert_allclose(result["network_test"][0], result["linearized_test"][0], atol=1e-5)
    assert result["network_test"].shape == (2, 8, 3)
    moved = np.abs(result["network_test"][1] - result["network_test"][0]).max()
    difference = np.abs(result["network_test"][1] - result["linearized_test"][1]).max()
    assert moved > 1e-3
    assert difference > 1e-5
    if batch_norm != "live":
        assert difference < moved


@pytest.mark.slow
def test_a_stopped_run_continues(done, tmp_path, monkeypatch):
    interrupted(monkeypatch, trajectories, "kernel_model", 1, done, trajectories.run, CONFIG, tmp_path)


def test_observed_steps_have_the_requested_spacing():
    assert Config(steps=100, observations=5).observed == (0, 1, 5, 22, 100)
    assert Config(steps=100, observations=5, spacing="linear").observed == (0, 25, 50, 75, 100)
    assert Config(steps=3, observations=60).observed == (0, 1, 2, 3)
    assert Config(steps=3, observations=1).observed == (0, 1, 3)
