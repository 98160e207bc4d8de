import time

import numpy as np
import pytest

from benchmarks import accelerator
from ntk_repro import Network, empirical_gram
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.structured import schedule
from ntk_repro.gram.structured.computation import structured_plan
from ntk_repro.nads import NADs

# Seconds that allow every size, and none beyond the first.
ALL, NONE = 1e9, 0.0
NARROW = {"width": 1 / 32}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"), [("mlp", {}), ("lenet", {}), ("resnet18", {**accelerator.RESNET18, **NARROW})]
)
def test_the_gram_matrix_at_each_precision_is_that_of_float64(name, settings):
    found = accelerator.gram(name, ALL, few=6, most=8, gemm=64, **settings)
    assert found["float32"]["difference"] < 1e-5
    assert 1e-5 < found["bf16"]["difference"] < 2e-2
    assert [row[0] for row in found["table"]] == ["float32", "tf32", "bf16"]
    assert (found["table"][1][1] == "skipped") == ("tf32" not in found) == (not accelerator._has_cuda())
    for precision in ("float32", "bf16"):
        row = found[precision]
        assert row["n"] == 8
        assert row["share_of_peak"] == row["gflops"] / row["peak_gflops"] > 0


@pytest.mark.slow
def test_so_many_blocks_are_computed_as_time_allows():
    sizes = {"few": 4, "most": 1200, "gemm": 64}
    one, every = (accelerator.gram("mlp", allowed, **sizes)["float32"] for allowed in (NONE, ALL))
    assert one["n"] == one["tile"] == every["tile"] < 600
    assert every["n"] == 1200


@pytest.mark.slow
def test_what_is_timed_is_the_gram_matrix():
    net, x = Network.create("mlp", 0, accelerator.SHAPE), accelerator._images(600)
    k, row = accelerator._timed_gram(net, x, "float32", time.monotonic() + ALL)
    assert row["n"] == len(k) == 600 > row["tile"]
    expected = empirical_gram(net, x)
    np.testing.assert_allclose(k, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
def test_one_sample_more_than_the_largest_n_is_not_held(monkeypatch):
    monkeypatch.setattr(schedule, "available_bytes", lambda: 10**8)
    x = accelerator._images(2)
    with checked_arguments(Network.create("mlp", 0, x.shape[1:]), x, None, "mean", "float32") as arguments:
        plan = structured_plan(arguments.net, x, "mean", 1)
    largest = accelerator.largest_held(plan, 4)
    held = [schedule.Schedule.of(plan, n, None, 4, result=4 * n**2).all_held for n in (largest, largest + 1)]
    assert held == [True, False]
    assert accelerator.largest_held(plan, 2) > largest


@pytest.mark.slow
def test_the_largest_n_is_larger_in_half_precision():
    found = accelerator.largest_n(ALL, **NARROW)
    assert all(found[name]["bf16"] > found[name]["float32"] > 0 for name in ("mlp", "lenet", "resnet18"))
    assert len(found["table"]) == 6


@pytest.mark.slow
def test_tasks_are_learned_in_function_space():
    one, every = (
        accelerator.function_space(seconds, tasks=20, trial=64, most=128, batch=16) for seconds in (NONE, ALL)
    )
    assert (one["n"], every["n"]) == (64, 128)
    assert min(one["accuracy"], every["accuracy"]) > 0.8


@pytest.mark.slow
def test_an_epoch_is_made():
    found = accelerator.epoch(ALL, n=32, batch=8, **NARROW)
    assert found["finite"]
    assert found["steps_made"] == found["steps"] == 4


@pytest.mark.slow
def test_directions_are_orthonormal():
    found = accelerator.directions(ALL, name="lenet", sides=(4, 8))
    assert [row["side"] for row in found["sizes"]] == [4, 8]
    assert all(row["off_orthonormal"] < 1e-6 and row["rank"] > 0 for row in found["sizes"])


@pytest.mark.slow
@pytest.mark.parametrize(("allowed", "largest"), [(NONE, 4), (ALL, 8)])
def test_sides_grow_while_there_is_time(allowed, largest, monkeypatch):
    def directions(net):
        return NADs(np.ones(16), np.eye(16).reshape(16, 4, 4), np.zeros(16, bool))

    monkeypatch.setattr(accelerator, "neural_anisotropy_directions", directions)
    assert accelerator.directions(allowed, name="lenet", sides=(4, 8))["side"] == largest


@pytest.mark.slow
def test_a_run_of_the_figure_follows_its_linearization():
    found = accelerator.lee2019_fig3(ALL, hidden=16, n_train=8, n_test=8, steps=8)
    assert (found["steps"], found["of_steps"]) == (8, 16384)
    assert found["linearized_rmse"] < 0.1


def test_the_table_has_a_line_for_each_number_and_each_device():
    one = {"kind": "H", "count": 2, "memory": 2**30, "jax": "1"}
    part = {"table": [("float32", "1 s", "n = 3"), ("bf16", "2 s", "n = 4")], "device": one}
    lines = accelerator.lines({"gram_mlp": part, "epoch": {**part, "device": {**one, "kind": "T"}}})
    assert len(lines) == 1 + 2 + 2 + 2
    assert lines[1].split() == ["gram_mlp", "float32", "1", "s", "n", "=", "3"]
    assert lines[-2:] == ["2 x H, 1.0 GiB for JAX, JAX 1", "2 x T, 1.0 GiB for JAX, JAX 1"]


def test_without_an_accelerator_the_sizes_are_those_of_a_cpu(capsys, monkeypatch):
    monkeypatch.setattr(accelerator.jax, "default_backend", lambda: "cpu")
    accelerator._has_accelerator.cache_clear()
    part = accelerator.Part(lambda **sizes: {"sizes": sizes}, 60, {"n": 2})
    found = part(), part()
    assert [one["sizes"]["n"] for one in found] == [2, 2]
    assert capsys.readouterr().out.count("no accelerator was found") == 1
    assert set(found[0]["device"]) == {"kind", "count", "memory", "jax"}


def test_a_late_part_takes_time_from_the_next(monkeypatch):
    monkeypatch.setattr(accelerator, "_has_accelerator", lambda: True)
    monkeypatch.setattr(accelerator, "_late", [0.0])
    accelerator.Part(lambda allowed: {}, 0, {})()
    assert accelerator.Part(lambda allowed: {}, 60, {"n": 2})()["allowed"] < 60


def test_all_parts_together_take_less_than_eight_minutes():
    assert sum(part.allowed for part in accelerator.PARTS.values()) < 480
