import pytest

from ntk_repro.gram.structured.schedule import Blocks


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 9 samples, made in passes of 3."""
    monkeypatch.setattr(Blocks, "of", lambda n, tile, batch, multiple=1: Blocks(n, 9, 3))
