"""Lines of code, stubs counted too: all but docstrings, comments and blank lines."""

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path
from typing import Any

FOLDERS = ("ntk_repro", "figures", "tests", "benchmarks")
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(text: str) -> int:
    """How many lines of a Python file hold code; a string that stands by itself is prose."""
    prose = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    tokens = (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in LAYOUT)
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - prose)


def run() -> dict[str, Any]:
    """Counts every folder, and every room in it."""
    found: dict[str, Any] = {}
    for folder in FOLDERS:
        rooms: Counter[str] = Counter()
        for path in sorted(Path(folder).rglob("*.py*")):
            if path.suffix in (".py", ".pyi"):
                rooms[path.relative_to(folder).parts[0]] += code_lines(path.read_text(encoding="utf-8"))
        found[folder] = {"all": rooms.total(), **dict(rooms.most_common())}
        print(f"{folder}: {rooms.total():,} lines of code")
    return found
