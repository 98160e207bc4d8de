from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from ntk_repro.network import Network
from ntk_repro.training import LOSSES, Checkpoint, Loss, Recipe, accuracy, minibatches, steps, train
from ntk_repro.training.problem import Problem
from tests.refusals import refused
from tests.training.small import Killed, Normalised, Small, assert_close, assert_running_mean, by_optax, in_both_spaces

N, M, EPOCHS, BATCH = 50, 21, 6, 16
BATCHES = minibatches(3, N, BATCH, EPOCHS)
inputs = np.random.default_rng(0).standard_normal((N + M, 5)).astype(np.float32)
labels = (inputs[:, 0] + inputs[:, 1] > 0).astype(np.int32)
X, Y, TESTED = inputs[:N], labels[:N], {"x_test": inputs[N:], "y_test": labels[N:]}
NET, NORMALISED = Network.create(Small(), 0, (5,)), Network.create(Normalised(), 0, (5,))


def recipe(**settings):
    return Recipe(**{"learning_rate": 0.1, "batch_size": BATCH, "epochs": EPOCHS, **settings})


def run(net=NET, y: Any = Y, x=X, batches=BATCHES, arguments=None, **settings):
    """A training with the default recipe but for these settings, and `train` with these further arguments."""
    return train(net, x, y, recipe=recipe(**settings), batches=batches, **(arguments or {}))


