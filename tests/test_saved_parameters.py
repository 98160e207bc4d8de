from typing import Any

import flax.linen as nn
import jax
import numpy as np
import optax
import orbax.checkpoint
import pytest
from flax import nnx
from flax.training.train_state import TrainState
from flax.traverse_util import flatten_dict
from safetensors.flax import save_file

from ntk_repro import Network, empirical_gram, load_network
from tests.refusals import refused

SHAPE = (6, 6, 1)


class Normalized(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Conv(3, (3, 3))(x))
        return nn.Dense(2)(x.reshape(len(x), -1))


def networks():
    """A network that was trained, with statistics that are not those of a new one, and one to load into."""
    trained, fresh = (Network.create(Normalized(), seed, SHAPE) for seed in (0, 1))
    state = jax.tree.map(lambda leaf: np.asarray(leaf) + 0.5, trained.state)
    return trained.replace(state=state), fresh


def variables(net):
    return {"params": net.params, **net.state}


def train_state(net):
    state = TrainState.create(apply_fn=net.module.apply, params=net.params, tx=optax.adam(1e-3))
    return {"step": state.step, "params": state.params, "opt_state": state.opt_state, **net.state}


LAYOUTS = {
    "variables": variables,
    "train_state": train_state,
    "wrapped": lambda net: {"model": variables(net), "ema_params": net.params},
}


def saved_by_orbax(tree, folder):
    orbax.checkpoint.PyTreeCheckpointer().save(folder.absolute(), tree)
    return folder


def saved_by_manager(tree, folder):
    with orbax.checkpoint.CheckpointManager(folder.absolute()) as manager:
        other = jax.tree.map(lambda leaf: np.asarray(leaf) + 1, tree)
        for step, values in ((9, other), (10, tree)):
            manager.save(step, args=orbax.checkpoint.args.StandardSave(values))
    return folder


def saved_by_safetensors(tree, folder, joined="."):
    folder.mkdir()
    path = folder / "model.safetensors"
    flat: Any = {joined.join(name): value for name, value in flatten_dict(tree).items()}
    save_file(flat, path)
    return path


def check(loaded, trained):
    x = np.random.default_rng(0).standard_normal((3, *SHAPE)).astype(np.float32)
    np.testing.assert_array_equal(empirical_gram(loaded, x), empirical_gram(trained, x))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("save", [saved_by_orbax, saved_by_manager])
def test_an_orbax_checkpoint_is_unwrapped(save, layout, tmp_path):
    trained, fresh = networks()
    check(load_network(fresh, save(LAYOUTS[layout](trained), tmp_path / "saved")), trained)


@pytest.mark.parametrize("joined", [".", "/"])
@pytest.mark.parametrize("layout", ["variables", "wrapped"])
def test_a_safetensors_file_is_unwrapped(layout, joined, tmp_path):
    trained, fresh = networks()
    check(load_network(fresh, saved_by_safetensors(LAYOUTS[layout](trained), tmp_path / "saved", joined)), trained)


def test_parameters_alone_are_enough_without_statistics(tmp_path):
    trained, fresh = (Network.create("mlp", seed, SHAPE, width=0.1) for seed in (0, 1))
    check(load_network(fresh, saved_by_safetensors(trained.params, tmp_path / "saved")), trained)


def test_a_model_of_nnx(tmp_path):
    def net(seed):
        return nnx.Sequential(lambda x: x.reshape(len(x), -1), nnx.Linear(36, 2, rngs=nnx.Rngs(seed)))

    trained = net(0)
    state = nnx.to_pure_dict(nnx.state(trained))
    path = saved_by_orbax(jax.tree.map(lambda leaf: {"value": leaf}, state), tmp_path / "saved")
    check(load_network(Network.create(net(1)), path), Network.create(trained))


class Dropping(nnx.Module):
    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.first, self.bn = nnx.Linear(36, 5, rngs=rngs), nnx.BatchNorm(5, rngs=rngs)
        self.drop, self.last = nnx.Dropout(0.1, rngs=rngs), nnx.Linear(5, 2, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(self.bn(self.first(x.reshape(len(x), -1)))))


@pytest.mark.parametrize("kind", ["whole", "values", "parameters and statistics"])
def test_a_model_of_nnx_with_statistics_and_random_numbers(kind, tmp_path):
    trained = Dropping(0)
    trained.bn.mean[...] = trained.bn.mean[...] + 0.5
    state = nnx.to_pure_dict(nnx.state(trained, nnx.Any(nnx.Param, nnx.BatchStat)))
    if kind == "values":
        state = jax.tree.map(lambda leaf: {"value": leaf}, state)
    elif kind == "whole":
        state |= {"drop": {"rngs": {"count": np.uint32(3), "key": np.zeros(2, np.uint32)}}}
    check(load_network(Network.create(Dropping(1)), saved_by_orbax(state, tmp_path / "saved")), Network.create(trained))
    without = {name: leaf for name, leaf in state.items() if name != "last"}
    refused("it lacks last/bias", load_network, Network.create(Dropping(1)), saved_by_orbax(without, tmp_path / "less"))


