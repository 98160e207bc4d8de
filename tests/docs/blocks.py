"""The fenced blocks of Markdown pages, and what they print when they are run."""

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# What a reader is shown: the pages of the documentation and the two that stand beside it.
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md")))
}

_NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d*)?(?:e[-+]?\d+)?|[-+]?\.\d+")


class Block(NamedTuple):
    """A fenced block: its language, its text, the line that it begins in and the output that the page shows for it."""

    language: str
    text: str
    line: int
    shown: str | None

    @property
    def file(self) -> str | None:
        """The name of the file to write the block into, from a first line `# file: name`."""
        found = re.match(r"# file: (\S+)\n", self.text)
        return found[1] if found else None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page; a block `text` right after another is the output of that one."""
    found: list[Block] = []
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        language, body = match.groups()
        if language == "text" and found and found[-1].language in ("python", "sh"):
            found[-1] = found[-1]._replace(shown=body)
        else:
            found.append(Block(language, body, text[: match.start()].count("\n") + 2, None))
    return found


def commands(page: Path) -> list[str]:
    """Every command of the page's `sh` blocks, see `commands_of`."""
    return [command for block in blocks(page) if block.language == "sh" for command in commands_of(block)]


def commands_of(block: Block) -> list[str]:
    """The commands of a block, one a line, without comments and in single spaces."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [shlex.join(words) for words in (shlex.split(line, comments=True) for line in lines) if words]


def run(block: Block, page: str, names: dict[str, Any]) -> str:
    """Runs a Python block in the working folder, or writes it into its file, and returns what it printed."""
    if block.file:
        Path(block.file).write_text(block.text, encoding="utf-8")
        return ""
    # Line numbers of a traceback are those of the page.
    code = compile("\n" * (block.line - 1) + block.text, page, "exec")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue()


def differences(shown: str, printed: str, relative: float = 0.03) -> list[str]:
    """Where a printed text differs from what a page shows: words must be equal, numbers nearly equal.

    Numbers may differ by one unit of their last digit shown, or by `relative`. `...` in a shown line stands for
    anything up to the end of the line, a line of `...` alone for any number of lines.
    """
    wanted, lines = ([line.rstrip() for line in text.strip().splitlines()] for text in (shown, printed))
    at, anywhere = 0, False
    for line in wanted:
        if line == "...":
            anywhere = True
            continue
        found = [i for i in range(at, len(lines)) if _nearly_equal(line, lines[i], relative)]
        if not found or (found[0] > at and not anywhere):
            next_line = lines[at] if at < len(lines) else "(the end)"
            return [f"shown: {line}\nprinted: {next_line}\nin all:\n{printed}"]
        at, anywhere = found[0] + 1, False
    return [] if anywhere or at == len(lines) else [f"printed beyond what is shown:\n{lines[at]}"]


def _nearly_equal(shown: str, printed: str, relative: float) -> bool:
    shown, dots, _ = shown.partition("...")
    if dots:
        printed = printed[: len(shown)]
    if _words(shown) != _words(printed):
        return False
    pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True)
    return all(abs(_value(a) - _value(b)) <= max(_unit(a), relative * abs(_value(a))) for a, b in pairs)


def _words(line: str) -> list[str]:
    return _NUMBER.sub("#", line).split()


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _unit(number: str) -> float:
    """One unit of the last digit after the point; a whole number has none."""
    digits, _, exponent = number.partition("e")
    decimals = len(digits.partition(".")[2])
    return 1.0001 * 10.0 ** (int(exponent or 0) - decimals) if "." in digits else 0.0
