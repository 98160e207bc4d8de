import json
from pathlib import Path

import pytest

from ntk_repro.papers.drawing import draw_command
from tests.figures.scripts import load_script
from tests.pictures import pictures_without_a_screen  # noqa: F401


@pytest.fixture
def numbers(tmp_path, capsys):
    """Draws runs as the program of a figure's script does, in this process, and reads the numbers that it wrote."""

    def draw(figure, *runs, out=tmp_path / "out"):
        paths = [str(run.path) for run in runs]
        draw_command(figure, load_script(figure).draw, [*paths, "--out", str(out), "--preset", "quick"])
        written = [Path(line) for line in capsys.readouterr().out.splitlines()]
        assert written == [out / f"{figure.replace('/', '_')}.{ending}" for ending in ("png", "pdf", "json")]
        assert written[0].read_bytes().startswith(b"\x89PNG")
        assert written[1].read_bytes().startswith(b"%PDF")
        return json.loads(written[2].read_text())

    return draw
