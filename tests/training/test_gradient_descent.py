import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from ntk_repro.dynamics import train_in_function_space
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import cast, float64_scope
from ntk_repro.training import checkpoints, critical_learning_rate, descend, steps, train_pair
from tests.refusals import refused
from tests.training.small import Killed, Normalised, Small, assert_close, assert_running_mean, by_optax

N, K, STEPS = 20, 3, 60
AT = (0, 7, 30, STEPS)
rng = np.random.default_rng(0)
X = rng.standard_normal((N, 5)).astype(np.float32)
Y = rng.standard_normal((N, K)).astype(np.float32)
CLASSES = np.eye(K, dtype=np.float32)[rng.integers(0, K, N)]
BATCHES = rng.integers(0, N, (STEPS, 6))


CONVOLUTION = [lambda x: x[:, :, None], nn.Conv(3, (3,)), nn.tanh, lambda x: x.reshape(len(x), -1), nn.Dense(K)]
NET = Network.create(Small(K), 0, (5,))
CONVOLUTION_NET = Network.create(nn.Sequential(CONVOLUTION), 0, (5,))
LINEAR = Network.from_apply(lambda params, x: x @ params, jnp.zeros((5, K)))


def run(net=NET, y=Y, **changes):
    settings = {"learning_rate": 0.2, "steps": STEPS, "critical": 1.0, "observe_at": AT, **changes}
    return descend(net, X, y, **settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "batches", "momentum", "loss"),
    [
        pytest.param(NET, None, 0.0, "half_mean_squared_error", id="full batch"),
        pytest.param(NET, BATCHES, 0.9, "half_mean_squared_error", id="momentum"),
        pytest.param(NET, BATCHES, 0.0, "cross_entropy", id="cross entropy"),
        pytest.param(CONVOLUTION_NET, None, 0.5, "half_mean_squared_error", id="convolution"),
        pytest.param(NET.linearization(), None, 0.5, "half_mean_squared_error", id="linearization"),
    ],
)
def test_equals_optax(net, batches, momentum, loss):
    y = CLASSES if loss == "cross_entropy" else Y
    descent = run(net, y, observe_fn=lambda params: {"all": params}, batches=batches, momentum=momentum, loss=loss)
    rows = [np.arange(N)] * STEPS if batches is None else batches
    optimizer = optax.sgd(0.2, momentum=momentum or None)
    params, losses = by_optax(net.apply, net.params, X, y, rows, optimizer, loss)
    expected = jax.tree.map(lambda *leaves: np.stack(leaves), *[params[i] for i in AT])
    assert_close(descent.observations["all"], expected, 2e-6)
    assert_close(descent.network.params, params[-1], 2e-6)
    np.testing.assert_allclose(descent.loss, losses, rtol=1e-5)
    np.testing.assert_array_equal(descent.steps, AT)
    if batches is None:
        np.testing.assert_allclose(descent.train_loss[:3], [losses[i] for i in AT[:3]], rtol=1e-5)


@pytest.mark.slow
def test_a_network_in_float64_trains_in_float64():
    with float64_scope():
        net = NET.replace(params=cast(NET.params, np.dtype("float64")))
        x = X.astype(np.float64)
        descent = descend(net, x, Y, learning_rate=0.2, steps=STEPS, critical=1.0)
        rows = [np.arange(N)] * STEPS
        params, _ = by_optax(net.apply, net.params, x, Y, rows, optax.sgd(0.2), "half_mean_squared_error")
        assert_close(descent.network.params, params[-1], 1e-13)
    assert descent.loss.dtype == np.float64


def test_the_given_network_and_observed_copies_are_unchanged():
    before = jax.tree.map(np.array, NET.params)
    descent = run(observe_fn=lambda params: params["Dense_0"]["kernel"][0])
    jax.tree.map(np.testing.assert_array_equal, NET.params, before)
    np.testing.assert_array_equal(descent.observations[0], before["Dense_0"]["kernel"][0])
    np.testing.assert_array_equal(descent.observations[-1], descent.network.params["Dense_0"]["kernel"][0])
    nothing = run(observe_at=())
    assert nothing.observations is None
    assert nothing.train_loss.shape == (0,)


