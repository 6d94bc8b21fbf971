"""Connects Jupyter to the zygote: a kernel provisioner that forks instead of starting a process.

A kernelspec names it, and then JupyterLab, Voila, papermill and anything else that starts kernels by
`jupyter_client` gets warm ones, unchanged. Where no zygote can be had, the kernel starts cold. The zygote
is described in the kernelspec too:

    "metadata": {"kernel_provisioner": {"provisioner_name": "workbench-provisioner",
                                        "config": {"preload": ["numpy", …], "idle": 1800.0}}}
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Float, List, Unicode

from workbench.batch.warm.client import IDLE, Child, Unavailable, Zygote
from workbench.batch.warm.fresh import THREADED
from workbench.batch.warm.identity import PRELOAD, identify

LOOK = 0.02  # seconds between two looks at a kernel that is about to end


class Process:
    """A child of the zygote, in the shape that Jupyter knows a process in."""

    stdin = stdout = stderr = None

    def __init__(self, child: Child) -> None:
        self._child = child
        self.pid = child.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.poll()

    def wait(self) -> int | None:
        """Wait for its end; its exit code."""
        return self._child.wait()

    def send_signal(self, number: int) -> None:
        """Signal it and all that it started."""
        self._child.signal(number)

    def kill(self) -> None:
        """End it now."""
        self._child.end()

    def terminate(self) -> None:
        """End it now: what a kernel would tidy up at its end is in memory only."""
        self._child.end()


class WarmProvisioner(LocalProvisioner):
    """Forks kernels from the zygote of the environment that they are to see."""

    preload = List(Unicode(), list(PRELOAD), help="Modules that the zygote imports.", config=True)
    idle = Float(IDLE, help="Seconds after which a zygote that nobody asks ends itself.", config=True)

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Fork a kernel; start one cold where that cannot be.

        Raises:
            Unavailable: It cannot be forked, and who asks gave the zygote and sees to the rest.
        """
        given: Zygote | None = options.pop("zygote", None)
        environ = options.get("env") or {}
        folder = options.get("cwd") or os.getcwd()  # noqa: PTH109  # as a process that is started gets it
        try:
            child = await asyncio.to_thread(self._forked, given, cmd, environ, str(folder))
        except (Unavailable, OSError) as why:
            if given is not None:
                raise Unavailable(str(why)) from why
            logging.getLogger("workbench").warning("this kernel starts cold: %s", why)
            return await super().launch_kernel(cmd, **options)
        self.process = Process(child)  # type: ignore[assignment]  # all of a process that Jupyter asks for
        self.pid = self.pgid = child.pid
        self.cwd = folder
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        while self.process is not None and await self.poll() is None:
            await asyncio.sleep(LOOK)
        code = self.process.wait() if self.process is not None else 0
        self.process = None
        return code

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel and all that it started; nobody where it has ended."""
        if isinstance(self.process, Process):
            self.process.send_signal(signum)
        else:
            await super().send_signal(signum)

    def _forked(self, given: Zygote | None, cmd: list[str], environ: dict[str, str], folder: str) -> Child:
        zygote = given or Zygote(identify(self.preload, environ), idle=self.idle)
        environ = {THREADED: str(os.cpu_count() or 1), **environ}  # as many as a kernel that starts cold takes
        return zygote.fork("kernel", environ=environ, folder=folder, argv=cmd[cmd.index("-f") :])
