import importlib

import pytest

from ntk_repro.rotation import EXPERIMENTS
from ntk_repro.rotation.__main__ import main


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_what_the_command_needs(name):
    module = importlib.import_module(f"ntk_repro.rotation.{name}")
    assert all(hasattr(module, part) for part in ("Config", "run", "show"))


def test_without_an_experiment_they_are_listed(capsys):
    main([])
    listed = capsys.readouterr().out
    assert all(name in listed for name in EXPERIMENTS)


def test_an_unknown_experiment_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["trackin"])
    assert stopped.value.code == 2
    assert "did you mean 'tracking'" in capsys.readouterr().err


def test_a_run_is_computed_and_shown(capsys):
    settings = ["--net", "mlp", "--width", "0.1", "--data", "digits", "--n-train", "60", "--n-test", "20"]
    main(["tracking", *settings, "--epochs", "0", "--top", "5"])
    shown = capsys.readouterr().out
    assert "on 60 images" in shown
    assert "kept in: " in shown
