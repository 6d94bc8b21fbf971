"""The frame around a notebook's cells: papermill reads, marks and writes it; nbclient runs the cells.

Every lane runs in this frame, so an executed notebook has the same outputs, marks and times whichever
lane it was; the lanes differ only in the kernel that they hand in. Unlike papermill alone it saves the
notebook now and then and not at every cell, and it keeps no more of one cell's printing than people read.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from workbench.batch.lanes import Ended, Failure, Job, OnCell, Stopped, hint_of, told
from workbench.batch.watching import Watch

ENGINE = "workbench-frame"  # papermill's name of it
START_SECONDS = 120  # a kernel may take to start, on a busy machine
SAVE_SECONDS = 5.0  # between two savings of a notebook that runs
MOST_PRINTED = 10_000_000  # characters of one cell's printing that are kept
SLOW_GRAMMAR = "rfc3987_syntax"  # parsed for a second at import, for a check that no notebook needs
Kernel = Any  # what nbclient takes for a kernel manager, with `pid` once it runs


def framed(job: Job, on_cell: OnCell | None, kernel: Kernel, lane: str) -> Ended:
    """Run a job's notebook in a kernel.

    Args:
        job: What to run.
        on_cell: Called with (cells done, cells in all).
        kernel: A kernel manager of nbclient's shape, with the attributes `pid` (None until it runs) and
            `end()` (ends it with all that it started; again does no harm).
        lane: The lane's name.

    Raises:
        RuntimeError: papermill failed before there was a kernel.
        Stopped: The job was told to stop.
    """
    papermill = _papermill()
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from nbformat.validator import NotebookValidationError
    from papermill.exceptions import PapermillExecutionError

    path = str(job.notebook).replace("{", "{{").replace("}", "}}")  # papermill formats paths
    failure: Failure | None = None
    watched = Watched(kernel, job)
    try:
        papermill.execute_notebook(
            path,
            path,
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            start_timeout=START_SECONDS,
            km=kernel,
            on_cell=on_cell,
            cell_seconds=job.limits.cell_seconds,
            watched=watched,
        )
    except PapermillExecutionError as error:
        name = str(error.ename)
        failure = Failure(name, told(str(error.evalue)), error.exec_count, hint_of(name, error.traceback or ()))
    except CellTimeoutError:
        failure = watched.timed_out()
    except DeadKernelError:
        failure = watched.died()
    except NotebookValidationError as error:
        failure = Failure("OutputRefused", f"a notebook cannot hold what it put out: {told(str(error))}", watched.cell)
    except RuntimeError as error:
        if kernel.pid is None:
            raise
        failure = watched.failure or Failure("KernelNotStarted", f"the kernel did not start: {told(str(error))}")
    finally:
        usage = watched.stop()
        kernel.end()
        _close_loop()
    if failure is not None and job.stop is not None and job.stop.is_set():
        raise Stopped
    return Ended(failure, usage, lane)


class Watched:
    """The watch over a job's kernel, from when it runs."""

    def __init__(self, kernel: Kernel, job: Job) -> None:
        self._kernel = kernel
        self._limits = job.limits
        self._stop = job.stop
        self._watch: Watch | None = None
        self.cell: int | None = None  # the number of the one that runs

    def begin(self) -> None:
        """Watch the kernel, which runs now."""
        self._watch = Watch(self._kernel.pid, self._limits, self._stop)

    def stop(self) -> Any:
        """What it took."""
        from workbench.batch.lanes import Usage

        return self._watch.stop() if self._watch else Usage()

    @property
    def failure(self) -> Failure | None:
        """Why it was ended, where the watch ended it."""
        return self._watch.failure if self._watch else None

    def died(self) -> Failure:
        """Why it is gone."""
        return self._watch.died() if self._watch else Failure("KernelDied", "the kernel died before a cell ran")

    def timed_out(self) -> Failure:
        """A cell took too long."""
        if self._limits.cell_seconds is None:
            return Failure("OutputLost", "the cell ended, but its outputs did not arrive", self.cell)
        may = f"{self._limits.cell_seconds:g}"
        return Failure("CellTimeout", f"it took longer than the {may} s that a cell may take", self.cell)


