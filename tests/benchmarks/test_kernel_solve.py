import numpy as np
import pytest

from benchmarks import kernel_solve
from ntk_repro.gram import GramStore


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "factor"), [("1GB", "FactorInMemory"), ("300KB", "FactorOnDisk")])
def test_what_is_timed_is_the_solution(memory, factor, tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_solve, "FEATURES", 20)
    monkeypatch.setattr("benchmarks.stopwatch.gemm_peak", lambda dtype: {"numpy": 100.0})
    found = kernel_solve.measure_here(100, tmp_path, memory)
    assert found["factor"] == factor
    assert found["residual"] < 1e-10
    assert found["share_of_peak"] == pytest.approx(found["gflops"] / 100)
    k, y = GramStore.read(tmp_path / "kernel").array(), np.random.default_rng(0)
    y.standard_normal((100, 20))
    inverse, y = np.linalg.inv(k), y.standard_normal((100, 10))
    errors = (inverse @ y) / inverse.diagonal()[:, None]
    assert found["leave_one_out_error"] == pytest.approx(np.mean(errors**2), rel=1e-8)
