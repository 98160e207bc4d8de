from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from ntk_repro.dynamics import function_space
from ntk_repro.dynamics.function_space import train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.gram import GramStore, empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import cast, precision_scope
from tests.training.small import by_optax

N, M, TASKS, STEPS, BATCH = 40, 7, 3, 60, 8
LOSSES = ["binary_cross_entropy", "half_squared_error"]


def problem(dtype: Any = np.float64, seed=0) -> dict[str, Any]:
    """A random linear model: kernels, labels, batches with repeated rows, falling rates."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N + M, 25)) / 5
    gram = (x @ x.T).astype(dtype)
    return {
        "k_train_train": np.ascontiguousarray(gram[:N, :N]),
        "y_train": rng.integers(0, 2, (N, TASKS)).astype(dtype),
        "batches": rng.integers(0, N, (STEPS, BATCH)),
        "learning_rate": 0.5 * (1 - np.arange(STEPS) / STEPS),
        "momentum": 0.9,
        "weight_decay": 0.01,
        "fx_train_0": rng.standard_normal((N, 1)).astype(dtype),
        "k_test_train": gram[N:, :N],
        "fx_test_0": rng.standard_normal((M, 1)).astype(dtype),
    }


def trained(p=None, **changes) -> Any:
    return train_in_function_space(**{**(p or problem()), **changes})


@pytest.mark.parametrize("loss", LOSSES)
def test_equals_a_plain_loop_over_samples(loss):
    """In NumPy, on the weights of one task, one sample at a time."""
    p, found = problem(), trained(loss=loss)
    features, f0 = np.linalg.cholesky(p["k_train_train"] + 1e-14 * np.eye(N)), p["fx_train_0"][:, 0]
    for task, y in enumerate(p["y_train"].T):
        u, velocity = np.zeros((2, N))
        for batch, rate in zip(p["batches"], p["learning_rate"], strict=True):
            gradient = 0.01 * u
            for i in batch:
                f = f0[i] + features[i] @ u
                slope = 1 / (1 + np.exp(-f)) - y[i] if loss == "binary_cross_entropy" else f - y[i]
                gradient = gradient + slope * features[i] / BATCH
            velocity = 0.9 * velocity + gradient
            u = u - rate * velocity
        np.testing.assert_allclose(found.fx_train[:, task], f0 + features @ u, atol=1e-10)
        np.testing.assert_allclose(found.l2_distance[task], np.linalg.norm(u), rtol=1e-9)
    assert found.fx_train.dtype == np.float64


def flat(x):
    return x.reshape(len(x), -1)


LINEAR = [flat, nn.Dense(1)]
MLP = [flat, nn.Dense(16), nn.relu, nn.Dense(16), nn.relu, nn.Dense(1)]
CNN = [
    *(nn.Conv(4, (3, 3)), nn.relu, lambda x: nn.avg_pool(x, (2, 2), (2, 2))),
    *(nn.Conv(6, (3, 3), padding="VALID"), nn.relu, flat, nn.Dense(1)),
]


@pytest.mark.parametrize(
    ("layers", "loss", "dtype", "tolerance"),
    [
        *((LINEAR, loss, np.float64, 1e-9) for loss in LOSSES),
        *(pytest.param(MLP, loss, np.float64, 1e-9, marks=pytest.mark.slow) for loss in LOSSES),
        pytest.param(CNN, LOSSES[0], np.float64, 1e-9, marks=pytest.mark.slow),
        pytest.param(CNN, LOSSES[1], np.float32, 1e-4, marks=pytest.mark.slow),
    ],
)
def test_equals_optax_sgd_on_the_linearized_network(layers, loss, dtype, tolerance):
    """In weight space, one label vector at a time; the decay acts on the displacement from the start."""
    steps, n, m = 320, 48, 12
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + m, 8, 8, 2)).astype(dtype)
    labels = rng.integers(0, 2, (n, 2)).astype(dtype)
    batches = rng.integers(0, n, (steps, 16))
    rates = (0.05 * (1 - np.arange(steps) / steps)).astype(dtype)
    with precision_scope(np.dtype(dtype).name):
        net = Network.create(nn.Sequential(layers), 0, x.shape[1:])
        net = net.replace(params=cast(net.params, np.dtype(dtype)))
        gram = empirical_gram(net, x, method="jacobian", precision=np.dtype(dtype).name)
        fx_0, f = np.asarray(net.apply(net.params, x)), net.linearized()
        found = train_in_function_space(
            gram[:n, :n], labels, batches=batches, learning_rate=rates, momentum=0.9, weight_decay=0.01, loss=loss,
            fx_train_0=fx_0[:n], k_test_train=gram[n:, :n], fx_test_0=fx_0[n:],
        )  # fmt: skip
        sgd = optax.sgd(lambda step: jnp.asarray(rates)[step], momentum=0.9)
        optimizer = optax.chain(optax.add_decayed_weights(0.01), sgd)
        for task in range(2):
            moved = lambda u, x: f(jax.tree.map(jnp.add, net.params, u), x)  # noqa: E731
            start = jax.tree.map(jnp.zeros_like, net.params)
            u, losses = by_optax(moved, start, x, labels[:, [task]], batches, optimizer, loss)
            expected = np.asarray(moved(u[-1], x))[:, 0]
            assert np.abs(expected - fx_0[:, 0]).max() > 0.1  # training went somewhere
            assert found.fx_test is not None
            np.testing.assert_allclose(found.fx_train[:, task], expected[:n], atol=tolerance)
            np.testing.assert_allclose(found.fx_test[:, task], expected[n:], atol=tolerance)
            np.testing.assert_allclose(found.loss[:, task], losses, atol=tolerance)
            distance = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(u[-1])))
            np.testing.assert_allclose(found.l2_distance[task], distance, rtol=100 * tolerance)
    assert found.fx_train.dtype == dtype


@pytest.mark.parametrize("loss", LOSSES)
def test_tasks_are_independent(loss):
    together = trained(loss=loss)
    for task in range(TASKS):
        alone = trained(y_train=problem()["y_train"][:, [task]], loss=loss)
        for name in ("fx_train", "fx_test", "loss"):
            np.testing.assert_allclose(getattr(alone, name)[:, 0], getattr(together, name)[:, task], atol=1e-12)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), loss=st.sampled_from(LOSSES))
def test_the_order_of_samples_does_not_matter(seed, loss):
    p = problem(seed=seed)
    order = np.random.default_rng(seed).permutation(N)
    permuted = {
        **p,
        **{name: p[name][order] for name in ("y_train", "fx_train_0")},
        "k_train_train": p["k_train_train"][np.ix_(order, order)],
        "k_test_train": p["k_test_train"][:, order],
        "batches": np.argsort(order)[p["batches"]],
    }
    first, second = trained(p, loss=loss), trained(permuted, loss=loss)
    np.testing.assert_allclose(second.fx_train, first.fx_train[order], atol=1e-11)
    np.testing.assert_allclose(second.fx_test, first.fx_test, atol=1e-11)


@pytest.mark.parametrize("observe_at", [(), (0, 1, 7, 59, STEPS), (30,)])
def test_outputs_are_observed_after_the_steps_that_are_named_and_nothing_else_changes(observe_at):
    p = problem()
    found, alone = trained(observe_at=observe_at), trained()
    assert found.observed.shape == (len(observe_at), M, TASKS)
    for steps, fx in zip(observe_at, found.observed, strict=True):
        if steps:
            part = trained(batches=p["batches"][:steps], learning_rate=p["learning_rate"][:steps])
            np.testing.assert_allclose(fx, part.fx_test, atol=1e-12)
        else:
            np.testing.assert_array_equal(fx, np.repeat(p["fx_test_0"], TASKS, axis=1))
    np.testing.assert_allclose(found.fx_test, alone.fx_test, atol=1e-12)
    np.testing.assert_allclose(found.loss, alone.loss, atol=1e-12)


@pytest.mark.parametrize("observe_at", [(2, 1), (1, 1), (-1,), (STEPS + 1,)])
def test_other_steps_to_observe_are_refused(observe_at):
    with pytest.raises(UserError, match="observe_at must be a list of increasing step numbers from 0 to 60"):
        trained(observe_at=observe_at)


def test_zero_learning_rate_leaves_everything_at_the_start():
    p, found = problem(), trained(learning_rate=0.0)
    np.testing.assert_array_equal(found.fx_train, np.repeat(p["fx_train_0"], TASKS, axis=1))
    np.testing.assert_array_equal(found.fx_test, np.repeat(p["fx_test_0"], TASKS, axis=1))
    np.testing.assert_array_equal(found.l2_distance, 0.0)


def test_one_step_on_a_batch_with_a_repeated_row_counts_it_twice():
    kernel, batches = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[0, 0, 1]])
    found = train_in_function_space(
        kernel, np.ones((2, 1)), batches=batches, learning_rate=0.3, loss="half_squared_error"
    )
    np.testing.assert_allclose(found.coefficients[:, 0], [0.3 * 2 / 3, 0.3 / 3], rtol=1e-14)
    np.testing.assert_allclose(found.fx_train, kernel @ found.coefficients, rtol=1e-14)
    np.testing.assert_allclose(found.loss, [[0.5]])


def test_full_batch_steps_follow_the_closed_form():
    kernel, y = problem()["k_train_train"], problem()["y_train"]
    steps, rate = 30, 0.8
    batches = np.tile(np.arange(N), (steps, 1))
    found = train_in_function_space(kernel, y, batches=batches, learning_rate=rate, loss="half_squared_error")
    decay = np.linalg.matrix_power(np.eye(N) - rate * kernel / N, steps)
    np.testing.assert_allclose(found.fx_train, y - decay @ y, atol=1e-12)


def as_view(kernel, view, folder):
    if view == "slice":
        large = np.zeros((50, 60), kernel.dtype)
        large[:N, :N] = kernel
        return large[:N, :N]
    if view == "transpose":
        return np.asfortranarray(kernel)
    np.save(folder / "k.npy", kernel)
    return np.load(folder / "k.npy", mmap_mode="r")


@pytest.mark.parametrize("view", ["slice", "transpose", "memory map"])
@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_views_and_memory_maps_give_the_same_result(view, dtype, atol, tmp_path, monkeypatch):
    p = problem(dtype)
    expected = trained(p)
    monkeypatch.setattr(function_space, "_COPY_BELOW", 0)
    monkeypatch.setattr(function_space, "_CHUNK_FLOP", 7 * 2 * BATCH * N * TASKS)  # chunks that do not divide the steps
    found = trained(p, k_train_train=as_view(p["k_train_train"], view, tmp_path))
    np.testing.assert_allclose(found.fx_train, expected.fx_train, atol=atol)
    np.testing.assert_allclose(found.loss, expected.loss, atol=atol)
    assert found.loss.shape == (STEPS, TASKS)


def test_a_store_is_read_and_an_operator_refused(tmp_path):
    p = problem()
    with GramStore.open(tmp_path / "k", {}, n=N, tile=N, dtype="float64") as store:
        store.write(0, 0, p["k_train_train"])
        store.finish()
    found = trained(p, k_train_train=GramStore.read(tmp_path / "k"), observe_at=jnp.array([0, STEPS]))
    expected = trained(p, observe_at=(0, STEPS))
    np.testing.assert_array_equal(found.fx_train, expected.fx_train)
    np.testing.assert_array_equal(found.observed, expected.observed)
    with pytest.raises(UserError, match="k_train_train is an operator"):
        trained(p, k_train_train=aslinearoperator(p["k_train_train"]))


def test_starts_of_all_shapes_agree():
    starts = [0.25, np.full((N, 1), 0.25), np.full((N, TASKS), 0.25)]
    first, *others = (trained(fx_train_0=fx_0, fx_test_0=0.0).fx_test for fx_0 in starts)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_without_a_test_kernel_there_are_no_test_outputs():
    assert trained(k_test_train=None).fx_test is None


def test_inputs_are_unchanged():
    p = problem()
    trained(p)
    for name, value in problem().items():
        np.testing.assert_array_equal(p[name], value)


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
        trained(**change)


def test_a_rate_above_the_stability_limit_warns_and_divergence_is_refused():
    p = problem(np.float32)
    kernel = 1e4 * p["k_train_train"]
    with pytest.warns(UserWarning, match="stability limit"), pytest.raises(UserError, match="diverged"):
        trained(k_train_train=kernel, learning_rate=0.5, loss="half_squared_error", momentum=0.0, weight_decay=0.0)
