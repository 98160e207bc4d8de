"""What all experiments have in common: their settings, their `run`, their commands and the next command they name."""

import dataclasses
import importlib
import pkgutil
import runpy
import shlex
from dataclasses import dataclass, field

import numpy as np
import pytest

import ntk_repro
from ntk_repro.__main__ import main as program
from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSettings, MinibatchSettings, StudyConfig, experiment
from ntk_repro.papers import FIGURES
from ntk_repro.record import PICTURES, RunFolder
from ntk_repro.study_command import experiment_command

PACKAGES = [importlib.import_module(f"ntk_repro.{m.name}") for m in pkgutil.iter_modules(ntk_repro.__path__) if m.ispkg]
STUDIES = {package.__name__.split(".")[1]: package for package in PACKAGES if hasattr(package, "EXPERIMENTS")}
NAMES = [f"ntk_repro.{study}.{name}" for study, package in STUDIES.items() for name in package.EXPERIMENTS]

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
    "wide_limit equations": "--widths 4 8 --num-networks 2",
    "wide_limit architecture": "--channels 4 --image-size 8",
    "wide_limit theorems": "--widths 4 8 --networks 2 --num-inputs 2 --steps 4",
    "nads basis": "--net mlp --width 0.1 --size 4 --shown 10",
    "nads separable": f"--size 4 --indices 1 2 --train-size 40 --test-size 20 {TRAINING}",
    "nads theorem1": "--width 0.1 --size 4 --groups 3 --group-size 10 --indices 1 2",
    "nads tangent_space": "--widths 4 8 --steps 10",
    "nads lemma1": f"{DIGITS} --net mlp --width 0.3 --n-train 30",
    "rotation tracking": f"{IMAGES} {TRAINING} --top 5",
    "rotation cifar2": f"{DIGITS} --sizes 20 40 --n-test 20 {TRAINING}",
    "rotation pretrained": f"{IMAGES} {TRAINING} --index 3",
    "finite_width training": f"{IMAGES} {TRAINING} --loss cross_entropy --precision float64",
    "finite_width spectra": f"{DIGITS} --n-train 10 --net mlp --width 0.1",
    "finite_width solver": f"{IMAGES} {TRAINING}",
    "finite_width ridges": f"{IMAGES} --net mlp --width 0.1 --ridges 0.01",
    "finite_width sizes": "--widths 1 2",
    "finite_width grid": f"{IMAGES} {TRAINING} --learning-rates 0.1 --weight-decays 0.0001",
}
# What each prints: some text, and the last number of an array of its result in a format.
SHOWN = {
    "wide_limit drift": ("relative change in training", "ntk", ".3g"),
    "wide_limit predictive": ("NTK-GP", "learning_rate_ratio", ".2g"),
    "wide_limit trajectories": ("off the network (RMSE)", "linearized_rmse", ".4f"),
    "wide_limit linearization_error": ("n = 16", "test_rmse", ".3g"),
    "wide_limit parameterization": ("cross-entropy on digits", "standard_test_accuracy", ".1%"),
    "wide_limit kernel_convergence": ("M = 4", "ntk_error", ".3g"),
    "wide_limit equations": ("relative error of parts", "S115", ".3g"),
    "wide_limit architecture": ("wide_resnet of 4 channels", "output_size", "d"),
    "wide_limit theorems": ("suprema over training", "eta_0", ".3g"),
    "nads basis": ("16 of 16 directions", "frequencies", ".1f"),
    "nads separable": ("test accuracy on D(v)", "linearized_test_accuracy", ".1%"),
    "nads theorem1": ("Monte Carlo", "at_origin", ".4g"),
    "nads tangent_space": ("width", "bend", ".3g"),
    "nads lemma1": ("its weights moved", "trained_norm", ".4f"),
    "rotation tracking": ("on 60 images", "network_test_accuracy", ".1%"),
    "rotation cifar2": ("mlp on classes", "linearized_distance", ".3g"),
    "rotation pretrained": ("eigenfunction 3", "network_test_accuracy", ".1%"),
    "finite_width training": ("logistic regression", "linearized_distance", ".3g"),
    "finite_width spectra": ("mlp x0.1, 10 images", "effective_rank", ".1f"),
    "finite_width solver": ("least squares, rank 60", "network_test_accuracy", ".2%"),
    "finite_width ridges": ("mlp x0.1", "norm", ".3g"),
    "finite_width sizes": ("lenet5", "num_params", ","),
    "finite_width grid": ("network: test accuracy", "linearized_test_accuracy", ".2%"),
}


@pytest.mark.parametrize("name", [*NAMES, "ntk_repro.eigentasks.study"])
def test_every_experiment_has_what_the_command_needs(name):
    module = importlib.import_module(name)
    assert issubclass(module.Config, StudyConfig)
    assert module.Config().label
    assert module.Config().resolved() == module.Config().resolved().resolved()
    assert callable(module.run)
    assert callable(module.show)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("args", [[], ["--help"]])
def test_without_an_experiment_they_are_listed_with_the_next_command(study, args, capsys):
    experiment_command(study, args)
    listed = capsys.readouterr().out
    assert STUDIES[study].EXPERIMENTS.keys() <= set(listed.split())
    assert f"next: python -m ntk_repro.{study} " in listed


