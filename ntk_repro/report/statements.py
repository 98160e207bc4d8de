"""The statements of the papers, and which of them the claims check."""

from dataclasses import dataclass
from pathlib import Path

from ntk_repro.errors import UserError, check_name
from ntk_repro.papers import FIGURES
from ntk_repro.record import from_dict, parse_toml


@dataclass(frozen=True)
class Statement:
    """What a paper says in one place, in our words; the cells of a printed table are one entry.

    Attributes:
        id: a short name.
        place: section, caption, footnote or theorem.
        lines: the same as lines of the paper's plain text.
        says: the statement, with the paper's quantifier.
        count: how many statements, more than one for cells of a table.
        why_not: why no computation of this package can decide it; empty where one can.
        figure: id of the figure that checks it, or should.
        claims: the claims of the figure that check it.
        fault: what these judge differently from the paper; empty where they judge what it says.
    """

    id: str
    place: str
    says: str
    lines: str = ""
    count: int = 1
    why_not: str = ""
    figure: str = ""
    claims: tuple[str, ...] = ()
    fault: str = ""

    @property
    def state(self) -> str:
        """One of "not checkable", "missing" (no claim), "to be corrected" and "checked"."""
        if self.why_not:
            return "not checkable"
        return "missing" if not self.claims else "to be corrected" if self.fault else "checked"


def read_statements(folder: Path) -> dict[str, list[Statement]]:
    """The `[[statement]]` tables of <paper>.toml in a folder, by paper.

    Raises:
        UserError: a file is damaged, a table has an unknown key or an id that another has, or a claim is named that its
            figure does not have.
    """
    found = {}
    for path in sorted(folder.glob("*.toml")):
        tables = parse_toml(path.read_text(encoding="utf-8"), str(path)).get("statement", [])
        found[path.stem] = [from_dict(Statement, table, f"{path}: {table.get('id')}") for table in tables]
        ids = set()
        for one in found[path.stem]:
            if one.id in ids:
                raise UserError(f"{path}: two statements are called {one.id}: rename one")
            ids.add(one.id)
            if one.claims:
                check_name(f"figure of {path}: {one.id}", one.figure, FIGURES)
            for claim in one.claims:
                check_name(
                    f"claim of {path}: {one.id}", claim, [known.statement for known in FIGURES[one.figure].claims]
                )
    return found
