"""Functions that couple their samples, draw random numbers or change with something outside are refused as such."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntk_repro.errors import UserError
from ntk_repro.gram import alignment, empirical_gram, gram_store
from ntk_repro.gram.probing import tolerance
from ntk_repro.network import Network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5)).astype(np.float32)
W = RNG.normal(size=(5, 2)).astype(np.float32)
KEY = jax.random.key(0)


def from_apply(f, params: Any = W) -> Network:
    return Network.from_apply(f, params)


class LiveBatchNorm(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.BatchNorm(use_running_average=False)(nn.Dense(3)(x)))


class NoisyNNX(nnx.Module):
    """Draws noise at inference too."""

    def __init__(self, rngs):
        self.dense, self.rngs = nnx.Linear(5, 2, rngs=rngs), rngs

    def __call__(self, x):
        return self.dense(x) * jax.random.normal(self.rngs(), (len(x), 1))


def tied_to_batch_size(p, x):
    return x @ p / len(x)


def gated(p, x):
    """The coupling is hidden where the parameters are: the gate is 0."""
    return x @ p["w"] + p["gate"] * x.mean(0) @ p["w"]


def faintly(p, x):
    return jnp.tanh(x @ p) + 1e-6 * (x @ p).mean(0)


ONE_BY_ONE = (
    "does not treat its samples one by one: near its parameters, output [01] of a sample is .* alone and .* beside"
)

COUPLED = {
    "a mean over the batch": from_apply(lambda p, x: x @ p - (x @ p).mean(0)),
    "a softmax over the batch": from_apply(lambda p, x: jax.nn.softmax(x @ p, axis=0)),
    "the neighbour in the batch": from_apply(lambda p, x: x @ p + jnp.roll(x @ p, 1, axis=0) ** 2),
    "the size of the batch": from_apply(tied_to_batch_size),
    "a gate that is 0": from_apply(gated, {"w": W, "gate": np.zeros((), np.float32)}),
    "a millionth of the batch mean": from_apply(faintly),
    "statistics of the batch": from_apply(lambda p, x: x @ p / (x @ p).std(0)),
    "noise for each row": from_apply(lambda p, x: x @ p + jax.random.normal(KEY, (len(x), 1))),
    "noise of an NNX module": Network.create(NoisyNNX(nnx.Rngs(0))),
}


@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize("x", [X, X[:1], np.repeat(X[:1], 3, axis=0)], ids=["distinct", "one", "equal"])
def test_what_couples_samples_is_refused_with_what_was_seen(name, x):
    with pytest.raises(UserError, match=ONE_BY_ONE):
        empirical_gram(COUPLED[name], x)


@pytest.mark.parametrize(
    "call",
    [
        lambda net: empirical_gram(net, X, method="jacobian"),
        lambda net: empirical_gram(net, X, method="neural_tangents"),
        lambda net: empirical_gram(net, X, precision="float64"),
        lambda net: alignment(net, X, np.ones(4)),
    ],
)
def test_every_door_refuses(call):
    with pytest.raises(UserError, match=ONE_BY_ONE):
        call(COUPLED["a mean over the batch"])


def test_nothing_is_left_on_disk(tmp_path):
    with pytest.raises(UserError, match=ONE_BY_ONE):
        gram_store(COUPLED["a mean over the batch"], X, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_batch_norm_in_training_mode_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"does not take samples of shape \(5,\).*batch_stats.* is immutable") as caught:
        empirical_gram(Network.create(LiveBatchNorm(), 0, (5,)), X)
    assert "\n" not in str(caught.value)


TOKENS = RNG.integers(0, 7, (3, 4))


@pytest.mark.parametrize(
    "f",
    [
        lambda p, x: jnp.tanh(x @ p),
        lambda p, x: jax.nn.relu(x @ p) * 1e12,
        lambda p, x: (x @ p).astype(jnp.bfloat16).astype(jnp.float32),
        lambda p, x: jnp.log(x @ p),  # nan for some samples: the kernel itself says so
        lambda p, x: x @ p + jax.random.normal(KEY, (2,)),  # the same noise for every sample
        lambda p, x: jax.lax.map(lambda one: one @ p, x),
    ],
)
def test_what_treats_samples_one_by_one_is_not(f):
    net = from_apply(f)
    try:
        first, second = empirical_gram(net, X), empirical_gram(net, X)
        np.testing.assert_array_equal(first, second)
    except UserError as error:
        assert "is not finite" in str(error)  # noqa: PT017


def test_tokens_are_told_apart_from_one_another():
    table = RNG.normal(size=(7, 2)).astype(np.float32)
    centred = from_apply(lambda p, x: p[x].mean(1) - p[x].mean((0, 1)), table)
    for tokens in (TOKENS, TOKENS[:1], np.full((2, 4), 3)):
        with pytest.raises(UserError, match=ONE_BY_ONE):
            empirical_gram(centred, tokens)


ANOTHER_ANSWER = "different outputs for the same sample, .* and then .*: it draws random numbers"


def test_random_functions_are_named_as_such():
    rng, keys = np.random.default_rng(0), iter([jax.random.key(seed) for seed in range(99)])
    functions = (
        lambda p, x: x @ p * rng.normal(),
        lambda p, x: x @ p + rng.normal(size=2),
        lambda p, x: x @ p + jax.random.normal(next(keys), (2,)),
    )
    for f in functions:
        with pytest.raises(UserError, match=ANOTHER_ANSWER):
            empirical_gram(from_apply(f), X)


def test_a_function_that_changes_between_calls_is_not_answered_by_what_was_compiled_before():
    outside = {"scale": 1.0, "shift": np.zeros(2, np.float32), "activation": jnp.tanh}
    net = from_apply(lambda p, x: outside["activation"](x @ p * outside["scale"] + outside["shift"]))
    kernel = empirical_gram(net, X)
    for name, value in (("scale", 2.0), ("shift", np.ones(2, np.float32)), ("activation", jnp.sin)):
        before, outside[name] = outside[name], value
        with pytest.raises(UserError, match=ANOTHER_ANSWER):
            empirical_gram(net, X)
        outside[name] = before
        np.testing.assert_array_equal(empirical_gram(net, X), kernel)


def test_equal_constants_and_equations_written_otherwise_are_no_change():
    outside = {"shift": np.zeros(2, np.float32), "twice": lambda a: a + a}
    net = from_apply(lambda p, x: outside["twice"](x @ p + outside["shift"]))
    kernel = empirical_gram(net, X)
    outside |= {"shift": np.zeros(2, np.float32), "twice": lambda a: 2 * a}
    np.testing.assert_array_equal(empirical_gram(net, X), kernel)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda p, x: jnp.squeeze(x @ p), "for 1 sample the network returns 2 rows of 1 outputs"),
        (lambda p, x: jnp.squeeze(x @ p[:, :1]), r"not to shape \(\): squeeze\(-1\), not squeeze\(\)"),
        (lambda p, x: (x @ p).T, "for 1 sample the network returns 2 rows of 1 outputs"),
        (lambda p, x: (x @ p)[:, :0], "for 1 sample the network returns 1 rows of 0 outputs"),
        (lambda p, x: (x @ p)[:1], r"on two samples together the network's outputs have shape \(1, 2\)"),
        (lambda p, x: (x @ p)[:, :, None], r"not to shape \(1, 2, 1\): fx.reshape\(len\(fx\), -1\)"),
        (lambda p, x: (x @ p, x), "must return one array, .* not a tuple"),
        (lambda p, x: {"logits": x @ p}, "must return one array, .* not a dict"),
        (lambda p, x: None, "must return one array, .* not a NoneType"),
        (lambda p, x: jnp.argmax(x @ p, -1), "floating-point outputs, not int32: return the logits"),
        (lambda p, x: x @ p > 0, "floating-point outputs, not bool"),
        (lambda p, x: x @ p + 1j, "floating-point outputs, not complex64: return real and imaginary parts"),
    ],
)
def test_outputs_of_another_kind_are_refused_in_one_line(f, message):
    with pytest.raises(UserError, match=message) as caught:
        empirical_gram(from_apply(f), X)
    assert "\n" not in str(caught.value)


def test_a_pair_of_arrays_is_no_batch_of_two_samples():
    pair: Any = (X, X)
    with pytest.raises(UserError, match="for 1 sample the network returns 4 rows"):
        empirical_gram(from_apply(lambda p, x: x[0] @ p + x[1] @ p), pair)


def test_tolerance_is_half_the_digits_of_the_coarsest_type():
    assert tolerance("{ lambda ; a:f64[2] b:i32[]. let") == 2.0**-26
    assert tolerance("a:f64[2] b:f32[3,4]") == 2.0**-11.5
    assert tolerance("a:f32[] b:bf16[1]") == 2.0**-3.5
    assert tolerance("a:f32[] b:f16[1]") == 2.0**-5
