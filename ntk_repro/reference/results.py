"""Reference results on disk: of each figure and preset the plotted numbers, the claims and the picture."""

import io
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.papers import FIGURES, Figure, preset_names
from ntk_repro.record import atomic_file, write_errors_explained, write_text
from ntk_repro.report import Entry, Shown, gather

__all__ = ["Result", "each_once", "read_results", "write_results"]

_DIGITS = 6
_COLORS = 64
# What is worth knowing of the data; the seeds are in the presets.
_PROVENANCE = ("label", "source", "version", "n_train", "n_test", "sha256", "note", "classes")


@dataclass(frozen=True)
class Result:
    """One figure at one preset, as it was computed once.

    Attributes:
        figure: the figure's id.
        preset: the preset.
        data: the data set as a reader knows it.
        provenance: where the data of the runs came from, each once.
        versions: of Python and the packages that the numbers hang on.
        devices: what the runs were computed on, each once.
        commits: of the source that computed them, each once; "+" where files differed from the commit.
        runs: study and hash of each, by which a changed preset is noticed.
        cost: what the preset says that they cost.
        seconds: of all runs together; None where a run has none on record.
        claims: the verdicts, see `ntk_repro.papers.claims.evaluate`.
        numbers: what is plotted, to six digits.
    """

    figure: str
    preset: str
    data: str
    provenance: list[dict[str, Any]]
    versions: dict[str, str]
    devices: list[str]
    commits: list[str]
    runs: list[str]
    cost: str
    seconds: float | None
    claims: list[dict[str, Any]]
    numbers: dict[str, Any]

    @property
    def stem(self) -> str:
        """Its files below the folder of references, without their endings: "quick/ortiz2021_fig2"."""
        return _stem(self.figure, self.preset)


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
    return [_kept(entry, entry.shown, folder) for entry in entries if entry.shown is not None]


def read_results(folder: Path) -> list[Result]:
    """All references in the order of the papers and, within a figure, of its presets.

    Raises:
        UserError: there is none, or one cannot be read.
    """
    found = []
    for figure in FIGURES.values():
        for preset in preset_names(figure):
            path = folder / f"{_stem(figure.id, preset)}.json"
            if path.exists():
                try:
                    found.append(Result(**json.loads(path.read_text(encoding="utf-8"))))
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


def _stem(figure: str, preset: str) -> str:
    return f"{preset}/{figure.replace('/', '_')}"


def _kept(entry: Entry, shown: Shown, folder: Path) -> Result:
    seconds = [run.seconds for run in shown.runs]
    result = Result(
        figure=entry.figure.id,
        preset=shown.preset,
        data=shown.data,
        provenance=each_once(
            {key: run.provenance[key] for key in _PROVENANCE if run.provenance.get(key)} for run in shown.runs
        ),
        versions={name: version for name, version in shown.runs[0].versions.items() if version},
        devices=each_once(run.device for run in shown.runs),
        commits=each_once(run.commit for run in shown.runs if run.commit),
        runs=[run.path for run in shown.runs],
        cost=next(state.cost for state in entry.presets if state.name == shown.preset),
        seconds=None if None in seconds else round(sum(s for s in seconds if s is not None), 1),
        claims=_rounded(shown.claims),
        # Where the runs lay is no result.
        numbers=_rounded({key: value for key, value in shown.numbers.items() if key != "runs"}),
    )
    path = folder / f"{result.stem}.json"
    with write_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, _lines(asdict(result)) + "\n")
        with atomic_file(path.with_suffix(".png")) as handle:
            handle.write(_small(shown.picture))
    return result


def each_once(values: Iterable[Any]) -> list[Any]:
    """The values that are not empty, without repetitions, in their order."""
    found = []
    for value in values:
        if value and value not in found:
            found.append(value)
    return found


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
        if key in ("claims", "numbers") and item:
            rows = (
                [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in item.items()]
                if isinstance(item, dict)
                else [f"  {json.dumps(row)}" for row in item]
            )
            brackets = "{}" if isinstance(item, dict) else "[]"
            text = f"{brackets[0]}\n" + ",\n".join(rows) + f"\n {brackets[1]}"
        else:
            text = json.dumps(item)
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
