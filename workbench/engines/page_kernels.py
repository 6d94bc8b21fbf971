"""The kernels behind the pages: one a viewer, so many and no more, and none larger than it may be.

Voila's settings name this class (see `engines.jupyter`). A viewer for whom there is no place gets an answer
503 and a page that tries again. A place is free as soon as its page is left; where a page went without a
word, its kernel makes room once another viewer needs it. A kernel that is gone says why to those who ask.
Voila tells a kernel the address of its page; the token in it is no business of the kernel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import psutil  # type: ignore[import-untyped]
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from tornado.ioloop import PeriodicCallback
from traitlets import Int

from workbench.batch.watching import memory

GB = 1 << 30
LEAST_FREE = GB // 4  # bytes of the machine's memory that must be free for one more page
PATIENCE = 3.0  # seconds to wait for a place: a page that is loaded again asks before its old kernel is gone
LEFT = timedelta(seconds=20)  # without a connection this long, a page has been left
LOOK = 1.0  # seconds between two looks at all kernels
TRY = 0.1  # seconds between two looks for a place
REMEMBERED = 1000  # kernels whose end can be told


class PageKernels(AsyncMappingKernelManager):
    """Starts a kernel for each page that is opened, within limits, and ends those that pass theirs."""

    most = Int(20, config=True, help="Kernels that may live at once.")
    most_memory = Int(2 * GB, config=True, help="Bytes of memory that a kernel may have for itself.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._ended: dict[str, str] = {}  # why, by kernel; the oldest first
        self._turn = asyncio.Lock()  # starting is counting first: one at a time
        self._watch: PeriodicCallback | None = None

    async def start_kernel(self, *, env: Mapping[str, str] | None = None, **options: Any) -> str:  # type: ignore[override]
        """Start a kernel where there is a place for it.

        Args:
            env: All that it sees of the environment.
            options: What a kernel is started with.

        Raises:
            HTTPError: 503, there is none.
        """
        for _ in range(int(PATIENCE / TRY)):
            async with self._turn:
                why = await self._refusal()
                if not why:
                    if self._watch is None:
                        self._watch = PeriodicCallback(self.look, 1000 * LOOK)
                        self._watch.start()
                    return await super().start_kernel(**options, env=without_token(env or {}))
            await asyncio.sleep(TRY)  # others have their turn meanwhile
        raise web.HTTPError(503, why, reason="All places are taken")

    async def look(self) -> None:
        """End kernels that are too large, and forget those that died."""
        for kernel_id, kernel in list(self._kernels.items()):
            pid = getattr(kernel.provisioner, "pid", None)
            if pid is None or kernel.shutting_down:
                continue
            if not await kernel.is_alive():
                await self._end(kernel_id, "This page's kernel ended by itself.")
            elif await asyncio.to_thread(memory, pid) > self.most_memory:
                may = f"{self.most_memory / GB:.2g} GB"
                await self._end(kernel_id, f"This page took more than the {may} of memory that it may, and was ended.")

    async def _refusal(self) -> str:
        """Why there is no place just now; nothing where there is one."""
        if len(self) >= self.most and not await self._make_room():
            return f"{self.most} pages are open"
        if psutil.virtual_memory().available < LEAST_FREE:
            return "this machine has too little memory for one more page"
        return ""

    async def _make_room(self) -> bool:
        """End the kernel of the page that was left first; whether there is one."""
        now = datetime.now(UTC)
        left = [
            (kernel.last_activity, kernel_id)
            for kernel_id, kernel in self._kernels.items()
            if not self._kernel_connections.get(kernel_id)
            and kernel.execution_state == "idle"
            and now - kernel.last_activity > LEFT
        ]
        if left:
            await self._end(min(left)[1], "This page was left for a while, and its place was given to another.")
        return bool(left)

    async def _end(self, kernel_id: str, why: str) -> None:
        self.log.warning("kernel %s: %s", kernel_id, why)
        self._ended[kernel_id] = why
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        if kernel_id in self:
            await self.shutdown_kernel(kernel_id, now=True)  # type: ignore[no-untyped-call]

    def _check_kernel_id(self, kernel_id: str) -> None:
        """Refuse a kernel that is not there, with the reason where one is known.

        Raises:
            HTTPError: 410, it was ended; 404, it is not known.
        """
        if kernel_id not in self and kernel_id in self._ended:
            raise web.HTTPError(410, self._ended[kernel_id])
        super()._check_kernel_id(kernel_id)  # type: ignore[no-untyped-call]


def without_token(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment as Voila makes it, without the token in the address that a viewer came by.

    >>> without_token({"QUERY_STRING": "model=a%20b&token=x", "VOILA_REQUEST_URL": "http://here/p?token=x"})
    {'QUERY_STRING': 'model=a+b', 'VOILA_REQUEST_URL': 'http://here/p'}
    """
    cleaned = dict(environ)
    if "QUERY_STRING" in environ:
        cleaned["QUERY_STRING"] = _untold(environ["QUERY_STRING"])
    if "VOILA_REQUEST_URL" in environ:
        address = urlsplit(environ["VOILA_REQUEST_URL"])
        cleaned["VOILA_REQUEST_URL"] = address._replace(query=_untold(address.query)).geturl()
    return cleaned


def _untold(query: str) -> str:
    return urlencode([(name, value) for name, value in parse_qsl(query, True) if name != "token"])
