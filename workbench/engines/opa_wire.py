"""HTTP to an Open Policy Agent: connections that are kept, one time limit for a whole exchange, no redirects.

Addresses are `opa+http://host:port`, `opa+https://host:port`, or the path of a Unix socket. A certificate is
checked against those that the system trusts. The answer is read up to a limit and never followed elsewhere.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import threading
import time
import weakref
from pathlib import Path
from typing import NamedTuple

from workbench.errors import Misuse

ADDRESS = re.compile(r"opa\+(http|https)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?")
MOST_ANSWER = 64 << 20  # bytes
CHUNK = 1 << 16
MOST_KEPT = 4  # connections that wait for a question


class Unreached(Exception):  # noqa: N818 (it says what came of a question)
    """No answer came; `code` is that of the ruling."""

    def __init__(self, message: str, code: str = "policy-unreachable") -> None:
        super().__init__(message)
        self.code = code


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: bytes


class Wire:
    """Connections to one server; safe to share between threads."""

    def __init__(self, address: str | Path, *, token: str | None = None, seconds: float) -> None:
        self.address = address
        self._seconds = seconds  # wall time one exchange may take
        self._token = token
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._owner = os.getpid()
        weakref.finalize(self, _close, self._idle)

    def send(self, method: str, path: str, body: bytes, kind: str) -> Answer:
        """What the server answers.

        Raises:
            Unreached: It cannot be reached, redirects, says too much, or takes too long.
        """
        until = time.monotonic() + self._seconds
        connection = self._take()
        kept = connection is not None
        try:
            return self._exchange(connection or self._connection(), until, method, path, body, kind)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            if not kept:  # a kept connection may have been closed while it waited; a new one was not
                raise Unreached(f"it closed the connection ({type(error).__name__})", "policy-crash") from error
        except TimeoutError:
            raise Unreached(f"it took more than {self._seconds:g} seconds", "policy-timeout") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreached(f"it cannot be reached ({error or type(error).__name__})") from error
        self.close()
        return self.send(method, path, body, kind)

    def close(self) -> None:
        """Close the connections that wait."""
        with self._lock:
            _close(self._idle)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        until: float,
        method: str,
        path: str,
        body: bytes,
        kind: str,
    ) -> Answer:
        well = False
        try:
            _hurry(connection, until)
            headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
            connection.request(method, path, body, headers)
            _hurry(connection, until)
            answer = connection.getresponse()
            if 300 <= answer.status < 400:
                raise Unreached("it redirects elsewhere; a policy is asked at its address and nowhere else")
            got = bytearray()
            while piece := answer.read1(CHUNK):
                got += piece
                _hurry(connection, until)
                if len(got) > MOST_ANSWER:
                    raise Unreached("its answer is too long", "policy-crash")
            if answer.length:  # bytes that were announced and did not come; `read1` says nothing of them
                raise Unreached("its answer is cut off", "policy-crash")
            answer.read()  # `read1` alone does not note that all was read
            well = not answer.will_close
            return Answer(answer.status, bytes(got))
        finally:
            self._put_back(connection) if well else connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if isinstance(self.address, Path):
            return _UnixConnection(self.address, self._seconds)
        scheme, host, port = parsed(self.address)
        if scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._seconds)

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._owner != os.getpid():  # forked: these belong to the parent
                self._idle, self._owner = [], os.getpid()
                weakref.finalize(self, _close, self._idle)
            return self._idle.pop() if self._idle else None

    def _put_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < MOST_KEPT:
                self._idle.append(connection)
                return
        connection.close()


class _UnixConnection(http.client.HTTPConnection):
    """A connection by a Unix socket."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def parsed(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address.

    Raises:
        Misuse: It is none.

    >>> parsed("opa+http://localhost:8181")
    ('http', 'localhost', 8181)
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise Misuse(
            f"{address!r} is no address of an OPA", hint="write opa+http://host:port, opa+https://host:port or opa"
        )
    return found[1], found[2].strip("[]"), int(found[3] or (443 if found[1] == "https" else 8181))


def _hurry(connection: http.client.HTTPConnection, until: float) -> None:
    # what is left of the time limit, for the next step
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _close(idle: list[http.client.HTTPConnection]) -> None:
    while idle:
        idle.pop().close()
