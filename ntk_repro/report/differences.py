"""Why claims do not hold here: explained by a measurement, or open."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ntk_repro.errors import UserError
from ntk_repro.record import from_dict, parse_toml
from ntk_repro.report.results import Result


@dataclass(frozen=True)
class Difference:
    """An explanation of claims of one figure that do not hold, or stay undetermined.

    Attributes:
        figure: the figure's id.
        claim: the beginning of their statement.
        state: "explained" where a measurement says why, "open" where none does yet.
        why: the measurement, or what is known.
        presets: the presets that it applies to.
        subjects: the subjects that it applies to; empty for all of them, where the state is "open".
    """

    figure: str
    claim: str
    state: Literal["explained", "open"]
    why: str
    presets: tuple[str, ...]
    subjects: tuple[str, ...] = ()

    def concerns(self, result: Result, claim: dict[str, Any]) -> bool:
        """Whether it explains this verdict."""
        return (
            self.figure == result.figure.id
            and claim["statement"].startswith(self.claim)
            and result.preset in self.presets
            and claim["subject"] in (self.subjects or (claim["subject"],))
        )


def read_differences(path: Path) -> list[Difference]:
    """The `[[difference]]` tables of a TOML file.

    Raises:
        UserError: the file is missing or damaged, or a table has an unknown key or state.
    """
    try:
        tables = parse_toml(path.read_text(encoding="utf-8"), str(path)).get("difference", [])
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): take it from the repository") from None
    found = [from_dict(Difference, table, str(path)) for table in tables]
    for difference in found:
        if difference.state == "explained" and not difference.subjects:  # it would hide a later failure on another
            raise UserError(f"{path}: {difference.figure} is explained for no subjects: name those that were measured")
    return found


def unexplained(
    results: Iterable[Result], differences: Sequence[Difference]
) -> Iterator[tuple[Result, dict[str, Any]]]:
    """The claims that do not hold and that no difference is about; an undetermined one says why in its note."""
    for result in results:
        for claim in result.claims:
            if claim["holds"] is False and not any(difference.concerns(result, claim) for difference in differences):
                yield result, claim
