import dataclasses

import pytest

from ntk_repro.errors import UserError
from ntk_repro.record import config_hash
from ntk_repro.rotation import cifar2, pretrained, tracking
from ntk_repro.rotation.settings import checked_epochs
from tests.refusals import refused

CONFIGS = [tracking.Config, cifar2.Config, pretrained.Config]


def test_epochs_to_observe():
    assert checked_epochs(None, 20, "track") == (0, 1, 2, 5, 10, 20)
    assert checked_epochs((3,), 20, "track") == (0, 3, 20)
    assert checked_epochs((0,), 7, "track") == (0, 7)
    assert checked_epochs(None, 0, "track") == (0,)
    refused("--track must be epochs from 0 to 20, not 21", checked_epochs, (21,), 20, "track")


@pytest.mark.parametrize("config", CONFIGS)
def test_settings_without_effect_do_not_distinguish_runs(config):
    refused("mlp has no residual_scale_init", config(net="mlp", residual_scale_init=1.0).resolved)
    assert config_hash(config(net="resnet18", residual_scale_init=1.0).resolved()) != config_hash(
        config(net="resnet18").resolved()
    )
    assert config_hash(config(data_dir="here").resolved()) == config_hash(config().resolved())


@pytest.mark.parametrize("config", [tracking.Config, pretrained.Config])
def test_the_seed_of_a_subset_counts_only_where_there_is_one(config):
    whole, part = ({config_hash(config(n_train=n, data_seed=s).resolved()) for s in (0, 1)} for n in (None, 100))
    assert (len(whole), len(part)) == (1, 2)


def test_training_settings_do_not_distinguish_runs_without_training():
    ways = [{}, {"learning_rate": 0.1}, {"momentum": 0.5}, {"batch_size": 32}]
    assert len({config_hash(tracking.Config(epochs=0, **way).resolved()) for way in ways}) == 1
    assert len({config_hash(tracking.Config(**way).resolved()) for way in ways}) == 4


@pytest.mark.parametrize("config", CONFIGS)
def test_resolving_twice_changes_nothing(config):
    resolved = config().resolved()
    assert resolved.resolved() == resolved


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"net": "lenett"}, "'lenett'; did you mean 'lenet'"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"seed": -1}, "seed must be from 0"),
        ({"n_test": 0}, "n_test must be at least 1"),
        ({"momentum": 1.0}, "momentum"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"epochs": -1}, "epochs must be at least"),
    ],
)
def test_bad_settings_are_refused(config, settings, message):
    with pytest.raises(UserError, match=message):
        config(**settings).resolved()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (tracking.Config(index=1), "index 1 cannot be a task"),
        (pretrained.Config(index=0), "index 0 cannot be a task"),
        (tracking.Config(top=0), "top must be at least 1"),
        (
            tracking.Config(top=51, kernel_images=50),
            "51 eigenfunctions need at least 51 samples, not 50: ask for 1 to 50 with --top",
        ),
        (tracking.Config(num_eigenfunctions=-1), "num_eigenfunctions"),
        (tracking.Config(n_train=0), "n_train must be at least 1"),
        (pretrained.Config(epochs=3, linearize_at=(4,)), "--linearize-at must be epochs from 0 to 3"),
        (pretrained.Config(epochs=0), "epochs must be at least 1"),
        (cifar2.Config(sizes=()), "--sizes is empty"),
        (cifar2.Config(sizes=(64, 256)), "64 training images are fewer than a batch of 128"),
    ],
)
def test_settings_of_an_experiment_are_checked(config, message):
    refused(message, config.resolved)


def test_settings_are_fitted_to_fewer_images():
    fit, lines = tracking.Config(num_eigenfunctions=300).within(150, 50)
    assert (fit.num_eigenfunctions, len(lines)) == (200, 1)
    assert tracking.Config(num_eigenfunctions=200).within(150, 50) == (tracking.Config(num_eigenfunctions=200), [])
    fit, lines = cifar2.Config(n_test=100).within(1100, 100)
    assert (fit.sizes, lines) == ((128, 256, 512, 1024), ["sizes beyond 1,100 training images are left out"])


def test_labels_name_the_task():
    assert tracking.Config(index=7).label == "lenet on mnist5k, eigenfunction 7"
    assert cifar2.Config(net="mlp").label == "mlp on mnist5k, classes 0-4 / 5-9"
    assert dataclasses.replace(pretrained.Config(), index=3).label == "lenet on mnist5k, eigenfunction 3"
