"""Takes a run's content from the disk: its cells, inputs, modules, the workbench's source, the environment.

An input is every file or folder that a parameter's value or a text in the code names; a name without "/"
or "." is a folder only where it is handed on or kept, as in `read("orders")`. A path is relative to the
workspace, the kernel's working folder, and in a module to the module's folder, too. A module is one that
the cells import, themselves or through others, from a folder that is no installed package: the workspace,
what PYTHONPATH names, the folder of an editable installation or its `src`. A digest is of the full
content; one taken earlier in this process holds as long as size, time and inode of the file are what
they were.
"""

from __future__ import annotations

import errno
import functools
import glob
import hashlib
import itertools
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from workbench.batch.code import Code, address_in, read_code
from workbench.batch.content import Content
from workbench.batch.lanes import THREADS
from workbench.batch.notebook import own_cells
from workbench.ledger import digest

OWN = Path(__file__).parents[1]
VARIABLES = (*THREADS, "TZ")  # of the environment, that numbers and dates may depend on
SETTLED = 2.0  # seconds since a file's last change from which its time can be trusted
GLOB = frozenset("*?[")
MOST_FILES = 10_000  # that one input may be; beyond, it is doubted
MOST_JOINED = 50  # folders that texts in the code name, in which further texts are looked for
SKIPPED = {"__pycache__", "shipped"}  # of our own folder, what is no source

_known: dict[str, tuple[tuple[int, ...], str]] = {}  # digest of a file by path, with its size, time and inode


def content_of_run(
    name: str,
    notebook: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    root: Path,
    environ: Mapping[str, str],
    secrets: tuple[str, ...] = (),
) -> Content:
    """What a run of a notebook depends on, as the disk is now.

    Args:
        name: The notebook's name.
        notebook: Its content, as the file has it.
        parameters: All values, as plain JSON.
        root: The workspace.
        environ: The environment that a kernel would inherit from.
        secrets: Names of the parameters that are secrets; what they open lies outside, and may change.
    """
    cells = own_cells(notebook)
    sources = tuple(
        (f"cell {number}", "".join(cell["source"]))
        for number, cell in enumerate(cells, start=1)
        if cell["cell_type"] == "code"
    )
    code = read_code(sources)
    modules, beneath = _modules(code, [root, *_folders(environ)])
    doubts = [f"what the secret {secret} opens may change" for secret in secrets]
    doubts += [*code.doubts, *(doubt for _, each in beneath for doubt in each.doubts)]
    inputs: dict[str, str] = {}
    given = {text: name for name, value in parameters.items() for text in _texts([value])}
    for text, parameter in given.items():
        if address_in(text):
            doubts.append(f"parameter {parameter} {address_in(text)}")
        _add(inputs, doubts, text, root, folders=True)
    texts = list(dict.fromkeys([*given, *code.texts, *(text for _, each in beneath for text in each.texts)]))
    for text in _joined(texts, root):
        _add(inputs, doubts, text, root, folders=_may_be_folder(text))
    for folder, each in beneath:
        before = os.path.relpath(folder, root)
        for text in _joined(list(each.texts), folder) if before != "." else ():
            _add(inputs, doubts, os.path.join(before, text), root, folders=_may_be_folder(text))  # noqa: PTH118
    try:
        own = _own_source(_tick())
    except OSError as error:
        own = ""
        doubts.append(f"the workbench's own source cannot be read: {error.strerror or error}")
    return Content(
        notebook=name,
        cells=tuple(
            (str(cell.get("id", f"#{number}")), _cell_digest(cell)) for number, cell in enumerate(cells, start=1)
        ),
        parameters=parameters,
        inputs=dict(sorted(inputs.items())),
        modules=modules,
        workbench=own,
        environment=_environment(environ),
        doubts=tuple(dict.fromkeys(doubts)),
    )


