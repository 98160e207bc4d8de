import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from ntk_repro.__main__ import main
from ntk_repro.record import RunFolder
from tests.finished_run import finished_run


@dataclass(frozen=True)
class SimpleIdentity:
    n: int = 2


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.parametrize(
    ("network", "verdict"),
    [(None, "holds"), pytest.param([0.5, 0.6, 0.7, 0.8], "does not hold", marks=pytest.mark.slow)],
)
def test_a_figure_is_drawn_from_named_runs_and_its_claims_are_shown(network, verdict, tmp_path, capsys):
    run = finished_run(tmp_path, network=network, data="cifar10", epochs=100, images=(50000, 10000))
    main(["draw", "ortiz2021/fig2", str(run.path), "--out", str(tmp_path / "out")])
    shown = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("│")] for line in shown.splitlines()]
    (claim,) = [row for row in cells if any(cell.startswith("network accuracy") for cell in row)]
    assert claim[2:4] == ["mlp", verdict]
    assert str(tmp_path / "out" / "ortiz2021_fig2.png") in shown


def test_the_list_names_every_figure_and_preset(capsys):
    main(["list"])
    shown = capsys.readouterr().out
    for name in ("(ortiz2021)", "fig14", "quick", "paper", "0 of 3 runs", "next: "):
        assert name in shown


def test_the_doctor_reports(capsys):
    main(["doctor"])
    assert "mnist5k" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("run fig22", "unknown figure 'fig22'; did you mean 'fig2'"),
        ("run fig2 --preset qiuck", "unknown preset 'qiuck'; did you mean 'quick'"),
        ("run fig2 --nets lennet", "'lennet'; did you mean 'lenet'"),
        ("run ortiz2021/fig2 --data mnist5", "unknown data set 'mnist5'; did you mean 'mnist5k'"),
        ("run ortiz2021/fig2 --n-train 5000", "mnist5k has 4,000 training images"),
        ("draw fig2", "name at least one run folder"),
        ("run ortiz2021/fig2 --data digits --n-train 5000", "digits has 1,4"),
    ],
)
def test_bad_input_is_refused_in_one_line_with_status_2(args, message, ends_in_one_line):
    assert message in ends_in_one_line(main, *args.split(), progress=True)


def test_of_several_figures_nothing_is_computed_where_one_cannot_be(ends_in_one_line, monkeypatch):
    """The runs of one paper's Figure 6 have test images, those of another refuse them."""
    made = []
    monkeypatch.setattr("ntk_repro.papers.Plan.compute", lambda plan, out: made.append(plan.figure.id))
    monkeypatch.setattr("ntk_repro.__main__._show", lambda found: None)
    assert "leave --n-test out" in ends_in_one_line(main, "run", "fig6", "--n-test", "50")
    assert made == []
    main(["run", "fig6", "--n-train", "500"])
    assert made == ["ortiz2021/fig6", "samarin2022/fig6"]


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["fig2", "fig3"])
def test_runs_of_another_kind_are_refused_in_one_line(figure, tmp_path, ends_in_one_line):
    with RunFolder.open("gram", SimpleIdentity(), root=tmp_path) as folder:
        folder.finish(gram=np.eye(2))
    sentence = ends_in_one_line(main, "draw", figure, folder.path, "--out", tmp_path / "out")
    assert "is not a run that this figure draws" in sentence


@pytest.mark.parametrize("below", [False, True])
def test_an_output_folder_that_is_a_file_is_refused_in_one_line(below, tmp_path, ends_in_one_line):
    run, out = finished_run(tmp_path), tmp_path / "file"
    out.write_text("")
    sentence = ends_in_one_line(main, "draw", "ortiz2021/fig2", run.path, "--out", out / "folder" if below else out)
    assert "cannot be written because a file stands where a folder is needed" in sentence


def test_the_help_of_every_command_explains_its_options(capsys):
    for name in ("draw", "list", "report", "doctor", "completion", "run"):
        with pytest.raises(SystemExit):
            main([name, "--help"])
    assert "(default: quick)" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(
    os.name == "nt", reason="Windows ends a process on a closed pipe in its own way: run it on Linux or macOS"
)
@pytest.mark.parametrize("program", ["ntk_repro", "ntk_repro.gram"])
def test_a_reader_that_closes_the_pipe_ends_it_without_an_error(program):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", program, *(["run"] if program == "ntk_repro" else []), "--help"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, "")
