import json
import shutil
from types import SimpleNamespace

import pytest

from ntk_repro.__main__ import main
from ntk_repro.errors import UserError
from ntk_repro.report.markdown import BEGIN, END

FILE = "quick/ortiz2021_fig1.json"


def check(reference, root, *figures):
    """The exit status of the comparison of these figures, or of everything in `reference`."""
    chosen = ["--figures", *figures] if figures else []
    try:
        main(["check-reference", "--reference", str(reference), "--root", str(root), *chosen])
    except SystemExit as ended:
        return ended.code
    return 0


def changed(reference, **changes):
    path = reference / FILE
    content = json.loads(path.read_text())
    content["claims"][0] |= changes
    path.write_text(json.dumps(content))


@pytest.fixture
def clean(monkeypatch):
    """A clone at some commit, without changes."""
    state = {"commit": "0123", "changed": False}
    monkeypatch.setattr("ntk_repro.report.check.git_state", lambda: state)
    return state


@pytest.mark.slow
def test_what_is_computed_is_saved_with_its_pages(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NTK_REPRO_RUNS", str(runs))
    folder, page = tmp_path / "reference", tmp_path / "figures.md"
    folder.mkdir()
    (folder / "differences.toml").write_text("")
    page.write_text(f"{BEGIN}\n{END}\n")
    main(["reference", "--reference", str(folder), "--scratch", str(tmp_path / "drawn")])
    assert "1 of 1 results are from the runs at hand" in capsys.readouterr().out
    assert (folder / FILE).exists()
    assert "quick/ortiz2021_fig1.png" in (folder / "ortiz2021.md").read_text()
    assert "| [Ortiz-Jimenez, Figure 1](reference/ortiz2021.md#figure-1) |" in page.read_text()


@pytest.mark.slow
def test_a_fresh_computation_agrees_and_the_next_starts_again(reference, tmp_path, capsys, clean):
    root = tmp_path / "check"
    assert check(reference, root) == 0
    count = len(json.loads((reference / FILE).read_text())["claims"])
    assert f"{count} of {count} verdicts and numbers agree with the reference" in capsys.readouterr().out
    old, *_ = root.rglob("DONE")
    before = old.stat().st_mtime_ns
    changed(reference, number=1e3)
    (root / "beside").touch()
    assert check(reference, root) == 1
    assert old.stat().st_mtime_ns != before
    assert (root / "beside").exists()
    shown = capsys.readouterr().out
    assert "differs" in shown
    assert f"{count - 1} of {count} verdicts and numbers agree" in shown


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_one_that_was_interrupted_is_continued_at_the_same_commit_only(reference, runs, tmp_path, clean, same):
    root = tmp_path / "check"
    run, *_ = runs.rglob("DONE")
    target = shutil.copytree(run.parent, root / "fresh" / run.parent.relative_to(runs))
    git = clean if same else clean | {"commit": "4567"}
    (root / "check.json").write_text(json.dumps({"git": git, "finished": False}))
    done = (target / "DONE").stat().st_mtime_ns
    assert check(reference, root) == 0
    assert ((target / "DONE").stat().st_mtime_ns == done) is same


@pytest.fixture
def made(reference, monkeypatch):
    """Which figures a check was to make: of two, the second fails while its error stands in `errors`."""
    (reference / "quick" / "ortiz2021_fig2.json").write_text((reference / FILE).read_text().replace("fig1", "fig2"))
    claims, errors, found = json.loads((reference / FILE).read_text())["claims"], [], []

    def reproduce(figure, preset, root, out):
        found.append(figure.id)
        (root / "fig1").mkdir(exist_ok=True)
        if figure.id == "ortiz2021/fig2" and errors:
            raise errors.pop()
        return SimpleNamespace(claims=claims)

    monkeypatch.setattr("ntk_repro.report.check.reproduce", reproduce)
    return found, errors


@pytest.mark.slow
@pytest.mark.parametrize("error", [UserError("no cifar10"), OSError(28, "No space left on device")])
def test_a_check_in_which_a_figure_failed_keeps_its_good_runs_for_the_next(reference, made, tmp_path, clean, error):
    (_, errors), root = made, tmp_path / "check"
    good = root / "fresh" / "fig1" / "DONE"
    errors.append(error)
    assert check(reference, root) == 1
    good.touch()
    assert json.loads((root / "check.json").read_text()) == {"git": clean, "finished": False}
    assert check(reference, root) == 0
    assert good.exists()
    assert json.loads((root / "check.json").read_text()) == {"git": clean, "finished": True}
    assert check(reference, root) == 0  # one that is finished starts again
    assert not good.exists()


def test_a_figure_that_cannot_be_made_is_named_and_freed(reference, made, tmp_path, monkeypatch, capsys):
    """Freed are the programs compiled for it, as after every figure."""
    figures, errors = made
    freed = []
    monkeypatch.setattr("jax.clear_caches", lambda: freed.append(len(figures)))
    errors.append(KeyError("lost"))
    assert check(reference, tmp_path / "check") == 1
    assert figures == ["ortiz2021/fig1", "ortiz2021/fig2"]
    assert freed == [1, 2]
    assert "ortiz2021/fig2 could not be made: KeyError: 'lost'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("figures", "root", "message"),
    [
        (("lee2019/fig1", "ortiz2021/fig1"), "new", "has no reference of lee2019/fig1 at preset quick"),
        ((), ".", "is not from a check: name another folder with --root"),  # but of other runs
        ((), "file", "file"),
    ],
)
def test_what_cannot_be_checked_is_one_line_and_stays(reference, tmp_path, capsys, figures, root, message):
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / "mine").touch()
    (tmp_path / "file").touch()
    assert check(reference, tmp_path / root, *figures) == 2
    error = capsys.readouterr().err
    assert (message in error, error.count("\n")) == (True, 1)
    assert (tmp_path / "fresh" / "mine").exists()
