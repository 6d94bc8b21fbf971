r"""What a notebook's code reads, as its syntax tree tells: imports, texts that may name files, and doubts.

Nothing is run. Code that may read anything without saying what (a shell command, `exec`, a database, an
address on the network, a changed search path, today's date) is a doubt, in words; so is code that cannot
be read. A text that is put together becomes a pattern, with a star for what is no constant; a name that
no constant is part of is not seen.

>>> code = read_code((("cell 2", "import features.loans\nframe = read('loans.csv')\n%matplotlib inline"),))
>>> code.imports, code.texts, code.doubts
(('features.loans',), ('loans.csv',), ())
>>> read_code((("cell 3", "!cat secret.txt"),)).doubts
('cell 3 calls the shell or a magic',)
>>> read_code((("cell 4", "read(f'data/{region}.csv')"),)).texts
('data/*.csv',)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

HIDING_OF = {  # and what modules have of that kind
    "asyncio": {"subprocess"},
    "builtins": {"__import__", "compile", "eval", "exec"},
    "importlib": {"import_module"},
    "os": {"environ", "getenv", "popen", "system"},
    "sys": {"meta_path", "modules", "path"},
}
OUTSIDE = (  # what reads more than declared files; what matters is that a name of it is used
    "aiohttp",
    "boto3",
    "datasets",
    "fsspec",
    "ftplib",
    "httpx",
    "http.client",
    "huggingface_hub",
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
    *(f"{module}.{name}" for module, names in HIDING_OF.items() for name in names),
)
INSIDE = ("workbench.serving.inputs",)  # of these, what only works on what it is given
HIDING = {"__import__", "compile", "eval", "exec", "get_ipython"}  # functions whose reading cannot be seen
REACHING = re.compile(  # methods, whatever they belong to
    r"create_subprocess_(shell|exec)|run_(line|cell)_magic|fetch_(?!arrow|df|numpy|record)\w+|get_rdataset|load_dataset|"
    r"SourceFileLoader|spec_from_file_location|urlopen|urlretrieve"
)
CLOCK = {  # by the class or module; durations (time.time, perf_counter) are no dates
    "date": {"today"},
    "datetime": {"now", "today", "utcnow"},
    "Timestamp": {"now", "today", "utcnow"},
}
TIMES = {"Timestamp", "datetime64", "to_datetime"}  # to which "now" and "today" are times
URL = re.compile(r"(?<![\w+.-])(?!file:)([a-z*][a-z0-9+.-]{0,20})://", re.IGNORECASE)
HARMLESS = {"%autoreload", "%config", "%load_ext", "%matplotlib", "%precision", "%%time", "%%capture"}
MAGIC = re.compile(r"^[ \t]*(%%?\w+|!|\?|[\w.]+\?\??[ \t]*$)", re.MULTILINE)
LONGEST = 2000  # characters of what may name a file
PATHS = {"Path", "PurePath", "join", "joinpath"}  # calls that put a path together from their arguments
FIELD = re.compile(r"\{[^{}]*\}")  # what .format replaces
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
    bound: dict[str, str] = {}  # what a name stands for that an import binds
    for where, source in parts:
        plain = _without_magics(source)
        try:
            tree = ast.parse(plain if plain is not None else "")
            found = list(_texts(tree))
        except (SyntaxError, ValueError, RecursionError):
            doubts[f"{where} cannot be read as Python"] = None
            continue
        if plain is None:
            doubts[f"{where} calls the shell or a magic"] = None
        nodes = list(ast.walk(tree))
        for node in nodes:
            for name, binds in _imported(node, package):
                imports[name] = None
                if not _outside(bound.get(binds, "")):  # urllib.parse beside urllib.request takes nothing back
                    whole = _outside(name) or binds != name.partition(".")[0]
                    bound[binds] = name if whole else binds
        said = [said for node in nodes for said in _doubts_of(node, bound)]
        said += [address_in(text) for text in found if address_in(text)]
        doubts.update(dict.fromkeys(f"{where} {each}" for each in said))
        texts.update(dict.fromkeys(found))
    return Code(tuple(imports), tuple(texts), tuple(doubts))


def address_in(text: str) -> str:
    """What is doubtful about a text that holds an address outside of this machine's files; else an empty text.

    The address itself, which may hold a password, is not told.

    >>> address_in("postgresql://analyst:secret@db/loans")
    'names an address (postgresql://…), which lies outside and may change'
    >>> address_in("file:///data/loans.csv")
    ''
    """
    found = URL.search(text)
    return f"names an address ({found[1]}://…), which lies outside and may change" if found else ""


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


def _outside(name: str) -> str:
    """The part of OUTSIDE that a dotted name belongs to, or an empty text."""
    if any(f"{name}.".startswith(f"{each}.") for each in INSIDE):
        return ""
    return next((each for each in OUTSIDE if f"{name}.".startswith(f"{each}.")), "")


def _doubts_of(node: ast.AST, bound: Mapping[str, str]) -> Iterator[str]:
    """What is doubtful about one node, in words that follow the place."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        name = bound.get(node.id, "")
        if _outside(name):
            yield f"uses {_outside(name)}, which reads more than its inputs"
        elif node.id in HIDING or REACHING.fullmatch(name.rpartition(".")[2]):
            yield f"uses {node.id}, which may read anything"
    elif isinstance(node, ast.Attribute):
        of = bound.get(_last(node.value), _last(node.value))
        if node.attr in HIDING_OF.get(of, ()) or (REACHING.fullmatch(node.attr) and not _outside(of)):
            yield f"uses {of or '…'}.{node.attr}, which may read anything"
        elif node.attr in CLOCK.get(of.rpartition(".")[2], ()):
            yield f"reads the clock ({of.rpartition('.')[2]}.{node.attr})"
    elif isinstance(node, ast.ImportFrom) and node.module and any(alias.name == "*" for alias in node.names):
        hidden = _outside(node.module) or (node.module if node.module in HIDING_OF else "")
        if hidden and not node.level:
            yield f"uses {hidden}, which reads more than its inputs"
    elif isinstance(node, ast.Call) and {"now", "today"} & set(_said(node.args)):
        name = bound.get(_last(node.func), _last(node.func)).rpartition(".")[2]
        if name in TIMES:
            yield f"reads the clock ({name})"