@pytest.mark.slow
@pytest.mark.parametrize("linear", [False, True], ids=["network", "linearization"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam", "learning_rate": 0.02, "weight_decay": 0.05},
        {"loss": "half_squared_error", "schedule": "constant", "momentum": 0.0},
        {"weight_decay": 0.1},
    ],
    ids=["sgd", "adam", "squared", "decay"],
)
def test_equals_optax(settings, linear):
    """With optax's own optimizers, schedules and decay."""
    net, chosen = NET.linearization() if linear else NET, recipe(**settings)
    # The decay of a network acts on its weights, that of a linearization on their distance from the start.
    origin = net.origin if linear else jax.tree.map(jnp.zeros_like, net.params)
    falling = optax.linear_schedule(chosen.learning_rate, 0.0, len(BATCHES))
    rate = falling if chosen.schedule == "linear" else chosen.learning_rate
    optimizer = optax.sgd(rate, momentum=chosen.momentum) if chosen.optimizer == "sgd" else optax.adam(rate)
    optimizer = optax.chain(optax.add_decayed_weights(chosen.weight_decay), optimizer)
    distance, losses = by_optax(
        lambda u, x: net.apply(jax.tree.map(jnp.add, origin, u), x), jax.tree.map(jnp.subtract, net.params, origin),
        X, Y[:, None].astype(np.float32), BATCHES, optimizer, chosen.loss,
    )  # fmt: skip
    trained = run(net, **settings)
    np.testing.assert_allclose(trained.loss, losses, atol=2e-5)
    assert_close(trained.network.params, jax.tree.map(jnp.add, origin, distance[-1]), atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_a_linearization_moves_as_in_function_space(loss):
    trained, expected = in_both_spaces(NET, X, Y, inputs[N:], recipe(weight_decay=0.01, loss=loss), BATCHES)
    np.testing.assert_allclose(trained.loss, Loss.named(loss).multiple * expected.loss[:, 0], atol=1e-5)
    np.testing.assert_allclose(trained.l2_distance, expected.l2_distance[0], rtol=1e-4)


@pytest.mark.slow
def test_the_result_describes_the_trained_network():
    before, by_epoch = jax.tree.map(np.array, NET.params), {}

    def evaluate(epoch, network):
        by_epoch[epoch] = accuracy(network(inputs[N:]), labels[N:])

    trained = run(arguments={**TESTED, "checkpoint_at": (2, 4, 6), "checkpoint_fn": evaluate})
    jax.tree.map(np.testing.assert_array_equal, NET.params, before)
    assert trained.train_loss.shape == (EPOCHS,)
    assert trained.train_loss[-1] < trained.train_loss[0]
    assert trained.train_accuracy == accuracy(trained.network(X), Y) > 0.8
    assert trained.test_accuracy == accuracy(trained.network(inputs[N:]), labels[N:])
    assert list(by_epoch) == [2, 4, 6]
    assert by_epoch[6] == trained.test_accuracy
    flat, flat_0 = (np.concatenate([np.ravel(p) for p in jax.tree.leaves(t)]) for t in (trained.network.params, before))
    assert trained.l2_distance == pytest.approx(np.linalg.norm(flat - flat_0), rel=1e-5)
    cosine = flat @ flat_0 / np.linalg.norm(flat) / np.linalg.norm(flat_0)
    assert trained.cosine_distance == pytest.approx(1 - cosine, rel=1e-4)


@pytest.mark.slow
def test_batch_statistics_are_live_in_training_and_frozen_for_the_linearization():
    assert_running_mean(run(NORMALISED, learning_rate=0.0).network, NORMALISED, X, BATCHES)
    linear = run(NORMALISED.linearization(), learning_rate=0.0)
    np.testing.assert_allclose(linear.network(X), NORMALISED(X), atol=1e-6)


@pytest.mark.slow
def test_batch_statistics_enter_the_gradient():
    x, y, rows = X[BATCHES[0]], Y[BATCHES[0]], np.arange(BATCH, dtype=np.int32)[None]
    trained = run(NORMALISED, y, x, rows, epochs=1, momentum=0.0, schedule="constant")

    def outputs(params, x):
        return NORMALISED.training_fn(params, NORMALISED.state, x)[0]

    y = y[:, None].astype(np.float32)
    params, _ = by_optax(outputs, NORMALISED.params, x, y, rows, optax.sgd(0.1), "binary_cross_entropy")
    assert_close(trained.network.params, params[-1], atol=1e-6)


@pytest.mark.slow
def test_new_labels_and_parameters_compile_nothing():
    traces = []

    def apply_fn(params, x):
        traces.append(x.shape)
        return x @ params

    net = Network.from_apply(apply_fn, jnp.ones((5, 1)))

    def compiled(net, y, **settings):
        run(net, y, arguments=TESTED, **settings)
        return sum(shape[0] == BATCH for shape in traces)

    first = compiled(net, Y)
    assert first >= 1
    assert compiled(net, 1 - Y) == first
    assert compiled(net.replace(params=jnp.zeros((5, 1))), Y) == first
    assert compiled(net, Y, learning_rate=0.3) == first
    assert compiled(net, Y, loss="half_squared_error") > first


@pytest.mark.slow
def test_several_outputs_train_on_one_hot_targets():
    net, y, batches = Network.create(Small(outputs=2), 0, (5,)), np.eye(2)[Y], minibatches(0, N, BATCH, 20)
    trained = run(net, y, batches=batches, arguments=TESTED, loss="half_squared_error", epochs=20)
    assert trained.train_accuracy > 0.85
    assert trained.test_accuracy == accuracy(trained.network(inputs[N:]), labels[N:])
    first = np.mean(np.sum((net(X) - y)[batches[0]] ** 2, axis=1)) / 2
    assert trained.loss[0] == pytest.approx(first, rel=1e-5)


def test_squared_error_is_cut_between_its_two_targets():
    net = Network.from_apply(lambda params, x: params + 0 * x[:, :1], jnp.array([0.3]))
    settings = {"learning_rate": 0.0, "loss": "half_squared_error"}
    assert run(net, **settings).train_accuracy == pytest.approx(np.mean(Y == 0))
    # Targets that happen to be positive only must not change a threshold that was passed.
    for y in (2 * Y - 1, np.ones(N)):
        trained = run(net, y, arguments={"threshold": 0}, **settings)
        assert trained.train_accuracy == pytest.approx(np.mean(y > 0))
    refused("give threshold=0 for labels -1 and", run, net, 2 * Y - 1, **settings)


class Dropping(nn.Module):  # without batch statistics
    rate: float = 0.5

    @nn.compact
    def __call__(self, x, train: bool = False):
        return nn.Dense(1)(nn.Dropout(self.rate, deterministic=not train)(x))


@pytest.mark.slow
def test_dropout_is_refused_with_the_remedy():
    net = Network.create(Dropping(), 0, (5,))
    refused("set its dropout rate to 0, or train net", run, net)
    for remedy in (net.linearization(), Network.create(Dropping(rate=0.0), 0, (5,))):
        assert np.isfinite(run(remedy).loss).all()


def test_divergence_stops_with_a_warning_and_gives_nan():
    with pytest.warns(UserWarning, match="diverged in step"):
        trained = run(arguments=TESTED, learning_rate=1e6, loss="half_squared_error", schedule="constant")
    assert np.isnan(trained.test_accuracy)
    assert np.isnan(trained.train_loss[-1])
    assert trained.train_loss.shape == (EPOCHS,)


@pytest.mark.parametrize("linearized", [False, True])
def test_networks_and_linearizations_train_at_the_same_precision(linearized):
    """Products at full float32 on every device, as those of kernels."""
    seen = set()

    def apply(params, x):
        if len(x) == BATCH:  # in a step
            seen.add(jax.config.jax_default_matmul_precision)  # pyright: ignore[reportAttributeAccessIssue]
        return jnp.tanh(x @ params)

    net = Network.from_apply(apply, jnp.ones((5, 1)))
    run(net.linearization() if linearized else net)
    with jax.default_matmul_precision("highest"):
        assert seen == {jax.config.jax_default_matmul_precision}  # pyright: ignore[reportAttributeAccessIssue]


def test_training_is_deterministic():
    np.testing.assert_array_equal(run().loss, run().loss)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.full(N, -1)}, r"\{0, 1\}"),
        ({"y": np.ones(N - 1)}, "do not fit"),
        ({"batches": BATCHES[:-1]}, "see minibatches"),
        ({"batches": BATCHES[:, :-1]}, "see minibatches"),
        ({"batches": BATCHES.astype(float)}, "integer"),
        ({"arguments": {"x_test": np.zeros((3, 5), np.float32)}}, "together"),
        ({"arguments": {"checkpoint_at": (-1,), "checkpoint_fn": print}}, "checkpoint_at must be epochs"),
        ({"arguments": {"checkpoint_at": (EPOCHS + 1,), "checkpoint_fn": print}}, "checkpoint_at must be epochs"),
        ({"arguments": {"checkpoint_at": (1,)}}, "with a checkpoint_fn"),
    ],
)
def test_bad_input_is_refused(change, message):
    refused(message, run, **change)


