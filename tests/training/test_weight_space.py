import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from ntk_repro.dynamics import train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.training import LOSSES, Checkpoint, Loss, Recipe, accuracy, minibatches, steps, train
from ntk_repro.training.problem import Problem
from tests.training.small import Killed, Normalised, Small, assert_running_mean, assert_trees_close

N, M, EPOCHS, BATCH = 50, 21, 6, 16


def data(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N + M, 5)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int32)
    return x[:N], y[:N], x[N:], y[N:]


def recipe(**settings):
    return Recipe(**{"learning_rate": 0.1, "batch_size": BATCH, "epochs": EPOCHS, **settings})


BATCHES = minibatches(3, N, BATCH, EPOCHS)


def by_optax(net, x, y, chosen, origin):
    """The same training written with optax's own optimizers, schedules and decay."""
    x, y, steps = jnp.asarray(x), jnp.asarray(y), chosen.steps(N)
    schedule = {"linear": optax.linear_schedule(chosen.learning_rate, 0.0, steps), "constant": chosen.learning_rate}
    rate = schedule[chosen.schedule]
    optimizer = optax.sgd(rate, momentum=chosen.momentum) if chosen.optimizer == "sgd" else optax.adam(rate)
    optimizer = optax.chain(optax.add_decayed_weights(chosen.weight_decay), optimizer)

    def value(u, batch):
        fx = net.apply(jax.tree.map(jnp.add, origin, u), x[batch])
        labels = y[batch]
        if chosen.loss == "binary_cross_entropy":
            return -jnp.mean(jnp.sum(labels * jax.nn.log_sigmoid(fx) + (1 - labels) * jax.nn.log_sigmoid(-fx), axis=1))
        return jnp.mean(jnp.sum((fx - labels) ** 2 / 2, axis=1))

    @jax.jit
    def step(u, state, batch):
        loss, gradient = jax.value_and_grad(value)(u, batch)
        updates, state = optimizer.update(gradient, state, u)
        return optax.apply_updates(u, updates), state, loss

    u = jax.tree.map(jnp.subtract, net.params, origin)
    state, losses = optimizer.init(u), []
    for batch in BATCHES:
        u, state, loss = step(u, state, batch)
        losses.append(float(loss))
    return jax.tree.map(jnp.add, origin, u), np.array(losses)


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
    x, y, *_ = data()
    net = Network.create(Small(), 0, (5,))
    net = net.linearization() if linear else net
    # The decay of a network acts on its weights, that of a linearization on their distance from the start.
    origin = net.origin if linear else jax.tree.map(jnp.zeros_like, net.params)
    trained = train(net, x, y, recipe=recipe(**settings), batches=BATCHES)
    params, losses = by_optax(net, x, y[:, None].astype(np.float32), recipe(**settings), origin)
    np.testing.assert_allclose(trained.loss, losses, atol=2e-5)
    assert_trees_close(trained.network.params, params, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_a_linearization_moves_as_in_function_space(loss):
    x, y, x_test, _ = data()
    net = Network.create(Small(), 0, (5,))
    chosen = recipe(weight_decay=0.01, loss=loss)
    trained = train(net.linearization(), x, y, recipe=chosen, batches=BATCHES)
    kernel = empirical_gram(net, np.concatenate([x, x_test]), method="jacobian")
    expected = train_in_function_space(
        kernel[:N, :N],
        y[:, None],
        batches=BATCHES,
        **chosen.in_function_space(N),
        fx_train_0=net(x),
        k_test_train=kernel[N:, :N],
        fx_test_0=net(x_test),
    )
    np.testing.assert_allclose(trained.network(x), expected.fx_train, atol=1e-4)
    assert expected.fx_test is not None
    np.testing.assert_allclose(trained.network(x_test), expected.fx_test, atol=1e-4)
    multiple = Loss.named(loss).multiple
    np.testing.assert_allclose(trained.loss, multiple * expected.loss[:, 0], atol=1e-5)
    np.testing.assert_allclose(trained.l2_distance, expected.l2_distance[0], rtol=1e-4)


@pytest.mark.slow
def test_the_result_describes_the_trained_network():
    x, y, x_test, y_test = data()
    net = Network.create(Small(), 0, (5,))
    before = jax.tree.map(np.array, net.params)
    by_epoch = {}

    def evaluate(epoch, network):
        by_epoch[epoch] = accuracy(network(x_test), y_test)

    tested = {"x_test": x_test, "y_test": y_test, "checkpoint_at": (2, 4, 6), "checkpoint_fn": evaluate}
    trained = train(net, x, y, recipe=recipe(), batches=BATCHES, **tested)
    jax.tree.map(np.testing.assert_array_equal, net.params, before)
    assert trained.train_loss.shape == (EPOCHS,)
    assert trained.train_loss[-1] < trained.train_loss[0]
    assert trained.train_accuracy == accuracy(trained.network(x), y) > 0.8
    assert trained.test_accuracy == accuracy(trained.network(x_test), y_test)
    assert list(by_epoch) == [2, 4, 6]
    assert by_epoch[6] == trained.test_accuracy
    flat, flat_0 = (np.concatenate([np.ravel(p) for p in jax.tree.leaves(t)]) for t in (trained.network.params, before))
    assert trained.l2_distance == pytest.approx(np.linalg.norm(flat - flat_0), rel=1e-5)
    cosine = flat @ flat_0 / np.linalg.norm(flat) / np.linalg.norm(flat_0)
    assert trained.cosine_distance == pytest.approx(1 - cosine, rel=1e-4)


@pytest.mark.slow
def test_batch_statistics_are_live_in_training_and_frozen_for_the_linearization():
    x, y, *_ = data()
    net = Network.create(Normalised(), 0, (5,))
    trained = train(net, x, y, recipe=recipe(learning_rate=0.0), batches=BATCHES)
    assert_running_mean(trained.network, net, x, BATCHES)
    linear = train(net.linearization(), x, y, recipe=recipe(learning_rate=0.0), batches=BATCHES)
    np.testing.assert_allclose(linear.network(x), net(x), atol=1e-6)


@pytest.mark.slow
def test_batch_statistics_enter_the_gradient():
    x, y, *_ = data()
    net = Network.create(Normalised(), 0, (5,))
    batch = BATCHES[:1]
    one = Recipe(learning_rate=0.1, batch_size=BATCH, epochs=1, momentum=0.0, schedule="constant")
    trained = train(net, x[batch[0]], y[batch[0]], recipe=one, batches=np.arange(BATCH, dtype=np.int32)[None])

    def value(params):
        fx, _ = net.training_fn(params, net.state, x[batch[0]])
        return optax.sigmoid_binary_cross_entropy(fx[:, 0], jnp.asarray(y[batch[0]], jnp.float32)).mean()

    expected = jax.tree.map(lambda p, g: p - 0.1 * g, net.params, jax.grad(value)(net.params))
    assert_trees_close(trained.network.params, expected, atol=1e-6)


@pytest.mark.slow
def test_new_labels_and_parameters_compile_nothing():
    traces = []

    def apply_fn(params, x):
        traces.append(x.shape)
        return x @ params

    x, y, x_test, y_test = data()
    net = Network.from_apply(apply_fn, jnp.ones((5, 1)))

    def run(net, y, chosen=None):
        train(net, x, y, recipe=chosen or recipe(), batches=BATCHES, x_test=x_test, y_test=y_test)
        return sum(shape[0] == BATCH for shape in traces)

    first = run(net, y)
    assert first >= 1
    assert run(net, 1 - y) == first
    assert run(net.replace(params=jnp.zeros((5, 1))), y) == first
    assert run(net, y, recipe(learning_rate=0.3)) == first
    assert run(net, y, recipe(loss="half_squared_error")) > first


@pytest.mark.slow
def test_several_outputs_train_on_one_hot_targets():
    x, y, x_test, y_test = data()
    net = Network.create(Small(outputs=2), 0, (5,))
    chosen = recipe(loss="half_squared_error", epochs=20)
    trained = train(
        net, x, np.eye(2)[y], recipe=chosen, batches=minibatches(0, N, BATCH, 20), x_test=x_test, y_test=y_test
    )
    assert trained.train_accuracy > 0.85
    assert trained.test_accuracy == accuracy(trained.network(x_test), y_test)
    assert trained.loss[0] == pytest.approx(
        float(np.mean(np.sum((net(x) - np.eye(2)[y])[minibatches(0, N, BATCH, 20)[0]] ** 2, axis=1)) / 2), rel=1e-5
    )


def test_squared_error_is_cut_between_its_two_targets():
    x, y, *_ = data()
    net = Network.from_apply(lambda params, x: params + 0 * x[:, :1], jnp.array([0.3]))
    chosen = recipe(learning_rate=0.0, loss="half_squared_error")
    assert train(net, x, y, recipe=chosen, batches=BATCHES).train_accuracy == pytest.approx(np.mean(y == 0))
    # Targets that happen to be positive only must not move the cut that was asked for.
    for labels in (2 * y - 1, np.ones(N)):
        trained = train(net, x, labels, recipe=chosen, batches=BATCHES, threshold=0)
        assert trained.train_accuracy == pytest.approx(np.mean(labels > 0))
    with pytest.raises(UserError, match="give threshold=0 for labels -1 and"):
        train(net, x, 2 * y - 1, recipe=chosen, batches=BATCHES)


class Dropping(nn.Module):  # without batch statistics
    rate: float = 0.5

    @nn.compact
    def __call__(self, x, train: bool = False):
        return nn.Dense(1)(nn.Dropout(self.rate, deterministic=not train)(x))


@pytest.mark.slow
def test_dropout_is_refused_with_the_remedy():
    x, y, *_ = data()
    net = Network.create(Dropping(), 0, (5,))
    with pytest.raises(UserError, match="set its dropout rate to 0, or train net"):
        train(net, x, y, recipe=recipe(), batches=BATCHES)
    assert np.isfinite(train(net.linearization(), x, y, recipe=recipe(), batches=BATCHES).loss).all()
    without = Network.create(Dropping(rate=0.0), 0, (5,))
    assert np.isfinite(train(without, x, y, recipe=recipe(), batches=BATCHES).loss).all()


def test_divergence_stops_with_a_warning_and_gives_nan():
    x, y, x_test, y_test = data()
    net = Network.create(Small(), 0, (5,))
    wild = recipe(learning_rate=1e6, loss="half_squared_error", schedule="constant")
    with pytest.warns(UserWarning, match="diverged in step"):
        trained = train(net, x, y, recipe=wild, batches=BATCHES, x_test=x_test, y_test=y_test)
    assert np.isnan(trained.test_accuracy)
    assert np.isnan(trained.train_loss[-1])
    assert trained.train_loss.shape == (EPOCHS,)


def test_training_is_deterministic():
    x, y, *_ = data()
    net = Network.create(Small(), 0, (5,))
    first, second = (train(net, x, y, recipe=recipe(), batches=BATCHES).loss for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_train": np.full(N, -1)}, r"\{0, 1\}"),
        ({"y_train": np.ones(N - 1)}, "do not fit"),
        ({"y_train": np.ones((N, 2))}, "1 outputs and the targets 2"),
        ({"y_train": np.full(N, np.nan)}, "finite"),
        ({"batches": BATCHES[:-1]}, "see minibatches"),
        ({"batches": BATCHES[:, :-1]}, "see minibatches"),
        ({"batches": BATCHES.astype(float)}, "integer"),
        ({"batches": BATCHES + 1}, "index rows"),
        ({"x_test": np.zeros((3, 5), np.float32)}, "together"),
    ],
)
def test_bad_input_is_refused(change, message):
    x, y, *_ = data()
    arguments = {"x_train": x, "y_train": y, "batches": BATCHES, **change}
    with pytest.raises(UserError, match=message):
        train(Network.create(Small(), 0, (5,)), recipe=recipe(), **arguments)


