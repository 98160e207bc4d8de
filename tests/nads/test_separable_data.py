import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.nads import linearly_separable
from tests.refusals import refused

U = np.random.default_rng(0).normal(size=(3, 2, 1)).astype(np.float32)


@settings(max_examples=20)
@given(epsilon=st.floats(0.1, 3), sigma=st.floats(0.1, 3), seed=st.integers(0, 2**31))
def test_the_direction_alone_separates(epsilon, sigma, seed):
    data = linearly_separable(U, 40, 10, epsilon=epsilon, sigma=sigma, seed=seed)
    u = U.ravel() / np.linalg.norm(U)
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        np.testing.assert_allclose(x.reshape(len(x), -1) @ u, epsilon * (2 * y - 1), atol=1e-5)


def test_all_other_directions_are_noise():
    data = linearly_separable(U, 20000, 10, sigma=2.0)
    u = U.ravel() / np.linalg.norm(U)
    noise = data.x_train.reshape(20000, -1)
    noise = noise - np.outer(noise @ u, u)
    np.testing.assert_allclose(noise.T @ noise / 20000, 4 * (np.eye(6) - np.outer(u, u)), atol=0.1)
    assert abs(data.y_train.mean() - 0.5) < 0.02
    assert np.abs(noise.T @ (2 * data.y_train - 1)).max() / 20000 < 0.06


def test_two_directions_share_labels_and_test_samples_do_not_depend_on_the_training_size():
    one, two = (linearly_separable(u, 30, 20, seed=3) for u in (U, U[::-1]))
    np.testing.assert_array_equal(one.y_train, two.y_train)
    np.testing.assert_array_equal(one.x_test, linearly_separable(U, 7, 20, seed=3).x_test)
    assert one.x_train.shape == (30, 3, 2, 1)
    assert (one.x_train != two.x_train).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"train_size": 0}, "sizes?|at least 1"), ({"epsilon": 0}, "epsilon"), ({"sigma": np.inf}, "sigma")],
)
def test_bad_settings_are_refused(change, message):
    refused(message, linearly_separable, **{"direction": U, "train_size": 5, "test_size": 5, **change})


def test_no_direction_is_refused():
    refused("norm 0", linearly_separable, 0 * U, 5, 5)