def checkpointed(folder=None, at=(0, 2, 5, EPOCHS), visit=lambda epoch: None, x=X):
    """A training with BatchNorm, and the parameters and statistics at each of its checkpoints."""
    seen = {}

    def remember(epoch, network):
        seen[epoch] = jax.tree.map(np.array, (network.params, network.state))
        visit(epoch)

    arguments = {**TESTED, "checkpoint_at": at, "checkpoint_fn": remember, "folder": folder}
    return run(NORMALISED, x=x, arguments=arguments), seen


def test_checkpoints_see_the_network_after_that_many_epochs():
    trained, seen = checkpointed()
    assert list(seen) == [0, 2, 5, EPOCHS]
    jax.tree.map(np.testing.assert_array_equal, seen[0], (NORMALISED.params, NORMALISED.state))
    jax.tree.map(np.testing.assert_array_equal, seen[EPOCHS], (trained.network.params, trained.network.state))
    np.testing.assert_array_equal(trained.loss, run(NORMALISED).loss)


@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_killed_training_continues_to_the_last_bit(at, folder, monkeypatch):
    def kill(epoch):
        if epoch == at:
            raise Killed

    made, real = [], Problem.program

    def counted(*arguments, **settings):
        program = real(*arguments, **settings)

        def called(carry, data, start, stop):
            made.extend(range(start, stop))
            return program(carry, data, start, stop)

        return called

    monkeypatch.setattr(Problem, "program", counted)
    uninterrupted, seen = checkpointed()
    made.clear()
    with pytest.raises(Killed):
        checkpointed(folder, visit=kill)
    trained, again = checkpointed(folder)
    assert made == list(range(len(BATCHES)))  # none twice
    assert list(again) == [epoch for epoch in seen if epoch >= at]
    for epoch, expected in again.items():
        jax.tree.map(np.testing.assert_array_equal, seen[epoch], expected)
    for name in ("loss", "test_accuracy", "l2_distance"):
        np.testing.assert_array_equal(getattr(trained, name), getattr(uninterrupted, name))


def test_a_state_is_saved_in_the_middle_of_an_epoch_too(folder, monkeypatch):
    monkeypatch.setattr(Checkpoint, "due", property(lambda self: True))
    monkeypatch.setattr(steps, "_SECONDS", 1e-9)  # one step at a time
    saved, real = [], Checkpoint.save

    def save(self, done, *state):
        saved.append(done)
        real(self, done, *state)

    monkeypatch.setattr(Checkpoint, "save", save)
    uninterrupted, _ = checkpointed(at=())
    first, _ = checkpointed(folder, at=())
    assert saved == list(range(1, len(BATCHES) + 1))
    state = dict(folder.load_part("training_state") or {})
    second, _ = checkpointed(folder, at=())  # everything is done: no step is taken
    assert int(state["steps"]) == len(BATCHES) == len(saved)
    refused("another training", checkpointed, folder, at=(), x=2 * X)
    for trained in (first, second):
        np.testing.assert_array_equal(trained.loss, uninterrupted.loss)
