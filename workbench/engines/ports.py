"""Ports of this machine: whether one is free, who has it, which one is free instead, and sockets that listen there."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]

from workbench.errors import EngineError, Misuse

LOOPBACK = "127.0.0.1"
BACKLOG = 2048  # connections that may wait for one who takes them
ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}  # a name's other addresses may well be there
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


def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at all addresses of a host that this machine has.

    Raises:
        EngineError: One cannot be had.
    """
    try:
        found = _bound(host, port)
        for one in found:
            one.listen(BACKLOG)
            one.setblocking(False)
    except OSError as error:
        raise EngineError(f"{host}:{port} cannot be listened on: {error}", hint="another --host or --port") from error
    return found


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
    try:
        for one in _bound(host, port):
            one.close()
    except OSError as error:
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return error.errno
        raise EngineError(f"{host}:{port} cannot be listened on: {error.strerror}", hint="another --host") from error
    return 0


def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets at all addresses of a host that this machine has.

    Raises:
        OSError: One cannot be had, or it has none of them.
    """
    found: list[socket.socket] = []
    absent: OSError | None = None
    try:
        known = dict.fromkeys(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # some hosts are named twice
        for family, kind, protocol, _, address in known:
            try:
                found.append(_bound_to(socket.socket(family, kind, protocol), address))
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                absent = error
        if absent is not None and not found:
            raise absent
    except OSError:
        for one in found:
            one.close()
        raise
    return found


def _bound_to(one: socket.socket, address: Any) -> socket.socket:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


def _free_after(port: int, but: Sequence[int] | dict[int, Wanted], host: str) -> int:
    return next((p for p in range(port + 1, min(port + 200, 65536)) if p not in but and not _problem(p, host)), 0)
