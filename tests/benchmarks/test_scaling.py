import numpy as np
import pytest

from benchmarks import scaling
from ntk_repro import Network, empirical_gram, memory
from ntk_repro.gram.store.gram_store import GramStore
from tests.refusals import refused

SHAPE = (8, 8, 1)


@pytest.mark.slow
def test_what_is_timed_is_the_gram_matrix(tmp_path):
    found = scaling.measure_here(24, tmp_path / "store", "100GiB", SHAPE)
    store = GramStore.read(tmp_path / "store")
    assert store.done
    x = np.random.default_rng(0).standard_normal((24, *SHAPE), np.float32)
    expected = empirical_gram(Network.create("lenet", 0, SHAPE), x)
    np.testing.assert_allclose(store.array(), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert found["stored_bytes"] > store.num_tiles * store.tile**2 * 4
    assert all(found[name] > 0 for name in ("features", "tiles", "predicted_features", "predicted_tiles"))


@pytest.mark.slow
def test_features_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "process_bytes", lambda: 0)
    refused("allow more or take fewer", scaling.measure_here, 64, tmp_path / "store", "300KB", SHAPE)


def test_slopes_are_those_of_powers():
    sizes = {
        part: {"n": int(part), "features": 3.0 * int(part), "tiles": int(part) ** 2 / 7, "memory": "3GiB"}
        | {
            "peak_bytes": 5e8,
            "working_bytes": 1e8,
            "stored_bytes": 2.0 * int(part) ** 2,
            "predicted_features": 1.0,
            "predicted_tiles": 1.0,
        }
        for part in scaling.PARTS
    }
    slopes = scaling.summary(sizes)["slopes"]
    expected = {"features": 1.0, "tiles": 2.0, "peak_bytes": 0.0, "working_bytes": 0.0, "stored_bytes": 2.0}
    assert slopes == pytest.approx(expected, abs=1e-9)
    times, memory = scaling.draw(sizes).axes
    assert any("slope 2.00" in text.get_text() for text in times.get_legend().get_texts())
    assert len(memory.lines) == 6
    assert scaling.summary({"2000": sizes["2000"]}) == {}
