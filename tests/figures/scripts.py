"""Drawing scripts, loaded as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FIGURES = Path(__file__).parents[2] / "figures"


def load_script(name: str) -> ModuleType:
    """The module of figures/<name>.py, such as "lee2019/fig1" or a file that scripts share.

    Loaded anew and under a name of its own: several papers have a script called fig1.
    """
    path = FIGURES / f"{name}.py"
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
