import importlib

import pytest

from ntk_repro.widths import EXPERIMENTS
from ntk_repro.widths.__main__ import main


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_what_the_command_needs(name):
    module = importlib.import_module(f"ntk_repro.widths.{name}")
    assert all(hasattr(module, part) for part in ("Config", "run", "show"))


def test_without_anything_the_experiments_are_listed(capsys):
    main([])
    listed = capsys.readouterr().out
    assert all(name in listed for name in EXPERIMENTS)


def test_an_unknown_experiment_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["spectrum"])
    assert stopped.value.code == 2
    assert "did you mean 'spectra'" in capsys.readouterr().err


def test_options_alone_are_those_of_training(capsys):
    options = "--net mlp --width 0.1 --data digits --n-train 40 --n-test 20 --epochs 1 --shift 1 --no-baseline"
    main(options.split())
    shown = capsys.readouterr().out
    assert "mlp x0.1" in shown
    assert "linearized" in shown
    assert "kept in: " in shown
