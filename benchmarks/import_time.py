"""The time that `import ntk_repro` adds to `import jax, flax.linen`."""

import subprocess
import sys
from typing import Any

REPEATS = 7


def run() -> dict[str, Any]:
    """Seconds in a fresh process, the shortest of several alternating runs."""
    base, ours = [], []
    for _ in range(REPEATS):
        base.append(_seconds("import jax, flax.linen"))
        ours.append(_seconds("import jax, flax.linen, ntk_repro"))
    everything = min(_seconds("import jax, flax.linen; from ntk_repro import *") for _ in range(3))
    found = {"jax_and_flax": min(base), "with_ntk_repro": min(ours), "with_all_its_names": everything}
    found["added"] = found["with_ntk_repro"] - found["jax_and_flax"]
    print(f"import jax, flax.linen: {found['jax_and_flax']:.2f} s; ntk_repro adds {found['added']:.3f} s")
    print(f"with every public name of ntk_repro in use: {everything:.2f} s")
    return found


def _seconds(code: str) -> float:
    program = f"import time; start = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
