"""The map in ARCHITECTURE.md is the code: a room imports only what its row allows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "workbench"
ENVIRONMENT_READERS = {"bench"}
ENVIRONMENT_WRITERS = {"batch/warm/fresh.py"}  # gives a fork the environment that it was told


def read_map() -> dict[str, set[str]]:
    """Room to the rooms it may import, from the table."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.M)
    allowed: dict[str, set[str]] = {}
    for room, cell in rows:
        named = set(re.findall(r"`(\w+)`", cell))
        allowed[room] = set(allowed) - named if cell.startswith("anything above") else named
        assert allowed[room] <= set(allowed), f"{room} may not import {allowed[room] - set(allowed)}: they stand below"
    return allowed


MAP = read_map()
FILES = sorted(
    p
    for p in ROOT.rglob("*.py")
    if p.name not in ("__main__.py",) and p != ROOT / "__init__.py" and "shipped" not in p.parts
)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(tree: ast.AST):
    """Each import as (line, dotted name), wherever it stands in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports by dots"
            if node.module == "workbench":
                yield from ((node.lineno, f"workbench.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def test_every_room_is_on_the_map():
    rooms = {p.name for p in ROOT.iterdir() if (p / "__init__.py").exists()}
    modules = {p.stem for p in ROOT.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | modules == set(MAP)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_follow_the_map(path):
    room = room_of(path)
    for line, name in imports(ast.parse(path.read_text("utf-8"))):
        package, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if package == "workbench" and target in MAP and target != room:
            assert target in MAP[room], f"{path.name}:{line} imports {name}; the map does not let {room} do so"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_environment_is_read_in_one_room(path):
    source = path.read_text("utf-8")
    reads = "os.environ" in source or "os.getenv" in source
    allowed = room_of(path) in ENVIRONMENT_READERS or path.relative_to(ROOT).as_posix() in ENVIRONMENT_WRITERS
    assert not reads or allowed, f"{path.name} reads the environment"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_says_what_it_owns_and_stays_small(path):
    source = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(source)), f"{path.name} has no docstring"
    assert len(source.splitlines()) <= 400, f"{path.name} is long; which noun hides in it?"


def test_mlflow_is_imported_in_the_engines_only():
    for path in FILES:
        names = {name.partition(".")[0] for _, name in imports(ast.parse(path.read_text("utf-8")))}
        # a notebook's kernel saves a model's files without opening a store; that is batch's one use
        assert "mlflow" not in names or room_of(path) in {"engines", "batch"}, f"{path.name} imports mlflow"
