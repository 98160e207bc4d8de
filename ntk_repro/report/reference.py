"""Reference results on disk: plotted numbers, claims and picture of each figure at each preset."""

import dataclasses
import io
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError, check_name
from ntk_repro.papers import FIGURES, Figure, preset_names
from ntk_repro.papers.claims import evaluate
from ntk_repro.record import atomic_file, write_errors_explained, write_text
from ntk_repro.report.results import Result, Shown, gather

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
    """Draws every figure at every preset whose runs are all done; writes numbers, claims and picture to `folder`.

    Results that are there already and are not computed here stay as they are.

    Args:
        folder: the folder of references; <preset>/<paper>_<figure>.json and .png are written in it.
        scratch: folder for the original pictures, with a folder for each preset.
        figures: the figures, None for every figure of every paper.
        presets: the presets, empty for all.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: an unknown preset; a figure whose runs are done cannot be drawn; the folder cannot be written.
    """
    chosen = list(FIGURES.values() if figures is None else figures)
    known = dict.fromkeys(name for figure in chosen for name in preset_names(figure))
    for name in presets:
        check_name("preset", name, known)
    entries = [entry for name in presets or known for entry in gather(chosen, scratch, root, preset=name)]
    for entry in entries:  # before any is replaced
        if entry.trouble:
            raise UserError(f"{entry.figure.id} cannot be drawn: {entry.trouble}")
    return [_written(entry.shown, folder) for entry in entries if entry.shown is not None]


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
                        f"{path} is not a reference result: take it from the repository again, or write it with "
                        "`ntk-repro reference`"
                    ) from None
    if not found:
        raise UserError(
            f"{folder} has no reference results: name the folder docs/reference of a clone with --reference, or write "
            "them with `ntk-repro reference`"
        )
    return found


def stem(figure: Figure, preset: str) -> str:
    """The path of a result's files in the folder of references, without their endings: "quick/ortiz2021_fig2"."""
    return f"{preset}/{figure.id.replace('/', '_')}"


def _written(shown: Shown, folder: Path) -> Result:
    # The paths of the runs are no result.
    numbers = {key: value for key, value in shown.result.numbers.items() if key != "runs"}
    result = dataclasses.replace(shown.result, claims=_rounded(shown.result.claims), numbers=_rounded(numbers))
    path = _write_numbers(folder, result)
    with write_errors_explained(path), atomic_file(path.with_suffix(".png")) as handle:
        handle.write(_small(shown.picture))
    return result


def judge_again(folder: Path) -> list[Result]:
    """Judges the kept numbers by today's claims, and keeps these verdicts.

    Raises:
        UserError: as `read_results`, or the folder cannot be written.
    """
    results = []
    for result in read_results(folder):
        claims = _rounded(evaluate(result.figure.claims, result.numbers, kept=True))
        results.append(dataclasses.replace(result, claims=claims))
        if claims != result.claims:
            _write_numbers(folder, results[-1])
    return results


def _write_numbers(folder: Path, result: Result) -> Path:
    path = folder / f"{stem(result.figure, result.preset)}.json"
    with write_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, _lines(vars(result) | {"figure": result.figure.id}) + "\n")
    return path


def _rounded(value: Any) -> Any:
    """JSON-able values with their numbers rounded."""
    return json.loads(json.dumps(value), parse_float=lambda digits: float(f"{float(digits):.{_DIGITS}g}"))


def _lines(value: dict[str, Any]) -> str:
    """JSON with a line for each claim and for each plotted quantity, so that a change shows as one line."""

    def rows(texts: Iterable[str], brackets: str) -> str:
        return brackets[0] + "\n" + ",\n".join(f"  {text}" for text in texts) + "\n " + brackets[1]

    texts = {key: json.dumps(item) for key, item in value.items()}
    if value["claims"]:
        texts["claims"] = rows(map(json.dumps, value["claims"]), "[]")
    texts["numbers"] = rows((f"{json.dumps(name)}: {json.dumps(row)}" for name, row in value["numbers"].items()), "{}")
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {text}" for key, text in texts.items()) + "\n}"


def _small(png: bytes) -> bytes:
    """The picture with a palette: it looks the same at a third of the bytes."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    small = io.BytesIO()
    flat.quantize(_COLORS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()