def test_every_experiment_that_a_figure_draws_is_tested_below():
    drawn = {
        f"{study} {name}": figure for study, package in STUDIES.items() for name, figure in package.DRAWN_AS.items()
    }
    assert drawn.keys() == TINY.keys() == SHOWN.keys()
    for name, figure in drawn.items():
        assert FIGURES[figure].study == name.replace(" ", ".")
        assert f"ntk_repro.{FIGURES[figure].study}" in NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_the_run_is_shown_and_drawn_and_the_next_command_names_its_figure(name, tmp_path, monkeypatch, capsys):
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
    program([*shlex.split(line.removeprefix("next: "), comments=True)[1:], "--dry-run"])
    figure = STUDIES[study].DRAWN_AS[experiment]
    assert f" {figure} --preset quick  # all its runs" in line
    assert FIGURES[figure].source in capsys.readouterr().err
    picture = run / PICTURES / f"{figure.replace('/', '_')}.png"
    assert f"picture: {picture}" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("study", "name", "nearest"),
    [("nads", "separabel", "separable"), ("rotation", "trackin", "tracking"), ("finite_width", "spectrum", "spectra")],
)
def test_an_unknown_experiment_is_answered_with_the_nearest(study, name, nearest, capsys):
    with pytest.raises(SystemExit) as stopped:
        experiment_command(study, [name])
    assert stopped.value.code == 2
    assert f"did you mean {nearest!r}" in capsys.readouterr().err


def test_the_former_name_of_a_study_is_refused_with_the_new_one(capsys):
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("ntk_repro.widths", run_name="__main__")
    assert "error: ntk_repro.widths is now ntk_repro.finite_width" in capsys.readouterr().err
    with pytest.raises(ImportError, match=r"is now ntk_repro\.finite_width"):
        importlib.import_module("ntk_repro.widths")


def test_options_alone_mean_the_default_experiment(capsys):
    options = f"{DIGITS} {TRAINING} --n-train 40 --n-test 20 --shift 1 --no-baseline"
    experiment_command("finite_width", options.split(), default="training")
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("mlp x0.1", "linearized", "kept in: "))


@dataclass(frozen=True)
class Config(MinibatchSettings, DataSettings, StudyConfig):
    """Counts its images."""

    data: str = "digits"
    n_train: int = 20
    batch_size: int | None = 8
    note: str = field(default="", metadata={"identity": False})
    """Without effect."""


@experiment("counts", load=Config.load)
def count(config, data, folder):
    """The count."""
    return {"count": folder.part("count", lambda: {"n": np.array(len(data.x_train))})["n"], "seed": config.seed}


def test_a_run_is_computed_once_and_found_again(tmp_path):
    folder = count(Config(), tmp_path)
    assert folder.path.parent == tmp_path / "counts"
    assert folder.root == tmp_path
    assert folder.result()["count"] == 20
    assert folder.environment["provenance"]["name"] == "digits"
    written = (folder.path / "result.npz").stat().st_mtime_ns
    again = count(Config(note="other"), root=tmp_path)
    assert (again.path, (again.path / "result.npz").stat().st_mtime_ns) == (folder.path, written)
    assert count(Config(seed=1), tmp_path).path != folder.path
    assert count.__doc__ == "The count."


def test_a_run_is_not_returned_for_other_images_of_the_same_name(tmp_path):
    """Another data folder is not part of a run's identity, so it is found, and refused."""
    data = Config().load()
    other = dataclasses.replace(data, provenance=dataclasses.replace(data.provenance, sha256="0" * 64))
    count(Config(), tmp_path, data)
    with pytest.raises(UserError, match=r"images of digits are not those that .*counts.* was begun with"):
        count(Config(data_dir="elsewhere"), tmp_path, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed must be from 0"),
        ({"n_train": 0}, "n_train must be at least 1"),
        ({"data": "digit"}, "digits"),
    ],
)
def test_invalid_settings_are_refused_before_there_is_a_folder(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        count(dataclasses.replace(Config(), **changes), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_part_is_computed_once_and_logged_with_its_facts(folder):
    assert folder.part("one", lambda x: {"x": x}, 3)["x"] == 3
    assert folder.part("one", lambda x: {"x": x}, 4)["x"] == 3
    folder.part("two", lambda: {"loss": 0.5, "curve": [1, 2]}, phase="second")
    (line,) = folder.metrics()
    assert line.pop("seconds") >= 0
    assert line == {"phase": "second", "loss": 0.5}


def test_counts_and_minibatches_fit_the_images():
    fit, lines = Config(n_train=9999, batch_size=5000).fitted(())
    assert (fit.n_train, fit.batch_size) == (1442, 1442)
    assert [line.split(":")[0][:22] for line in lines] == ["digits has 1,442 train", "all 1,442 training ima"]
    assert Config(n_train=9999).fitted({"n_train"}) == (Config(n_train=9999), [])


def test_values_are_those_of_a_part():
    assert Config(seed=3).values(StudyConfig) == {"seed": 3}
    assert set(Config().values(DataSettings)) == {"data", "data_dir", "data_seed", "n_train", "n_test"}
