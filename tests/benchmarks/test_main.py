import json
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from benchmarks import __main__ as program


@pytest.fixture
def modules(monkeypatch):
    """Two measurements without work: one in parts, one without."""
    calls = []

    def part(name):
        def measured():
            calls.append(name)
            return {"value": len(calls)}

        return measured

    parted = SimpleNamespace(
        PARTS={"a": part("a"), "b": part("b")},
        summary=lambda found: {"sum": sum(found[name]["value"] for name in "ab" if name in found)},
        draw=lambda found: Figure(),
        lines=lambda found: [", ".join(name for name in "ab" if name in found)],
    )
    undivided = SimpleNamespace(run=part("undivided"))
    monkeypatch.setattr(program, "_module", {"scaling": parted, "energy": undivided}.__getitem__)
    return SimpleNamespace(calls=calls, parted=parted)


def test_all_parts_are_written_and_drawn(modules, tmp_path, capsys):
    program.main(("scaling", "energy"), tmp_path)
    found = json.loads((tmp_path / "scaling.json").read_text())
    assert [found[part]["value"] for part in "ab"] == [1, 2]
    assert found["summary"] == {"sum": 3}
    assert "versions" in found["a"]["environment"]
    assert (tmp_path / "scaling.png").stat().st_size > 0
    assert json.loads((tmp_path / "energy.json").read_text())["value"] == 3
    assert "a, b\n" in capsys.readouterr().out


def test_one_part_does_not_change_the_others(modules, tmp_path):
    (tmp_path / "scaling.json").write_text(json.dumps({"a": {"value": 40}, "of_old": 1}))
    program.main(("scaling:b",), tmp_path)
    found = json.loads((tmp_path / "scaling.json").read_text())
    assert modules.calls == ["b"]
    assert found["a"] == {"value": 40}
    assert found["summary"] == {"sum": 41}
    assert "of_old" not in found


def test_finished_parts_are_saved_when_a_later_part_fails(modules, tmp_path):
    def fails():
        raise RuntimeError

    modules.parted.PARTS["b"] = fails
    with pytest.raises(RuntimeError):
        program.main(("scaling",), tmp_path)
    assert json.loads((tmp_path / "scaling.json").read_text())["a"]["value"] == 1


@pytest.mark.parametrize(
    ("name", "message"), [("scalling", "did you mean 'scaling'"), ("scaling:c", "part of scaling")]
)
def test_an_unknown_name_ends_before_any_work(modules, name, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        program.main(("energy", name), tmp_path)
    assert modules.calls == []


def test_without_a_name_all_are_listed_with_what_they_measure(capsys, tmp_path):
    program.main((), tmp_path)
    *lines, _, following = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(program.NAMED)
    assert min(len(line) for line in lines) > 40
    assert following == "next: python -m benchmarks gram"
    assert not list(tmp_path.iterdir())
