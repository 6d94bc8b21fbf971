"""Takes the connections of sockets on which other processes listen too, one at a time, so that each has its share.

asyncio's servers, and uvloop's, take all that wait at once. Of clients that come together, as those of a pool do, the
first process to wake would have all, for as long as they keep their connections, and the others none.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from ssl import SSLContext

PAUSE = 1.0  # seconds in which none is taken, once this process has no room for one more


class Accepting:
    """Taking connections until it is closed; belongs to one event loop. Closed and waited for as a `Server` is."""

    def __init__(
        self, listening: Sequence[socket.socket], made: Callable[[], asyncio.Protocol], *, tls: SSLContext | None = None
    ) -> None:
        """Begin.

        Args:
            listening: The sockets, which do not block; they are closed with this.
            made: Makes the protocol of a connection.
            tls: What is spoken on them; None: nothing.
        """
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._made = made
        self._tls = tls
        self._beginning: set[asyncio.Task[object]] = set()  # connections that are being made, e.g. speak TLS first
        for one in listening:
            self._loop.add_reader(one, self._take, one)

    def close(self) -> None:
        """Take no more; what was taken goes on."""
        for one in self._listening:
            self._loop.remove_reader(one)
            one.close()
        self._listening = ()

    async def wait_closed(self) -> None:
        """Wait for the connections that are being made."""
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _take(self, one: socket.socket) -> None:
        try:
            connection, _ = one.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was first, or the client has left
        except OSError:  # no descriptor is left; others may have one
            self._loop.remove_reader(one)
            self._loop.call_later(PAUSE, self._again, one)
            return
        connection.setblocking(False)
        if connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._made, connection, ssl=self._tls)
        except OSError:  # of TLS too: the client speaks none, or has left
            connection.close()

    def _again(self, one: socket.socket) -> None:
        if one in self._listening:
            self._loop.add_reader(one, self._take, one)
