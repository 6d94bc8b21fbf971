"""Messages on a local socket: a length, JSON, and the files that travel with it.

Both ends belong to one user; each checks the other's user id, so that nobody else's process is
believed even where a folder's permissions were loosened.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

LENGTH = struct.Struct("!I")
MOST = 64 << 20  # bytes of one message, unless its reader says otherwise
LARGEST = (1 << 32) - 1  # bytes that a length can tell
PART = 1 << 20  # bytes that are read at once
MOST_FILES = 8
PEER = struct.Struct("3i")  # pid, uid, gid


def send(sock: socket.socket, body: Mapping[str, Any], files: Sequence[int] = ()) -> None:
    """Send one message, with open files.

    Raises:
        OSError: The other end is gone.
    """
    content = json.dumps(body).encode()
    frame = LENGTH.pack(len(content)) + content
    sent = socket.send_fds(sock, [frame], list(files)) if files else 0
    sock.sendall(frame[sent:])


def receive(sock: socket.socket, *, most: int = MOST) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its files; None where the other end is gone.

    Args:
        sock: Where it comes.
        most: Bytes that it may have.

    Raises:
        ValueError: It is too large or no JSON object.
        OSError: The socket failed or timed out.
    """
    start, files, _, _ = socket.recv_fds(sock, LENGTH.size, MOST_FILES)
    length = start + exactly(sock, LENGTH.size - len(start)) if start else b""
    if len(length) < LENGTH.size:
        return None, files
    (size,) = LENGTH.unpack(length)
    if size > most:
        raise ValueError(f"a message of {size} bytes")
    body = json.loads(exactly(sock, size))
    if not isinstance(body, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004
    return body, files


def exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer where the other end is gone."""
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(min(size - len(parts), PART))
        if not part:
            break
        parts += part
    return bytes(parts)


def peer(sock: socket.socket) -> tuple[int, int]:
    """The process and the user at the other end, as the system knows them."""
    pid, uid, _ = PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    return pid, uid


def is_ours(sock: socket.socket) -> bool:
    """Whether this user's process is at the other end."""
    return peer(sock)[1] == os.getuid()
