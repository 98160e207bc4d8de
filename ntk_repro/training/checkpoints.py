"""The state of a training, saved in a run folder every minute or two, from which a killed training continues."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder

__all__ = ["SECONDS_BETWEEN", "Checkpoint"]

PyTree = Any

SECONDS_BETWEEN = 90.0
_SHARE = 0.05  # of the time may go into saving: large networks save more rarely


class Checkpoint:
    """The part `<name>_state` of a run folder: how far a training is, its arrays and what it has observed.

    A training that ends before the first save is due writes nothing. What was written stays until the run folder is
    finished, or until `discard`.
    """

    def __init__(self, folder: RunFolder, name: str, identity: str):
        """Remembers where and for which training; reads and writes nothing.

        Args:
            folder: an open run folder.
            name: of the training, different from that of every other one in the folder.
            identity: text that is equal for equal trainings only (a digest of the start, the data and the settings).
        """
        self._folder, self._part, self._identity = folder, f"{name}_state", identity
        self._saved, self._wait = time.monotonic(), SECONDS_BETWEEN
        self.written = False  # whether this training has a state in the folder

    def load(self, like: PyTree) -> tuple[int, PyTree, list[list[np.ndarray]]] | None:
        """Steps done, arrays in the structure of `like` and the observations made; None where nothing is kept.

        Raises:
            UserError: what is kept under this name belongs to another training.
        """
        kept = self._folder.load_part(self._part)
        if not kept:
            return None
        if str(kept["identity"]) != self._identity:
            raise UserError(
                f"{self._folder.path} holds the state of another training under {self._part}, or one that an older "
                "version saved: give this training another name, or delete the folder"
            )
        leaves, structure = jax.tree.flatten(like)
        # A copy: what is made of it may be donated.
        restored = [jnp.array(_typed(kept[f"state_{i}"], leaf.dtype)) for i, leaf in enumerate(leaves)]
        made = int(kept["observations"])
        seen = [[kept[f"seen_{i}_{j}"] for j in range(int(kept[f"leaves_{i}"]))] for i in range(made)]
        self.written = True
        return int(kept["steps"]), jax.tree.unflatten(structure, restored), seen

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved >= self._wait

    def save(self, steps: int, state: PyTree, seen: list[list[np.ndarray]]) -> None:
        """Keeps a state in place of the one before."""
        started = time.monotonic()
        arrays: dict[str, Any] = {"identity": self._identity, "steps": steps, "observations": len(seen)}
        arrays |= {f"state_{i}": _storable(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        for i, leaves in enumerate(seen):
            arrays[f"leaves_{i}"] = len(leaves)
            arrays |= {f"seen_{i}_{j}": leaf for j, leaf in enumerate(leaves)}
        self._folder.save_part(self._part, **arrays)
        self._saved, self.written = time.monotonic(), True
        self._wait = max(SECONDS_BETWEEN, (self._saved - started) / _SHARE)

    def discard(self) -> None:
        """Empties the part, to give its disk space back once the training's result is kept elsewhere."""
        if self.written:
            self._folder.save_part(self._part)
            self.written = False


def _storable(leaf: Any) -> np.ndarray:
    """An array that .npz can hold: bfloat16 and its like as the integers of their bits."""
    array = np.asarray(leaf)
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def _typed(array: np.ndarray, dtype: Any) -> np.ndarray:
    return array if array.dtype == dtype else array.view(dtype)
