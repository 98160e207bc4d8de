import json
from types import SimpleNamespace

import pytest

from benchmarks import operator


@pytest.mark.slow
def test_products_and_the_matrix_are_timed_in_a_process_of_their_own(capsys):
    found = operator.measured("lenet", 6, 9, side=16)
    assert found["num_params"] == 43_961
    assert found["kept_within"]
    for row, n in zip(found["rows"], (6, 9), strict=True):
        assert row["n"] == n
        assert row["foreseen_seconds"] == pytest.approx(row["seconds_1"] * 60_000 / n)
        assert row["crossover"] == pytest.approx(8 * row["gram_seconds"] / row["seconds_8"])
    assert "n = 9: a product with 1 vectors" in capsys.readouterr().out


def test_a_part_without_a_matrix_is_shown(monkeypatch, capsys):
    row = {"n": 4, "seconds_1": 1.0, "seconds_8": 2.0, "foreseen_seconds": 15_000.0}
    output = json.dumps({"num_params": 5, "samples_a_block": 2, "rows": [row]})
    child = SimpleNamespace(output=output, peak_bytes=2**30, seconds=1.0)
    monkeypatch.setattr(operator, "run_child", lambda command: child)
    assert operator.measured("resnet18", 4)["kept_within"]
    assert "8 vectors 2.00 s; 60,000 samples foreseen: 15,000 s a vector" in capsys.readouterr().out


def test_the_first_size_at_which_a_product_is_faster_is_named():
    rows = [{"n": n, "seconds_1": 0.1 * n, "gram_seconds": 0.001 * n**2} for n in (50, 200, 400)]
    assert operator.lines({"lenet": {"rows": rows}}) == ["LeNet: one product is faster than the matrix from n = 200 on"]
    assert "at none of these n" in operator.lines({"lenet": {"rows": rows[:1]}})[0]
    assert operator.lines({}) == []
