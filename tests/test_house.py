"""The rules of the house, read off the source; each rule is shown to fail on a small tree that breaks it."""

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "ntk_repro"

SHAPELESS = {"utils", "util", "misc", "helpers", "helper", "common"}
NO_JAX_HERE = {"jax", "jaxlib", "flax", "optax", "neural_tangents"}
MIRRORED_BESIDE_ROOMS = {"figures", "benchmarks", "docs", "configs"}
LARGEST = 2**20


class Import(NamedTuple):
    """One imported module or name, dotted; `top` when it happens as the file is imported."""

    name: str
    line: int
    top: bool


def python_files(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            if not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(root).parts):
                yield path


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, root: Path) -> list[Import]:
    """Every import of a file but those for type checkers only; `from a import b` gives a.b, module or name."""
    return _imports(path, root, path.stat().st_mtime_ns)


@functools.cache
def _imports(path: Path, root: Path, changed: int) -> list[Import]:
    found = []
    module = module_name(path, root).split(".")
    package = module if path.name == "__init__.py" else module[:-1]

    def visit(node: ast.AST, top: bool) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            found.extend(Import(f"{prefix}.{alias.name}", node.lineno, top) for alias in node.names)
        inside = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def public_names_inside(root: Path) -> list[str]:
    """Uses of `ntk_repro`'s own names, which stand above all rooms, in a room."""
    names = {path.relative_to(root / PACKAGE).parts[0].removesuffix(".py") for path in python_files(root, PACKAGE)}
    return [
        f"{path.relative_to(root)}:{one.line}: {one.name}"
        for path in python_files(root, PACKAGE)
        for one in imports(path, root)
        if one.name == PACKAGE or (one.name.startswith(f"{PACKAGE}.") and one.name.split(".")[1] not in names)
    ]


def jax_where_none_belongs(root: Path) -> list[str]:
    """JAX in a figure script, in record/ or in the Gram store, or in anything that they load as they are imported."""
    files = {module_name(path, root): path for path in python_files(root, PACKAGE)}

    def loaded_by(start: Path) -> Iterator[tuple[Path, Import]]:
        waiting, seen = [start], {start}
        while waiting:
            path = waiting.pop()
            for one in imports(path, root):
                if not one.top:
                    continue
                yield path, one
                parts = one.name.split(".")
                for end in range(1, len(parts) + 1):  # importing a.b.c runs a/__init__.py and a/b/__init__.py too
                    module = files.get(".".join(parts[:end]))
                    if module is not None and module not in seen:
                        seen.add(module)
                        waiting.append(module)

    starts = [*python_files(root, "figures", f"{PACKAGE}/record", f"{PACKAGE}/gram/store")]
    starts.append(root / PACKAGE / "papers" / "drawing.py")
    return sorted(
        {
            f"{start.relative_to(root)} loads {path.relative_to(root)}:{one.line}: {one.name}"
            for start in starts
            for path, one in loaded_by(start)
            if one.name.split(".")[0] in NO_JAX_HERE
        }
    )


def shapeless_names(root: Path) -> list[str]:
    return [
        str(path.relative_to(root))
        for path in python_files(root, PACKAGE, "figures", "benchmarks", "tests")
        if SHAPELESS & {part.removesuffix(".py") for part in path.relative_to(root).parts}
    ]


def pickles(root: Path) -> list[str]:
    """Arrays read with pickles allowed; ruff bans the modules that read pickles."""
    return [
        f"{path.relative_to(root)}:{node.value.lineno}"
        for path in python_files(root, PACKAGE, "figures", "benchmarks")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"
    ]


