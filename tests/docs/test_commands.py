"""Every command that a page shows is understood by its program, and is run by a test or has a reason why not."""

import importlib
import importlib.util
import itertools
import shlex
import shutil
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from tests.docs.blocks import DOCS, PAGES, ROOT, Block, blocks, commands, commands_of, differences

# The commands of this page are run as shown, by tests/docs/test_notebooks.py.
RUN_AS_SHOWN = DOCS / "tutorial.md"

# For every command the test that does the same at a small size ...
COVERED = {
    # README.md and docs/figures.md
    "papers/test_run.py::test_a_figure_is_computed_drawn_and_judged": ["make fig2", "make ortiz2021-fig2"],
    "papers/test_resources.py::test_a_wheel_lists_and_draws_outside_the_clone": ["pip install path/to/ntk_repro"],
    "report/test_page.py::test_the_command_writes_the_page_and_its_pictures": ["make report"],
    "test_study_command.py::test_without_an_accelerator_a_run_is_that_of_the_quick_preset": [
        ".venv/bin/python -m ntk_repro.eigentasks --net resnet18"
    ],
    "test_study_command.py::test_a_dry_run_computes_nothing": [
        ".venv/bin/python -m ntk_repro.eigentasks --net lenet --activation gelu --preset laptop --dry-run"
    ],
    "report/test_runs_compared.py::test_the_command_prints_and_draws": [
        "ntk-repro compare runs/eigentasks/4b9a1195906f runs/eigentasks/a75f0e925d60"
    ],
    "report/test_export.py::test_a_run_becomes_arrays_and_tables": ["ntk-repro export runs/eigentasks/4b9a1195906f"],
    "report/test_event_files.py::test_the_command_writes_what_tensorboard_reads": [
        "ntk-repro export runs/eigentasks/4b9a1195906f --tensorboard"
    ],
    "test_experiments.py::test_the_run_is_shown_and_drawn_and_the_next_command_names_its_figure": [
        ".venv/bin/python -m ntk_repro.wide_limit predictive --hidden 1024"
    ],
    "docs/test_commands.py::test_the_program_understands_the_command": [
        ".venv/bin/python -m ntk_repro.eigentasks --help"
    ],
    # CONTRIBUTING.md
    "docs/test_build.py::test_the_pages_build_without_a_warning": ["make docs"],
    "docs/test_pages.py::test_a_page_prints_what_it_shows": ["python -m tests.docs.renew"],
    "docs/test_notebooks.py::test_a_page_prints_and_draws_what_it_shows": ["make notebooks"],
    # docs/gram.md
    "gram/test_main.py::test_matrix_and_eigenpairs_are_kept_and_found_again": [
        "python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --memory 6GiB",
    ],
    "gram/test_main.py::test_explain_and_dry_run_compute_nothing": [
        "python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --explain",
        "python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --dry-run",
    ],
    "gram/test_main.py::test_a_factor_is_foreseen_and_kept_for_kernel_solve": [
        "python -m ntk_repro.gram --net lenet --data cifar10 --precision float64 --ridge 0.01 --memory 6GiB",
        "python -m ntk_repro.gram --net lenet --data cifar10 --ridge 30 --memory 6GiB",
    ],
    "gram/test_main.py::test_shares_come_together": ["python -m ntk_repro.gram --net lenet --data cifar10 --share 0 8"],
    "gram/test_main.py::test_processes_share_one_store": [
        "srun python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --distributed",
        "python -m ntk_repro.gram --net lenet --data cifar10 --coordinator host:1234 --processes 2 --process 0",
    ],
    # docs/campaign.md
    "campaign/test_command.py::test_a_dry_run_shows_what_is_next_and_writes_nothing": [
        "ntk-repro campaign long.toml --dry-run"
    ],
    "campaign/test_kills.py::test_killed_at_five_random_moments_it_ends_with_the_same_files": [
        "ntk-repro campaign long.toml"
    ],
    "campaign/test_kills.py::test_a_figure_drawn_from_unit_files_alone_is_the_one_drawn_from_run_folders": [
        "ntk-repro campaign long.toml --draw"
    ],
    "campaign/test_command.py::test_slurm_jobs_all_take_from_the_same_list": [
        "ntk-repro campaign long.toml --slurm-jobs 4 --slurm-hours 12 --slurm-gpus 1"
    ],
    # docs/samarin2022.md
    "finite_width/test_curvature.py::test_a_run_is_shown": [
        "python -m ntk_repro.finite_width curvature --batches 2 --seed 0"
    ],
    "papers/test_presets.py::test_the_folder_of_imagenet_goes_to_the_runs_on_snakes_only": [
        "ntk-repro run samarin2022/fig5 --preset paper --imagenet imagenet/"
    ],
    "finite_width/test_grid.py::test_jobs_of_submitit_compute_the_grid": [
        "python -m ntk_repro.finite_width grid --width 4 --slurm-jobs 10 --slurm-gpus 1 --slurm-memory 32"
    ],
    # docs/measurements.md
    "benchmarks/test_main.py::test_all_parts_are_written_and_drawn": ["make bench"],
    "benchmarks/test_main.py": ["python -m benchmarks"],
    "benchmarks/test_gram.py": ["python -m benchmarks gram"],
    "benchmarks/test_scaling.py": ["python -m benchmarks scaling"],
    "benchmarks/test_papers_scale.py": [
        "python -m benchmarks papers_scale",
        "python -m benchmarks papers_scale:lenet_from_disk",
    ],
    "benchmarks/test_training.py": ["python -m benchmarks training"],
    "benchmarks/test_first_kernel.py": ["python -m benchmarks first_kernel"],
    "benchmarks/test_estimates.py": ["python -m benchmarks estimates"],
    "benchmarks/test_accelerator.py": ["python -m benchmarks accelerator"],
    "benchmarks/test_linearized_step.py": ["python -m benchmarks linearized_step"],
    "benchmarks/test_labels.py": ["python -m benchmarks labels"],
    "benchmarks/test_jpeg.py": ["python -m benchmarks jpeg"],
    "rotation/test_pretrained.py::test_batch_statistics_are_the_trained_ones_or_those_before": [
        "python -m ntk_repro.rotation pretrained --net resnet18 --width 0.125 --residual-scale-init 1 --data mnist5k "
        "--n-train 1000 --n-test 400 --epochs 15 --batch-size 32 --index 51 --linearize-at 1 3",
    ],
    "rotation/test_tracking.py::test_batch_statistics_of_the_kernel_are_the_trained_ones_or_those_before": [
        "python -m ntk_repro.rotation tracking --net resnet18 --width 0.125 --residual-scale-init 1 --data mnist5k "
        "--n-train 1000 --n-test 400 --epochs 15 --batch-size 32 --index 51 --num-eigenfunctions 300 --track 0",
    ],
}
# ... or why no test can run it.
UNRUN = {
    "make test": "it is what runs the tests",
    "make test-fast": "it is what runs the tests",
    "make lint": "it checks the project for minutes, and CI runs it",
    "make setup": "it installs from the package index",
    "pip install 'path/to/ntk_repro[cuda]'": "JAX for GPUs is gigabytes from the package index",
    ".venv/bin/pre-commit install": "it changes the clone's git hooks",
}

