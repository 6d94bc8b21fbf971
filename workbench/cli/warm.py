"""Hands a command over to a fork of the zygote, where there is one: its libraries are imported already.

`workbench run` needs MLflow and nbconvert, which take three seconds to import; in a fork they are there.
The fork has this process's files, folder, environment and words; an interrupt is passed on, and its exit
code is this process's.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.batch.warm import Zygote

PROGRAMS = {"workbench", "workbench/__main__.py"}  # what starts this process when it is the command line
IMPORTED = "mlflow"  # where it is imported, nothing is gained
FORKED = "workbench.batch.warm.command"  # imported in forks only: what was handed over is not handed on


def hand_over(zygote: Zygote | None, environ: Mapping[str, str]) -> int | None:
    """Run this process's command in a fork.

    Args:
        zygote: Where to fork; not started for this. None where there can be none.
        environ: This process's environment.

    Returns:
        The exit code; None when there was nothing to gain or no zygote, and the command is still to be run.
    """
    from workbench.batch.warm import Unavailable

    if not _is_command_line(Path(sys.argv[0])) or not {IMPORTED, FORKED}.isdisjoint(sys.modules):
        return None
    if zygote is None or zygote.status() is None:
        return None
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        child = zygote.fork(
            "command",
            environ=environ,
            folder=str(Path.cwd()),
            files=[0, 1, 2],
            stdio=True,
            target="workbench.cli:main",
            argv=sys.argv[1:],
        )
    except (Unavailable, OSError):
        return None
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.signal(signal.SIGINT)
            continue
        return code if code is None or code >= 0 else 128 - code


def _is_command_line(program: Path) -> bool:
    """Whether a program is ours and not one that only calls us."""
    return program.name in PROGRAMS or "/".join(program.parts[-2:]) in PROGRAMS
