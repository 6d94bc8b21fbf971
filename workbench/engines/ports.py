"""Ports of this machine: whether one is free, who has it, and which one is free instead."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from workbench.errors import EngineError, Misuse

LOOPBACK = "127.0.0.1"
MOST = 70  # characters of a command line that a message shows


@dataclass(frozen=True)
class Wanted:
    """A port, who needs it, and the option that changes it."""

    port: int
    by: str  # "JupyterLab"
    option: str  # "workbench up --lab-port"


def check_ports(wanted: Sequence[Wanted], *, host: str = LOOPBACK) -> None:
    """Let pass only ports that are free and differ.

    Raises:
        Misuse: One is taken, wanted twice, or not for this user; says by whom, and which one is free.
    """
    seen: dict[int, Wanted] = {}
    for one in wanted:
        if one.port in seen:
            raise Misuse(
                f"{seen[one.port].by} and {one.by} are both given port {one.port}",
                hint=f"{one.option} {_free_after(one.port, seen, host)}",
            )
        seen[one.port] = one
    for one in wanted:
        problem = _problem(one.port, host)
        if problem == errno.EACCES:
            raise Misuse(f"port {one.port} may not be used by this user; {one.by} needs it", hint=f"{one.option} 8000")
        if problem:
            by = holder(one.port)
            raise Misuse(
                f"port {one.port} is taken{f' (by {by})' if by else ''}; {one.by} needs it",
                hint=f"{one.option} {_free_after(one.port, seen, host)}",
            )


def holder(port: int) -> str:
    """The process that listens on a port, "pid 123: python …"; empty where that cannot be seen."""
    try:
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
                command = " ".join(psutil.Process(found.pid).cmdline())
                return f"pid {found.pid}: {command if len(command) <= MOST else command[: MOST - 1] + '…'}"
    except psutil.Error:
        pass
    return ""


def _problem(port: int, host: str) -> int:
    """Number of the system's error when one listens there; 0: none.

    Raises:
        EngineError: The system refuses for another reason.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return error.errno
            raise EngineError(
                f"{host}:{port} cannot be listened on: {error.strerror}", hint="another --host"
            ) from error
    return 0


def _free_after(port: int, but: Sequence[int] | dict[int, Wanted], host: str) -> int:
    return next((p for p in range(port + 1, min(port + 200, 65536)) if p not in but and not _problem(p, host)), 0)
