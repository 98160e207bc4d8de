"""Quantities of loss curves; without JAX, so that figure scripts can import them."""

import numpy as np
from jaxtyping import Float


def epochs_to_loss(loss: Float[np.ndarray, "*T epochs"], threshold: float) -> Float[np.ndarray, "*T"]:
    """The number of epochs after which each curve is first at most `threshold`; nan where it never is.

    Source: Ortiz-Jimenez et al. 2021, Figure 3 (there with a threshold of 0.01).
    """
    below = np.asarray(loss) <= threshold
    return np.where(below.any(axis=-1), below.argmax(axis=-1) + 1.0, np.nan)
