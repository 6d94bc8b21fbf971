r"""What a notebook's code reads, as its syntax tree tells: imports, texts that may name files, and doubts.

Nothing is run. Code that may read anything without saying what (a shell command, `exec`, a database or
the network) is a doubt, in words; so is code that cannot be read.

>>> code = read_code((("cell 2", "import features.loans\nframe = read('loans.csv')\n%matplotlib inline"),))
>>> code.imports, code.texts, code.doubts
(('features.loans',), ('loans.csv',), ())
>>> read_code((("cell 3", "!cat secret.txt"),)).doubts
('cell 3 calls the shell or a magic',)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

OUTSIDE = (  # modules by which code reads what is no declared file; what matters is that a name of theirs is used
    "aiohttp",
    "boto3",
    "fsspec",
    "ftplib",
    "httpx",
    "http.client",
    "mlflow",
    "psycopg",
    "psycopg2",
    "pymongo",
    "redis",
    "requests",
    "runpy",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "subprocess",
    "urllib.request",
    "urllib3",
    "workbench.engines.mlflow",
    "workbench.ledger",
    "workbench.promotion",
    "workbench.serving",
)
HIDING = {"__import__", "compile", "eval", "exec"}  # built-in functions whose reading cannot be seen
HIDING_OF = {"os": {"popen", "system"}, "importlib": {"import_module"}}
HARMLESS = {"%autoreload", "%config", "%load_ext", "%matplotlib", "%precision", "%%time", "%%capture"}
MAGIC = re.compile(r"^[ \t]*(%%?\w+|!|\?|[\w.]+\?\??[ \t]*$)", re.MULTILINE)
LONGEST = 2000  # characters of a text that may name files
WORD = re.compile(r"[^\s'\"`(),;]+")


@dataclass(frozen=True)
class Code:
    """What some code reads."""

    imports: tuple[str, ...] = ()  # dotted names; of `from a import b` both "a" and "a.b"
    texts: tuple[str, ...] = ()  # that may name a file
    doubts: tuple[str, ...] = ()


@lru_cache(maxsize=512)
def read_code(parts: tuple[tuple[str, str], ...], package: str = "") -> Code:
    """What code reads; the runs of a sweep ask for the same again and again.

    Args:
        parts: Sources that share their names, as cells of a notebook do, each with what to call it.
        package: Dotted name of the package that relative imports start from.
    """
    imports: dict[str, None] = {}
    texts: dict[str, None] = {}
    doubts: dict[str, None] = {}
    reaching: dict[str, str] = {}  # the module that a name in use stands for
    for where, source in parts:
        plain = _without_magics(source)
        try:
            tree = ast.parse(plain if plain is not None else "")
        except (SyntaxError, ValueError, RecursionError):
            doubts[f"{where} cannot be read as Python"] = None
            continue
        if plain is None:
            doubts[f"{where} calls the shell or a magic"] = None
        nodes = list(ast.walk(tree))
        for node in nodes:
            for name, bound in _imported(node, package):
                imports[name] = None
                for module in OUTSIDE:
                    if name == module or name.startswith(f"{module}."):
                        reaching[bound] = module
        for node in nodes:
            texts.update(dict.fromkeys(_texts(node)))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                if node.id in reaching:
                    doubts[f"{where} uses {reaching[node.id]}, which reads more than its inputs"] = None
                elif node.id in HIDING:
                    doubts[f"{where} uses {node.id}, which may read anything"] = None
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.attr in HIDING_OF.get(node.value.id, ())
            ):
                doubts[f"{where} uses {node.value.id}.{node.attr}, which may read anything"] = None
    return Code(tuple(imports), tuple(texts), tuple(doubts))


def _without_magics(source: str) -> str | None:
    """Code as Python alone; None where a magic in it may do anything."""
    found = [match[1] for match in MAGIC.finditer(source)]
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        pass
    else:
        return source  # what looks like a magic stands within a text or an expression
    if any(word not in HARMLESS and not word.endswith("?") for word in found):
        return None
    lines = source.splitlines()
    return "\n".join("" if MAGIC.match(line) else line for line in lines)


def _imported(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """Dotted names that an import may load, each with the name it binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".") if package else []
            above = above[: len(above) - (node.level - 1)]
            base = ".".join([*above, base] if base else above)
        if base:
            yield base, ""
        for alias in node.names:
            if alias.name != "*":
                yield f"{base}.{alias.name}".lstrip("."), alias.asname or alias.name


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= LONGEST:
        yield node.value
        if WORD.fullmatch(node.value) is None:  # a file's name may stand within SQL
            yield from (word for word in WORD.findall(node.value) if "." in word[1:-1] or "/" in word)
