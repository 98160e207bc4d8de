import dataclasses

import pytest

from ntk_repro.eigentasks import EigentasksConfig
from ntk_repro.models import MODELS
from ntk_repro.record import config_hash
from tests.refusals import refused


def resolved(**settings) -> EigentasksConfig:
    return EigentasksConfig(**{"indices": (2, 5, 9), **settings}).resolved()


def test_sgd_linearizes_every_index_in_function_space():
    config = resolved()
    assert config.linearized_training == "function_space"
    assert config.linearized_indices == tuple(range(2, 10))
    assert config.num_eigenfunctions == 9


def test_adam_linearizes_the_networks_indices_in_weight_space():
    config = resolved(optimizer="adam")
    assert config.linearized_training == "weight_space"
    assert config.linearized_indices == (2, 5, 9)


def test_the_linearization_has_at_least_the_networks_indices():
    assert resolved(linearized_indices=(12, 3)).linearized_indices == (2, 3, 5, 9, 12)
    assert resolved(linearized_indices=(12, 3)).num_eigenfunctions == 12


def test_settings_that_mean_the_same_are_the_same_run():
    same = [
        resolved(),
        resolved(indices=(9, 2, 5, 5)),
        resolved(linearized_training="function_space"),
        resolved(linearized_indices=tuple(range(2, 10)), num_eigenfunctions=9),
        resolved(data_dir="elsewhere"),
        resolved(data_seed=1),  # all images are taken
        resolved().resolved(),
    ]
    assert len({config_hash(config) for config in same}) == 1


def test_momentum_does_not_distinguish_runs_with_adam():
    runs = [resolved(optimizer="adam", learning_rate=1e-3, momentum=momentum) for momentum in (0.9, 0.5)]
    assert config_hash(runs[0]) == config_hash(runs[1])


@pytest.mark.parametrize("net", MODELS)
def test_a_network_gets_the_settings_that_it_has(net):
    settings = set(EigentasksConfig(net=net, residual_scale_init=0.5).model_settings) - {"width", "activation"}
    assert settings == ({"residual_scale_init"} if net == "resnet18" else set())


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(EigentasksConfig)])
def test_every_other_setting_makes_another_run(field):
    others = {
        "net": "mlp", "width": 2.0, "activation": "gelu", "residual_scale_init": 1.0, "data": "digits", "n_train": 50,
        "n_test": 20, "data_seed": 1, "seed": 1, "indices": (2, 6, 9), "linearized_indices": (3,),
        "num_eigenfunctions": 20, "optimizer": "adam", "learning_rate": 0.1, "schedule": "constant", "momentum": 0.0,
        "weight_decay": 0.1, "batch_size": 64, "epochs": 21, "linearized_training": "weight_space", "baseline": False,
        "data_dir": None, "baseline_epochs": 40,
    }  # fmt: skip
    base = {"net": "resnet18", "n_train": 40}
    same = config_hash(resolved(**base)) == config_hash(resolved(**{**base, field: others[field]}))
    assert same == (field == "data_dir")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"indices": ()}, "--indices is empty"),
        ({"indices": (1, 2)}, "index 1 cannot be a task.*begin at 2"),
        ({"linearized_indices": (0,)}, "index 0 cannot be a task"),
        ({"num_eigenfunctions": 8}, "index 9 exceeds the 8 eigenpairs of --num-eigenfunctions: raise it to 9"),
        ({"optimizer": "adam", "linearized_training": "function_space"}, "--linearized-training weight_space"),
        ({"n_train": 0}, "n_train must be at least 1"),
        ({"seed": 2**64}, "seed must be from 0 to 4294967295"),
        ({"data_seed": -1}, "data_seed must be from 0"),
    ],
)
def test_contradictions_are_refused_with_the_remedy(settings, message):
    refused(message, resolved, **settings)
