"""Connections that come together are shared among those who listen on one socket; none is needed by the others."""

import asyncio
import errno
import socket
import threading
import time

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


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=CLIENTS) as one:
        one.setblocking(False)
        yield one


def serve(one, name, ready, over):
    """As a process does it that shares a socket: with a descriptor of its own for it."""

    async def live():
        taking = Accepting([one.dup()], lambda: Greeting(name))
        ready.wait()
        while not over.is_set():
            await asyncio.sleep(0.01)
        taking.close()
        await taking.wait_closed()

    asyncio.run(live())


def test_clients_that_come_together_are_shared_among_all_that_listen(listening):
    ready, over = threading.Barrier(3), threading.Event()
    names = [b"a", b"b"]
    threads = [threading.Thread(target=serve, args=(listening, name, ready, over)) for name in names]
    for one in threads:
        one.start()
    clients = [
        socket.create_connection(listening.getsockname()) for _ in range(CLIENTS)
    ]  # all wait before one is taken
    ready.wait()
    found = [one.recv(1) for one in clients]
    over.set()
    for one in (*clients, *threads):
        one.close() if isinstance(one, socket.socket) else one.join()
    assert min(map(found.count, names)) >= CLIENTS / 6


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
