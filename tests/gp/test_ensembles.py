import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ntk_repro.dynamics import averaged_loss_time
from ntk_repro.gp import ensemble, ensembles, ntk_gp_posterior, readout_posterior
from ntk_repro.gram import analytic_kernel
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.training import descend
from ntk_repro.training.gradient_descent import GradientDescent
from tests.refusals import refused
from tests.training.small import Killed, Small

N, M, K, STEPS = 10, 6, 2, 40
AT = (0, 5, STEPS)
rng = np.random.default_rng(0)
X, X_TEST = rng.standard_normal((N, 4)).astype(np.float32), rng.standard_normal((M, 4)).astype(np.float32)
Y = rng.standard_normal((N, K)).astype(np.float32)
KEY, SMALL = jax.random.key(5), Small(K)


SETTINGS = {"learning_rate": 0.2, "steps": STEPS, "observe_at": AT, "critical": 1.0}


class Noisy(nn.Module):
    @nn.compact
    def __call__(self, x):
        shift = self.variable("noise", "shift", lambda: jax.random.normal(self.make_rng("params"), (K,)))
        return nn.Dense(K)(x) + shift.value


def run(num=5, module: Any = SMALL, y=Y, x_test=X_TEST, **changes):
    return ensemble(module, KEY, num, X, y, x_test, **{**SETTINGS, **changes})


@pytest.fixture(scope="module")
def singles():
    """The networks one by one, by `descend`."""
    nets = [Network.create(SMALL, jax.random.fold_in(KEY, i), (4,)) for i in range(5)]
    outputs = jax.jit(lambda params: nets[0].apply(params, X_TEST))
    return np.stack([descend(net, X, Y, observe_fn=outputs, **SETTINGS).observations for net in nets])


@pytest.mark.parametrize("per_block", [None, 1, 2, 7])
def test_equals_single_trainings_however_they_are_blocked(singles, per_block):
    found = run(networks_per_block=per_block)
    assert found.shape == (5, len(AT), M, K)
    np.testing.assert_allclose(found, singles, rtol=0, atol=2e-6)
    assert np.abs(singles[0] - singles[1]).min(axis=(1, 2)).max() > 1e-3


@pytest.mark.slow
def test_test_inputs_in_batches_and_the_end_alone(singles, monkeypatch):
    monkeypatch.setattr(ensembles, "_TEST_ROWS", 4)
    np.testing.assert_allclose(run(3, observe_at=None), singles[:3, -1:], rtol=0, atol=2e-6)


@pytest.mark.slow
def test_momentum_and_cross_entropy_are_those_of_descend():
    labels = np.eye(K, dtype=np.float32)[rng.integers(0, K, N)]
    settings = {"momentum": 0.9, "loss": "cross_entropy", "critical": None}
    net = Network.create(SMALL, jax.random.fold_in(KEY, 1), (4,))
    expected = descend(net, X, labels, **{**SETTINGS, **settings}).network(X_TEST)
    np.testing.assert_allclose(run(2, y=labels, **settings)[1, -1], expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_wide_networks_are_distributed_as_the_ntk_gp_says():
    module = build_model("fcn", hidden=512, depth=1, activation="erf", num_outputs=K, sigma_w=1.5, sigma_b=0.3)
    num, at = 400, (0, 20, 120)
    kernel = analytic_kernel(module, np.concatenate([X_TEST, X]))
    tests, train = slice(None, M), slice(M, None)
    nngp = kernel.nngp[train, train], kernel.nngp[tests, train], kernel.nngp[tests, tests]
    t = averaged_loss_time(np.array(at), 1.0, N * K)
    expected = ntk_gp_posterior(kernel.ntk[train, train], kernel.ntk[tests, train], *nngp, Y, t=t)
    found = ensemble(module, 3, num, X, Y, X_TEST, learning_rate=1.0, steps=120, observe_at=at)
    # Beside the error of 400 draws there is that of the width, O(1/512).
    error = expected.std[..., None] / np.sqrt(num)
    assert np.max(np.abs(found.mean(axis=0) - expected.mean) / error) < 4
    spread = np.sqrt(found.var(axis=0).mean(axis=-1))  # over two independent outputs
    np.testing.assert_allclose(spread, expected.std, rtol=0.15)
    # It is another distribution than that of networks whose readout alone is trained.
    readout = readout_posterior(*nngp, Y, t=t)
    assert np.max(np.abs(found.mean(axis=0) - readout.mean)[-1] / error[-1]) > 20


def test_networks_trained_before_a_kill_are_saved(singles, monkeypatch, folder):
    uninterrupted, exact, blocks = run(networks_per_block=2), ensembles.run_steps, []

    def killed(*arguments, **settings):
        blocks.append(1)
        if len(blocks) == 2:
            raise Killed
        return exact(*arguments, **settings)

    monkeypatch.setattr(ensembles, "run_steps", killed)
    with pytest.raises(Killed):
        run(networks_per_block=2, folder=folder)
    found = run(networks_per_block=2, folder=folder)
    assert len(blocks) == 4  # one, one killed, then the two that were missing
    np.testing.assert_array_equal(found, uninterrupted)
    # More of them, in blocks of another size, go on from there.
    more = run(6, networks_per_block=1, folder=folder)
    assert len(blocks) == 5
    np.testing.assert_array_equal(more[:5], uninterrupted)
    refused("of another training under ensemble_00000", run, learning_rate=0.1, folder=folder)
    np.testing.assert_allclose(more[:5], singles, rtol=0, atol=2e-6)


CHILD = "import sys, numpy; from tests.gp.test_ensembles import run; numpy.save(sys.argv[1], run())"


@pytest.mark.slow
def test_eight_devices_change_nothing_but_rounding(singles, tmp_path):
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", CHILD, tmp_path / "found.npy"]
    subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), singles, rtol=0, atol=2e-6)


