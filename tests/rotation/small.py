"""Small settings that the tests of all experiments share, so that what JAX compiles is compiled once."""

from typing import Any

SMALL: dict[str, Any] = {
    "net": "mlp",
    "width": 0.2,
    "data": "digits",
    "n_train": 150,
    "n_test": 50,
    "batch_size": 32,
    "epochs": 4,
}
