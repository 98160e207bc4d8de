import json
import subprocess
import sys

import numpy as np

from ntk_repro.record import environment


def test_it_records_versions_further_facts_device_and_precision():
    import jax

    found = environment(provenance={"name": "digits"})
    assert found["versions"]["numpy"] == np.__version__
    assert found["provenance"] == {"name": "digits"}
    assert found["matmul_precision"] == "default"
    json.dumps(found)
    with jax.default_matmul_precision("highest"):
        found = environment()
    assert found["device"] == [f"{d.platform}: {d.device_kind}" for d in jax.devices()]
    assert found["matmul_precision"] == "highest"


def test_in_a_clone_the_commit_is_recorded(tmp_path, monkeypatch):
    module = sys.modules["ntk_repro.record.environment"]  # as an attribute it hides behind the function of that name

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setattr(module, "__file__", str(tmp_path / "ntk_repro" / "record" / "environment.py"))
    assert module.git_state() is None  # an installed package: no clone around it
    git("init", "-q")
    (tmp_path / "pyproject.toml").write_text("a = 1\n")
    assert module.git_state() is None  # no commit yet
    git("add", ".")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")
    assert module.git_state() == {"commit": commit, "changed": False}
    (tmp_path / "pyproject.toml").write_text("a = 2\n")
    assert module.git_state() == {"commit": commit, "changed": True}
    monkeypatch.setenv("PATH", "")
    assert module.git_state() is None  # no git on this machine


def test_the_digest_is_of_every_file_of_the_source(tmp_path, monkeypatch):
    module = sys.modules["ntk_repro.record.environment"]
    monkeypatch.setattr(module, "__file__", str(tmp_path / "record" / "environment.py"))
    digest = module.source_digest.__wrapped__
    (tmp_path / "record").mkdir()
    digests = [digest()]
    for name, text in (("record/a.py", "x"), ("a.py", "x"), ("a.py", "y")):
        (tmp_path / name).write_text(text)
        digests.append(digest())
    (tmp_path / "notes.txt").write_text("no source")
    assert len(set(digests)) == 4
    assert digest() == digests[-1]
