"""What a zygote is: everything that a fork of it cannot change any more, under one key.

Two callers with the same key share a zygote; whatever differs, be it a package that was upgraded or a
longer preload list, makes another one. The socket lies in a folder of this user alone.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import resource
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.batch.lanes import FIXED, INHERITED, THREADS

SHAPING = (  # variables that an interpreter reads when it starts
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
)
ALWAYS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # pyarrow's allocator would start a thread
PRELOAD = (  # third-party libraries that notebooks import; never code of a workspace
    "numpy",
    "pandas",
    "pyarrow",
    "scipy.stats",
    "matplotlib.pyplot",
    "plotly.express",
    "sklearn.pipeline",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "duckdb",
    "nbformat",
    "ipywidgets",
    "mlflow",
    "pymc",
    "evidently",
)
MOST_PATH = 100  # bytes that the path of a local socket may have


@dataclass(frozen=True)
class Identity:
    """One zygote: its key, what it imports, what it starts with and where it is reached."""

    key: str
    preload: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f"{self.key}.sock"

    @property
    def lock(self) -> Path:
        """Held while it lives."""
        return self.folder / f"{self.key}.lock"

    @property
    def log(self) -> Path:
        """What it says: modules it left out, and why it ended."""
        return self.folder / f"{self.key}.log"


def identify(preload: Sequence[str], environ: Mapping[str, str]) -> Identity:
    """The zygote for a preload list and an environment.

    Args:
        preload: Modules by dotted name, in the order they are imported.
        environ: The caller's environment; the zygote starts with the allowed part of it.

    Raises:
        OSError: The folder of its socket cannot be made, or is not this user's alone.
    """
    seen = {name: environ[name] for name in (*INHERITED, *SHAPING) if name in environ}
    told = {**seen, **dict.fromkeys(THREADS, "1"), **FIXED, **ALWAYS}
    parts = [
        sys.executable,
        sys.prefix,
        platform.python_version(),
        *preload,
        *(f"{name}={environ[name]}" for name in SHAPING if name in environ),
        installed(),
        own_code(),
        *_bounds(),
    ]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]
    return Identity(key, tuple(preload), told, runtime_folder(environ))


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """The folder for sockets: below the user's runtime folder where there is one, else in the temporary one.

    Raises:
        OSError: It cannot be made, or another user owns or may enter it.
    """
    given, home = environ.get("XDG_RUNTIME_DIR"), environ.get("HOME")
    candidates = [Path(given) / "workbench"] if given and Path(given).is_dir() else []
    candidates.append(Path(tempfile.gettempdir()) / f"workbench-{os.getuid()}")
    candidates += [Path(home) / ".cache" / "workbench"] if home else []
    problems = []
    for folder in candidates:
        problem = _problem(folder)
        if not problem:
            return folder
        problems.append(f"{folder} {problem}")
    raise OSError(f"there is no place for a socket: {'; '.join(problems)}")


def _problem(folder: Path) -> str:
    """Why a folder, made where it is not there, cannot hold our sockets; empty where it can."""
    if len(os.fsencode(folder)) + 32 >= MOST_PATH:
        return "is too long a path"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        return f"cannot be made: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        return "is not a folder of this user alone"
    return ""


def _bounds() -> list[str]:
    """What the system allows a process and its forks: limits, groups, and the control group but for a login's."""
    numbers = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
    limits = [str(resource.getrlimit(number)) for number in numbers]
    group = re.sub(r"(session|app)-[^/]*\.scope", r"\1.scope", Path("/proc/self/cgroup").read_text())
    return [*limits, str(sorted(os.getgroups())), group]


def installed() -> str:
    """A digest of the installed distributions: their names, versions and when each was installed."""
    found = []
    for place in sorted(set(sys.path)):
        try:
            with os.scandir(place or ".") as entries:
                found += [
                    f"{entry.path} {entry.stat().st_mtime_ns}"
                    for entry in entries
                    if entry.name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))
                ]
        except OSError:
            continue
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


@functools.cache
def own_code() -> str:
    """A digest of this package, which lives on in a zygote's forks."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
