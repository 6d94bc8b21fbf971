"""Lanes: the ways to run a notebook's cells, what each is given, and how it ends.

A lane is the port of everything that executes: a kernel started cold, one forked warm, a fork without
ZeroMQ, a worker of a cluster. All are given the same job and end in the same way, so a runner, a sweep
and the contract suite know one shape only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from workbench.batch.secrets import variables
from workbench.errors import HINT, Denied, EngineError, Misuse

INHERITED = (
    "HOME",
    "JUPYTERHUB_USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
)
THREADS = (  # one each unless told otherwise: sums then come out the same on every machine
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
FIXED = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as every IPython kernel has it
    "PLOTLY_RENDERER": "plotly_mimetype",  # figures as data; the report draws them
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning",
}
LONGEST = 2000  # characters of an error's message that are kept
OURS = frozenset(kind.__name__ for kind in (Misuse, Denied, EngineError))
ANSI = re.compile(r"\x1b\[[0-9;]*m")
OnCell = Callable[[int, int], None]  # called with (cells done, cells in all)


class Stopped(BaseException):
    """A run was told to stop before its end; nothing of it is committed."""


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not come to its end."""

    error: str  # the exception's name, or "KernelDied", "KernelNotStarted", "CellTimeout", "RunTimeout", "OutOfMemory"
    message: str
    cell: int | None = None  # as the notebook counts: the 3 of In [3]
    hint: str = ""  # the way out, where the error is one of ours and has one

    @property
    def sentence(self) -> str:
        """What went wrong, in words."""
        if self.cell is None:
            return self.message
        named = "" if self.hint else f"{self.error}: "  # ours say all in their message
        return f"cell {self.cell} failed: {named}{self.message}".removesuffix(": ")


@dataclass(frozen=True)
class Limits:
    """What a run may take; None is no limit."""

    cell_seconds: float | None = None  # for one cell
    seconds: float | None = None  # for all cells together
    memory: int | None = None  # bytes of its own, its child processes included


@dataclass(frozen=True)
class Usage:
    """What a run took."""

    cpu_seconds: float = 0.0  # of the kernel and the processes it waited for
    peak_memory: int = 0  # bytes; the largest that was seen of the kernel's own memory


@dataclass(frozen=True)
class Job:
    """One notebook to run in place; overwritten with its outputs as they come."""

    notebook: Path  # with its values injected
    workspace: Path  # the working folder, named to the cells as WORKBENCH_WORKSPACE
    run_folder: Path  # named to the cells as WORKBENCH_RUN; the only place they write to
    environ: Mapping[str, str] = field(repr=False)  # the runner's environment; the allowed part is inherited
    limits: Limits = Limits()
    secrets: Mapping[str, str] = field(default_factory=dict)  # references by parameter; their variables are handed on
    stop: Event | None = field(default=None, repr=False, compare=False)  # set: end what runs and raise Stopped


@dataclass(frozen=True)
class Ended:
    """How a job ended; what it put out is in its notebook and its folder."""

    failure: Failure | None = None
    usage: Usage = Usage()
    lane: str = ""  # "cold", "warm", "inline", …: which one it was


class Lane(Protocol):
    """A way to run the cells of a notebook; also called from several threads at once."""

    def __call__(self, job: Job, on_cell: OnCell | None = None) -> Ended:
        """Run all cells; what a cell or a kernel does wrong is in the answer, not raised.

        Raises:
            Stopped: The job was told to stop; nothing of it runs any more.
        """
        ...


def kernel_environment(job: Job) -> dict[str, str]:
    """All that a kernel sees of the environment.

    >>> told = kernel_environment(Job(Path("n"), Path("/w"), Path("/w/r"), {"PATH": "/bin", "AWS_SECRET": "x"}))
    >>> sorted(told)[-3:], "AWS_SECRET" in told
    (['PYTHONWARNINGS', 'WORKBENCH_RUN', 'WORKBENCH_WORKSPACE'], False)
    """
    handed_on = (*INHERITED, *THREADS, *variables(job.secrets.values()))
    return {
        **dict.fromkeys(THREADS, "1"),
        **{name: job.environ[name] for name in handed_on if name in job.environ},
        **FIXED,
        "WORKBENCH_WORKSPACE": str(job.workspace),
        "WORKBENCH_RUN": str(job.run_folder),
    }


def hint_of(error: str, traceback: Sequence[str]) -> str:
    """The hint with which a traceback ends, where the error is one of ours; else empty.

    Args:
        error: The exception's name.
        traceback: As the kernel told it.

    >>> hint_of("Misuse", ["…", "Misuse: days is 0", "hint: give at least 1"])
    'give at least 1'
    >>> hint_of("KeyError", ["hint: none of ours"])
    ''
    """
    if error not in OURS:
        return ""
    lines = ANSI.sub("", "\n".join(traceback)).splitlines()
    return told(next((line.removeprefix(HINT) for line in reversed(lines) if line.startswith(HINT)), ""))


def told(text: str) -> str:
    """An error's message without colours, and not without end."""
    plain = ANSI.sub("", text).strip()
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
