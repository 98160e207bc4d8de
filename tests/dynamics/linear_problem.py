"""A random linear model, and its training by means that share nothing with the closed forms."""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from ntk_repro.gram import GramStore


class Problem(NamedTuple):
    """Features of n training and m test samples, targets and initial outputs of k outputs."""

    features: np.ndarray
    test_features: np.ndarray
    y: np.ndarray
    f0: np.ndarray
    test_f0: np.ndarray

    @property
    def kernel(self):
        return self.features @ self.features.T

    @property
    def test_kernel(self):
        return self.test_features @ self.features.T

    @property
    def starts(self):
        """The arguments that every `outputs` takes last."""
        return self.f0, self.test_f0, self.test_kernel

    def at(self, weights):
        """Outputs at the training and test samples."""
        return self.f0 + self.features @ weights, self.test_f0 + self.test_features @ weights

    def ridge_regression(self, ridge=0.0):
        """Outputs of the solution of kernel ridge regression, with a ridge of 0 of interpolation."""
        solved = np.linalg.solve(self.kernel + ridge * np.eye(len(self.y)), self.y - self.f0)
        return self.at(self.features.T @ solved)


def random_problem(n=12, m=5, p=30, k=2, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n + m, p)) * np.sqrt(scale / p)
    y, f0 = rng.standard_normal((2, n + m, k))
    return Problem(features[:n], features[n:], y[:n], f0[:n], f0[n:])


def by_expm(problem, t):
    """Eqs. (9)-(11) by SciPy's matrix exponential of the joint linear ODE of train and test outputs."""
    n, m = len(problem.y), len(problem.test_f0)
    generator = np.zeros((n + m, n + m))
    generator[:n, :n], generator[n:, :n] = -problem.kernel, -problem.test_kernel
    start = np.concatenate([problem.f0 - problem.y, problem.test_f0])
    end = scipy.linalg.expm(generator * t) @ start
    return end[:n] + problem.y, end[n:]


def by_descent(problem, steps, learning_rate, momentum=0.0, ridge=0.0):
    """Gradient descent on the weights themselves; outputs after each of `steps`, in increasing order."""
    weights = velocity = np.zeros((problem.features.shape[1], problem.y.shape[1]))
    found, done = [], 0
    for until in steps:
        for _ in range(until - done):
            residual = problem.at(weights)[0] - problem.y
            velocity = momentum * velocity + problem.features.T @ residual + ridge * weights
            weights = weights - learning_rate * velocity
        done = until
        found.append(problem.at(weights))
    return tuple(np.stack(part) for part in zip(*found, strict=True))


def assert_near(found, expected, atol):
    """Compares train and test outputs, or other pairs."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def stored(kernel, folder):
    """A kernel in a store on disk."""
    n, tile = len(kernel), 16
    with GramStore.open(folder, {"test": "dynamics"}, n=n, tile=tile, dtype=kernel.dtype.name) as store:
        for i in range(0, n, tile):
            for j in range(i, n, tile):
                store.write(i // tile, j // tile, kernel[i : i + tile, j : j + tile])
        store.finish()
    return GramStore.read(folder)
