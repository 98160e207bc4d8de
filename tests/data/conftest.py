import pytest


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(session_cache, monkeypatch):
    """The user's cache, data and network stay out of the tests."""
    monkeypatch.setenv("NTK_REPRO_CACHE", str(session_cache))
    monkeypatch.setenv("NTK_REPRO_DOWNLOAD", "never")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
