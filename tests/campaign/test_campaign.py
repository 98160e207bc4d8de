"""A campaign of stand-in runs, which take no time."""

import dataclasses
import os
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from ntk_repro.campaign import Campaign, Unit, campaign
from ntk_repro.errors import UserError
from ntk_repro.experiments import StudyConfig
from ntk_repro.papers.presets import Study
from ntk_repro.record import Lease, RunFolder, RunInUseError
from tests.campaign.tiny import written


@dataclass(frozen=True)
class Config(StudyConfig):
    net: str = "mlp"
    parts: int = 0

    @property
    def label(self) -> str:
        return self.net


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes a campaign of these runs; returns it and the list of what is computed."""
    monkeypatch.setattr(campaign, "forget_programs", lambda: None)
    computed: list[tuple[str, int]] = []

    def run(config, root):
        computed.append((config.net, config.seed))
        with RunFolder.open("stand_in", config, root=root) as folder:
            for number in range(config.parts):
                folder.part(f"part_{number}", part, config, number)
            folder.finish(x=np.arange(3))
        return folder

    def part(config, number):
        if config.net == "stopped" and number == config.parts - 1:
            raise KeyboardInterrupt
        computed.append(("part", number))
        return {"x": np.array(number)}

    def made(*configs: Config, run=run, root="runs", **facts):
        path = tmp_path / "tiny.toml"
        if not path.exists():
            path.write_text('[[entry]]\nfigure = "ortiz2021/fig1"')
        work = Campaign(path, tmp_path / root)
        common = {"preset": "quick", "value": 1.0, "seconds": 60.0, "device": "cpu", "needs": "", "memory": 0.0} | facts
        work.units = [Unit(Study("stand_in", Config, run), "stand_in", config, **common) for config in configs]
        return work

    return made, computed


def states(work: Campaign) -> list[str]:
    return [one.state for one in work.states()]


def test_units_are_computed_by_value_per_hour_and_leave_a_file_and_a_line(made):
    make, computed = made
    work = make(*map(Config, (0, 1, 2)))
    work.units = [dataclasses.replace(unit, value=value) for unit, value in zip(work.units, (1, 3, 2), strict=True)]
    assert [one.unit.config.seed for one in work.states()] == [1, 2, 0]
    assert work.run() == {}
    assert computed == [("mlp", 1), ("mlp", 2), ("mlp", 0)]
    assert states(work) == ["done"] * 3
    assert sorted(path.stem for path in work.folder.rglob("*.zip")) == sorted(unit.hash for unit in work.units)
    lines = work.log()
    assert [line["event"] for line in lines] == ["finished"] * 3
    assert all(line["memory"] > 1e6 and line["source"] and line["seconds"] >= 0 for line in lines)
    assert not list((work.folder / "running").iterdir())
    work.run()
    assert len(computed) == 3


def test_another_folder_of_runs_takes_the_files_and_computes_nothing(made):
    make, computed = made
    make(Config(0)).run()
    work = make(Config(0), root="elsewhere")
    assert states(work) == ["done"]
    assert not RunFolder.is_done("stand_in", Config(0), root=work.root)
    work.run()
    assert computed == [("mlp", 0)]
    assert RunFolder.is_done("stand_in", Config(0), root=work.root)


def test_a_run_made_without_the_campaign_is_taken(made):
    make, computed = made
    work = make(Config(0))
    work.units[0].study.run(Config(0), root=work.root)
    work.run()
    assert computed == [("mlp", 0)]
    assert len(list(work.folder.rglob("*.zip"))) == 1


def test_a_unit_that_fails_is_reported_and_the_others_are_computed(made):
    make, computed = made

    def run(config, root):
        if config.seed == 0:
            raise UserError("no such data")
        return make(config).units[0].study.run(config, root)

    work = make(Config(0), Config(1), run=run)
    assert work.run() == {work.units[0].label: "no such data"}
    assert computed == [("mlp", 1)]
    assert states(work) == ["failed", "done"]
    assert [one.reason for one in work.states()] == ["no such data", ""]
    assert [line["error"] for line in work.log()] == ["no such data", ""]


def test_a_unit_in_use_or_held_by_another_process_is_left_to_it_until_that_ends(made, monkeypatch, capsys):
    make, computed = made

    def in_use(config, root):
        raise RunInUseError("in use")

    assert make(Config(0), run=in_use).run() == {}
    work = make(Config(0), Config(1))
    lease = Lease.take(work.folder / "running" / f"stand_in-{work.units[0].hash}.json")
    assert lease is not None
    assert states(work)[0].startswith("running on ")
    monkeypatch.setattr(campaign, "_SECONDS_BETWEEN_TRIES", 0.05)
    other = threading.Timer(0.5, lease.release)
    other.start()
    work.run()
    other.join()
    assert computed == [("mlp", 1), ("mlp", 0)]
    assert [line["event"] for line in work.log()] == ["finished", "finished"]
    assert capsys.readouterr().err.count("waiting, to take over") == 1


def test_a_unit_larger_than_the_free_memory_is_left_out(made, capsys):
    make, computed = made
    work = make(Config(0), memory=2.0**60)
    assert states(work) == ["too large"]
    work.run()
    assert computed == []
    assert "needs 1048576.0 TiB" in capsys.readouterr().err


def test_what_a_stopped_unit_has_finished_goes_on_on_another_machine(made):
    make, computed = made
    work = make(Config(0, "stopped", parts=3))
    with pytest.raises(KeyboardInterrupt):
        work.run()
    assert [path.suffixes for path in work.folder.rglob("*.zip")] == [[".parts", ".zip"]]
    assert work.log()[-1]["event"] == "stopped"
    assert computed == [("stopped", 0), ("part", 0), ("part", 1)]
    with pytest.raises(KeyboardInterrupt):
        make(Config(0, "stopped", parts=3), root="elsewhere").run()
    assert computed[3:] == [("stopped", 0)]


def test_the_parts_are_removed_when_the_unit_is_finished(made, monkeypatch):
    monkeypatch.setattr(campaign, "_SECONDS_BETWEEN", 0.0)
    make, _ = made
    work = make(Config(0, parts=2))
    path = work.folder / "units" / "stand_in" / f"{work.units[0].hash}.parts.zip"
    path.parent.mkdir(parents=True)
    with RunFolder.open("stand_in", Config(0, parts=2), root=work.root.parent / "elsewhere") as run:
        run.save_part("part_0", x=np.array(7))
        campaign.save_parts(run, path)
    work.run()
    assert not path.exists()
    assert states(work) == ["done"]


def test_the_time_of_a_killed_process_is_in_the_log(made):
    make, _ = made
    work = make(Config(0))
    path = work.folder / "running" / f"stand_in-{work.units[0].hash}.json"
    lease = Lease.take(path)
    assert lease is not None
    text = path.read_text()
    lease.release()
    path.write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {2**22 + 1}'))
    work.run()
    assert [line["event"] for line in work.log()] == ["killed", "finished"]


def test_a_unit_that_is_killed_again_and_again_comes_last(made):
    make, computed = made
    work = make(Config(0), Config(1), Config(2))
    work.folder.mkdir()
    for _ in range(3):
        work._write(work.units[0], "killed", 1.0)
    for _ in range(2):
        work._write(work.units[1], "killed", 1.0)
    assert [one.unit.config.seed for one in work.states()] == [1, 2, 0]
    work.run()
    assert computed == [("mlp", 1), ("mlp", 2), ("mlp", 0)]


def test_a_damaged_file_of_a_unit_is_named_and_the_others_go_on(made, capsys):
    make, computed = made
    work = make(Config(0), Config(1, parts=1))
    whole, parts = (
        work.folder / "units" / "stand_in" / f"{unit.hash}{end}.zip"
        for unit, end in zip(work.units, ("", ".parts"), strict=True)
    )
    whole.parent.mkdir(parents=True)
    whole.write_bytes(b"PK")
    parts.write_bytes(b"PK")
    assert states(work) == ["damaged file", "waiting"]
    assert work.run() == {}
    assert computed == [("mlp", 1), ("part", 0)]
    assert states(work) == ["damaged file", "done"]
    assert next(one.reason for one in work.states()).startswith(f"{whole} is damaged")
    said = capsys.readouterr().err
    assert said.count(f"{whole} is damaged: take it from where it was saved again") == 1
    assert f"{parts} is damaged: removed" in said
    assert not parts.exists()


@pytest.mark.parametrize(
    "line",
    [
        b'{"time": "20',
        b"null",
        b'{"x": 1}',
        b'{"time": 3, "seconds": 1}',
        b"\xff\xfe",
        b'{"time": "2024-01-01T00:00:00", "seconds": 1}',
        b'{"time": "2024-01-01T00:00:00Z", "seconds": null}',
    ],
)
def test_a_line_of_the_log_that_is_none_is_left_out(made, line):
    make, _ = made
    work = make(Config(0))
    work.run()
    with open(next(work.folder.glob("log-*.jsonl")), "ab") as handle:
        handle.write(line)
    assert len(work.log()) == 1


def test_estimates_learn_from_the_log(made):
    make, _ = made
    work = make(Config(0), Config(1), seconds=1000.0)
    assert work.estimates().seconds(work.units[1]) == 1000
    work.units[0].study.run(Config(0), root=work.root)
    assert work.estimates().seconds(work.units[1]) < 100


def test_estimates_learn_from_a_clone_before_any_run_is_laid_out(made):
    make, _ = made
    make(Config(0), seconds=1000.0).run()
    work = make(Config(0), Config(1), root="elsewhere", seconds=1000.0)
    assert work.estimates().seconds(work.units[1]) < 100


def test_a_unit_finished_elsewhere_whose_run_folder_is_in_use_here_is_left(made):
    make, computed = made
    make(Config(0)).run()
    work = make(Config(0), root="elsewhere")
    with RunFolder.open("stand_in", Config(0), root=work.root):
        assert work.run() == {}
    assert computed == [("mlp", 0)]


def test_a_file_without_an_ending_is_refused(tmp_path):
    path = written(tmp_path / "a", '[[entry]]\nfigure = "ortiz2021/fig1"')
    with pytest.raises(UserError, match="has no ending"):
        Campaign(path.rename(tmp_path / "a" / "tiny"))
