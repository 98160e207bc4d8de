"""What is read off a curve of losses; without JAX, so that drawing scripts can."""

import numpy as np
from jaxtyping import Float

__all__ = ["epochs_to_loss"]


def epochs_to_loss(loss: Float[np.ndarray, "*T epochs"], threshold: float) -> Float[np.ndarray, "*T"]:
    """After how many epochs each curve was first at most `threshold`; nan where it never was.

    Source: Ortiz-Jimenez et al. 2021, Figure 3 (there with a threshold of 0.01).
    """
    below = np.asarray(loss) <= threshold
    return np.where(below.any(axis=-1), below.argmax(axis=-1) + 1.0, np.nan)
