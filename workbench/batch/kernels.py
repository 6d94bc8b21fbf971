"""Lanes with a real kernel: an ipykernel of this interpreter, started cold or forked warm.

The kernel sees an allow-listed environment, not the runner's, so that no secret of a server lands in a
notebook. Its working folder is the workspace: paths in parameters are relative to it. It is killed as
soon as its outputs are complete, since a heavy interpreter takes three seconds to tear itself down;
what it hands over is on disk by then. No kernel, and nothing that one started, outlives its run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from subprocess import DEVNULL
from typing import Any

from workbench.batch.frame import START_SECONDS, framed, quick_imports
from workbench.batch.lanes import Ended, Job, OnCell, kernel_environment

ANSWER = 1.0  # seconds a kernel that starts is given before it is asked again
AGAIN = 0.2  # seconds between two looks at a channel that something is sent on too
SUBSCRIBED = 0.2  # seconds in which its outputs come once they are subscribed to
MOST_PATH = 80  # characters of a folder that a local socket can lie in
PROVISIONER = "workbench-provisioner"  # the entry point's name of `warm.provisioner`


def cold(job: Job, on_cell: OnCell | None = None) -> Ended:
    """Run a notebook's cells in a new kernel process.

    Raises:
        RuntimeError: papermill failed before there was a kernel.
    """
    return _in_a_kernel(job, on_cell, "cold", {})


def warm(job: Job, on_cell: OnCell | None = None, *, zygote: Any) -> Ended:
    """Run a notebook's cells in a kernel forked from a zygote.

    Raises:
        Unavailable: There is no zygote to be had, or it gave no kernel.
        RuntimeError: papermill failed before there was a kernel.
    """
    zygote.start()
    return _in_a_kernel(job, on_cell, "warm", {"kernel_provisioner": {"provisioner_name": PROVISIONER}}, zygote)


def _in_a_kernel(job: Job, on_cell: OnCell | None, lane: str, metadata: dict[str, Any], zygote: Any = None) -> Ended:
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:  # nobody else can reach them
        return framed(job, on_cell, _kernel(job, Path(sockets), metadata, zygote), lane)


def _kernel(job: Job, sockets: Path, metadata: dict[str, Any], zygote: Any) -> Any:
    """A kernel of this very interpreter, whatever kernelspecs a user has.

    It is reached through files in a private folder: ports would be picked, let go and bound again, and
    kernels that start at the same time take each other's.
    """
    with quick_imports():
        from jupyter_client.asynchronous.client import AsyncKernelClient
        from jupyter_client.channels import AsyncZMQSocketChannel
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager
        from traitlets import Type

    spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3",
        language="python",
        metadata=metadata,
    )
    seen = kernel_environment(job)

    class Channel(AsyncZMQSocketChannel):
        """Looks again now and then: what is sent on a socket can swallow the news that something came on it.

        nbclient sends on the shell channel while it waits there, for output widgets; it then waited for ever.
        """

        async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
            end = time.monotonic() + (float("inf") if timeout is None else timeout)
            while True:
                left = end - time.monotonic()
                try:
                    return await super().get_msg(timeout=max(0.0, min(left, AGAIN)))
                except Empty:
                    if left <= AGAIN:
                        raise

    class Client(AsyncKernelClient):
        """Knows that a kernel is ready when its outputs come; the usual one waits for a silence of 0.2 s too."""

        shell_channel_class = Type(Channel)

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            end = time.monotonic() + (timeout or START_SECONDS)
            while time.monotonic() < end:
                asked = self.kernel_info()
                if await self._heard(self.get_shell_msg, asked, ANSWER, end) and await self._heard(
                    self.get_iopub_msg, asked, SUBSCRIBED, end
                ):
                    return
                if not await kernel.is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info")
            raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

        async def _heard(self, get: Callable[..., Any], asked: str, seconds: float, end: float) -> bool:
            """Whether what belongs to a question comes on a channel, up to its last message."""
            end = min(end, time.monotonic() + seconds)
            while (left := end - time.monotonic()) > 0:
                try:
                    message = await get(timeout=left)
                except Empty:
                    return False
                busy = message["content"].get("execution_state") == "busy"
                if message["parent_header"].get("msg_id") == asked and not busy:
                    return True
            return False

    class Kernel(AsyncKernelManager):
        when_dead: Callable[[], Any] | None = None
        group: int | None = None

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.clients: list[Any] = []
            self.connection_file = str(sockets / "kernel.json")
            if sys.platform != "win32" and len(str(sockets)) < MOST_PATH:
                self.transport = "ipc"

        @property
        def kernel_spec(self) -> Any:
            return spec

        @property
        def pid(self) -> int | None:
            return self.group

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            options |= {"env": dict(seen), "cwd": str(job.workspace), "stdout": DEVNULL, "stderr": DEVNULL}
            if zygote is not None:
                options["zygote"] = zygote
            await super().start_kernel(**options)
            self.group = getattr(self.provisioner, "pgid", None)

        def client(self, **options: Any) -> Any:
            made = super().client(**options)
            self.clients.append(made)
            return made

        def end(self) -> None:
            for made in self.clients:
                made.stop_channels()
            self.context.destroy(linger=0)  # its sockets and its thread would stay as long as this process
            self.cleanup_connection_file()
            if self.group is not None and hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.group, signal.SIGKILL)
            process = getattr(self.provisioner, "process", None)
            if process is not None:
                process.wait()

    kernel = Kernel(client_factory=Client)
    return kernel
