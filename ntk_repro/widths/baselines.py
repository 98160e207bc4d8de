"""Linear classifiers on the pixels: what the study's networks are compared with, fitted once for each data set."""

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ntk_repro.data import Dataset
from ntk_repro.errors import UserError
from ntk_repro.progress import console
from ntk_repro.record import RunFolder
from ntk_repro.training import accuracy
from ntk_repro.widths.settings import Images
from ntk_repro.widths.task import images, targets

__all__ = ["Config", "run"]


@dataclass(frozen=True)
class Config(Images):
    """Fits a logistic regression and a ridge regression on the pixels."""

    positive: int | None = None
    """The class to tell from all others; none: all classes."""
    ridge: float = 1.0
    """Ridge of the least-squares classifier, as a share of the mean squared norm of an image's pixels."""

    @classmethod
    def of(cls, images: Images, positive: int | None = None) -> "Config":
        """The baselines on the images of another experiment."""
        own = {field.name: getattr(images, field.name) for field in dataclasses.fields(Images)}
        return cls(**own, positive=positive)

    def resolved(self) -> "Config":
        """The same settings in their canonical form.

        Raises:
            UserError: for settings out of range.
        """
        if self.ridge < 0:
            raise UserError(f"ridge must be 0 or more, not {self.ridge}")
        return super().resolved()


def run(config: Config, root: Path | None = None, data: Dataset | None = None) -> RunFolder:
    """Fits both, or returns what is there; waits for another process that fits the same.

    The result's arrays: `logistic_train_accuracy`, `logistic_test_accuracy`, `ridge_train_accuracy` and
    `ridge_test_accuracy`.

    Source: Samarin et al. 2022, section 4.1 ("a logistic regression on normalized MNIST pixels").

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
        data: the images of this config, where the caller has them already.

    Raises:
        UserError: for settings or data that cannot be worked with, and a fit that was made on other images.
    """
    config = config.resolved()
    data = images(config) if data is None else data
    with RunFolder.open(
        "widths_baselines", config, root=root, wait=True, provenance=data.provenance.as_dict()
    ) as folder:
        if not folder.done:
            console.print(f"logistic regression on {config.spoken_data}", highlight=False)
            folder.finish(**_fitted(data, config))
    return folder


def _fitted(data: Dataset, config: Config) -> dict[str, np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    y = targets(data, config.positive)
    # In float32 the rounding, and with it the accuracy, would depend on the number of threads.
    x_train, x_test = (x.reshape(len(x), -1).astype(np.float64) for x in (data.x_train, data.x_test))
    chosen = (data.y_train, data.y_test)
    labels = chosen if config.positive is None else [classes == config.positive for classes in chosen]
    with warnings.catch_warnings():
        # scikit-learn's usual settings: on pixels their 100 iterations end the fit before it has converged.
        warnings.simplefilter("ignore", ConvergenceWarning)
        logistic = LogisticRegression().fit(x_train, labels[0])
    ridge = Ridge(alpha=config.ridge * float(np.mean(np.sum(x_train**2, axis=1)))).fit(x_train, y.train)
    found = {}
    for part, x, label, target in (("train", x_train, labels[0], y.train), ("test", x_test, labels[1], y.test)):
        fx = ridge.predict(x).reshape(len(x), -1)
        found[f"logistic_{part}_accuracy"] = np.asarray(float(logistic.score(x, label)))
        found[f"ridge_{part}_accuracy"] = np.asarray(accuracy(fx, target, 0.5))
    return found
