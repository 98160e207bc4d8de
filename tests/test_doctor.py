import shutil
from types import SimpleNamespace

import psutil

from ntk_repro import doctor


def findings(**options):
    return {finding.what: finding for finding in doctor.examine(**options)}


def test_everything_is_looked_at():
    found = findings()
    assert found["device 0"].found.startswith(("cpu", "gpu", "cuda", "tpu"))
    assert found["data mnist5k"].remedy == ""
    assert {"python", "jax", "matmul precision", "free memory", "runs folder", "cache folder"} <= set(found)


def test_a_missing_data_set_has_a_remedy(tmp_path):
    missing = findings(data_dir=str(tmp_path))["data cifar10"]
    assert missing.found == "missing"
    assert "--data-dir" in missing.remedy


def test_free_memory_is_what_the_system_has_available(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 2**30))
    assert findings()["free memory"].found == "8.0 GiB: a Gram matrix of about 32,000 images"


def test_a_full_disk_has_a_remedy(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    found = findings()
    assert "NTK_REPRO_RUNS" in found["runs folder"].remedy
    assert "NTK_REPRO_CACHE" in found["cache folder"].remedy


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NTK_REPRO_CACHE", str(tmp_path / "cache"))
    findings()
    assert list(tmp_path.iterdir()) == []
