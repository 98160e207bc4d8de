"""Every command that a page shows is understood by its program, and is run by a test or has a reason why not."""

import ast
import importlib
import importlib.util
import shlex
import shutil
import subprocess
import tomllib
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from tests.docs.blocks import DOCS, PAGES, ROOT, Block, blocks, commands, commands_of, differences


class Covered(NamedTuple):
    """The test that does at a small size what a command does."""

    test: str


class Unrun(NamedTuple):
    """Why no test can run a command."""

    because: str


# The commands of this page are run as they stand there, by tests/docs/test_pages.py.
RUN_AS_SHOWN = DOCS / "tutorial.md"

COMMANDS: dict[str, Covered | Unrun] = {
    # README.md
    "make fig2": Covered("tests/papers/test_run.py::test_a_figure_is_computed_drawn_and_judged"),
    "make test": Unrun("it is what runs the tests"),
    "pip install path/to/ntk_repro": Covered(
        "tests/papers/test_resources.py::test_a_wheel_lists_and_draws_outside_the_clone"
    ),
    ".venv/bin/python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --memory 6GiB": Covered(
        "tests/gram/test_main.py::test_matrix_and_eigenpairs_are_kept_and_found_again"
    ),
    "pip install 'path/to/ntk_repro[cuda]'": Unrun("JAX for GPUs is gigabytes from the package index"),
    # docs/figures.md
    "make ortiz2021-fig2": Covered("tests/papers/test_run.py::test_a_figure_is_computed_drawn_and_judged"),
    "make report": Covered("tests/report/test_page.py::test_the_command_writes_the_page_and_its_pictures"),
    ".venv/bin/python -m ntk_repro.eigentasks --net lenet --data mnist5k --indices 2 51 301": Covered(
        "tests/eigentasks/test_main.py::test_it_prints_accuracies_and_the_run_folder"
    ),
    ".venv/bin/python -m ntk_repro.wide_limit predictive --hidden 1024": Covered(
        "tests/test_next_commands.py::test_the_run_is_shown_and_the_next_command_draws_it"
    ),
    ".venv/bin/python -m ntk_repro.eigentasks --help": Covered(
        "tests/docs/test_commands.py::test_the_program_understands_the_command"
    ),
    # CONTRIBUTING.md
    "make setup": Unrun("it installs from the package index"),
    "make test-fast": Unrun("it is what runs the tests"),
    "make lint": Unrun("it looks at the whole project for minutes; CI runs it"),
    "make docs": Covered("tests/docs/test_build.py::test_the_pages_build_without_a_warning"),
    "python -m tests.docs.renew": Covered("tests/docs/test_pages.py::test_a_page_prints_and_draws_what_it_shows"),
    ".venv/bin/pre-commit install": Unrun("it changes the clone's git hooks"),
    # docs/gram.md
    "python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --memory 6GiB": Covered(
        "tests/gram/test_main.py::test_matrix_and_eigenpairs_are_kept_and_found_again"
    ),
    "python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --explain": Covered(
        "tests/gram/test_main.py::test_explain_and_dry_run_compute_nothing"
    ),
    "python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --dry-run": Covered(
        "tests/gram/test_main.py::test_explain_and_dry_run_compute_nothing"
    ),
    "python -m ntk_repro.gram --net lenet --data cifar10 --share 0 8": Covered(
        "tests/gram/test_main.py::test_shares_come_together"
    ),
    "srun python -m ntk_repro.gram --net lenet --data cifar10 --k 1000 --distributed": Covered(
        "tests/gram/test_main.py::test_processes_share_one_store"
    ),
    "python -m ntk_repro.gram --net lenet --data cifar10 --coordinator host:1234 --processes 2 --process 0": Covered(
        "tests/gram/test_main.py::test_processes_share_one_store"
    ),
    # docs/samarin2022.md
    "python -m ntk_repro.finite_width curvature --batches 2 --seed 0": Covered(
        "tests/finite_width/test_curvature.py::test_a_run_is_shown"
    ),
    "ntk-repro run samarin2022/fig5 --preset paper --imagenet imagenet/": Covered(
        "tests/papers/test_presets.py::test_the_folder_of_imagenet_goes_to_the_runs_on_snakes_only"
    ),
    "python -m ntk_repro.finite_width grid --width 4 --slurm-jobs 10 --slurm-gpus 1 --slurm-memory 32": Covered(
        "tests/finite_width/test_grid.py::test_jobs_of_submitit_compute_the_grid"
    ),
    # docs/measurements.md
    "make bench": Covered("tests/benchmarks/test_main.py::test_all_parts_are_written_and_drawn"),
    "python -m benchmarks gram": Covered("tests/benchmarks/test_gram.py"),
    "python -m benchmarks scaling": Covered("tests/benchmarks/test_scaling.py"),
    "python -m benchmarks papers_scale": Covered("tests/benchmarks/test_papers_scale.py"),
    "python -m benchmarks linearized_step": Covered("tests/benchmarks/test_linearized_step.py"),
    "python -m benchmarks papers_scale:lenet_from_disk": Covered("tests/benchmarks/test_papers_scale.py"),
}

SHOWN = sorted({command for page in PAGES.values() if page != RUN_AS_SHOWN for command in commands(page)})


def unlisted(shown: list[str], listed: dict[str, Covered | Unrun]) -> list[str]:
    """Commands that a page shows and the list lacks, and entries that no page shows."""
    return sorted(set(shown) ^ set(listed))


def absent(listed: dict[str, Covered | Unrun]) -> list[str]:
    """Tests that the list names and that are not there."""
    missing = []
    for entry in listed.values():
        if isinstance(entry, Covered):
            file, _, name = entry.test.partition("::")
            path = ROOT / file
            tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
            tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and "test" in node.name]
            if not tests or (name and name not in tests):
                missing.append(entry.test)
    return missing


def test_every_command_is_run_by_a_test_or_has_a_reason():
    assert unlisted(SHOWN, COMMANDS) == []
    assert absent(COMMANDS) == []
    assert all(entry.because for entry in COMMANDS.values() if isinstance(entry, Unrun))


def test_a_command_without_a_test_a_stale_entry_and_a_lost_test_are_caught():
    assert unlisted(["make it"], {}) == ["make it"]
    assert unlisted([], {"make it": Unrun("it is gone")}) == ["make it"]
    assert absent({"a": Covered("tests/docs/test_commands.py::test_gone"), "b": Covered("tests/gone.py")}) == [
        "tests/docs/test_commands.py::test_gone",
        "tests/gone.py",
    ]


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
                pytest.skip("needs make")
            # A target that there is not is only told, so that a dry run of it ends well.
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
            monkeypatch.setattr("ntk_repro.papers.reproduce", lambda *args, **settings: done.append(args))
            monkeypatch.setattr("ntk_repro.__main__._show", lambda found: None)
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
            folder = SimpleNamespace(path="")
            monkeypatch.setattr(study, "run", lambda config: (done.append(config.resolved()), folder)[1])
            monkeypatch.setattr(study, "show", lambda folder: None)
            importlib.import_module(f"{module}.__main__").main(arguments)
    assert len(done) == 1
