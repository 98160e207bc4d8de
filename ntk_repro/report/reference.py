"""Reference results on disk: of each figure and preset the plotted numbers, the claims and the picture."""

import dataclasses
import io
import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.papers import FIGURES, Figure, preset_names
from ntk_repro.record import atomic_file, write_errors_explained, write_text
from ntk_repro.report.results import Result, Shown, gather

__all__ = ["read_results", "write_results"]

_DIGITS = 6
_COLORS = 64


def write_results(
    folder: Path,
    scratch: Path,
    *,
    figures: Iterable[Figure] | None = None,
    presets: Collection[str] = (),
    root: Path | None = None,
) -> list[Result]:
    """Draws every figure at every preset that is wholly computed, and keeps numbers, claims and picture in `folder`.

    What was kept before and is not computed here stays as it was.

    Args:
        folder: the folder of references; <preset>/<paper>_<figure>.json and .png are written in it.
        scratch: folder for the pictures as drawn, a folder a preset in it.
        figures: which, None for every figure of every paper.
        presets: which, none for all.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: an unknown preset; a figure whose runs are done cannot be drawn; the folder cannot be written.
    """
    chosen = list(FIGURES.values() if figures is None else figures)
    known = dict.fromkeys(name for figure in chosen for name in preset_names(figure))
    for name in presets:
        if name not in known:
            raise unknown_name("preset", name, known)
    entries = [entry for name in presets or known for entry in gather(chosen, scratch, root, preset=name)]
    for entry in entries:  # before any is replaced
        if entry.trouble:
            raise UserError(f"{entry.figure.id} cannot be drawn: {entry.trouble}")
    return [_kept(entry.shown, folder) for entry in entries if entry.shown is not None]


def read_results(folder: Path) -> list[Result]:
    """All references in the order of the papers and, within a figure, of its presets.

    Raises:
        UserError: there is none, or one cannot be read.
    """
    found = []
    for figure in FIGURES.values():
        for preset in preset_names(figure):
            path = folder / f"{stem(figure, preset)}.json"
            if path.exists():
                try:
                    found.append(Result(**json.loads(path.read_text(encoding="utf-8")) | {"figure": figure}))
                except (ValueError, TypeError):
                    raise UserError(
                        f"{path} is no reference result: take it from the repository again, or write it with "
                        "`ntk-repro reference`"
                    ) from None
    if not found:
        raise UserError(
            f"{folder} has no reference results: name the folder docs/reference of a clone with --reference, or write "
            "them with `ntk-repro reference`"
        )
    return found


def stem(figure: Figure, preset: str) -> str:
    """The files of a result below the folder of references, without their endings: "quick/ortiz2021_fig2"."""
    return f"{preset}/{figure.id.replace('/', '_')}"


def _kept(shown: Shown, folder: Path) -> Result:
    # Where the runs lay is no result.
    numbers = {key: value for key, value in shown.result.numbers.items() if key != "runs"}
    result = dataclasses.replace(shown.result, claims=_rounded(shown.result.claims), numbers=_rounded(numbers))
    path = folder / f"{stem(result.figure, result.preset)}.json"
    with write_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, _lines(vars(result) | {"figure": result.figure.id}) + "\n")
        with atomic_file(path.with_suffix(".png")) as handle:
            handle.write(_small(shown.picture))
    return result


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _lines(value: dict[str, Any]) -> str:
    """JSON with a line for each claim and for each plotted quantity: short, and a change is seen in its line."""
    parts = []
    for key, item in value.items():
        text = json.dumps(item)
        if key == "claims" and item:
            text = "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in item) + "\n ]"
        elif key == "numbers" and item:
            rows = (f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in item.items())
            text = "{\n" + ",\n".join(rows) + "\n }"
        parts.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"


def _small(png: bytes) -> bytes:
    """The picture with a palette: the same to the eye at a third of the bytes."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    kept = io.BytesIO()
    flat.quantize(_COLORS, dither=Image.Dither.NONE).save(kept, "PNG", optimize=True)
    return kept.getvalue()
