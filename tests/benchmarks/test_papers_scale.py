import pytest

from benchmarks import papers_scale


@pytest.mark.slow
def test_a_run_of_the_command_is_measured():
    options = ("--data", "digits", "--n-train", "40", "--n-test", "20", "--k", "5")
    found = papers_scale.measured("mlp", *options, minutes=10, gibibytes=20)
    assert (found["n"], found["k"]) == (60, 5)
    assert found["residual"] < 1e-3
    assert found["kept_within"]
    assert 0 < found["gram_seconds"] < found["seconds"]
    assert found["stored_bytes"] > 60 * 60 * 4
    assert len(papers_scale.draw({"mlp": found}).axes) == 2


def test_each_part_names_a_network_of_the_registry():
    from ntk_repro.models import MODELS

    assert {part.split("_")[0] for part in papers_scale.PARTS} <= set(MODELS)
