"""Runs the cells of a notebook: papermill, in a kernel of this interpreter that is started cold.

The kernel sees an allow-listed environment, not the runner's, so that no secret of a server lands in a
notebook. Its working folder is the workspace: paths in parameters are relative to it. It is killed as
soon as its outputs are complete, since a heavy interpreter takes three seconds to tear itself down;
what it hands over is on disk by then. No kernel, and nothing that one started, outlives its run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL
from threading import Event, Thread
from typing import Any

from workbench.batch.lanes import Ended, Failure, Job, OnCell, Stopped, kernel_environment, told

START_SECONDS = 120  # a kernel may take to start, on a busy machine
STOP_SECONDS = 0.2  # between two looks at whether a run shall stop
MOST_PATH = 80  # characters of a folder that a local socket can lie in


def cold(job: Job, on_cell: OnCell | None = None) -> Ended:
    """Run a notebook's cells in a new kernel process.

    Raises:
        RuntimeError: papermill failed before there was a kernel.
        Stopped: It was told to stop.
    """
    failure = _executed(job, on_cell)
    if failure and job.stop is not None and job.stop.is_set():
        raise Stopped
    return Ended(failure, lane="cold")


def _executed(job: Job, on_cell: OnCell | None) -> Failure | None:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it would log is told in the answer
    groups: list[int] = []
    seen = kernel_environment(job)
    path = str(job.notebook).replace("{", "{{").replace("}", "}}")  # papermill formats paths
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:  # nobody else can reach them
        kernel = _kernel_class(seen, job.workspace, Path(sockets), groups)

        class Engine(NBClientEngine):  # type: ignore[misc]
            @classmethod
            def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
                options |= {"kernel_manager_class": kernel, "shutdown_kernel": "immediate"}
                if on_cell is not None:
                    options["on_cell_executed"] = _counted(nb_man.nb.cells, on_cell)
                super().execute_managed_notebook(nb_man, kernel_name, **options)

        engine = f"workbench-{sockets}"  # papermill's register is one for all threads
        papermill_engines.register(engine, Engine)
        try:
            with _heeded(job.stop, groups):
                papermill.execute_notebook(
                    path,
                    path,
                    engine_name=engine,
                    kernel_name="python3",
                    progress_bar=False,
                    start_timeout=START_SECONDS,
                )
        except PapermillExecutionError as error:
            return Failure(str(error.ename), told(str(error.evalue)), error.exec_count)
        except DeadKernelError:
            return Failure("KernelDied", "the kernel died; it may have run out of memory, or a cell ended it")
        except RuntimeError as error:
            if not groups:
                raise
            return Failure("KernelNotStarted", f"the kernel did not start: {told(str(error))}")
        finally:
            for group in groups:
                _kill(group)
    return None


def _kernel_class(seen: Mapping[str, str], workspace: Path, sockets: Path, groups: list[int]) -> type:
    """A kernel of this very interpreter, whatever kernelspecs a user has; notes its process group.

    It is reached through files in a private folder: ports would be picked, let go and bound again, and
    kernels that start at the same time take each other's.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3",
        language="python",
    )

    class Kernel(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.connection_file = str(sockets / "kernel.json")
            if sys.platform != "win32" and len(str(sockets)) < MOST_PATH:
                self.transport = "ipc"

        @property
        def kernel_spec(self) -> Any:
            return spec

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            options |= {"env": dict(seen), "cwd": str(workspace), "stdout": DEVNULL, "stderr": DEVNULL}
            await super().start_kernel(**options)
            group = getattr(self.provisioner, "pgid", None)
            if group:
                groups.append(group)

    return Kernel


def _counted(cells: list[Any], on_cell: OnCell) -> Callable[..., None]:
    """A hook that counts the code cells that have run."""
    places = [place for place, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()]

    def executed(cell_index: int, **_: Any) -> None:
        on_cell(sum(place <= cell_index for place in places), len(places))

    return executed


@contextmanager
def _heeded(stop: Event | None, groups: list[int]) -> Iterator[None]:
    """End the kernel as soon as the run is told to stop, whatever its cell is at."""
    if stop is None:
        yield
        return
    over = Event()

    def watch() -> None:
        while not over.wait(STOP_SECONDS):
            if stop.is_set():
                for group in groups:
                    _kill(group)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _kill(group: int) -> None:
    """End what is left of a kernel's process group."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