class Cubed(nn.Module):
    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", lambda key: 10.0 * (jax.random.uniform(key, (1,)) > 0.5) + 0.1)
        return (scale * x[:, :1]) ** 3


@pytest.mark.slow
@pytest.mark.parametrize("per_block", [1, 3])
def test_a_diverged_network_is_nan_and_the_others_go_on(per_block):
    # From a large start gradient descent runs away, from a small one it does not.
    settings = {"learning_rate": 0.1, "steps": 30, "observe_at": (0, 30), "networks_per_block": per_block}
    with pytest.warns(UserWarning, match=r"\d of 8 networks diverged and are nan") as caught:
        found = run(8, Cubed(), Y[:, :1], **settings)
    assert len(caught) == 1
    large = np.abs(found[:, 0]).max(axis=(1, 2)) > 10
    assert str(caught[0].message).startswith(f"{large.sum()} of 8")
    assert 0 < large.sum() < 8
    assert np.isnan(found[large, 1]).all()
    assert np.isfinite(found[~large]).all()


@pytest.mark.parametrize("per_block", [1, 2])
def test_networks_that_all_diverge_before_the_first_observation_are_nan(per_block):
    with pytest.warns(UserWarning, match="2 of 2 networks diverged"):
        found = run(2, learning_rate=1e30, observe_at=None, force=True, networks_per_block=per_block)
    assert found.shape == (2, 1, M, K)
    assert np.isnan(found).all()


def test_blocks_grow_where_networks_are_small_and_memory_is_large(monkeypatch):
    def at_once(width):
        params = {"inner": jnp.zeros((4, width)), "outer": jnp.zeros((width, 1))}
        net = Network.from_apply(lambda params, x: jnp.tanh(x @ params["inner"]) @ params["outer"], params)
        descent = GradientDescent(net, X, Y[:, :1], 0.1, 1, None, 0.0, "half_mean_squared_error", (1,))
        return ensembles._Trainer(net, descent, X_TEST).networks_at_once()

    assert at_once(20_000) == 1
    assert 10 < at_once(1000) < at_once(100)
    # Four copies of 5,000 parameters; forwards and backwards, for 10 samples, two arrays of 1,000 and one output.
    monkeypatch.setattr(ensembles, "available_bytes", lambda: int(2 * 3.5 * (4 * 20_000 + 2 * 4 * 10 * 2001)))
    assert at_once(1000) == 3
    monkeypatch.setattr(ensembles, "available_bytes", lambda: 0)
    assert at_once(1000) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num": 0}, "at least 1"),
        ({"networks_per_block": 0}, "at least 1"),
        ({"learning_rate": 2.0}, "or force"),
        ({"module": Noisy()}, "state differs between initializations"),
        ({"observe_at": (STEPS + 1,)}, "increasing"),
        ({"x_test": X_TEST[:, :3]}, "one test input has shape"),
    ],
)
def test_bad_input_is_refused(change, message):
    refused(message, run, **change)
