"""Results and kernels as files of other programs: .npz and .csv of a run, .npy of a kernel in a store."""

import csv
from pathlib import Path

import numpy as np

from ntk_repro.gram.store import GramStore
from ntk_repro.memory import check_disk
from ntk_repro.record import RunFolder, make_folder, save_arrays, write_errors_explained
from ntk_repro.report.curves import AXES


def export(folder: Path, out: Path) -> list[Path]:
    """Writes what a folder holds, as files that are named after it.

    Of a run: its arrays as .npz, and those of one axis, side by side with the others of their length, as .csv, named
    after what the rows are, such as `index`, or their number. Of the store of a kernel: the whole matrix as .npy,
    written panel by panel; read it by `np.load(path, mmap_mode="r")`.

    Args:
        folder: of a finished run, or of a `GramStore`.
        out: where the files go.

    Returns:
        The files.

    Raises:
        UserError: the folder is neither, or not finished; a full disk.
    """
    make_folder(out)
    if GramStore.exists(folder):
        return [_export_kernel(GramStore.read(folder), out / f"kernel-{folder.resolve().name}.npy")]
    run = RunFolder.read(folder)
    result, name = run.result(), f"{run.study}-{run.path.resolve().name}"
    path = out / f"{name}.npz"
    save_arrays(path, result)
    files = [path]
    by_length: dict[int, dict[str, np.ndarray]] = {}
    for key, array in result.items():
        if array.ndim == 1:
            by_length.setdefault(len(array), {})[key] = array
    for length, columns in sorted(by_length.items()):
        rows = next((axis for axis in AXES if axis in columns), length)
        files.append(out / f"{name}-{rows}.csv")
        with write_errors_explained(files[-1]), open(files[-1], "w", newline="", encoding="utf-8") as handle:
            table = csv.writer(handle)
            table.writerow(columns)
            table.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return files


def _export_kernel(store: GramStore, path: Path) -> Path:
    check_disk(f"a kernel of {store.n:,} rows", store.n**2 * store.dtype.itemsize, path)
    whole = np.lib.format.open_memmap(path, "w+", store.dtype, (store.n, store.n))
    for start, panel in store.panels(range(store.num_blocks)):
        rows = slice(start, start + len(panel))
        whole[rows, start:] = panel
        whole[start:, rows] = panel.T
    whole.flush()
    return path