def _last(node: ast.AST) -> str:
    """The last name of a dotted expression; an empty text where it has none."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _texts(tree: ast.AST) -> Iterator[str]:
    """Texts, and words of texts, that may name files or folders; what stands alone (a docstring) names none."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        beyond: list[ast.AST] = []
        text = _pattern(node, beyond)
        waiting += ast.iter_child_nodes(node) if beyond == [node] else beyond
        yield from _whole(node)
        if text.strip("*/") and re.search(r"[^\W_]", text):
            yield from _words(text)


def _words(text: str) -> Iterator[str]:
    if len(text) <= LONGEST:
        yield text
        if text.startswith("*/"):  # what precedes it may be any folder that another text names
            yield text[2:]
    if WORD.fullmatch(text) is None:  # a file's name may stand within SQL
        for word in WORD.findall(text):
            if ("." in word[1:-1] or "/" in word) and len(word) <= LONGEST and re.search(r"[^\W_]", word):
                yield word


def _whole(node: ast.AST) -> Iterator[str]:
    """Folders that code may read as a whole, since it hands them on, keeps them or looks through them."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Call) and _last(node.func) not in PATHS:
        given = [*node.args, *(each.value for each in node.keywords)]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("iterdir", "rglob", "walk"):
            given.append(node.func.value)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        given = [node.value]
    for text in _said(given):
        if text.strip("./") and WORD.fullmatch(text) and not {"/", "*", "."} & set(text):
            yield f"{text}/"


def _said(nodes: Iterable[ast.expr]) -> Iterator[str]:
    """What the nodes are as texts."""
    yield from (_pattern(node, []) for node in nodes)


def _pattern(node: ast.AST, beyond: list[ast.AST]) -> str:
    """A text as it is put together, with a star for what is no constant; that goes to `beyond`."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_pattern(each, beyond) for each in values)
        case ast.Call(func=ast.Attribute(attr="home"), args=[]):
            return "~"
        case ast.FormattedValue(value=value):
            beyond.append(value)
            return "*"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _pattern(left, beyond) + _pattern(right, beyond)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"{_pattern(left, beyond)}/{_pattern(right, beyond)}"
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            beyond.append(right)
            return re.sub(r"%[-#0 +]*\d*(\.\d+)?[sdifgr]", "*", text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            beyond.extend([*node.args, *(each.value for each in node.keywords)])
            return FIELD.sub("*", text)
        case ast.Call(func=func, args=[_, *_]) if _last(func) in PATHS:
            of = [func.value] if _last(func) == "joinpath" and isinstance(func, ast.Attribute) else []
            return "/".join(_pattern(each, beyond) for each in [*of, *node.args])
    beyond.append(node)
    return "*"
