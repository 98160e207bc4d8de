import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.training import problem
from ntk_repro.training.gradient_descent import GradientDescent
from ntk_repro.training.steps import has_convolutions

rng = np.random.default_rng(0)
X, Y = jnp.asarray(rng.standard_normal((9, 4)), jnp.float32), jnp.asarray(rng.standard_normal((9, 1)), jnp.float32)
NETS = [Network.create("mlp", seed, (4,), hidden=(6,), activation="tanh") for seed in range(3)]
STEPS = 23
PROBLEM = GradientDescent(NETS[0], np.asarray(X), np.asarray(Y), 0.3, STEPS, None, 0.9, "half_mean_squared_error", ())
DATA = PROBLEM.data(NETS[0])


def start(nets, stacked):
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves) if stacked else jnp.array(leaves[0]),
                          *[net.params for net in nets])  # fmt: skip
    return PROBLEM.start(params, stacked=stacked)


def program(stacked=False, called=False):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "has_convolutions", lambda *_: called)
        return PROBLEM.program(NETS[0], stacked=stacked)


@pytest.mark.parametrize("called", [False, True])
def test_interruptions_change_no_bit(called):
    at_once, last = program(called=called)(start(NETS, False), DATA, 0, STEPS)
    carry = start(NETS, False)
    for begin, end in ((0, 1), (1, 2), (2, 17), (17, STEPS)):
        carry, loss = program(called=called)(carry, DATA, begin, end)
        assert float(loss) == float(carry.losses[end - 1])
        assert np.isnan(carry.losses[end:]).all()
    assert float(last) == float(carry.losses[-1])
    jax.tree.map(np.testing.assert_array_equal, carry, at_once)


def test_a_stack_is_its_networks():
    stack, last = program(stacked=True)(start(NETS, True), DATA, 0, STEPS)
    assert last.shape == (3,)
    for i, net in enumerate(NETS):
        alone, _ = program()(start([net], False), DATA, 0, STEPS)
        for mine, theirs in zip(jax.tree.leaves(stack.params), jax.tree.leaves(alone.params), strict=True):
            np.testing.assert_allclose(mine[i], theirs, rtol=0, atol=1e-6)
        np.testing.assert_allclose(stack.losses[:, i], alone.losses, rtol=1e-5)


def test_convolutions_are_seen_in_networks_and_linearizations():
    lenet = Network.create("lenet", 0, (8, 8, 1), width=0.2)
    images = np.zeros((2, 8, 8, 1), np.float32)
    assert has_convolutions(lenet, images)
    assert has_convolutions(lenet.linearization(), images)
    assert not has_convolutions(NETS[0], np.asarray(X))
    assert not has_convolutions(NETS[0].linearization(), np.asarray(X))
