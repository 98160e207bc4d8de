import re
import shutil
from types import SimpleNamespace

import psutil

from ntk_repro import doctor


def findings(**options):
    return {finding.name: finding for finding in doctor.examine(**options)}


def test_everything_is_checked_and_nothing_but_the_speed_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 2**30))
    found = findings(data_dir=str(tmp_path))
    assert [path.parent.name for path in tmp_path.rglob("*") if path.is_file()] == ["cache"]
    assert [path.name[:6] for path in (tmp_path / "cache").iterdir()] == ["speed-"]
    assert found["device 0"].found.startswith(("cpu", "gpu", "cuda", "tpu"))
    assert {"python", "jax", "matmul precision", "runs folder", "cache folder"} <= set(found)
    assert found["data mnist5k"].remedy == ""
    assert found["data cifar10"].found == "missing"
    assert "--data-dir" in found["data cifar10"].remedy
    assert found["free memory"].found == "8.0 GiB: a Gram matrix of about 32,000 images"


def test_a_full_disk_has_a_remedy(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    found = findings()
    assert "NTK_REPRO_RUNS" in found["runs folder"].remedy
    assert "NTK_REPRO_CACHE" in found["cache folder"].remedy


def test_every_preset_says_what_it_takes_and_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=16 * 2**30))
    found = findings(data_dir=str(tmp_path))
    assert re.search(r"all \d+ figures: at most [\d.]+ (hours|minutes|days) here", found["preset quick"].found)
    assert "GFLOP/s (float32)" in found["speed"].found
    assert "largest kernel: 5,000 images, 0.1 GiB" in found["preset quick"].found
    assert found["preset quick"].remedy == ""
    assert "get cifar10, mnist: --data-dir" in found["preset laptop"].remedy
    for part in (
        "meant for a GPU",
        "samarin2022/table1, samarin2022/table2: 60 GB of memory at x1, 115 GB at all other widths needed",
        "largest kernel: 70,000 images, 18.3 GiB",  # Figure 12: all of MNIST
    ):
        assert part in found["preset paper"].found
    assert "GiB of memory" in found["preset paper"].remedy


def test_the_size_of_a_folder_is_reported(tmp_path):
    assert "not there yet" in findings()["runs folder"].found
    (tmp_path / "runs" / "study" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "study" / "one" / "DONE").write_bytes(bytes(3 * 2**20))
    assert "1 finished runs, 3 MiB" in findings()["runs folder"].found
