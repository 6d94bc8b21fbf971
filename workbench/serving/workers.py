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

from workbench.serving.addresses import alive, beside
from workbench.serving.children import Child, Children
from workbench.serving.exposition import Sample, family, together
from workbench.serving.http import Receive, Reply, Scope, Send
from workbench.serving.pulse import HUNG
from workbench.serving.relay import Relay

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
            program: What answers, without `--workers N --socket PATH --restarts N --listen DESCRIPTOR …`.
            number: How many there are to be.
            listening: The sockets of the address.
            environ: All that the processes see; None: what this one sees.
            first: What a process does before its program, e.g. so that it ends when this one does.
            hung: Seconds for which a process may say nothing before it is killed and started again.
            stopped: Is told the name (`holders`) of a process that was to stop, did not, and was killed for it.
        """
        self._listening = listening  # for as long as there are workers
        descriptors = [one.fileno() for one in listening]
        shared = ["--workers", str(number)]
        shared += [word for descriptor in descriptors for word in ("--listen", str(descriptor))]

        def command(child: Child) -> Sequence[str]:
            return [*program, "--socket", str(child.socket), "--restarts", str(child.restarts), *shared]

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

    def __init__(self, socket: Path, number: int, *, restarts: int = 0) -> None:
        """Nobody asked yet.

        Args:
            socket: Where this one is asked; the others' are in the same folder.
            number: How many there are to be, this one among them.
            restarts: Times that this one was started again.
        """
        self.socket = socket
        self._all = [socket.with_name(f"{one}.sock") for one in range(number)]
        self._restarts = restarts
        self._relays: dict[Path, Relay] = {}
        self._tells: dict[str, Tell] = {}  # by path

    @property
    def first(self) -> bool:
        """Whether it is this one that does what one alone is to do."""
        return self.socket == self._all[0]

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
        asked = [self._said(path, COUNTED) for path in self._all]
        watched, *said = await asyncio.gather(self._said(self._all[0], WATCHED), *asked)
        workers = [{"worker": path.stem} for path in self._all]
        up = [(one, int(text is not None)) for one, text in zip(workers, said, strict=True)]
        told = family("workbench_worker_up", "gauge", "1: the worker answers.", up)
        text = together([({}, told), *((one, text or "") for one, text in zip(workers, said, strict=True))])
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
