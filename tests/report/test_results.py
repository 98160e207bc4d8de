import json
import shutil

import pytest

from ntk_repro.papers import FIGURES, load_figure_preset
from ntk_repro.record import RunFolder
from ntk_repro.report import gather
from tests.report.conftest import FIGURE


def test_what_is_computed_is_shown_and_other_presets_are_counted(entries):
    missing, there = entries
    assert missing.shown is None
    assert [(p.preset.name, p.done) for p in missing.presets] == [
        (name, 0) for name in ("quick", "laptop", "days", "paper")
    ]
    assert there.shown.result.preset == "quick"
    assert [p.done for p in there.presets] == [3, 3, 3]
    assert [p.complete for p in there.presets] == [True, False, False]
    assert there.shown.picture.startswith(b"\x89PNG")


def test_its_claims_are_those_of_its_run_folder(entries, drawn):
    assert entries[1].shown.result.claims == drawn.claims == json.loads(drawn.files[-1].read_text())["claims"]


def test_time_device_and_commit_are_those_of_the_run(entries, runs):
    shown = entries[1].shown
    environments = [RunFolder.read(runs / path).environment for path in shown.result.runs]
    assert shown.result.devices == ["cpu: cpu"]
    assert shown.seconds == tuple(environment["seconds"] for environment in environments)
    assert shown.result.seconds == round(sum(shown.seconds), 1) > 0
    git = environments[0]["git"]
    assert shown.result.commits == ([git["commit"][:10] + "+" * git["changed"]] if git else [])


@pytest.mark.slow
def test_the_largest_preset_that_is_done_is_drawn(runs, tmp_path):
    root = shutil.copytree(runs, tmp_path / "runs")
    folders = [
        RunFolder.locate(FIGURE.folder, c.resolved(), root=root) for c in load_figure_preset(FIGURE, "paper").configs
    ]
    for folder in folders[3:]:
        shutil.copytree(folders[0], folder)  # drawn from, whatever its numbers
        config = (folder / "config.toml").read_text()
        seed = load_figure_preset(FIGURE, "paper").configs[folders.index(folder)].seed
        (folder / "config.toml").write_text(config.replace("seed = 2", f"seed = {seed}"))
    (entry,) = gather([FIGURE], tmp_path / "pictures", root)
    assert entry.shown is not None
    assert entry.shown.result.preset == "paper"
    assert [p.done for p in entry.presets][::2] == [3, 5]


@pytest.mark.parametrize("damage", [b"", b"no zip file"])
def test_a_damaged_run_is_reported_and_leaves_the_others(damage, runs, tmp_path):
    root = shutil.copytree(runs, tmp_path / "runs")
    next(root.rglob("result.npz")).write_bytes(damage)
    broken, other = gather([FIGURE, FIGURES["lee2019/figS9"]], tmp_path / "pictures", root)
    assert broken.shown is None
    assert "missing or damaged" in broken.trouble
    assert (other.shown, other.trouble) == (None, "")
