import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.dynamics import function_space
from ntk_repro.dynamics.function_space import train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import precision_scope

LOSSES = ["binary_cross_entropy", "half_squared_error"]


def problem(n=40, m=7, tasks=3, b=8, steps=60, dtype=np.float64, seed=0):
    """A random linear model: features, labels, batches with repeated rows, falling rates."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n + m, 25)) / 5
    gram = (x @ x.T).astype(dtype)
    return {
        "k_train_train": np.ascontiguousarray(gram[:n, :n]),
        "y_train": rng.integers(0, 2, (n, tasks)).astype(dtype),
        "batches": rng.integers(0, n, (steps, b)),
        "learning_rate": 0.5 * (1 - np.arange(steps) / steps),
        "momentum": 0.9,
        "weight_decay": 0.01,
        "fx_train_0": rng.standard_normal((n, 1)).astype(dtype),
        "k_test_train": gram[n:, :n],
        "fx_test_0": rng.standard_normal((m, 1)).astype(dtype),
    }


def at_test(trained):
    """The test outputs, which may be None by type."""
    assert trained.fx_test is not None
    return trained.fx_test


def by_weights_in_numpy(features, f0, y, batches, rates, momentum, weight_decay, loss):
    """One task, one sample at a time, in plain NumPy."""
    u, velocity = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for batch, rate in zip(batches, rates, strict=True):
        gradient = weight_decay * u
        for i in batch:
            f = f0[i] + features[i] @ u
            slope = 1 / (1 + np.exp(-f)) - y[i] if loss == "binary_cross_entropy" else f - y[i]
            gradient = gradient + slope * features[i] / len(batch)
        velocity = momentum * velocity + gradient
        u = u - rate * velocity
    return u


@pytest.mark.parametrize("loss", LOSSES)
def test_equals_a_plain_loop_over_samples(loss):
    p = problem()
    features = np.linalg.cholesky(p["k_train_train"] + 1e-14 * np.eye(40))
    trained = train_in_function_space(**p, loss=loss)
    for task in range(3):
        u = by_weights_in_numpy(
            features, p["fx_train_0"][:, 0], p["y_train"][:, task], p["batches"], p["learning_rate"], 0.9, 0.01, loss
        )
        np.testing.assert_allclose(trained.fx_train[:, task], p["fx_train_0"][:, 0] + features @ u, atol=1e-10)
        np.testing.assert_allclose(trained.l2_distance[task], np.linalg.norm(u), rtol=1e-9)
    assert trained.fx_train.dtype == np.float64


class SmallMLP(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.relu(nn.Dense(16)(nn.relu(nn.Dense(16)(x.reshape(len(x), -1))))))


class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.avg_pool(nn.relu(nn.Conv(4, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.Conv(6, (3, 3), padding="VALID")(x))
        return nn.Dense(1)(x.reshape(len(x), -1))


def by_optax(f, params, x, y, batches, rates, momentum, weight_decay, loss):
    """Weight-space SGD with optax for each column of y; the decay acts on the displacement from the start.

    Returns the outputs at all of x as columns, and the length of each displacement.
    """
    x, y, rates = jnp.asarray(x), jnp.asarray(y), jnp.asarray(rates)

    def value(u, batch, labels):
        fx = f(jax.tree.map(jnp.add, params, u), x[batch])[:, 0]
        if loss == "binary_cross_entropy":
            return optax.sigmoid_binary_cross_entropy(fx, labels[batch]).mean()
        return ((fx - labels[batch]) ** 2).mean() / 2

    optimizer = optax.chain(
        optax.add_decayed_weights(weight_decay), optax.sgd(lambda step: rates[step], momentum=momentum)
    )

    @jax.jit
    def step(u, state, batch, labels):
        updates, state = optimizer.update(jax.grad(value)(u, batch, labels), state, u)
        return optax.apply_updates(u, updates), state

    outputs, distances = [], []
    for labels in y.T:
        u = jax.tree.map(jnp.zeros_like, params)
        state = optimizer.init(u)
        for batch in batches:
            u, state = step(u, state, batch, labels)
        outputs.append(f(jax.tree.map(jnp.add, params, u), x)[:, 0])
        distances.append(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(u))))
    return np.stack(outputs, axis=1), np.array(distances)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "loss", "dtype", "tolerance"),
    [(SmallMLP(), loss, np.float64, 1e-9) for loss in LOSSES]
    + [(SmallCNN(), LOSSES[0], np.float64, 1e-9), (SmallCNN(), LOSSES[1], np.float32, 1e-4)],
)
def test_equals_optax_sgd_on_the_linearized_network(module, loss, dtype, tolerance):
    steps, n, m, tasks = 320, 48, 12, 2
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + m, 8, 8, 2)).astype(dtype)
    labels = rng.integers(0, 2, (n, tasks)).astype(dtype)
    batches = rng.integers(0, n, (steps, 16))
    rates = (0.05 * (1 - np.arange(steps) / steps)).astype(dtype)
    with precision_scope(np.dtype(dtype).name):
        net = Network.create(module, 0, x.shape[1:])
        net = net.replace(params=jax.tree.map(lambda leaf: leaf.astype(dtype), net.params))
        gram = empirical_gram(net, x, method="jacobian", precision=np.dtype(dtype).name)
        fx_0 = np.asarray(net.apply(net.params, x))
        trained = train_in_function_space(
            gram[:n, :n], labels, batches=batches, learning_rate=rates, momentum=0.9, weight_decay=0.01, loss=loss,
            fx_train_0=fx_0[:n], k_test_train=gram[n:, :n], fx_test_0=fx_0[n:],
        )  # fmt: skip
        expected, distances = by_optax(net.linearized(), net.params, x, labels, batches, rates, 0.9, 0.01, loss)
    assert np.abs(expected - fx_0).max() > 0.1  # training went somewhere
    np.testing.assert_allclose(trained.fx_train, expected[:n], atol=tolerance)
    np.testing.assert_allclose(at_test(trained), expected[n:], atol=tolerance)
    np.testing.assert_allclose(trained.l2_distance, distances, rtol=100 * tolerance)


@pytest.mark.parametrize("loss", LOSSES)
def test_tasks_do_not_touch_each_other(loss):
    p = problem()
    together = train_in_function_space(**p, loss=loss)
    for task in range(3):
        alone = train_in_function_space(**{**p, "y_train": p["y_train"][:, [task]]}, loss=loss)
        np.testing.assert_allclose(alone.fx_train[:, 0], together.fx_train[:, task], atol=1e-12)
        np.testing.assert_allclose(at_test(alone)[:, 0], at_test(together)[:, task], atol=1e-12)
        np.testing.assert_allclose(alone.loss[:, 0], together.loss[:, task], atol=1e-12)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), loss=st.sampled_from(LOSSES))
def test_the_order_of_samples_does_not_matter(seed, loss):
    p = problem(seed=seed)
    order = np.random.default_rng(seed).permutation(40)
    position = np.argsort(order)
    permuted = {
        **p,
        "k_train_train": p["k_train_train"][np.ix_(order, order)],
        "k_test_train": p["k_test_train"][:, order],
        "y_train": p["y_train"][order],
        "fx_train_0": p["fx_train_0"][order],
        "batches": position[p["batches"]],
    }
    first, second = (train_in_function_space(**q, loss=loss) for q in (p, permuted))
    np.testing.assert_allclose(second.fx_train, first.fx_train[order], atol=1e-11)
    np.testing.assert_allclose(at_test(second), at_test(first), atol=1e-11)


def test_zero_learning_rate_leaves_everything_at_the_start():
    p = problem()
    trained = train_in_function_space(**{**p, "learning_rate": 0.0})
    np.testing.assert_array_equal(trained.fx_train, np.repeat(p["fx_train_0"], 3, axis=1))
    np.testing.assert_array_equal(at_test(trained), np.repeat(p["fx_test_0"], 3, axis=1))
    np.testing.assert_array_equal(trained.l2_distance, 0.0)


def test_one_step_on_a_batch_with_a_repeated_row_counts_it_twice():
    kernel = np.array([[2.0, 0.5], [0.5, 1.0]])
    trained = train_in_function_space(
        kernel, np.ones((2, 1)), batches=np.array([[0, 0, 1]]), learning_rate=0.3, loss="half_squared_error"
    )
    np.testing.assert_allclose(trained.coefficients[:, 0], [0.3 * 2 / 3, 0.3 / 3], rtol=1e-14)
    np.testing.assert_allclose(trained.fx_train, kernel @ trained.coefficients, rtol=1e-14)
    np.testing.assert_allclose(trained.loss, [[0.5]])


def test_full_batch_steps_follow_the_closed_form():
    p = problem()
    kernel, y = p["k_train_train"], p["y_train"]
    steps, rate = 30, 0.8
    trained = train_in_function_space(
        kernel, y, batches=np.tile(np.arange(40), (steps, 1)), learning_rate=rate, loss="half_squared_error"
    )
    decay = np.linalg.matrix_power(np.eye(40) - rate * kernel / 40, steps)
    np.testing.assert_allclose(trained.fx_train, y - decay @ y, atol=1e-12)


@pytest.mark.parametrize("view", ["slice", "transpose", "memmap"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_views_and_memory_maps_give_the_same_result(view, dtype, tmp_path, monkeypatch):
    p = problem(dtype=dtype)
    expected = train_in_function_space(**p)
    kernel = p["k_train_train"]
    if view == "slice":
        big = np.zeros((50, 60), dtype)
        big[:40, :40] = kernel
        kernel = big[:40, :40]
    elif view == "transpose":
        kernel = np.asfortranarray(kernel)
    else:
        np.save(tmp_path / "k.npy", kernel)
        kernel = np.load(tmp_path / "k.npy", mmap_mode="r")
    monkeypatch.setattr(function_space, "_COPY_BELOW", 0)
    # Chunks that do not divide the 60 steps.
    monkeypatch.setattr(function_space, "_CHUNK_FLOP", 7 * 2 * 8 * 40 * 3)
    trained = train_in_function_space(**{**p, "k_train_train": kernel})
    np.testing.assert_allclose(trained.fx_train, expected.fx_train, atol=1e-5 if dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(trained.loss, expected.loss, atol=1e-5 if dtype == np.float32 else 1e-13)
    assert trained.loss.shape == (60, 3)


def test_starts_of_all_shapes_agree():
    p = problem()
    shapes = [0.25, np.full((40, 1), 0.25), np.full((40, 3), 0.25)]
    first, *others = (train_in_function_space(**{**p, "fx_train_0": f0, "fx_test_0": 0.0}) for f0 in shapes)
    for other in others:
        np.testing.assert_array_equal(at_test(other), at_test(first))


def test_without_a_test_kernel_there_are_no_test_outputs():
    p = problem()
    del p["k_test_train"], p["fx_test_0"]
    assert train_in_function_space(**p).fx_test is None


def test_inputs_are_left_alone():
    p = problem()
    copies = {name: np.copy(value) for name, value in p.items()}
    train_in_function_space(**p)
    for name, value in p.items():
        np.testing.assert_array_equal(value, copies[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_train": np.full((40, 1), -1.0)}, r"\{0, 1\}"),
        ({"y_train": np.ones((39, 1))}, r"\(40, T\)"),
        ({"y_train": np.ones(40)}, "one label vector a column"),
        ({"y_train": np.full((40, 1), np.nan), "loss": "half_squared_error"}, "finite"),
        ({"k_train_train": np.ones((40, 39))}, "square"),
        ({"k_train_train": np.ones((40, 40), int)}, "float32 or float64"),
        ({"k_train_train": np.full((40, 40), np.nan)}, "k_train_train has entries that are not finite"),
        ({"batches": np.array([[0, 40]])}, "0 to 39"),
        ({"batches": np.array([[-1, 3]])}, "0 to 39"),
        ({"batches": np.array([0, 3])}, "integer row indices"),
        ({"batches": np.array([[0.0, 3.0]])}, "integer row indices"),
        ({"learning_rate": np.ones(59)}, "60 steps"),
        ({"learning_rate": -0.1}, "learning_rate must be at least 0"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"loss": "binary_crossentropy"}, "binary_cross_entropy"),
        ({"fx_train_0": np.zeros((40, 2))}, "fx_train_0"),
        ({"fx_test_0": np.zeros((6, 1))}, "fx_test_0"),
        ({"k_test_train": np.zeros((7, 39))}, r"k_test_train must be of shape \(m, 40\)"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        train_in_function_space(**{**problem(), **change})


def test_a_rate_above_the_stability_limit_warns_and_divergence_is_refused():
    p = problem()
    kernel = 1e4 * p["k_train_train"].astype(np.float32)
    with pytest.warns(UserWarning, match="stability limit"), pytest.raises(UserError, match="diverged"):
        train_in_function_space(
            kernel, p["y_train"], batches=p["batches"], learning_rate=0.5, loss="half_squared_error"
        )
