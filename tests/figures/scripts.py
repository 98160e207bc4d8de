"""Drawing scripts, loaded as modules."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ntk_repro.papers import FIGURES, evaluate
from ntk_repro.papers.drawing import json_ready
from ntk_repro.record import RunFolder

SCRIPTS = Path(__file__).parents[2] / "figures"


def load_script(name: str) -> ModuleType:
    """The module of figures/<name>.py, such as "lee2019/fig1" or a file that scripts share.

    Loaded again and under a unique name: several papers have a script called fig1.
    """
    path = SCRIPTS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # where the script finds the files that it shares with others
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def draw(figure: str, runs: Iterable[RunFolder], preset: str = "quick", **options: Any) -> Any:
    """The `Drawing` that a figure's script, or a module that scripts share, makes of these runs, in this process."""
    return load_script(figure).draw(list(runs), preset, **options)


def verdicts(figure: str, numbers: dict) -> list[dict[str, Any]]:
    """The verdicts of a figure's claims on the numbers of a drawing, as they are written."""
    return evaluate(FIGURES[figure].claims, json_ready(numbers))


def kept_run(study: str, config, root: Path, provenance: dict, arrays: dict) -> RunFolder:
    """A finished run of a study with these arrays as its result."""
    with RunFolder.open(study, config.resolved(), root=root) as folder:
        folder.describe(provenance=provenance)
        folder.finish(**{name: np.asarray(value) for name, value in arrays.items()})
    return RunFolder.read(folder.path)


def drawn_without_jax(out: Path, *scripts: tuple[str, RunFolder]) -> list[str]:
    """Draws runs by their scripts as programs; the files written. Fails where one has loaded JAX or TensorFlow."""
    program = (
        "import sys, runpy\n"
        "out, *scripts = sys.argv[1:]\n"
        "for script, run in zip(scripts[::2], scripts[1::2]):\n"
        "    sys.path.insert(0, script.rpartition('/')[0])\n"
        "    sys.argv = [script, run, '--out', out, '--preset', 'quick']\n"
        "    runpy.run_path(script, run_name='__main__')\n"
        "assert 'jax' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    pairs = [part for script, run in scripts for part in (str(SCRIPTS / f"{script}.py"), str(run.path))]
    arguments = [sys.executable, "-c", program, str(out), *pairs]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