def digest_input(path: Path) -> str:
    """SHA-256 of an input's full content: of a file's bytes, or of the names and bytes of all files in a folder.

    Raises:
        FileNotFoundError: It is not there.
        OSError: It cannot be read, or holds too many files.
    """
    if path.is_file():
        return digest_of_file(path)
    if not path.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such file or folder")
    files: list[Path] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        seen.add(os.path.realpath(folder))
        folders[:] = [name for name in sorted(folders) if os.path.realpath(Path(folder, name)) not in seen]
        files += [Path(folder, name) for name in names]
        if len(files) > MOST_FILES:
            raise OSError(f"it holds more than {MOST_FILES} files")
    return digest({str(file.relative_to(path)): digest_of_file(file) if file.is_file() else "" for file in files})


def digest_of_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hex; read again only where the file may have changed.

    Raises:
        OSError: It cannot be read.
    """
    name = os.fspath(path)
    known = _known.get(name)
    if known is not None and known[0] == _stamp(os.stat(name)):  # noqa: PTH116
        return known[1]
    with open(name, "rb") as file:  # noqa: PTH123 (a path object costs more than the look)
        found = os.fstat(file.fileno())
        value = hashlib.file_digest(file, "sha256").hexdigest()
    if time.time() - max(found.st_mtime, found.st_ctime) > SETTLED:
        _known[name] = (_stamp(found), value)
    return value


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


def _cell_digest(cell: Mapping[str, Any]) -> str:
    tags = sorted(str(tag) for tag in cell.get("metadata", {}).get("tags", []))
    return digest(["".join(cell["source"]), cell["cell_type"], tags])


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)
        elif isinstance(value, dict):
            yield from _texts(value.values())


def _joined(texts: list[str], root: Path) -> Iterator[str]:
    """The texts, and each behind those that name a folder: Path("data") / "loans.csv" names a file."""
    yield from texts
    waiting = [""]
    seen: set[str] = set()
    while waiting and len(seen) < MOST_JOINED:
        before = waiting.pop()
        for text in texts:
            name = os.path.join(before, text)  # noqa: PTH118
            if before:
                yield name
            if text.strip("./") and name not in seen and os.path.isdir(root / name):  # noqa: PTH112
                seen.add(name)
                waiting.append(name)


def _add(inputs: dict[str, str], doubts: list[str], text: str, root: Path, *, folders: bool) -> None:
    """Add the input that a text names, if it names one; what is there but cannot be read is doubted."""
    name = text.removeprefix("file://")
    if not name.strip("/~ "):
        return
    name = os.path.expanduser(name)  # noqa: PTH111 (most texts name nothing; a path object costs more)
    place = os.path.join(root, name)  # noqa: PTH118
    try:
        if os.path.isfile(place) or (folders and os.path.isdir(place)):  # noqa: PTH112, PTH113
            inputs[text] = digest_input(Path(place))
        elif GLOB & set(text) and ("/" in text or "." in text):
            matched = _matched(name, root)
            if matched:
                inputs[text] = digest({each: digest_input(root / each) for each in matched})
    except (ValueError, re.error):
        return  # no path
    except OSError as error:
        doubts.append(f"{text} cannot be read: {error.strerror or error}")


def _may_be_folder(text: str) -> bool:
    return "/" in text or "." in text[1:-1]


def _matched(pattern: str, root: Path) -> list[str]:
    """The files and folders that a pattern names; links in a circle end at the limit.

    Raises:
        OSError: They are too many.
    """
    named = glob.iglob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 (a workspace's path may hold brackets)
    found = list(itertools.islice(named, MOST_FILES + 1))
    if len(found) > MOST_FILES:
        raise OSError(f"it names more than {MOST_FILES} files")
    return [each for each in sorted(found) if (root / each).is_file() or (root / each).is_dir()]


def _folders(environ: Mapping[str, str]) -> list[Path]:
    """Folders besides the workspace from which a kernel imports what is not installed as a package."""
    named = environ.get("PYTHONPATH", "").split(os.pathsep)
    installed = (sys.prefix, sys.base_prefix, sys.exec_prefix)
    added = [entry for entry in sys.path if entry and not any(Path(entry).is_relative_to(p) for p in installed)]
    editable = _editable(tuple(sys.path), _tick())
    return [Path(entry) for entry in dict.fromkeys([*named, *added, *editable]) if entry and Path(entry).is_dir()]


def _modules(code: Code, folders: list[Path]) -> tuple[dict[str, str], list[tuple[Path, Code]]]:
    """The modules that code imports from folders, and they in turn: digests by dotted name, folders and code."""
    digests: dict[str, str] = {}
    read: list[tuple[Path, Code]] = []
    waiting = list(code.imports)
    seen: set[str] = set()
    while waiting:
        parts = waiting.pop().split(".")
        for length in range(1, len(parts) + 1):
            module = ".".join(parts[:length])
            path = _place_of(parts[:length], folders) if parts[0] != OWN.name else None
            if path is None:
                break
            if module in seen or path.suffix != ".py":
                continue
            seen.add(module)
            try:
                source = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                read.append((path.parent, Code(doubts=(f"module {module} cannot be read",))))
                continue
            digests[module] = hashlib.sha256(source.encode()).hexdigest()
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            read.append((path.parent, read_code(((f"module {module}", source),), package)))
            waiting += read[-1][1].imports
    return dict(sorted(digests.items())), read


def _place_of(parts: list[str], folders: list[Path]) -> Path | None:
    """The file of a module in the first folder that has it, or the folder of a package without a file."""
    bare: Path | None = None
    for folder in folders:
        place = os.path.join(folder, *parts)  # noqa: PTH118 (most modules are not here)
        for name in (os.path.join(place, "__init__.py"), f"{place}.py"):  # noqa: PTH118
            if os.path.isfile(name):  # noqa: PTH113
                return Path(name)
        if bare is None and os.path.isdir(place):  # noqa: PTH112
            bare = Path(place)
    return bare


@functools.lru_cache(maxsize=1)
def _own_source(tick: int) -> str:  # noqa: ARG001
    """Digest of this package's modules; a sweep of hundreds asks for it once a tick."""
    files: dict[str, str] = {}
    for folder, folders, names in os.walk(OWN):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in names:
            if name.endswith(".py"):
                files[f"{folder}/{name}"[len(str(OWN)) :]] = digest_of_file(f"{folder}/{name}")
    return digest(files)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        "python": sys.version,
        "platform": f"{sys.platform} {platform.machine()}",
        **{name: environ[name] for name in VARIABLES if name in environ},
    }
    return {**_installed(tuple(sys.path), _tick()), **found}


