"""Names of processes by which what one has begun is told from what one has left: machine, number, and when it began."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil  # type: ignore[import-untyped]


def this_process() -> str:
    """A name that no other process has."""
    return process_named(os.getpid())


def process_named(pid: int) -> str:
    """The name of a process of this machine, while it lives or is not waited for."""
    return f"{socket.gethostname()}/{pid}/{_began(pid)}"


def gone(holder: str) -> bool:
    """Whether a holder is known to be gone; false where it is another machine's.

    >>> gone(this_process()), gone(""), gone("another machine/1/7")
    (False, True, False)
    """
    host, pid, began = holder.rsplit("/", 2) if holder.count("/") >= 2 else ("", "0", "")
    if not holder:
        return True
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE or _began(int(pid)) != began
    except psutil.Error:
        return True


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did: the same whatever happens to the clock."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