@pytest.mark.parametrize("wrapped", [False, True])
def test_parameters_in_lists(wrapped, tmp_path):
    def net(seed):
        w, b = np.random.default_rng(seed).normal(size=(36, 3)).astype(np.float32), np.full(3, seed, np.float32)
        return Network.from_apply(lambda p, x: np.tanh(1) * x.reshape(len(x), -1) @ p[0][0] + p[0][1], [(w, b)])

    trained = net(0)
    tree = {"params": trained.params} if wrapped else trained.params
    check(load_network(net(1), saved_by_orbax(tree, tmp_path / "saved")), trained)


def test_the_items_of_a_checkpoint_are_found_by_their_names(tmp_path):
    trained, fresh = networks()
    args = orbax.checkpoint.args
    with orbax.checkpoint.CheckpointManager((tmp_path / "saved").absolute()) as manager:
        items = {"a_first": args.StandardSave({"x": np.ones(3)}), "model": args.StandardSave(variables(trained))}
        manager.save(3, args=args.Composite(**items))
    check(load_network(fresh, tmp_path / "saved"), trained)
    check(load_network(fresh, tmp_path / "saved", at="model"), trained)
    refused("has no other: it has a_first, model", load_network, fresh, tmp_path / "saved", at="other")
    refused("what stands above 3 is an array", load_network, fresh, tmp_path / "saved", at="a_first/x/3")


def test_the_whole_network_is_loaded_and_the_network_comes_first(tmp_path):
    net = Network.create("mlp", 0, SHAPE, width=0.1)
    for part in (net.linearization(), net.part("Dense_2")):
        refused("load the whole network", load_network, part, tmp_path)
    refused("takes the network first", load_network, tmp_path, net)


def test_several_are_told_apart_by_their_place(tmp_path):
    trained, fresh = (Network.create("mlp", seed, SHAPE, width=0.1) for seed in (0, 1))
    mean = jax.tree.map(lambda leaf: np.asarray(leaf) / 2, trained.params)
    path = saved_by_orbax({"params": trained.params, "ema": {"params": mean}}, tmp_path / "saved")
    refused("has several parameters of this network, .* choose one by at=", load_network, fresh, path)
    check(load_network(fresh, path, at="params"), trained)
    check(load_network(fresh, path, at="ema/params"), trained.replace(params=mean))
    refused("has no emma: it has", load_network, fresh, path, at="emma")


def test_an_average_of_the_parameters_has_the_statistics_of_the_rest(tmp_path):
    trained, fresh = networks()
    mean = jax.tree.map(lambda leaf: np.asarray(leaf) / 2, trained.params)
    path = saved_by_orbax({**variables(trained), "ema_params": mean}, tmp_path / "saved")
    check(load_network(fresh, path, at="ema_params"), trained.replace(params=mean))


def test_parameters_of_any_name_and_kind_come_back(tmp_path):
    class Value(nn.Module):
        @nn.compact
        def __call__(self, x):
            return x.reshape(len(x), -1)[:, :1] * self.param("value", nn.initializers.ones, ())

    trained = Network.create(Value(), 0, SHAPE)
    trained = trained.replace(params={"value": np.float32(3)})
    check(load_network(Network.create(Value(), 0, SHAPE), saved_by_orbax(trained.params, tmp_path / "value")), trained)
    values = {"w": np.arange(72, dtype=np.complex64).reshape(36, 2), "b": 0.5}
    made = [
        Network.from_apply(lambda p, x: jax.numpy.real(x.reshape(len(x), -1) @ p["w"]) + p["b"], scaled)
        for scaled in (values, jax.tree.map(lambda leaf: leaf * 2, values))
    ]
    check(load_network(made[1], saved_by_orbax(values, tmp_path / "complex")), made[0])


def test_what_is_no_checkpoint_of_the_network_is_refused(tmp_path):
    net = Network.create("mlp", 0, SHAPE, width=0.1)
    path = saved_by_safetensors(net.params, tmp_path / "saved")
    wider, other = Network.create("mlp", 0, SHAPE, width=0.2), Network.create("lenet", 0, (28, 28, 1))
    refused(r"has shape \(\d+.*\) there, \(.*\) here: check width and outputs", load_network, wider, path)
    refused("has no parameters of this network: it lacks", load_network, other, path)
    refused(
        "has no batch statistics", load_network, networks()[1], saved_by_orbax(networks()[0].params, tmp_path / "p")
    )
    (tmp_path / "text").write_text("no tensors")
    refused("is not a checkpoint of safetensors or Orbax", load_network, net, tmp_path / "text")
    refused("is not a checkpoint of safetensors or Orbax", load_network, net, tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    refused("has no Orbax checkpoint", load_network, net, tmp_path / "empty")
