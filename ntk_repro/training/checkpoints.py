"""The state of a training, saved in a run folder every minute or two, so that a killed training continues from it."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.record import STATE, RunFolder

PyTree = Any

SECONDS_BETWEEN = 90.0
_SHARE = 0.05  # largest share of the time that saving takes: large networks save less often


def load_part_of(folder: RunFolder, part: str, identity: str) -> dict[str, np.ndarray]:
    """A part of a run folder, saved with the identity of the training that it belongs to; {} if there is none.

    Raises:
        UserError: the part belongs to another training.
    """
    saved = folder.load_part(part)
    if saved and str(saved["identity"]) != identity:
        raise UserError(
            f"{folder.path} holds the results of another training under {part}, or of an older version: give this "
            "training another name, or delete the folder"
        )
    return saved or {}


class Checkpoint:
    """The part `<name>_state` of a run folder: steps done, arrays and observations of a training.

    A training that ends before the first save is due writes nothing. A saved state stays until the part that
    it leads to is saved (`RunFolder.part`), until the run folder is finished, or until `discard`.
    """

    def __init__(self, folder: RunFolder, name: str, identity: str):
        """Sets the folder, and the training that its state belongs to; reads and writes nothing.

        Args:
            folder: an open run folder.
            name: of the training, unique in the folder.
            identity: text that is equal for equal trainings only (a digest of the start, the data and the settings).
        """
        self._folder, self._part, self._identity = folder, name + STATE, identity
        self._saved, self._wait = time.monotonic(), SECONDS_BETWEEN
        self.written = False  # whether this training has a state in the folder

    def load(self, like: PyTree) -> tuple[int, PyTree, list[list[np.ndarray]]] | None:
        """Steps done, arrays in the structure of `like` and the observations made; None if no state is saved.

        Raises:
            UserError: the state under this name belongs to another training.
        """
        saved = load_part_of(self._folder, self._part, self._identity)
        if not saved:
            return None
        leaves, structure = jax.tree.flatten(like)
        # Copies, as the steps donate their state.
        restored = [jnp.array(saved[f"state_{i}"].view(leaf.dtype)) for i, leaf in enumerate(leaves)]
        made = int(saved["observations"])
        seen = [[saved[f"seen_{i}_{j}"] for j in range(int(saved[f"leaves_{i}"]))] for i in range(made)]
        self.written = True
        return int(saved["steps"]), jax.tree.unflatten(structure, restored), seen

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved >= self._wait

    def save(self, steps: int, state: PyTree, seen: list[list[np.ndarray]]) -> None:
        """Saves a state in place of the previous one."""
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
        """Empties the part, to free its disk space once the training's result is saved elsewhere."""
        if self.written:
            self._folder.save_part(self._part)
            self.written = False


def _storable(leaf: Any) -> np.ndarray:
    """An array that .npz can hold: types such as bfloat16 as the integers of their bits."""
    array = np.asarray(leaf)
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array
