"""Which arithmetic around a parameter leaves it the kernel or the bias of a layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.gram.capture.weights import weights_of
from ntk_repro.program import Program
from tests.gram.cases import assert_exact
from tests.gram.functions import plain

# name -> (function, shapes of parameters, what is recognised of kernel 0: None, or whether it has a bias)
ARITHMETIC = {
    "factor": (lambda p, x: x @ (p[0] * 3.0) + p[1], [(4, 5), (5,)], True),
    "factor_of_the_sample": (
        lambda p, x: jax.vmap(lambda one: one @ (p[0] * jnp.sum(one)))(x) + p[1],
        [(4, 5), (5,)],
        True,
    ),
    "divided_and_negated": (lambda p, x: x @ (2.0 - p[0] / 3.0) - p[1], [(4, 5), (5,)], False),
    "divisor": (lambda p, x: x @ (1.0 / p[0]), [(4, 5)], None),
    "squared": (lambda p, x: x @ (p[0] * p[0]), [(4, 5)], None),
    "factor_each": (lambda p, x: x @ (p[0] * jnp.arange(5.0)), [(4, 5)], None),
    "repeated": (lambda p, x: x @ jnp.tile(p[0], (1, 2)), [(4, 5)], None),
    "cut": (lambda p, x: x @ p[0][:, 1:], [(4, 5)], None),
    "gram_of_itself": (lambda p, x: x @ (p[0] @ p[0].T), [(4, 5)], None),
    "both_operands": (lambda p, x: x @ (p[0] @ p[1]), [(4, 5), (5, 3)], None),
    "a_kernel_for_each_group": (lambda p, x: jnp.einsum("bi,iok->bok", x, p[0]).sum(1), [(4, 3, 5)], False),
    "batched": (lambda p, x: jnp.einsum("bgi,gio->bgo", x.reshape(-1, 2, 2), p[0]).sum(2), [(2, 2, 3)], None),
    "bias_after_factor": (lambda p, x: 2.0 * (x @ p[0]) + p[1], [(4, 5), (5,)], False),
    "bias_turned": (lambda p, x: x @ p[0] + p[1][::-1], [(4, 5), (5,)], False),
    "bias_for_all": (lambda p, x: x @ p[0] + p[1], [(4, 5), ()], False),
    "bias_at_each_place": (lambda p, x: (x.reshape(-1, 2, 2) @ p[0] + p[1]).sum(1), [(2, 5), (2, 5)], False),
    "read_before_its_bias": (lambda p, x: jnp.tanh(h := x @ p[0]) + h + p[1], [(4, 5), (5,)], False),
    "bias_used_elsewhere": (lambda p, x: (x @ p[0] + p[1]) * p[1], [(4, 5), (5,)], False),
    "two_biases": (lambda p, x: x @ p[0] + p[1] + p[2], [(4, 5), (5,), (5,)], True),
    "rounded": (lambda p, x: x @ p[0].astype(jnp.bfloat16).astype(jnp.float32), [(4, 5)], None),
    "is_the_output": (lambda p, x: x @ p[0] + 0 * p[1][:1], [(4, 5), (3, 5)], False),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_around_a_kernel(name):
    """The kernel of the network is exact, and structure is used exactly where it may be."""
    function, shapes, expected = ARITHMETIC[name]
    net = plain(lambda p, x: jnp.tanh(function(p, x)), *shapes)()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    found = weights_of(Program.of(net.apply, net.params, x[:1]), len(net.params))
    assert (found[0][1] is not None if 0 in found else None) == expected
    if name != "rounded":  # the oracle in float64 has other rounding points
        assert_exact(net, x)
