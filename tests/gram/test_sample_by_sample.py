"""Functions that couple their samples, draw random numbers or change with something outside are refused as such."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntk_repro.gram import alignment, empirical_gram, gram_store
from ntk_repro.gram.probing import tolerance
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope
from tests.gram.cases import Compact, relative_error
from tests.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5)).astype(np.float32)
W = RNG.normal(size=(5, 2)).astype(np.float32)
KEY = jax.random.key(0)


def from_apply(f, params: Any = W) -> Network:
    return Network.from_apply(f, params)


class NoisyNNX(nnx.Module):
    """Draws noise at inference too."""

    def __init__(self, rngs):
        self.dense, self.rngs = nnx.Linear(5, 2, rngs=rngs), rngs

    def __call__(self, x):
        return self.dense(x) * jax.random.normal(self.rngs(), (len(x), 1))


def gated(p, x):
    """The coupling is hidden where the parameters are: the gate is 0."""
    return x @ p["w"] + p["gate"] * x.mean(0) @ p["w"]


ONE_BY_ONE = r"does not treat its samples one by one \(output [01] of a sample is .* alone, .* beside"

COUPLED = {
    "a mean over the batch": from_apply(lambda p, x: x @ p - (x @ p).mean(0)),
    "a softmax over the batch": from_apply(lambda p, x: jax.nn.softmax(x @ p, axis=0)),
    "the neighbour in the batch": from_apply(lambda p, x: x @ p + jnp.roll(x @ p, 1, axis=0) ** 2),
    "the size of the batch": from_apply(lambda p, x: x @ p / len(x)),
    "a gate that is 0": from_apply(gated, {"w": W, "gate": np.zeros((), np.float32)}),
    "a millionth of the batch mean": from_apply(lambda p, x: jnp.tanh(x @ p) + 1e-6 * (x @ p).mean(0)),
    "the one after next": from_apply(lambda p, x: x @ p + jnp.roll(x @ p, 2, axis=0) ** 2),
    "a small output beside a large one": from_apply(
        lambda p, x: jnp.stack([1e9 * (x @ p)[:, 0], (x @ p)[:, 1] - (x @ p)[:, 1].mean()], 1)
    ),
    "statistics of the batch": from_apply(lambda p, x: x @ p / (x @ p).std(0)),
    "noise for each row": from_apply(lambda p, x: x @ p + jax.random.normal(KEY, (len(x), 1))),
    "noise of an NNX module": Network.create(NoisyNNX(nnx.Rngs(0))),
}


@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize("x", [X, X[:1], np.repeat(X[:1], 3, axis=0)], ids=["distinct", "one", "equal"])
def test_functions_that_couple_samples_are_refused_with_the_numbers(name, x):
    refused(ONE_BY_ONE, empirical_gram, COUPLED[name], x)


def test_every_function_refuses_it_and_nothing_is_left_on_disk(tmp_path):
    net = COUPLED["a mean over the batch"]
    for kw in ({"method": "jacobian"}, {"method": "neural_tangents"}, {"precision": "float64"}):
        refused(ONE_BY_ONE, empirical_gram, net, X, **kw)
    refused(ONE_BY_ONE, alignment, net, X, np.ones(4))
    refused(ONE_BY_ONE, gram_store, net, X, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_batch_norm_in_training_mode_is_refused():
    module = Compact(lambda _, x: nn.Dense(1)(nn.BatchNorm(use_running_average=False)(nn.Dense(3)(x))))
    net = Network.create(module, 0, (5,))
    refused("call BatchNorm with use_running_average=not train", empirical_gram, net, X)


TOKENS = RNG.integers(0, 7, (3, 4))


@pytest.mark.parametrize(
    "f",
    [
        lambda p, x: jnp.tanh(x @ p),
        lambda p, x: jax.nn.relu(x @ p) * 1e12,
        lambda p, x: (x @ p).astype(jnp.bfloat16).astype(jnp.float32),
        lambda p, x: x @ p + jax.random.normal(KEY, (2,)),  # the same noise for every sample
        lambda p, x: jax.lax.map(lambda one: one @ p, x),
    ],
)
def test_one_by_one_functions_are_accepted(f):
    net = from_apply(f)
    first = empirical_gram(net, X)
    np.testing.assert_array_equal(first, empirical_gram(net, X))
    assert relative_error(first, empirical_gram(net, X, method="jacobian")) < 3e-6


def test_outputs_that_are_not_finite_are_refused_as_such():
    refused("the kernel is not finite", empirical_gram, from_apply(lambda p, x: jnp.log(-jnp.abs(x @ p)) * (x @ p)), X)


def test_tokens_are_distinguished():
    table = RNG.normal(size=(7, 2)).astype(np.float32)
    centred = from_apply(lambda p, x: p[x].mean(1) - p[x].mean((0, 1)), table)
    for tokens in (TOKENS, TOKENS[:1], np.full((2, 4), 3)):
        refused(ONE_BY_ONE, empirical_gram, centred, tokens)


ANOTHER_ANSWER = "different outputs for the same sample, .* and then .*: it draws random numbers"


def test_random_functions_are_named_as_such():
    rng, keys = np.random.default_rng(0), iter([jax.random.key(seed) for seed in range(99)])
    for noise in (lambda: rng.normal(), lambda: rng.normal(size=2), lambda: jax.random.normal(next(keys), (2,))):
        net = from_apply(lambda p, x, noise=noise: x @ p * noise())
        refused(ANOTHER_ANSWER, empirical_gram, net, X)


def test_a_function_that_changes_between_calls_is_not_answered_by_what_was_compiled_before():
    outside = {"scale": 1.0, "shift": np.zeros(2, np.float32), "activation": jnp.tanh}
    net = from_apply(lambda p, x: outside["activation"](x @ p * outside["scale"] + outside["shift"]))
    kernel = empirical_gram(net, X)
    for name, value in (("scale", 2.0), ("shift", np.ones(2, np.float32)), ("activation", jnp.sin)):
        before, outside[name] = outside[name], value
        refused(ANOTHER_ANSWER, empirical_gram, net, X)
        outside[name] = before
        np.testing.assert_array_equal(empirical_gram(net, X), kernel)


def test_equal_constants_and_equations_written_otherwise_are_no_change():
    outside = {"shift": np.zeros(2, np.float32), "twice": lambda a: a + a}
    net = from_apply(lambda p, x: outside["twice"](x @ p + outside["shift"]))
    kernel = empirical_gram(net, X)
    outside |= {"shift": np.zeros(2, np.float32), "twice": lambda a: 2 * a}
    np.testing.assert_array_equal(empirical_gram(net, X), kernel)


OTHER_OUTPUTS = {
    r"for 1 sample the network returns outputs of shape \(2, 1\)": (lambda z: jnp.squeeze(z), lambda z: z.T),
    r"not to shape \(\): squeeze\(-1\), not squeeze\(\)": (lambda z: jnp.squeeze(z[:, :1]),),
    "the network has no outputs": (lambda z: z[:, :0],),
    r"on 3 samples together the network's outputs have shape \(1, 2\)": (lambda z: z[:1],),
    "the network returns a tuple: return one array": (lambda z: (z, z),),
    "the network returns a dict: return one array": (lambda z: {"logits": z},),
    "the network returns a NoneType: return one array": (lambda z: None,),
    "floating-point outputs, not int32: return the logits": (lambda z: jnp.argmax(z, -1),),
    "floating-point outputs, not bool": (lambda z: z > 0,),
    "floating-point outputs, not complex64: return real and imaginary parts": (lambda z: z + 1j,),
}


@pytest.mark.parametrize("message", OTHER_OUTPUTS)
def test_outputs_of_another_kind_are_refused_in_one_line(message):
    for last in OTHER_OUTPUTS[message]:
        refused(message, empirical_gram, from_apply(lambda p, x, last=last: last(x @ p)), X)


def test_a_list_of_two_samples_is_a_batch_and_no_pair_of_inputs():
    net = from_apply(lambda p, x: x[0] @ p + x[1] @ p)
    refused("for 1 sample the network returns outputs of shape|does not run", empirical_gram, net, [X[0], X[1]])


def test_tolerance_is_half_the_digits_of_the_coarsest_type_computed():
    def limit(f, *arguments):
        return tolerance(jax.make_jaxpr(f)(*arguments))

    single = jnp.ones(2)
    assert limit(lambda a: a * 2, single) == 2.0**-11.5
    assert limit(lambda a: (a.astype(jnp.bfloat16) * 2).astype(a.dtype), single) == 2.0**-3.5
    assert limit(lambda a: jax.lax.map(lambda one: one.astype(jnp.float16), a), single) == 2.0**-5
    with float64_scope():
        double = jnp.ones(2, jnp.float64)
        assert limit(lambda a: a * 2, double) == 2.0**-26
        assert limit(lambda a: a * jnp.asarray(single, jnp.float32), double) == 2.0**-26  # widened, not computed in


def test_a_change_behind_a_gate_is_seen_and_a_refusal_stays_one():
    """Where the parameters are the gate hides it, and a second call must not answer by the old program."""
    outside, params = {"scale": 1.0}, {"w": W, "v": W[:, :1], "gate": np.zeros((), np.float32)}
    net = from_apply(lambda p, x: x @ p["w"] + p["gate"] * jnp.sin(outside["scale"] * x @ p["v"]), params)
    empirical_gram(net, X)
    outside["scale"] = 3.0
    for _ in range(3):
        refused(ANOTHER_ANSWER, empirical_gram, net, X)


def test_an_array_of_the_function_that_is_written_into_is_a_change():
    scale = np.ones(5, np.float32)
    net = from_apply(lambda p, x: (x * scale) @ p)
    empirical_gram(net, X)
    scale[:] = 2
    for _ in range(2):
        refused(ANOTHER_ANSWER, empirical_gram, net, X)
    assert np.allclose(empirical_gram(from_apply(lambda p, x: (x * scale) @ p), X), 4 * X @ X.T, rtol=1e-5)


def test_a_change_that_couples_samples_is_seen():
    outside = {"coupling": 0.0}
    net = from_apply(lambda p, x: x @ p + outside["coupling"] * (x - x.mean(0)) @ p)
    empirical_gram(net, X)
    outside["coupling"] = 1.0
    refused(ONE_BY_ONE, empirical_gram, net, X)


def test_an_iteration_to_a_fixed_point_ends():
    """Noise on the parameters must not take it to where it never converges."""
    q = np.linalg.qr(RNG.normal(size=(5, 5)))[0].astype(np.float32)

    def fixed_point(w, x):
        def step(z):
            return jnp.tanh(z @ w.T + x)

        def body(state):
            z, _ = state
            return step(z), jnp.abs(step(z) - z).max()

        z, _ = jax.lax.while_loop(lambda state: state[1] > 1e-5, body, (jnp.zeros_like(x), jnp.ones((), x.dtype)))
        return step(jax.lax.stop_gradient(z))

    net = from_apply(lambda w, x: jax.vmap(lambda one: fixed_point(jax.lax.stop_gradient(w), one))(x) @ w, 0.9 * q)
    assert np.isfinite(empirical_gram(net, X)).all()


def test_inputs_of_an_unsuitable_type_are_refused():
    linear, table = from_apply(lambda p, x: x @ p), from_apply(lambda p, x: p[x].sum(1))
    beyond = 'x1 has integers beyond 32 bits: take precision="float64"'
    refused("x1 is complex: pass real and imaginary parts", empirical_gram, linear, X + 1j)
    refused(beyond, empirical_gram, linear, np.full((2, 5), 2**40))
    mixed = np.ones((2, 3), int), np.ones((2, 3), np.float32)
    refused(r"type int64, one of x2 .* of type float32: they must agree", empirical_gram, table, *mixed)


def test_random_numbers_of_a_fixed_key_are_refused_in_float64():
    net = from_apply(lambda p, x: jnp.cos(x @ jax.random.normal(KEY, (5, 5))) @ p)
    features = np.cos(X @ np.asarray(jax.random.normal(KEY, (5, 5))))
    np.testing.assert_allclose(empirical_gram(net, X), features @ features.T, rtol=1e-4)
    refused("JAX draws others in float64", empirical_gram, net, X, precision="float64")
