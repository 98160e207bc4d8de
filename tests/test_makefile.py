"""The options that `make` passes to `ntk-repro run`, from `make --dry-run`."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def command(*variables):
    if shutil.which("make") is None:
        pytest.skip("needs make: apt install make")
    program = ["make", "--dry-run", "--no-print-directory", "fig13", *variables]
    shown = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout.replace("\\\n", "")
    (line,) = [line for line in shown.splitlines() if "-m ntk_repro run" in line]
    return " ".join(line.replace('"', "").split())


@pytest.fixture
def shared(tmp_path, monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    (tmp_path / "cifar10" / "3.0.2").mkdir(parents=True)
    (tmp_path / "cifar10" / "3.0.2" / "dataset_info.json").write_text("{}")
    return tmp_path


def test_variables_become_options():
    made = command("PRESET=laptop", "DATA=digits", "DATA_DIR=here", "N_TRAIN=100", "N_TEST=50")
    assert made.endswith("run fig13 --preset laptop --data digits --data-dir here --n-train 100 --n-test 50")


def test_variables_that_are_not_set_are_left_to_the_preset(tmp_path):
    assert command(f"SHARED_DATA={tmp_path}").endswith("run fig13 --preset quick")


@pytest.mark.parametrize(
    ("data", "there"), [("", True), ("cifar10", True), ("fashion_mnist", False), ("a/b.npz", False)]
)
def test_the_shared_folder_is_named_only_where_nothing_would_be_downloaded_into_it(shared, data, there):
    assert (f"--data-dir {shared}" in command(f"SHARED_DATA={shared}", f"DATA={data}")) == there


def test_a_data_folder_of_the_environment_comes_first(shared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "elsewhere")
    assert "--data-dir" not in command(f"SHARED_DATA={shared}")
