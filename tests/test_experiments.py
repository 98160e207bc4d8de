"""What all experiments have in common: their settings, their `run` and their commands."""

import dataclasses
import importlib
import runpy
from dataclasses import dataclass, field

import numpy as np
import pytest

from ntk_repro import finite_width, nads, rotation, wide_limit
from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSettings, MinibatchSettings, StudyConfig, experiment, experiment_command
from ntk_repro.record import RunFolder

STUDIES = {"nads": nads, "rotation": rotation, "wide_limit": wide_limit, "finite_width": finite_width}
NAMES = [f"ntk_repro.{study}.{name}" for study, package in STUDIES.items() for name in package.EXPERIMENTS]
SMALL = "--net mlp --width 0.1 --data digits"


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
def test_without_an_experiment_they_are_listed(study, args, capsys):
    experiment_command(study, args)
    listed = capsys.readouterr().out
    assert all(name in listed for name in STUDIES[study].EXPERIMENTS)


@pytest.mark.parametrize(
    ("study", "name", "nearest"),
    [("nads", "separabel", "separable"), ("rotation", "trackin", "tracking"), ("finite_width", "spectrum", "spectra")],
)
def test_an_unknown_experiment_is_answered_with_the_nearest(study, name, nearest, capsys):
    with pytest.raises(SystemExit) as stopped:
        experiment_command(study, [name])
    assert stopped.value.code == 2
    assert f"did you mean {nearest!r}" in capsys.readouterr().err


def test_the_former_name_of_a_study_is_refused_with_the_new_one():
    with pytest.raises(SystemExit, match=r"error: .* is now ntk_repro\.finite_width"):
        runpy.run_module("ntk_repro.widths", run_name="__main__")
    with pytest.raises(ImportError, match=r"is now ntk_repro\.finite_width"):
        importlib.import_module("ntk_repro.widths")


@pytest.mark.parametrize(
    ("study", "args", "shown"),
    [
        ("rotation", f"tracking {SMALL} --n-train 60 --n-test 20 --epochs 0 --top 5", ["on 60 images"]),
        (
            "finite_width",
            f"{SMALL} --n-train 40 --n-test 20 --epochs 1 --shift 1 --no-baseline",
            ["mlp x0.1", "linearized"],
        ),
    ],
)
def test_a_run_is_computed_and_shown(study, args, shown, capsys):
    experiment_command(study, args.split(), default="training")
    printed = capsys.readouterr().out
    assert all(text in printed for text in (*shown, "kept in: "))


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


def test_a_part_is_computed_once_and_logged_with_its_facts(tmp_path):
    with RunFolder.open("parts", Config(), root=tmp_path) as folder:
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
