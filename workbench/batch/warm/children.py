"""What a fork becomes: a kernel, a kernel without ZeroMQ, or a command; and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from workbench.batch.warm import fresh, inline, kernel

HERE = "workbench.batch.warm"
KINDS = {name: f"{HERE}.{name}" for name in ("kernel", "inline", "command")}  # modules with a `run(asked, files)`
AT_EXIT = 1.0  # seconds for a program's own exit handlers; then it is ended


def prepare() -> None:
    """What the zygote does once, so that no fork has to."""
    for module in KINDS.values():
        importlib.import_module(module)
    inline.prepare()
    kernel.prepare()


def rehearse() -> None:
    """What the zygote does when its libraries are imported."""
    inline.rehearse()
    fresh.prepare()


def run(asked: dict[str, Any], files: Sequence[int], client: int, line: int) -> None:
    """Become what is asked for, in a process just forked; never returns.

    Args:
        asked: The request, as `client.Zygote.fork` makes it.
        files: Open files that came with it.
        client: The process that asked.
        line: The connection on which it asked.
    """
    code, log = 1, os.dup(2)  # what goes wrong in becoming something is told in the zygote's log
    try:
        kind = KINDS[asked["kind"]]
        stdio = files[:3] if asked.get("stdio") else ()
        fresh.freshen(
            environ=asked["environ"],
            folder=asked["folder"],
            umask=asked["umask"],
            stdio=stdio,
            keep=[*files[len(stdio) :], log],
            owner=client,
            line=line,
        )
        code = int(importlib.import_module(kind).run(asked, files[len(stdio) :]) or 0)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  # the last frame of a process: tell, then end
        with contextlib.suppress(OSError):
            os.write(log, traceback.format_exc().encode())
    finally:
        _leave(code)


def _leave(code: int) -> None:
    """End at once, after the exit handlers: tearing a heavy interpreter down takes three seconds."""
    _flush()
    signal.signal(signal.SIGALRM, lambda *_: os._exit(code))  # the zygote ends what is left of the group
    signal.setitimer(signal.ITIMER_REAL, AT_EXIT)
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # what the interpreter itself would call
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]
