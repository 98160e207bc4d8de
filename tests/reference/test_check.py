import json

import pytest

from ntk_repro.__main__ import main
from ntk_repro.reference.pages import BEGIN, END

FILE = "quick/ortiz2021_fig1.json"


def check(reference, root):
    """The exit status of the comparison of everything in `reference`."""
    try:
        main(["check-reference", "--reference", str(reference), "--root", str(root)])
    except SystemExit as ended:
        return ended.code
    return 0


def changed(reference, **changes):
    path = reference / FILE
    content = json.loads(path.read_text())
    content["claims"][0] |= changes
    path.write_text(json.dumps(content))


def test_what_is_computed_is_kept_with_its_pages(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NTK_REPRO_RUNS", str(runs))
    folder, readme = tmp_path / "reference", tmp_path / "README.md"
    folder.mkdir()
    (folder / "differences.toml").write_text("")
    readme.write_text(f"{BEGIN}\n{END}\n")
    main(["reference", "--reference", str(folder), "--readme", str(readme), "--scratch", str(tmp_path / "drawn")])
    assert "1 of 1 results are from the runs at hand" in capsys.readouterr().out
    assert (folder / FILE).exists()
    assert "quick/ortiz2021_fig1.png" in (folder / "ortiz2021.md").read_text()
    assert "| 0." in readme.read_text()


def test_a_fresh_computation_agrees_and_the_next_begins_anew(reference, tmp_path, capsys):
    root = tmp_path / "check"
    assert check(reference, root) == 0
    count = len(json.loads((reference / FILE).read_text())["claims"])
    agree, _, difference = capsys.readouterr().out.partition("; largest difference ")
    assert agree.endswith(f"{count} of {count} numbers agree with the reference")
    assert float(difference.split()[0]) < 1e-4  # references have six digits
    marker = root / "left_from_before"
    marker.touch()
    changed(reference, number=1e3)
    assert check(reference, root) == 1
    assert not marker.exists()
    shown = capsys.readouterr().out
    assert "differs" in shown
    assert f"{count - 1} of {count} numbers agree" in shown


def test_one_that_was_interrupted_is_continued(reference, runs, tmp_path):
    root = tmp_path / "check"
    (run,) = runs.rglob("DONE")
    target = root / run.parent.relative_to(runs)
    target.mkdir(parents=True)
    (root / "check-begun").touch()
    for path in run.parent.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    done = (target / "DONE").stat().st_mtime_ns
    assert check(reference, root) == 0
    assert (target / "DONE").stat().st_mtime_ns == done


def test_figures_without_a_reference_are_refused(reference, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check-reference", "--figures", "lee2019/fig1", "--reference", str(reference)])
    assert ended.value.code == 2
    assert "has no reference of these figures at preset quick" in capsys.readouterr().err


def test_a_folder_of_other_things_is_left_alone(reference, tmp_path, capsys):
    (tmp_path / "mine").touch()
    assert check(reference, tmp_path) == 2
    assert "has files that no check has written" in capsys.readouterr().err
    assert (tmp_path / "mine").exists()
