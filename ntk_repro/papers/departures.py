"""In what the settings of a run depart from those that a paper's statement is about."""

from collections.abc import Collection, Mapping
from typing import Any

_SHOWN = 4  # entries of a list
# Where a setting's own name does not say it.
_NAMES = {
    "n_train": "training images", "n_test": "test images", "train_images": "training images",
    "images": "images of the kernel", "top": "eigenvectors", "residual_scale_init": "residual scale",
}  # fmt: skip


def departures(wanted: Mapping[str, Any], entry: Mapping[str, Any], free: Collection[str] = ()) -> str:
    """Names the settings that are not the paper's, "epochs 10 (the paper: 100)"; "" where all are.

    Args:
        wanted: the paper's, as TOML has them: "none" for no value, a list of several, a table of `least` and `most`.
        entry: ours, under the same names, of a panel, line or column of the plotted numbers.
        free: settings that may be any.
    """
    found, unknown = [], []
    for name, paper in wanted.items():
        label = _NAMES.get(name, name.replace("_", " "))
        if name in free:
            continue
        if name not in entry:
            unknown.append(f"{label} not on record")
        elif not _is_setting(entry[name], paper):
            found.append(f"{label} {setting_text(entry[name])} (the paper: {_paper_text(paper)})")
    return ", ".join(found or unknown)


def _is_setting(ours: Any, paper: Any) -> bool:
    if isinstance(paper, Mapping):
        return paper["least"] <= ours <= paper["most"]
    return ours in paper if isinstance(paper, list) else ours == (None if paper == "none" else paper)


def _paper_text(setting: Any) -> str:
    """The same of one setting or another."""
    return " or ".join(map(setting_text, setting)) if isinstance(setting, list) else setting_text(setting)


def setting_text(setting: Any) -> str:
    """A setting in a few characters.

    >>> setting_text((2, 5, 11, 26, 51, 1000)), setting_text(60_000), setting_text(None)
    ('2 5 11 26 .. 1,000', '60,000', 'none')
    """
    if isinstance(setting, Mapping):
        return f"{setting['least']:,} to {setting['most']:,}"
    if isinstance(setting, tuple | list):
        shown = [setting_text(one) for one in setting]
        return " ".join(shown if len(shown) <= _SHOWN + 1 else [*shown[:_SHOWN], "..", shown[-1]]) or "none"
    if isinstance(setting, bool) or not isinstance(setting, int | float):
        return "none" if setting is None else str(setting)
    return f"{setting:,}"
