import jax
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.rotation import cifar2
from ntk_repro.rotation.task import images
from ntk_repro.training import train
from tests.interruption import interrupted
from tests.rotation.small import SMALL, Normalised

SETTINGS = {name: value for name, value in SMALL.items() if name != "n_train"}
RUN = cifar2.run
CONFIG = cifar2.Config(**SETTINGS, sizes=(40, 150))


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    result = done.result()
    np.testing.assert_array_equal(result.pop("size"), [40, 150])
    assert result.pop("majority_rate").shape == ()
    np.testing.assert_array_equal(result.pop("curve_epochs"), [0, 1, 2, 3, 4])
    for name, array in result.items():
        shape = (2, 4) if name.endswith("loss") else (2, 5) if name.endswith("curve") else (2,)
        assert array.shape == shape, name
        assert np.isfinite(array).all()
    assert len(result) == 12
    for model in ("network", "linearized"):
        np.testing.assert_array_equal(result[f"{model}_curve"][:, -1], result[f"{model}_test_accuracy"])


@pytest.mark.slow
@pytest.mark.parametrize("i", [0, 1])
def test_both_models_are_those_of_weight_space(done, i):
    result, data, size = done.result(), images(CONFIG), CONFIG.sizes[i]
    net = CONFIG.initial_network(data.x_train.shape[1:])
    for what, model in (("network", net), ("linearized", net.linearization())):
        trained = train(
            model,
            data.x_train[:size],
            (data.y_train[:size] < 5).astype(int),
            recipe=CONFIG.recipe,
            batches=CONFIG.recipe.minibatches(CONFIG.seed, size),
            x_test=data.x_test,
            y_test=(data.y_test < 5).astype(int),
        )
        np.testing.assert_allclose(result[f"{what}_loss"][i], trained.train_loss, rtol=1e-3)
        assert result[f"{what}_distance"][i] == pytest.approx(trained.l2_distance, rel=1e-3)
        # One image of 50 may lie on the boundary to rounding.
        assert result[f"{what}_test_accuracy"][i] == pytest.approx(trained.test_accuracy, abs=0.021)


@pytest.mark.slow
def test_a_killed_run_keeps_its_finished_sizes(done, tmp_path, monkeypatch):
    trained, _ = interrupted(monkeypatch, cifar2, "train", 2, done, cifar2.run, CONFIG, tmp_path)
    assert trained == ["network_000040", "network_000150", "network_000150"]


def test_the_error_of_the_approximation_is_that_of_the_first_order_expansion():
    """f(w) = (w x)^2 from w = 1: at w = 1 + d the expansion lacks d^2 x^2 of a change of (2 d + d^2) x^2."""
    net = Network.from_apply(lambda w, x: (w * x) ** 2, np.ones(()))
    x = np.array([[1.0], [2.0], [-3.0]])
    found = cifar2.approximation_error(net, net.replace(params=np.array(1.5)), x)
    assert found == pytest.approx(0.25 / 1.25, rel=1e-5)


@pytest.mark.slow
def test_the_error_is_of_one_function_with_the_statistics_of_the_start():
    net = Network.create(Normalised(), 0, (8, 8, 1))
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1))
    state = jax.tree.map(lambda leaf: leaf + 1, net.state)
    small = net.replace(params=jax.tree.map(lambda leaf: leaf * 1.001, net.params))
    expected = cifar2.approximation_error(net, small, x)
    assert expected < 0.01
    assert cifar2.approximation_error(net, small.replace(state=state), x) == pytest.approx(expected)
