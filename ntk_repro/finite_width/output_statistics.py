"""Statistics of a classifier's outputs, separately for those with target 1 and with target 0."""

import numpy as np
from jaxtyping import Float

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def output_statistics(
    outputs: Float[np.ndarray, "epochs images k"], y: Float[np.ndarray, "images k"]
) -> dict[str, np.ndarray]:
    """Mean, standard deviation and quantiles over images, epoch by epoch, of outputs with target 1 and target 0.

    Source: Samarin et al. 2022, Figure A2 (whose statistics the text does not name).

    Args:
        outputs: at several epochs.
        y: targets, each 0 or 1.

    Returns:
        `one_mean`, `one_std`, `zero_mean`, `zero_std` (epochs,), `one_quantiles`, `zero_quantiles` (epochs, 5), at the
        levels 5, 25, 50, 75 and 95%; nan where there is no such output.

    >>> fx = np.array([[[0.5, 0.0], [0.0, 1.5]]])
    >>> found = output_statistics(fx, np.eye(2))
    >>> found["one_mean"].tolist(), found["one_std"].tolist(), found["zero_quantiles"][0].tolist()
    ([1.0], [0.5], [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    found = {}
    for name, wanted in (("one", y > 0.5), ("zero", y <= 0.5)):
        chosen = np.asarray(outputs, np.float64)[:, wanted]
        if not chosen.shape[1]:
            chosen = np.full((len(outputs), 1), np.nan)
        found[f"{name}_mean"], found[f"{name}_std"] = chosen.mean(axis=1), chosen.std(axis=1)
        found[f"{name}_quantiles"] = np.quantile(chosen, LEVELS, axis=1).T
    return found
