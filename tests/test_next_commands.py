"""What every experiment says to do next can be done: the figure that it names draws its run."""

import importlib
import shlex
import sys

import pytest

from ntk_repro.__main__ import main as ntk_repro
from ntk_repro.experiments import experiment_command
from ntk_repro.papers import FIGURES
from ntk_repro.record import RunFolder

STUDIES = ("wide_limit", "nads", "rotation", "finite_width")
DIGITS = "--data digits"
IMAGES = f"{DIGITS} --n-train 60 --n-test 20"
TRAINING = "--net mlp --width 0.1 --batch-size 20 --epochs 2"
# Programs of one hidden layer are compiled the soonest.
SHALLOW = "--depth 1 --steps 16"
TINY = {
    "wide_limit drift": f"{DIGITS} --learning-rate 0.1 --n-train 20 --widths 8 16 32 {SHALLOW}",
    "wide_limit predictive": f"{DIGITS} --n-train 20 --hidden 16 --num-networks 3 --observe-at 0 4",
    "wide_limit trajectories": f"{IMAGES} --hidden 16 --steps 10 --num-observed 10",
    "wide_limit linearization_error": f"{DIGITS} --widths 8 16 --sizes 8 16 --n-test 10 {SHALLOW}",
    "wide_limit parameterization": f"{IMAGES} --hidden 16 --batch-size 20 --epochs 1",
    "wide_limit kernel_convergence": "--widths 8 16 --samples 1 4 --input-size 16 --num-inputs 4",
    "nads basis": "--net mlp --width 0.1 --size 4 --shown 10",
    "nads separable": f"--size 4 --indices 1 2 --train-size 40 --test-size 20 {TRAINING}",
    "nads theorem1": "--width 0.1 --size 4 --groups 3 --group-size 10 --indices 1 2",
    "nads tangent_space": "--widths 4 8 --steps 10",
    "nads lemma1": f"{DIGITS} --net mlp --width 0.3 --n-train 30 --pairs 50",
    "rotation tracking": f"{IMAGES} {TRAINING} --top 5",
    "rotation cifar2": f"{DIGITS} --sizes 20 40 --n-test 20 {TRAINING}",
    "rotation pretrained": f"{IMAGES} {TRAINING} --index 3",
    "finite_width training": f"{IMAGES} {TRAINING}",
    "finite_width spectra": f"{DIGITS} --n-train 10 --net mlp --width 0.1",
    "finite_width solver": f"{IMAGES} {TRAINING}",
}
# What each prints: some text, and the last number of an array of its result in a format.
SHOWN = {
    "wide_limit drift": ("relative change in training", "ntk", ".3g"),
    "wide_limit predictive": ("NTK-GP", "learning_rate_ratio", ".2g"),
    "wide_limit trajectories": ("off the network (RMSE)", "linearized_rmse", ".4f"),
    "wide_limit linearization_error": ("n = 16", "test_rmse", ".3g"),
    "wide_limit parameterization": ("cross-entropy on digits", "standard_test_accuracy", ".1%"),
    "wide_limit kernel_convergence": ("M = 4", "ntk_error", ".3g"),
    "nads basis": ("16 of 16 directions", "frequencies", ".1f"),
    "nads separable": ("test accuracy on D(v)", "linearized_test_accuracy", ".1%"),
    "nads theorem1": ("Monte Carlo", "at_origin", ".4g"),
    "nads tangent_space": ("width", "bend", ".3g"),
    "nads lemma1": ("random pairs", "random_rms", ".4f"),
    "rotation tracking": ("on 60 images", "network_test_accuracy", ".1%"),
    "rotation cifar2": ("mlp on classes", "linearized_distance", ".3g"),
    "rotation pretrained": ("eigenfunction 3", "network_test_accuracy", ".1%"),
    "finite_width training": ("logistic regression", "linearized_distance", ".3g"),
    "finite_width spectra": ("mlp x0.1, 10 images", "effective_rank", ".1f"),
    "finite_width solver": ("least squares, rank 60", "network_test_accuracy", ".2%"),
}


def test_every_experiment_names_a_figure_of_its_own():
    drawn = {f"{study} {name}" for study in STUDIES for name in importlib.import_module(f"ntk_repro.{study}").DRAWN_AS}
    assert drawn == set(TINY) == set(SHOWN)
    for study in STUDIES:
        package = importlib.import_module(f"ntk_repro.{study}")
        assert set(package.DRAWN_AS) <= set(package.EXPERIMENTS)
        for experiment, figure in package.DRAWN_AS.items():
            assert FIGURES[figure].study == f"{study}.{experiment}"


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_the_run_is_shown_and_the_next_command_draws_it(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path / "my runs"))
    monkeypatch.setenv("COLUMNS", "120")
    study, experiment = name.split()
    experiment_command(study, [experiment, *TINY[name].split()])
    shown = capsys.readouterr().out
    text, array, spec = SHOWN[name]
    (run,) = tmp_path.glob(f"my runs/{study}_{experiment}/*")
    assert text in shown
    assert format(RunFolder.read(run).result()[array].ravel()[-1], spec) in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("next: ")]
    ntk_repro(shlex.split(line.removeprefix("next: "))[1:])
    shown = capsys.readouterr().out
    assert "next: look at the .png" in shown
    assert list(tmp_path.glob("figures/out/*.png"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_lists_its_experiments_and_the_next_command(study, capsys):
    experiment_command(study, [])
    shown = capsys.readouterr().out
    assert f"next: python -m ntk_repro.{study} " in shown
    assert sys.modules[f"ntk_repro.{study}"].EXPERIMENTS.keys() <= set(shown.split())