def unlabelled_rooms(root: Path) -> list[str]:
    """Rooms whose `__init__.py` lacks a docstring or an `__all__` of names that it binds."""
    broken = []
    for path in sorted((root / PACKAGE).rglob("__init__.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            broken.append(f"{path.relative_to(root)}: no docstring")
        listed = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
        ]
        if not listed:
            broken.append(f"{path.relative_to(root)}: no __all__")
            continue
        bound = {
            alias.asname or alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names
        }
        bound |= {name.id for name in ast.walk(tree) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
        bound |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        broken += [f"{path.relative_to(root)}: __all__ lists {name}" for name in listed[0] if name not in bound]
    return broken


def orphaned_test_folders(root: Path) -> list[str]:
    broken = []
    for folder in sorted({path.parent for path in python_files(root, "tests")}):
        inside = folder.relative_to(root / "tests")
        if not (folder / "__init__.py").exists():
            broken.append(f"{folder.relative_to(root)}: no __init__.py")
        if inside.parts and inside.parts[0] not in MIRRORED_BESIDE_ROOMS and not (root / PACKAGE / inside).is_dir():
            broken.append(f"{folder.relative_to(root)}: no such room")
    return broken


def large_files(root: Path, tracked: list[str]) -> list[str]:
    return [name for name in tracked if (root / name).is_file() and (root / name).stat().st_size > LARGEST]


def machine_traces(root: Path, tracked: list[str]) -> list[str]:
    """Files that name a folder of the machine they were written on, or the address of a package registry."""
    trace = re.compile(r"(?<![\w.])/(?:work|root)/|pypi\.org/simple|files\.pythonhosted|registry\.npmjs")
    broken = []
    for name in tracked:
        path = root / name
        if path.suffix in {".py", ".toml", ".md", ".txt", ".yaml", ".yml", ".cff", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            broken += [f"{name}: {match.group()}" for match in trace.finditer(text)]
    return broken


def tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git clone, which says what files belong to the project: run it in one")
    return listed.stdout.splitlines()


RULES = {
    rule.__name__: rule
    for rule in (
        public_names_inside,
        jax_where_none_belongs,
        shapeless_names,
        pickles,
        unlabelled_rooms,
        orphaned_test_folders,
    )
}


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_the_rule(rule):
    assert RULES[rule](ROOT) == []


def test_no_large_file_is_tracked():
    assert large_files(ROOT, tracked_files()) == []


def test_no_file_names_this_machine_or_a_registry():
    assert machine_traces(ROOT, tracked_files()) == []


ROOM = '"""A room."""\n\n__all__ = []\n'
GOOD = {
    "ntk_repro/__init__.py": ROOM,
    "ntk_repro/errors.py": "",
    "ntk_repro/_neural_tangents.py": "",
    "ntk_repro/record/__init__.py": ROOM,
    "ntk_repro/record/folder.py": "from ntk_repro import errors\n\n\ndef device():\n    import jax\n\n    return jax\n",
    "ntk_repro/gram/__init__.py": ROOM + "from ntk_repro.gram import tiles\n",
    "ntk_repro/gram/tiles.py": "import jax\nfrom ntk_repro._neural_tangents import nt\nfrom ..errors import X\n",
    "ntk_repro/nads/__init__.py": ROOM,
    "ntk_repro/eigentasks/__init__.py": ROOM + "from ntk_repro.gram.tiles import tile\n",
    "ntk_repro/papers/__init__.py": ROOM,
    "ntk_repro/papers/drawing.py": "from ntk_repro.record import folder\nload('x', allow_pickle=False)\n",
    "figures/paper/fig1.py": "from ntk_repro.papers.drawing import draw\n",
    "tests/__init__.py": "",
    "tests/gram/__init__.py": "",
    "tests/gram/test_tiles.py": "from ntk_repro.gram import tiles\n",
    "tests/figures/__init__.py": "",
}
BAD = [
    ("public_names_inside", "ntk_repro/gram/bad.py", "from ntk_repro import Network\n"),
    ("public_names_inside", "ntk_repro/gram/bad.py", "import ntk_repro\n"),
    ("jax_where_none_belongs", "figures/paper/bad.py", "import jax.numpy as jnp\n"),
    ("jax_where_none_belongs", "figures/paper/bad.py", "from ntk_repro.gram import spectrum\n"),
    ("jax_where_none_belongs", "ntk_repro/record/bad.py", "try:\n    import jax\nexcept ImportError:\n    pass\n"),
    ("jax_where_none_belongs", "ntk_repro/papers/__init__.py", ROOM + "import ntk_repro.gram\n"),
    ("shapeless_names", "ntk_repro/gram/utils.py", ""),
    ("shapeless_names", "tests/helpers/__init__.py", ""),
    ("pickles", "ntk_repro/record/bad.py", "import numpy\nnumpy.load('x', allow_pickle=bool(1))\n"),
    ("unlabelled_rooms", "ntk_repro/gram/__init__.py", "__all__ = []\n"),
    ("unlabelled_rooms", "ntk_repro/gram/__init__.py", '"""A room."""\n'),
    ("unlabelled_rooms", "ntk_repro/gram/__init__.py", '"""A room."""\n\n__all__ = ["missing"]\n'),
    ("orphaned_test_folders", "tests/attic/__init__.py", ""),
    ("orphaned_test_folders", "tests/record/test_folder.py", ""),
]


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", RULES)
def test_a_tree_that_keeps_the_rules_passes(rule, tmp_path):
    assert RULES[rule](build(tmp_path, GOOD)) == []


@pytest.mark.parametrize(("rule", "name", "text"), BAD)
def test_a_tree_that_breaks_the_rule_is_caught(rule, name, text, tmp_path):
    assert RULES[rule](build(tmp_path, {**GOOD, name: text}))


def test_a_large_file_is_caught(tmp_path):
    (tmp_path / "large.npz").write_bytes(bytes(LARGEST + 1))
    (tmp_path / "small.npz").write_bytes(bytes(LARGEST))
    assert large_files(tmp_path, ["large.npz", "small.npz", "deleted.npz"]) == ["large.npz"]


@pytest.mark.parametrize(
    "trace", ["/{}/data".format("root"), "/{}/data".format("work"), "https://{}.org/simple".format("pypi")]
)
def test_a_trace_of_the_machine_is_caught(trace, tmp_path):
    build(tmp_path, {"bad.md": f"see {trace}\n", "good.md": "see ../tmp/data, a/root/b and the package index\n"})
    assert [line.split(":")[0] for line in machine_traces(tmp_path, ["bad.md", "good.md"])] == ["bad.md"]
