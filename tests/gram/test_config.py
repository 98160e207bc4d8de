"""The settings of `python -m ntk_repro.gram`: which of them reach the network."""

from typing import Any

import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram.config import GramConfig
from ntk_repro.models import MODELS, build_model
from tests.refusals import refused


@pytest.mark.parametrize("net", MODELS)
def test_every_network_can_be_built_from_the_defaults(net):
    settings = GramConfig(net=net).model_settings
    assert build_model(net, **settings) == build_model(net)
    assert set(settings) - {"width", "activation"} == ({"residual_scale_init"} if net == "resnet18" else set())


def test_settings_of_an_architecture_reach_it():
    own: dict[str, Any] = {"depth": 2, "sigma_w": 1.5, "sigma_b": 0.1, "parameterization": "standard"}
    fcn = GramConfig(net="fcn", width=0.5, num_outputs=3, activation="erf", **own).model_settings
    assert build_model("fcn", **fcn) == build_model("fcn", hidden=256, num_outputs=3, activation="erf", **own)
    wide = GramConfig(net="wide_resnet", blocks=2, batch_norm=False).model_settings
    assert build_model("wide_resnet", **wide) == build_model("wide_resnet", blocks=2, batch_norm=False)


def test_settings_of_another_architecture_are_refused():
    refused("unknown setting of lenet 'depth'", build_model, "lenet", **GramConfig(net="lenet", depth=2).model_settings)
    with pytest.raises(UserError, match="standard parameterization only"):
        build_model("mlp", **GramConfig(net="mlp", parameterization="ntk").model_settings)
    with pytest.raises(UserError, match="unknown network 'fnc'"):
        _ = GramConfig(net="fnc").model_settings
