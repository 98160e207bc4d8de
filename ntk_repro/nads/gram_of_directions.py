"""M^T M over the directions of the input, block by block, in bounded memory, resumable."""

import itertools

import numpy as np
from jaxtyping import Float

from ntk_repro.memory import given_bytes
from ntk_repro.nads.mixed_derivative import MixedDerivative
from ntk_repro.progress import Advance, progress
from ntk_repro.record import RunFolder

_DEFAULT_BYTES = 4 * 2**30
_COLUMNS = 2**14  # coordinates multiplied in float64 at a time


def panel_size(d: int, coordinates: int, itemsize: int, memory: int | str | None) -> int:
    """How many directions make a panel: all d where memory holds M v of all, else as many as it holds twice."""
    allowed = given_bytes(memory, _DEFAULT_BYTES)
    fits = allowed // (coordinates * itemsize)
    if fits >= d:
        return d
    panels = -(-d // max(1, fits // 2))
    return -(-d // panels)


def gram_of_directions(
    derivative: MixedDerivative,
    input_shape: tuple[int, ...],
    dtype: np.dtype,
    *,
    memory: int | str | None = None,
    folder: RunFolder | None = None,
) -> Float[np.ndarray, "d d"]:
    """The inner products of M e_i and M e_j for the d unit vectors of the input, summed up in float64.

    The directions are cut into panels so that M v of two panels fits into memory; the products of
    every pair of panels are saved in the run folder.

    Args:
        derivative: v -> M v.
        input_shape: of one input, d numbers.
        dtype: of the directions.
        memory: bytes for M v of the panels; None for 4 GiB.
        folder: a run folder, open for writing, from which an interrupted computation is continued.
    """
    d = int(np.prod(input_shape))
    size = panel_size(d, derivative.coordinates, dtype.itemsize, memory)
    panels = [range(start, min(start + size, d)) for start in range(0, d, size)]
    gram = np.zeros((d, d))
    # One panel stays in memory while the later ones are computed in turn.
    total = sum(len(j) for i, j in itertools.combinations_with_replacement(panels, 2))
    with progress("neural anisotropy directions", total, "directions") as advance:
        for number, i in enumerate(panels):
            rows = None
            for j in panels[number:]:
                name = f"products_{i.start}_{i.stop}_{j.start}_{j.stop}"
                part = folder.load_part(name) if folder is not None else None
                if part is not None:
                    advance(len(j), note="already there")
                else:
                    if rows is None:
                        # After an interruption a panel whose own products are saved may be needed again.
                        rows = _along(derivative, i, input_shape, dtype, advance if i == j else None)
                    other = rows if i == j else _along(derivative, j, input_shape, dtype, advance)
                    part = {"products": _products(rows, other)}
                    if folder is not None:
                        folder.save_part(name, **part)
                gram[i.start : i.stop, j.start : j.stop] = part["products"]
                gram[j.start : j.stop, i.start : i.stop] = part["products"].T
    return gram


def _along(
    derivative: MixedDerivative, panel: range, input_shape: tuple[int, ...], dtype: np.dtype, advance: Advance | None
) -> Float[np.ndarray, "b coordinates"]:
    """M e_i for the unit vectors of a panel."""
    d = int(np.prod(input_shape))
    rows = np.empty((len(panel), derivative.coordinates), dtype)
    for start in range(0, len(panel), derivative.block):
        numbers = panel[start : start + derivative.block]
        units = np.zeros((len(numbers), d), dtype)
        units[np.arange(len(numbers)), numbers] = 1
        rows[start : start + len(numbers)] = derivative(units.reshape(-1, *input_shape))
        if advance is not None:
            advance(len(numbers), note=f"M v in {derivative.coordinates:,} coordinates")
    return rows


def _products(one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, "b c"]:
    """one other^T; products of float32 numbers would lose the directions of small singular values."""
    total = np.zeros((len(one), len(other)))
    for start in range(0, one.shape[1], _COLUMNS):
        first = one[:, start : start + _COLUMNS].astype(np.float64)
        # Of a matrix times its own transpose NumPy computes one triangle only.
        total += first @ (first if one is other else other[:, start : start + _COLUMNS].astype(np.float64)).T
    return total