def checkpointed(folder=None, at=(0, 2, 5, EPOCHS), visit=None, x_scale=1.0, **settings):
    """A training with BatchNorm and what its checkpoints saw: the parameters and statistics at each."""
    x, y, x_test, y_test = data()
    seen = {}

    def remember(epoch, network):
        seen[epoch] = jax.tree.map(np.array, (network.params, network.state))
        if visit is not None:
            visit(epoch)

    trained = train(
        Network.create(Normalised(), 0, (5,)),
        x * np.float32(x_scale),
        y,
        recipe=recipe(**settings),
        batches=BATCHES,
        x_test=x_test,
        y_test=y_test,
        checkpoint_at=at,
        checkpoint_fn=remember,
        folder=folder,
    )
    return trained, seen


def test_checkpoints_see_the_network_after_that_many_epochs():
    trained, seen = checkpointed()
    assert list(seen) == [0, 2, 5, EPOCHS]
    start = Network.create(Normalised(), 0, (5,))
    jax.tree.map(np.testing.assert_array_equal, seen[0], (start.params, start.state))
    jax.tree.map(np.testing.assert_array_equal, seen[EPOCHS], (trained.network.params, trained.network.state))
    plain = train(start, *data()[:2], recipe=recipe(), batches=BATCHES)
    np.testing.assert_array_equal(trained.loss, plain.loss)


