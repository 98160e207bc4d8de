"""Small settings that the tests of all experiments share, so that what JAX compiles is compiled once."""

from typing import Any

SMALL: dict[str, Any] = {"net": "mlp", "width": 0.1, "data": "digits", "n_train": 60, "n_test": 30}
TRAINING: dict[str, Any] = {**SMALL, "batch_size": 20, "epochs": 2, "follow": 10}
