"""What is recognised in plain functions beyond the cases of `cases.py`, and what happens where it goes wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.gram import empirical_gram, structured
from ntk_repro.gram.capture import find_layers, weights
from ntk_repro.network import Network
from tests.gram.cases import CASES, assert_exact, relative_error, samples
from tests.gram.functions import plain


def described(net: Network, x: np.ndarray) -> dict[str, tuple[int, int, int, bool]]:
    """Positions, d_in, d_out and bias by path."""
    layers = find_layers(net, x)
    return {"/".join(la.path): (la.positions, la.d_in, la.d_out, la.use_bias) for la in layers}


DESCRIBED = {
    "nnx": {"conv": (30, 27, 4, True), "dense": (1, 4, 2, True)},
    "nested": {"body/0/w": (1, 90, 4, True), "body/1/0": (1, 4, 3, False), "head": (1, 3, 2, False)},
    "shared": {"0": (1, 90, 4, False), "1": (2, 4, 4, True), "3": (2, 4, 4, False), "5": (2, 4, 3, False)},
    "channels_first": {"0": (12, 27, 4, True), "2": (8, 24, 2, False), "3": (1, 16, 1, False)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCRIBED)
def test_layers_have_their_names_sizes_and_biases(name):
    assert described(CASES[name].network(), samples(name, 2)) == DESCRIBED[name]


@pytest.mark.slow
def test_a_linearization_is_recognised_as_its_network_is():
    """Also of a Linen module: its tangent's kernels are params - origin."""
    net, x = CASES["lenet"].network(), samples("lenet", 4)
    linear = net.linearization()
    expected = structured.structured_plan(net, x, "mean", 3).layers
    assert [(la.d_in, la.d_out) for la in find_layers(linear, x)] == [(la.d_in, la.d_out) for la in expected]
    for precision, limit in (("float32", 3e-6), ("float64", 1e-12)):
        ours, kernel = (empirical_gram(one, x, precision=precision) for one in (linear, net))
        assert relative_error(ours, kernel) < limit


@pytest.mark.slow
def test_a_wrong_recognition_is_found_out_and_goes_by_autodiff(monkeypatch):
    """Were a step seen through that changes gradients, the probe would tell."""
    laid_out = weights._laid_out
    monkeypatch.setattr(weights, "_laid_out", lambda p, s, v: v if s.name == "tanh" else laid_out(p, s, v))
    net = plain(lambda p, x: jnp.tanh(x @ jnp.tanh(p[0])) @ p[1], (4, 5), (5, 2))()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert len(find_layers(net, x)) == 2
    with pytest.warns(UserWarning, match="layer 0 have another gradient than recognised"):
        layers = structured.structured_plan(net, x, "mean", 2).layers
    assert [la.path for la in layers] == [("1",)]


def test_a_network_that_casts_to_float32_is_checked_in_float32():
    def insists(p, x):
        return jnp.tanh(x.astype(jnp.float32) @ p[0].astype(jnp.float32)) @ p[1].astype(jnp.float32)

    net = plain(insists, (4, 5), (5, 2))()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert len(structured.structured_plan(net, x, "mean", 2).layers) == 2
    assert relative_error(empirical_gram(net, x), empirical_gram(net, x, method="jacobian")) < 1e-5


def test_a_single_array_of_parameters_is_a_layer_without_a_name():
    net = Network.from_apply(lambda w, x: jnp.tanh(x @ w), np.ones(4, np.float32))
    assert described(net, np.ones((2, 4), np.float32)) == {"": (1, 4, 1, False)}


def test_leaves_of_one_name_are_distinguished():
    @jax.tree_util.register_pytree_with_keys_class
    class Pair:
        def __init__(self, one, two):
            self.pair = one, two

        def tree_flatten_with_keys(self):
            return [(jax.tree_util.GetAttrKey("w"), leaf) for leaf in self.pair], None

        @classmethod
        def tree_unflatten(cls, aux, children):
            return cls(*children)

    one, two = np.random.default_rng(0).normal(size=(2, 4, 4)).astype(np.float32)
    net = Network.from_apply(lambda p, x: jnp.tanh(x @ p.pair[0]) @ p.pair[1], Pair(one, two))
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    assert list(described(net, x)) == ["w", "w/1"]
    assert_exact(net, x)
