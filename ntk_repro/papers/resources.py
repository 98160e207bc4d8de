"""Where configs/ and figures/ are: next to the package in a clone, inside it in an installed wheel."""

from importlib.resources import files
from pathlib import Path

from ntk_repro.errors import UserError

__all__ = ["configs_dir", "figures_dir"]


def configs_dir() -> Path:
    """The folder of presets, configs/<paper>/<figure>.toml.

    Raises:
        UserError: when neither a clone nor a wheel has it.
    """
    return _find("configs")


def figures_dir() -> Path:
    """The folder of drawing scripts, figures/<paper>/<script>.py.

    Raises:
        UserError: when neither a clone nor a wheel has it.
    """
    return _find("figures")


def _find(name: str) -> Path:
    # The wheel's copy first: next to an installed package lies site-packages, which may hold a stranger's "configs".
    package = Path(str(files("ntk_repro.papers")))
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise UserError(f"this installation lacks its {name}/ folder: install ntk_repro again, or use a clone")