@functools.lru_cache(maxsize=1)
def _installed(places: tuple[str, ...], tick: int) -> dict[str, str]:  # noqa: ARG001
    """The distributions below folders, with their versions; looked at once a tick."""
    found: dict[str, str] = {}
    for entry in dict.fromkeys(places):
        try:
            names = os.listdir(entry or ".")  # noqa: PTH208 (no paths are needed)
        except OSError:
            continue  # a zip file, or a folder that is not there
        for name in names:
            if name.endswith(".dist-info"):
                distribution, _, version = name.removesuffix(".dist-info").partition("-")
                found.setdefault(distribution, version)
    return found


@functools.lru_cache(maxsize=1)
def _editable(places: tuple[str, ...], tick: int) -> list[str]:  # noqa: ARG001
    """Folders of what is installed editable, which an import hook need not put on the path; looked at once a tick."""
    found: list[str] = []
    for entry in dict.fromkeys(places):
        for note in Path(entry or ".").glob("*.dist-info/direct_url.json"):
            try:
                told = json.loads(note.read_text("utf-8"))
                if told.get("dir_info", {}).get("editable"):
                    folder = unquote(urlsplit(told["url"]).path)
                    found += [folder, f"{folder}/src"]
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue  # it notes no folder
    return found


def _tick() -> int:
    """Changes every half second: what is installed and our own code are not looked at more often."""
    return int(2 * time.monotonic())