@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_killed_training_continues_to_the_last_bit(at, tmp_path, monkeypatch):
    def kill(epoch):
        if epoch == at:
            raise Killed

    made = []
    real = Problem.program

    def counted(*arguments, **settings):
        program = real(*arguments, **settings)

        def called(carry, data, start, stop):
            made.extend(range(start, stop))
            return program(carry, data, start, stop)

        return called

    monkeypatch.setattr(Problem, "program", counted)
    whole, seen = checkpointed()
    made.clear()
    with RunFolder.open("study", recipe(), root=tmp_path) as folder:
        with pytest.raises(Killed):
            checkpointed(folder, visit=kill)
        trained, again = checkpointed(folder)
    assert made == list(range(len(BATCHES)))  # none twice
    assert list(again) == [epoch for epoch in seen if epoch >= at]
    for epoch, expected in again.items():
        jax.tree.map(np.testing.assert_array_equal, seen[epoch], expected)
    for name in ("loss", "test_accuracy", "l2_distance"):
        np.testing.assert_array_equal(getattr(trained, name), getattr(whole, name))


def test_a_state_is_kept_in_the_middle_of_an_epoch_too(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "due", property(lambda self: True))
    monkeypatch.setattr(steps, "_SECONDS", 1e-9)  # one step at a time
    saved, real = [], Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, steps, *rest: (saved.append(steps), real(self, steps, *rest))[1]
    )
    whole, _ = checkpointed(at=())
    with RunFolder.open("study", recipe(), root=tmp_path) as folder:
        first, _ = checkpointed(folder, at=())
        assert saved == list(range(1, len(BATCHES) + 1))
        kept = dict(folder.load_part("training_state") or {})
        second, _ = checkpointed(folder, at=())  # everything is done: no step is taken
        assert int(kept["steps"]) == len(BATCHES) == len(saved)
        with pytest.raises(UserError, match="another training"):
            checkpointed(folder, x_scale=2.0)
    for trained in (first, second):
        np.testing.assert_array_equal(trained.loss, whole.loss)


@pytest.mark.parametrize("at", [(-1,), (EPOCHS + 1,)])
def test_checkpoints_outside_of_the_training_are_refused(at):
    with pytest.raises(UserError, match="checkpoint_at must be epochs"):
        checkpointed(at=at)
