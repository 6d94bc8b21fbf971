"""Connections that come together are shared among those who listen on one socket; none is needed by the others."""

import asyncio
import errno
import socket
import time
from functools import partial

import pytest

from workbench.engines import accepting
from workbench.engines.accepting import Accepting

CLIENTS = 60


class Greeting(asyncio.Protocol):
    """Says which of the processes took the connection."""

    def __init__(self, name):
        self.name = name

    def connection_made(self, transport):
        transport.write(self.name)
        transport.close()


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=CLIENTS) as one:
        one.setblocking(False)
        yield one


def test_clients_that_come_together_are_shared_among_all_that_listen(listening):
    clients = [socket.create_connection(listening.getsockname()) for _ in range(CLIENTS)]

    async def live():
        """Two that wake at the same moments, as processes on two cores do."""
        each = [Accepting([listening.dup()], partial(Greeting, name)) for name in (b"a", b"b")]
        found = await asyncio.gather(*(asyncio.to_thread(one.recv, 1) for one in clients))
        for one in each:
            one.close()
            await one.wait_closed()
        return found

    found = asyncio.run(live())
    for one in clients:
        one.close()
    assert abs(found.count(b"a") - found.count(b"b")) <= 2


def test_where_no_descriptor_is_left_it_pauses_and_goes_on(listening, monkeypatch):
    monkeypatch.setattr(accepting, "PAUSE", 0.05)
    tries = []

    class Full:
        """A socket on which the first connection cannot be taken."""

        def fileno(self):
            return listening.fileno()

        def accept(self):
            tries.append(time.monotonic())
            if len(tries) == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return listening.accept()

        def close(self):
            listening.close()

    async def live():
        taking = Accepting([Full()], lambda: Greeting(b"a"))
        with socket.socket() as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, listening.getsockname())
            told = await asyncio.wait_for(loop.sock_recv(client, 1), 10)
        taking.close()
        await taking.wait_closed()
        return told

    assert asyncio.run(live()) == b"a"
    assert tries[1] - tries[0] >= 0.04


def test_a_client_that_speaks_no_tls_ends_nothing(listening, tmp_path):
    import ssl

    async def live():
        taking = Accepting([listening.dup()], lambda: Greeting(b"a"), tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        told = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            told.append(await asyncio.wait_for(reader.read(100), 10))
            writer.close()
        taking.close()
        await taking.wait_closed()
        return told

    assert b"a" not in asyncio.run(live())