@pytest.mark.parametrize("net", [NET, NET.linearization()], ids=["network", "linearization"])
def test_a_killed_training_ends_with_the_same_bytes(net, monkeypatch, folder):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", np.inf)
    monkeypatch.setattr(steps, "_SECONDS", 1e-9)  # a chunk a step, so that the kill falls between two states
    calls = []

    def observe(params, killed_at=None):
        calls.append(params)
        if len(calls) == killed_at:
            raise Killed
        return {"sum": sum(leaf.sum() for leaf in jax.tree.leaves(params)), "bias": params["Dense_1"]["bias"]}

    uninterrupted = run(net, observe_fn=observe, momentum=0.9, batches=BATCHES)
    calls.clear()
    with pytest.raises(Killed):
        run(net, observe_fn=lambda p: observe(p, 3), momentum=0.9, batches=BATCHES, folder=folder, name="a")
    state = folder.load_part("a_state")
    assert state is not None
    assert 7 < int(state["steps"]) <= 30
    calls.clear()
    for fresh in (2, 1):  # the second time all is saved, and one call shows the structure of observations
        again = run(net, observe_fn=observe, momentum=0.9, batches=BATCHES, folder=folder, name="a")
        assert len(calls) == fresh
        calls.clear()
        for name in ("steps", "train_loss", "loss"):
            np.testing.assert_array_equal(getattr(again, name), getattr(uninterrupted, name))
        jax.tree.map(np.testing.assert_array_equal, again.observations, uninterrupted.observations)
        jax.tree.map(np.testing.assert_array_equal, again.network.params, uninterrupted.network.params)
    refused("another training under a_state", run, net, momentum=0.8, folder=folder, name="a")


@pytest.mark.slow
def test_batch_statistics_are_live_when_asked_for():
    net = Network.create(Normalised(K), 0, (5,))
    frozen = run(net, observe_at=())
    jax.tree.map(np.testing.assert_array_equal, frozen.network.state, net.state)
    live = run(net, learning_rate=0.0, batches=BATCHES, batch_statistics=True, observe_at=())
    assert_running_mean(live.network, net, X, BATCHES)
    linear = run(net.linearization(), learning_rate=0.0, batches=BATCHES, batch_statistics=True, observe_at=())
    np.testing.assert_allclose(linear.network(X), net(X), atol=1e-6)
    refused("dropout rate to 0", run, Network.create(Normalised(K, dropout=0.5), 0, (5,)), batch_statistics=True)


def test_divergence_warns_and_later_results_are_nan():
    calls = []

    def observe(params):
        calls.append(jax.tree.map(np.array, params))
        return params["Dense_1"]["bias"]

    with pytest.warns(UserWarning, match="diverged in step .* lower the learning rate"):
        descent = run(learning_rate=1e6, force=True, observe_at=(STEPS - 1, STEPS), observe_fn=observe, critical=1e6)
    assert len(calls) == 1  # of the start, which shows what observations look like
    assert np.isfinite(descent.loss[0])
    assert np.isnan(descent.loss[-1])
    assert descent.observations.shape == (2, 8)
    assert np.isnan(descent.observations).all()
    assert np.isnan(descent.train_loss).all()


def test_eta_critical_is_that_of_the_curvature(capsys):
    critical = critical_learning_rate(LINEAR, X, K)
    curvature = np.linalg.eigvalsh(X.T.astype(np.float64) @ X)
    # N > 5 samples: the smallest eigenvalue of the kernel is 0, so 2 / (0 + lambda_max) is the edge itself.
    assert critical == pytest.approx(N * K * 2 / curvature[-1], rel=1e-5)
    assert critical_learning_rate(LINEAR, X, K, "cross_entropy") == pytest.approx(critical / K, rel=1e-6)
    assert run(LINEAR, learning_rate=0.99 * critical, critical=None).ratio == pytest.approx(0.99)
    assert "eta / eta_critical = 0.99" in capsys.readouterr().err


@pytest.mark.parametrize(("momentum", "limit"), [(0.0, "eta_critical"), (0.5, r"\(1 \+ momentum\) eta_critical")])
def test_above_the_critical_rate_descent_is_unstable_and_refused(momentum, limit):
    critical = critical_learning_rate(LINEAR, X, K)

    def losses(share, **settings):
        rate = share * (1 + momentum) * critical
        return run(LINEAR, learning_rate=rate, critical=critical, momentum=momentum, **settings).loss

    stable, unstable = losses(0.97), losses(1.2, force=True)
    assert stable[-1] < stable[0]
    assert unstable[-1] > 100 * unstable[0]
    ratio = f"{1.02 * (1 + momentum):.3g} times eta_critical"
    refused(rf"{ratio}, above {limit} \(Theorem 2.1\).* or force", losses, 1.02)


