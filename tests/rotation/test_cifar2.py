import numpy as np
import pytest

from ntk_repro.rotation import cifar2
from ntk_repro.rotation.task import images
from ntk_repro.training import train
from tests.rotation.small import SMALL

SETTINGS = {name: value for name, value in SMALL.items() if name != "n_train"}
CONFIG = cifar2.Config(**SETTINGS, sizes=(40, 150))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def done(root):
    return cifar2.run(CONFIG, root=root)


@pytest.mark.slow
def test_every_array_has_the_shape_that_is_promised(done):
    result = done.result()
    np.testing.assert_array_equal(result.pop("size"), [40, 150])
    assert result.pop("majority_rate").shape == ()
    for name, array in result.items():
        assert array.shape == ((2, 4) if name.endswith("loss") else (2,)), name
        assert np.isfinite(array).all()
    assert len(result) == 9


@pytest.mark.slow
@pytest.mark.parametrize("i", [0, 1])
def test_both_models_are_those_of_weight_space(done, i):
    result, data, size = done.result(), images(CONFIG), CONFIG.sizes[i]
    net = CONFIG.create(data.x_train.shape[1:])
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
def test_a_run_that_was_killed_keeps_the_sizes_it_has(done, tmp_path, monkeypatch):
    sizes = []

    def stopping(net, x, *args, **settings):
        sizes.append(len(x))
        if len(sizes) == 2:
            raise KeyboardInterrupt
        return train(net, x, *args, **settings)

    monkeypatch.setattr(cifar2, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        cifar2.run(CONFIG, root=tmp_path)
    continued = cifar2.run(CONFIG, root=tmp_path).result()
    assert sizes == [40, 150, 150]
    for name, array in done.result().items():
        np.testing.assert_array_equal(continued[name], array, err_msg=name)


@pytest.mark.slow
def test_a_run_is_shown(done, capsys):
    cifar2.show(done)
    assert "mlp on classes" in capsys.readouterr().out
