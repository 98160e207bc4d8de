"""The flat program computes what the function computes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.program import Program
from tests.gram.cases import CASES, samples

PLAIN = ["by_hand", "channels_first", "attention", "in_transformations", "nnx_jitted", "linearization"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_program_and_its_derivative_are_the_functions(name):
    net, x = CASES[name].network(), samples(name, 3)
    program = Program.of(net.apply_fn, net.params, net.state, x)

    def run(params):
        return program.run(jax.tree.leaves((params, net.state, x)))[0]

    np.testing.assert_allclose(run(net.params), net.apply(net.params, x), rtol=1e-5, atol=1e-6)
    ours, expected = jax.jacrev(run)(net.params), jax.jacrev(lambda params: net.apply(params, x))(net.params)
    for one, two in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_jitted_and_rematerialised_functions_are_opened():
    program = Program.of(jax.jit(lambda x: jax.checkpoint(lambda x: jax.jit(jnp.sin)(x) * 2)(x)), jnp.ones(3))
    assert [step.name for step in program.steps] == ["sin", "mul"]


def test_custom_derivatives_stay_in_force():
    """At 0 relu's derivative is 0 by its own rule; that of the maximum inside would be 1/2."""
    program = Program.of(jax.nn.relu, jnp.zeros(()))
    assert jax.grad(lambda x: program.run([x])[0])(0.0) == 0.0


def test_equations_without_use_are_left_out():
    def wasteful(x):
        jnp.exp(x)
        return x + 1.0

    assert [step.name for step in Program.of(wasteful, jnp.ones(3)).steps] == ["add"]


def test_a_jaxpr_in_two_places_has_values_of_its_own_in_each():
    inner = jax.jit(lambda x: jnp.tanh(x) + 1.0)
    x = jnp.arange(3.0)
    program = Program.of(lambda x: inner(inner(x)), x)
    assert len({number for step in program.steps for number in step.outputs}) == 4
    np.testing.assert_allclose(program.run([x])[0], inner(inner(x)), rtol=1e-6)


def test_a_change_is_made_to_one_value_and_may_read_earlier_ones():
    program = Program.of(lambda x: jnp.sin(x) * 2.0, jnp.ones(()))
    sine = program.steps[0]
    found = program.run([jnp.float32(0.5)], {sine.outputs[0]: lambda read, evaluate: evaluate() + read(sine.inputs[0])})
    assert found[0] == pytest.approx(2 * (np.sin(0.5) + 0.5))


def test_constants_and_arguments_may_be_results():
    program = Program.of(lambda x: (x, 3.0, jnp.asarray(np.arange(4))), jnp.ones(2))
    x, three, four = program.run([jnp.full(2, 7.0)])
    np.testing.assert_array_equal(x, [7, 7])
    assert float(three) == 3
    np.testing.assert_array_equal(four, np.arange(4))
