import pytest

from ntk_repro.papers import presets


@pytest.fixture
def write_presets(tmp_path, monkeypatch):
    """Replaces the files of presets by those of some figures of ortiz2021."""

    def write(**texts: str) -> None:
        (tmp_path / "ortiz2021").mkdir(exist_ok=True)
        for name, text in texts.items():
            (tmp_path / "ortiz2021" / f"{name}.toml").write_text(text)
        monkeypatch.setattr(presets, "configs_dir", lambda: tmp_path)

    return write