SHOWN = sorted({command for page in PAGES.values() if page != RUN_AS_SHOWN for command in commands(page)})


def unlisted(shown: Iterable[str], listed: Iterable[str]) -> list[str]:
    """Commands that a page shows and the list lacks, and those that no page shows or that are listed twice."""
    ours, theirs = Counter(listed), Counter(shown)
    return sorted((ours - theirs) + (theirs - ours))


def absent(tests: Iterable[str]) -> list[str]:
    """Those of the tests that do not exist."""
    missing = []
    for test in tests:
        file, _, name = test.partition("::")
        path = ROOT / "tests" / file
        if not path.is_file() or f"\ndef {name}" not in path.read_text(encoding="utf-8"):
            missing.append(test)
    return missing


def test_every_command_is_run_by_a_test_or_has_a_reason():
    assert unlisted(SHOWN, [*itertools.chain.from_iterable(COVERED.values()), *UNRUN]) == []
    assert absent(COVERED) == []


def test_a_command_without_a_test_a_stale_entry_and_a_lost_test_are_caught():
    assert unlisted(["make a", "make b"], ["make b", "make b", "make c"]) == ["make a", "make b", "make c"]
    gone = ["docs/test_commands.py::test_not_there", "gone.py"]
    assert absent(gone) == gone


def test_commands_are_read_off_a_block():
    text = "# a remark\nmake a   B='c d'  # why\npython -m x \\\n  --k 3\n\n"
    assert commands_of(Block("sh", text, 1, None)) == ["make a 'B=c d'", "python -m x --k 3"]


