import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ntk_repro.record import RunFolder
from tests.record.test_run_folder import Config

WORK = """
import sys
import numpy as np
from tests.record.test_run_folder import Config
from ntk_repro.record import RunFolder

with RunFolder.open("study", Config(), root=sys.argv[1]) as run:
    print("ready", flush=True)
    for i in range(60 if not run.done else 0):
        if run.load_part(str(i)) is None:
            run.log(i=i, padding="x" * 2000)
            run.save_part(str(i), x=np.full(50_000, i))
    if not run.done:
        run.finish(x=np.arange(500_000))
"""


@pytest.mark.slow
def test_a_run_killed_at_random_moments_continues_and_ends(tmp_path):
    moments = random.Random(0)
    kills, path = 0, RunFolder.locate("study", Config(), root=tmp_path)
    for _ in range(12):
        child = subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(moments.uniform(0, 0.06))
        child.send_signal(signal.SIGKILL)
        kills += child.wait() == -signal.SIGKILL
        child.stdout.close()
        run = RunFolder.read(path)
        for i in range(60):  # a part is complete or absent, whenever the kill came
            part = run.load_part(str(i))
            assert part is None or (part["x"] == i).all()
            assert (run.path / "parts" / f"{i}.npz").exists() == (part is not None)
        assert all(line["padding"] == "x" * 2000 for line in run.metrics())
        assert run.environment
        if run.done:
            break
    assert kills >= 2
    subprocess.run([sys.executable, "-c", WORK, str(tmp_path)], check=True, capture_output=True)
    run = RunFolder.read(path)
    np.testing.assert_array_equal(run.result()["x"], np.arange(500_000))
    assert {line["i"] for line in run.metrics()} == set(range(60))
    assert not list(run.path.rglob("*.tmp"))
    assert json.loads((run.path / "DONE").read_text()) == {"result_bytes": (run.path / "result.npz").stat().st_size}
