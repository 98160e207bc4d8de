"""Linear classifiers on the pixels, to compare networks with; fitted once for each data set."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntk_repro.data import Dataset
from ntk_repro.experiments import experiment
from ntk_repro.finite_width.settings import Images
from ntk_repro.finite_width.task import images, targets
from ntk_repro.progress import console
from ntk_repro.ranges import check_counts, check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.training import accuracy


@dataclass(frozen=True)
class Config(Images):
    """Fits a logistic regression and a ridge regression on the pixels."""

    positive: int | None = None
    """The class to distinguish from all others; none: all classes."""
    ridge: float = 1.0
    """Ridge of the least-squares classifier, as a share of the mean squared norm of an image's pixels."""
    iterations: int = 10_000
    """Most iterations of the logistic regression's fit; it usually converges before."""

    @classmethod
    def of(cls, images: Images, positive: int | None = None) -> "Config":
        """The baselines on the images of another experiment."""
        return cls(**images.values(Images), positive=positive)

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_not_negative(ridge=self.ridge)
        check_counts(iterations=self.iterations)
        return super().canonical()


@experiment("finite_width_baselines", load=images, wait=True)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, float]:
    """Fits both, or returns a finished fit; waits for another process that fits the same.

    The result's arrays: `logistic_train_accuracy`, `logistic_test_accuracy`, `ridge_train_accuracy` and
    `ridge_test_accuracy`; `logistic_iterations`, after which the fit had converged by scikit-learn's criterion, or
    which were the most allowed.

    Source: Samarin et al. 2022, section 4.1 ("a logistic regression on normalized MNIST pixels").
    """
    console.print(f"logistic regression on {config.displayed_data}", highlight=False)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    y = targets(data, config.positive)
    # In float32 the rounding, and with it the accuracy, would depend on the number of threads.
    x_train, x_test = (x.reshape(len(x), -1).astype(np.float64) for x in (data.x_train, data.x_test))
    chosen = (data.y_train, data.y_test)
    labels = chosen if config.positive is None else [classes == config.positive for classes in chosen]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported below, in one line
        # Besides the iterations scikit-learn's default settings, whose 100 end before a fit to pixels has converged.
        logistic = LogisticRegression(max_iter=config.iterations).fit(x_train, labels[0])
    iterations = int(logistic.n_iter_.max())
    if iterations == config.iterations:
        console.print(f"  not converged after {iterations:,} iterations", highlight=False)
    ridge = Ridge(alpha=config.ridge * float(np.mean(np.sum(x_train**2, axis=1)))).fit(x_train, y.y_train)
    return {
        "logistic_iterations": iterations,
        "logistic_train_accuracy": float(logistic.score(x_train, labels[0])),
        "ridge_train_accuracy": accuracy(ridge.predict(x_train), y.y_train, 0.5),
        "logistic_test_accuracy": float(logistic.score(x_test, labels[1])),
        "ridge_test_accuracy": accuracy(ridge.predict(x_test), y.y_test, 0.5),
    }
