import csv

import numpy as np
import pytest

from ntk_repro.__main__ import main
from ntk_repro.report.export import export
from tests.gram.solve.problems import kernel, stored
from tests.refusals import refused
from tests.report.test_runs_compared import finished


def test_a_run_becomes_arrays_and_tables(tmp_path):
    run = finished(tmp_path / "runs")
    arrays, *tables = export(run, tmp_path / "out")
    with np.load(arrays) as found:
        np.testing.assert_allclose(found["accuracy"], [0.9, 0.8, 0.7])
        assert found["image"].shape == (3, 3)
    assert [path.name for path in tables] == [f"own-{run.name}-{rows}.csv" for rows in (2, "index", 4)]
    with open(tables[1], newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [float(row["accuracy"]) for row in rows] == [0.9, 0.8, 0.7]
    assert [row["index"] for row in rows] == ["2", "5", "11"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_becomes_one_array(dtype, tmp_path, capsys):
    k = kernel(70).astype(dtype)
    store = stored(tmp_path / "k", k, 16, dtype)
    main(["export", str(store.path), "--out", str(tmp_path / "out")])
    path, following = capsys.readouterr().out.splitlines()
    found = np.load(path, mmap_mode="r")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, (np.triu(k) + np.triu(k, 1).T))
    assert following == f"next, in Python: np.load(\"{path}\", mmap_mode='r')"


def test_what_is_neither_is_refused(tmp_path):
    refused("so it is not a run folder", export, tmp_path, tmp_path / "out")