def test_a_block_knows_its_line_its_file_and_its_output(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n```python\n# file: a.py\nx = 1\n```\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n")
    first, second = blocks(page)
    assert (first.file, first.line, first.shown) == ("a.py", 3, None)
    assert (second.file, second.line, second.shown) == (None, 8, "1\n")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 1.23 b", "a  1.24 b", True),  # a unit of the last digit
        ("a 1.23 b", "a 1.30 b", False),
        ("97.5%", "98.8%", True),
        ("12 of 1,000", "12 of 1,200", False),
        ("kept in: ...", "kept in: runs/1f3", True),
        ("kept in: ...", "lost", False),
        ("5", "6", False),
        ("a\nb", "a", False),
        ("a", "a\nb", False),
        ("a\nc", "a\nb\nc", False),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("a\n...\nc", "a\nc", True),
        ("a\n...\nd", "a\nb\nc", False),
        ("a\n...", "a\nb\nc", True),
        ("5e-4 x", "5e-4 y", False),
    ],
)
def test_outputs_are_compared_word_by_word_and_numbers_nearly(shown, printed, same):
    assert (differences(shown, printed) == []) == same


@pytest.mark.parametrize("command", SHOWN)
def test_the_program_understands_the_command(command, monkeypatch, capsys):
    """Up to the work itself, which is left out: names, options and their values."""
    words = [word.removeprefix(".venv/bin/") for word in shlex.split(command)]
    words = words[1:] if words[0] == "srun" else words
    done = []
    match words:
        case ["make", *targets]:
            if shutil.which("make") is None:
                pytest.skip("needs make: apt install make")
            # An unknown target is only reported, so that its dry run ends without an error.
            done = subprocess.run(["make", "--dry-run", *targets], cwd=ROOT, check=True, capture_output=True, text=True)
            assert "there is no target" not in done.stdout + done.stderr
            return
        case ["pip", "install", requirement]:
            folder, _, extras = requirement.partition("[")
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            assert folder.endswith(project["name"])
            assert set(extras.rstrip("]").split(",")) - {""} <= set(project["optional-dependencies"])
            return
        case ["python", "-m", "benchmarks", *names]:
            program = importlib.import_module("benchmarks.__main__")
            assert all(program._chosen(name) for name in names)
            return
        case ["python", "-m", "tests.docs.renew" as module] | ["pre-commit" as module, "install"]:
            assert importlib.util.find_spec(module.replace("-", "_"))
            return
        case ["ntk-repro", *arguments]:
            monkeypatch.setattr("ntk_repro.papers.Plan.check", lambda plan: None)
            monkeypatch.setattr("ntk_repro.papers.Plan.compute", lambda plan, out: done.append(plan))
            monkeypatch.setattr("ntk_repro.__main__._show", lambda found: None)
            monkeypatch.setattr("ntk_repro.__main__.Campaign.__call__", lambda given: done.append(given.resolved()))
            for name in ("Compare", "Export"):
                monkeypatch.setattr(f"ntk_repro.__main__.{name}.__call__", lambda given: done.append(given))
            importlib.import_module("ntk_repro.__main__").main(arguments)
        case ["python", "-m", "ntk_repro.gram", *arguments]:
            program = importlib.import_module("ntk_repro.gram.__main__")
            monkeypatch.setattr(program, "_run", done.append)
            program.main(arguments)
        case ["python", "-m", "ntk_repro.eigentasks", "--help"]:
            with pytest.raises(SystemExit, match="0"):
                importlib.import_module("ntk_repro.eigentasks.__main__").main(["--help"])
            assert "--indices" in capsys.readouterr().out
            return
        case ["python", "-m", module, *arguments]:
            experiment = "study" if module == "ntk_repro.eigentasks" else arguments[0]
            study = importlib.import_module(f"{module}.{experiment}")
            folder = SimpleNamespace(path=Path())
            drawn = SimpleNamespace(files=[Path()])
            monkeypatch.setattr("ntk_repro.study_command.draw_figure", lambda *arguments, **named: drawn)
            announced = "ntk_repro.study_command._announce"
            monkeypatch.setattr(announced, lambda options, config, data: done.append(config))
            run = Mock(side_effect=lambda config: (done or done.append(config.resolved()), folder)[1])
            run.load.return_value = None
            monkeypatch.setattr(study, "run", run)
            monkeypatch.setattr(study, "show", lambda folder: None)
            importlib.import_module(f"{module}.__main__").main(arguments)
    assert len(done) == 1
