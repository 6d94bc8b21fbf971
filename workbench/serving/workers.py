"""Several processes that answer on one address, each with all models: as many requests at once as there are cores.

They share the sockets that listen, so that whoever is free takes the next connection, and one that ends takes no
waiting one along. Nobody is in front of them: one process more keeps them alive (`Workers`), and sees no request.
What clients have left is one account of all (`allowances`). Each answers on a Unix socket besides, in a folder that
only this user enters: to who keeps it, whether it is alive; to the others, what it has counted, so that a scrape of
any one tells of all (`Others`). The first does what one alone is to do for a workspace.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from workbench.errors import EngineError
from workbench.serving.addresses import alive, beside
from workbench.serving.children import Child, Children
from workbench.serving.exposition import Sample, family, together
from workbench.serving.http import Receive, Reply, Scope, Send
from workbench.serving.pulse import HUNG
from workbench.serving.relay import Relay

BACKLOG = 2048  # connections that may wait for one who takes them
ENDS = (signal.SIGINT, signal.SIGTERM)
COUNTED, WATCHED = "/counted", "/watched"  # where a worker tells the others
PATIENCE = 8.0  # seconds that one may take to tell; whoever scrapes waits for ten
Tell = Callable[[], Awaitable[str]]


class Workers:
    """The processes of one address, kept until this one is told to stop."""

    def __init__(
        self,
        program: Sequence[str],
        number: int,
        listening: Sequence[socket.socket],
        *,
        environ: Mapping[str, str] | None = None,
        first: Callable[[], None] | None = None,
        hung: float = HUNG,
        stopped: Callable[[str], None] | None = None,
    ) -> None:
        """None runs yet.

        Args:
            program: What answers, without `--socket PATH --restarts N --listen DESCRIPTOR …`.
            number: How many there are to be.
            listening: The sockets of the address.
            environ: All that the processes see; None: what this one sees.
            first: What a process does before its program, e.g. so that it ends when this one does.
            hung: Seconds for which a process may say nothing before it is killed and started again.
            stopped: Is told the name (`holders`) of a process that was to stop, did not, and was killed for it.
        """
        self._listening = listening  # for as long as there are workers
        descriptors = [one.fileno() for one in listening]
        listen = [word for descriptor in descriptors for word in ("--listen", str(descriptor))]

        def command(child: Child) -> Sequence[str]:
            return [*program, "--socket", str(child.socket), "--restarts", str(child.restarts), *listen]

        self._children = Children(
            lambda: [f"{one:02}" for one in range(number)],
            command,
            environ=environ,
            first=first,
            inherited=descriptors,
            hung=hung,
            stopped=stopped,
        )

    def run(self) -> None:
        """Keep them until SIGINT or SIGTERM comes; open requests are answered first."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        told = asyncio.Event()
        for one in ENDS:
            asyncio.get_running_loop().add_signal_handler(one, told.set)
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            async with beside(self._children.watch(Path(folder))):
                await told.wait()
            await self._children.stop()


class Others:
    """One worker's view of those beside it, and the app that it answers them with; belongs to one event loop."""

    def __init__(self, socket: Path, *, restarts: int = 0) -> None:
        """Nobody asked yet.

        Args:
            socket: Where this one is asked; the others' are in the same folder.
            restarts: Times that this one was started again.
        """
        self.socket = socket
        self._restarts = restarts
        self._relays: dict[Path, Relay] = {}
        self._tells: dict[str, Tell] = {}  # by path

    @property
    def first(self) -> bool:
        """Whether it is this one that does what one alone is to do."""
        return int(self.socket.stem) == 0

    def tell(self, counted: Tell, watched: Tell) -> None:
        """What this one has to tell: what it has counted, and what of the workspace one alone is to look at."""

        async def with_restarts() -> str:
            restarts: Sequence[Sample] = [({}, self._restarts)]
            return await counted() + family(
                "workbench_worker_restarts_total", "counter", "Times it began again.", restarts
            )

        self._tells = {COUNTED: with_restarts, WATCHED: watched}

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer on the socket: whether this one is alive, and what it has to tell."""
        if scope["path"] == "/healthz":
            await (await alive()).send(send)
        elif scope["path"] in self._tells:
            await Reply(200, (await self._tells[scope["path"]]()).encode()).send(send)
        else:
            await Reply.problem(404, "there is nothing here").send(send)

    async def told(self) -> str:
        """What all of them have counted, each series with its worker, and what the first has seen."""
        others = sorted(path for path in self.socket.parent.glob("*.sock") if path != self.socket)
        said = await asyncio.gather(*(self._said(path, COUNTED) for path in (self.socket, *others)))
        found = {path: text for path, text in zip((self.socket, *others), said, strict=True) if text is not None}
        up = [({"worker": path.stem}, int(path in found)) for path in sorted({*others, self.socket})]
        told = family("workbench_worker_up", "gauge", "1: the worker answers.", up)
        text = together([({}, told), *(({"worker": path.stem}, text) for path, text in sorted(found.items()))])
        watched = await self._said(self.socket.with_name("0.sock"), WATCHED)
        return text + (watched or "# the first worker, which looks at what is served, does not answer\n")

    async def _said(self, path: Path, what: str) -> str | None:
        if path == self.socket:
            return await self._tells[what]()
        relay = self._relays.setdefault(path, Relay(path))
        with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
            async with asyncio.timeout(PATIENCE):
                reply = await relay.ask("GET", what, ())
                return reply.body.decode() if reply.status == 200 else None
        return None


def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at all addresses of a host.

    Raises:
        EngineError: One cannot be had.
    """
    found: list[socket.socket] = []
    try:
        for family_, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            one = socket.socket(family_, kind, protocol)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family_ == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            one.listen(BACKLOG)
            one.setblocking(False)
    except OSError as error:
        for one in found:
            one.close()
        raise EngineError(f"{host}:{port} cannot be listened on: {error}", hint="workbench serve --port") from error
    return found