def _close_loop() -> None:
    """Close the event loop that Jupyter made for this thread: it keeps one a thread, and never lets it go."""
    from jupyter_core import utils

    loop = utils._loop.get()
    if loop is not None and not loop.is_running() and threading.current_thread() is not threading.main_thread():
        utils._loop.set(None)
        asyncio.set_event_loop(None)
        loop.close()


def _papermill() -> Any:
    """Papermill with our engine."""
    with quick_imports():
        import papermill
        from papermill.engines import papermill_engines

    if ENGINE not in papermill_engines._engines:  # it has no other way to ask
        papermill_engines.register(ENGINE, _engine())
    return papermill


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import nbformat and what stands on it without a grammar that takes a second to parse.

    jsonschema does without it, and then does not check the form of internationalized addresses; no
    notebook format asks for that.
    """
    absent = SLOW_GRAMMAR not in sys.modules
    if absent:
        sys.modules[SLOW_GRAMMAR] = None  # type: ignore[assignment]  # an import of it fails, and is caught there
    try:
        yield
    finally:
        if absent:
            sys.modules.pop(SLOW_GRAMMAR, None)


def _engine() -> type:
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, NotebookExecutionManager

    class Sparing(NotebookExecutionManager):  # type: ignore[misc]
        """Saves now and then; papermill itself writes the end."""

        due = False

        def save(self, **kwargs: Any) -> None:
            if self.due or (self.now() - self.last_save_time).total_seconds() >= SAVE_SECONDS:
                began = time.monotonic()
                super().save(**kwargs)
                self.autosave_cell_every = max(SAVE_SECONDS, 20 * (time.monotonic() - began))

    class Client(PapermillNotebookClient):  # type: ignore[misc]
        """Runs the cells; keeps a sane amount of what they print."""

        printed: tuple[int, int] = (-1, 0)

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "stream":
                before = self.printed[1] if self.printed[0] == cell_index else 0
                text = msg["content"]["text"]
                self.printed = (cell_index, before + len(text))
                if before >= MOST_PRINTED:
                    return None
                if before + len(text) >= MOST_PRINTED:
                    more = "\n[the rest of what this cell printed was not kept]\n"
                    msg["content"]["text"] = text[: MOST_PRINTED - before] + more
            return super().process_message(msg, cell, cell_index)

    class Frame(Engine):  # type: ignore[misc]
        """Papermill's engine, given a kernel that is ready to start."""

        @classmethod
        def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, **options: Any) -> Any:
            options.pop("progress_bar", None)
            manager = Sparing(nb, output_path=output_path, progress_bar=False)
            manager.notebook_start()
            try:
                cls.execute_managed_notebook(manager, kernel_name, **options)
            except BaseException:
                manager.due = True  # what there is so far: nobody writes the end of a notebook whose kernel is gone
                raise
            finally:
                manager.notebook_complete()
            return manager.nb

        @classmethod
        def execute_managed_notebook(
            cls,
            nb_man: Any,
            kernel_name: str,
            *,
            km: Kernel,
            on_cell: OnCell | None,
            cell_seconds: float | None,
            watched: Watched,
            start_timeout: int,
            **_: Any,
        ) -> None:
            hooks: dict[str, Any] = {"on_notebook_start": lambda **_: watched.begin()}
            if on_cell is not None:
                hooks["on_cell_executed"] = _counted(nb_man.nb.cells, on_cell)
            if cell_seconds is not None:
                hooks["timeout_func"] = lambda _: cell_seconds
            hooks["on_cell_execute"] = _numbered(watched)
            client = Client(nb_man, km=km, kernel_name=kernel_name, startup_timeout=start_timeout, **hooks)
            km.when_dead = lambda: client.task_poll_for_reply and client.task_poll_for_reply.cancel()
            client.execute()

    return Frame


def _counted(cells: list[Any], on_cell: OnCell) -> Callable[..., None]:
    """A hook that counts the code cells that have run."""
    places = [place for place, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()]

    def executed(cell_index: int, **_: Any) -> None:
        on_cell(sum(place <= cell_index for place in places), len(places))

    return executed


def _numbered(watched: Watched) -> Callable[..., None]:
    """A hook that notes the number of the cell that runs."""

    def execute(**_: Any) -> None:
        watched.cell = (watched.cell or 0) + 1

    return execute