@pytest.mark.slow
def test_many_rows_are_estimated_from_some(capsys):
    x = np.tile(X, (40, 1))
    linear = Network.from_apply(lambda params, x: x @ params, jnp.zeros((5, 1)))
    train_pair(linear, x, x[:, :1], learning_rate=1e-3, steps=1)
    descend(linear, x, x[:, :1], learning_rate=1e-3, steps=1)
    assert capsys.readouterr().err.count("(estimated from 512 of 800 images)") == 2
    descend(linear, X, X[:, :1], learning_rate=1e-3, steps=1)
    assert "estimated" not in capsys.readouterr().err
    assert critical_learning_rate(linear, x, 1) == pytest.approx(critical_learning_rate(linear, X, 1), rel=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": Y[:-1]}, "do not fit"),
        ({"y": Y[:, :2]}, "3 outputs and the targets 2"),
        ({"y": np.full((N, K), np.nan)}, "not finite"),
        ({"loss": "cross_entropi"}, "did you mean 'cross_entropy'"),
        ({"loss": "cross_entropy"}, "one_hot"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"steps": 0, "observe_at": ()}, "steps must be"),
        ({"batches": BATCHES[:-1]}, "a row for each step"),
        ({"batches": BATCHES + N}, "rows 0 to 19"),
        ({"observe_at": (3, 3)}, "increasing"),
        ({"observe_at": (STEPS + 1,)}, "increasing"),
    ],
)
def test_bad_input_is_refused(change, message):
    refused(message, run, **change)


PAIR = Network.create("mlp", 0, (5,), width=0.1, activation="tanh")
Y_PAIR = Y[:, :1]


@pytest.mark.slow
def test_both_of_a_pair_are_trained_and_observed_as_if_alone(capsys):
    settings = {"learning_rate": 0.3, "steps": 25, "batches": BATCHES[:25], "momentum": 0.5, "observe_at": (0, 10, 25)}
    pair = train_pair(PAIR, X, Y_PAIR, observe_fn=lambda net, params: net.apply(params, X), **settings)
    assert capsys.readouterr().err.count("eta / eta_critical") == 1
    for net, one in zip((PAIR, PAIR.linearization()), pair, strict=True):
        alone = descend(net, X, Y_PAIR, observe_fn=lambda p, net=net: net.apply(p, X), critical=1.0, **settings)
        np.testing.assert_array_equal(one.observations, alone.observations)
        np.testing.assert_array_equal(one.loss, alone.loss)
        np.testing.assert_array_equal(one.observations[-1], one.network.apply(one.network.params, X))
    network, linearization = pair
    # The same start, then the network leaves the tangent.
    np.testing.assert_allclose(linearization.observations[0], network.observations[0], atol=1e-6)
    assert np.abs(linearization.observations[-1] - network.observations[-1]).max() > 1e-2
    # A linearization's outputs move in function space alone.
    kernel = empirical_gram(PAIR, X, method="jacobian")
    in_function_space = {"batches": BATCHES[:25], "learning_rate": 0.3, "momentum": 0.5, "loss": "half_squared_error"}
    expected = train_in_function_space(kernel, Y_PAIR, fx_train_0=PAIR(X), **in_function_space)
    np.testing.assert_allclose(linearization.observations[-1], expected.fx_train, atol=2e-5)


def test_the_observer_of_a_pair_takes_the_network_at_its_step():
    def observe(net, params):
        assert net.params is params
        return net(X), jnp.asarray(net.origin is not None)

    both = train_pair(PAIR, X, Y_PAIR, learning_rate=0.1, steps=3, observe_at=(3,), observe_fn=observe, critical=1.0)
    for descent, linear in zip(both, (False, True), strict=True):
        np.testing.assert_array_equal(descent.observations[0][0], descent.network(X))
        assert bool(descent.observations[1][0]) == linear


def test_a_rate_above_the_critical_one_is_refused_for_a_pair_unless_forced():
    rate = 1.5 * critical_learning_rate(PAIR, X, 1)
    refused("or force", train_pair, PAIR, X, Y_PAIR, learning_rate=rate, steps=2)
    network, linearization = train_pair(PAIR, X, Y_PAIR, learning_rate=rate, steps=2, force=True)
    assert network.ratio == linearization.ratio == pytest.approx(1.5)
