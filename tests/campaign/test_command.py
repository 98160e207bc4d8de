"""`ntk-repro campaign`."""

import shutil
import sys
from types import SimpleNamespace

import pytest

from ntk_repro.__main__ import main
from ntk_repro.campaign import Campaign
from ntk_repro.machine_speed import REFERENCE
from tests.campaign.tiny import TASKS, TOY, written


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    return written(tmp_path / "campaign", TASKS.format(seeds=[0, 1]) + TOY)


def test_a_dry_run_shows_what_is_next_and_writes_nothing(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ntk_repro.campaign.units.machine_speed", lambda: REFERENCE)
    before = set(tmp_path.rglob("*"))
    main(["campaign", str(path), "--dry-run"])
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)  # of decoded images, which were counted
    shown = capsys.readouterr().out
    assert set(tmp_path.rglob("*")) == before
    for text in (
        "eigentasks: mlp on digits, quick, seed 1",
        "waiting",
        "0 of 5 units are done",
        "1 minute on this machine are left",
    ):
        assert text in shown
    assert shown.index("seed 1") < shown.index("seed 4")  # with more value per hour


def test_without_a_complete_figure_nothing_is_drawn(path, capsys):
    main(["campaign", str(path), "--draw"])
    assert "no figure is complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ('[[entry]]\nfigure = "ortiz2021/fig111"', (), "did you mean 'ortiz2021/fig11'"),
        (TOY, ("--slurm-jobs", "-1"), "--slurm-jobs must be 0 or more, not -1"),
        (TOY, ("--slurm-jobs", "1", "--slurm-hours", "0"), "a job needs at least one core, memory and time"),
    ],
)
def test_bad_input_is_refused_in_one_line_before_any_work(text, options, message, path, ends_in_one_line):
    path.write_text(text)
    assert message in ends_in_one_line(main, "campaign", path, *options)
    assert not path.with_suffix("").exists()


def test_a_failed_unit_is_named_and_the_process_ends_with_status_1(path, monkeypatch, capsys):
    monkeypatch.setattr(Campaign, "run", lambda work: {work.units[0].label: "no such data"})
    with pytest.raises(SystemExit, match=r"^1$"):
        main(["campaign", str(path)])
    assert "seed 0 (" in (line := next(line for line in capsys.readouterr().out.splitlines() if "no such data" in line))
    assert line.endswith("): no such data")


@pytest.mark.parametrize("fails", [False, True])
def test_slurm_jobs_all_take_from_the_same_list(fails, path, monkeypatch, ends_in_one_line):
    asked, jobs = {}, []

    def result():
        if fails:
            raise TimeoutError("job timed out")

    def submit(function, *arguments):
        jobs.append((function.__name__, arguments))
        return SimpleNamespace(job_id=len(jobs), result=result)

    executor = SimpleNamespace(update_parameters=asked.update, submit=submit, cluster="local")
    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=lambda folder: executor))
    command = ["campaign", str(path), "--slurm-jobs", "2", "--slurm-hours", "1"]
    if fails:
        assert "2 of 2 jobs did not finish (job 1: job timed out" in ends_in_one_line(main, *command, progress=True)
    else:
        main(command)
    assert asked["timeout_min"] == 60
    assert [(name, arguments[0]) for name, arguments in jobs] == [("compute", path)] * 2


def test_ctrl_c_ends_the_jobs(path, monkeypatch, capsys):
    ended = []

    def interrupted():
        raise KeyboardInterrupt

    def submit(function, *arguments):
        number = len(ended) + 1
        return SimpleNamespace(job_id=number, result=interrupted, cancel=lambda: ended.append(number))

    executor = SimpleNamespace(update_parameters=lambda **settings: None, submit=submit, cluster="local")
    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=lambda folder: executor))
    with pytest.raises(SystemExit, match="130"):
        main(["campaign", str(path), "--slurm-jobs", "3"])
    assert len(ended) == 3
    assert "no Slurm here, so processes of this machine: jobs " in capsys.readouterr().err


def test_without_submitit_the_remedy_is_named(path, monkeypatch, ends_in_one_line):
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert "or start " in ends_in_one_line(main, "campaign", path, "--slurm-jobs", "2")
