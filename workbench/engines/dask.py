"""Dask: runs jobs on the workers of a cluster that somebody else has started, named by its address.

    with dask_lane("tcp://10.0.0.5:8786", workspace, command=(...)) as lane:
        ended = lane(job)

What is kept whatever dies:

- A worker that dies in the middle of a job: Dask gives the job to another one, which begins anew from the
  injected notebook, in a folder of its own. After as many deaths as the scheduler allows (Dask's
  `distributed.scheduler.allowed-failures`, 3) the job has failed.
- The outputs in the run's folder are those of one attempt, the one whose answer arrived; a worker that
  was thought dead and wakes up writes into a folder that nobody looks at. Cells may have run more than
  once; what they did outside of their folder, they may have done more than once.
- One who stops waiting stops the cells on the worker, also by dying; so does the end of the scheduler.

A job travels as plain data and our function by its name. Dask itself sends pickles between its peers:
whoever reaches the scheduler's port can run code as its workers. So an address is never guessed, and
`tls://` uses the certificates that Dask's own configuration names (`distributed.comm.tls`).
"""

from __future__ import annotations

import logging
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.batch.attempts import Plain, adopt, attempt, ended_of, forget, plain_job
from workbench.batch.lanes import Ended, Failure, Job, Lane, OnCell, Stopped
from workbench.errors import EngineError, Misuse, WorkbenchError

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")
CERTIFICATES = "set ca-file, client.cert and client.key below distributed.comm.tls"
CONNECT_SECONDS = 10
HEED_SECONDS = 0.2  # between two looks at whether a job is to stop
WORKER_SECONDS = 30  # a cluster may take to show its first worker


class DaskLane:
    """Runs each job as one task of a cluster; also called from several threads at once."""

    def __init__(self, client: Client, address: str, command: Sequence[str]) -> None:
        self._client = client
        self._address = address
        self._command = tuple(command)
        self._topic = f"workbench-{uuid.uuid4().hex}"
        self._waiting: dict[str, SimpleQueue[tuple[int, int] | None]] = {}  # by the task's key
        client.subscribe_topic(self._topic, self._cell_done)

    def __call__(self, job: Job, on_cell: OnCell | None = None) -> Ended:
        """Run a job on a worker, and wait for it.

        Raises:
            EngineError: The scheduler is gone, or the worker cannot run it.
            Stopped: It was told to stop; the worker ends the cells.
        """
        key = f"notebook-{uuid.uuid4().hex}"
        said = self._waiting[key] = SimpleQueue()
        try:
            future = self._client.submit(
                on_worker, plain_job(job), self._command, self._topic, key=key, pure=False, retries=0
            )
            try:
                future.add_done_callback(lambda _: said.put(None))
                while (counts := _next(said, job.stop)) is not None:
                    if on_cell is not None:
                        on_cell(*counts)
                return self._settled(future, job)
            except BaseException:
                with suppress(Exception):
                    future.cancel()
                forget(job)
                raise
        finally:
            del self._waiting[key]

    def _cell_done(self, event: tuple[Any, Plain]) -> None:
        said = self._waiting.get(event[1]["key"])
        if said is not None:
            said.put((event[1]["done"], event[1]["of"]))

    def _settled(self, future: Future, job: Job) -> Ended:
        from distributed import CancelledError, KilledWorker

        try:
            folder, plain = future.result()
            ended = ended_of(plain)
        except KilledWorker as error:
            forget(job)
            deaths = error.allowed_failures + 1
            words = f"{deaths} workers died while they ran it, the last at {error.last_worker.address}"
            return Ended(Failure("WorkerDied", f"{words}; they may have run out of memory"), lane="dask")
        except CancelledError as error:
            raise EngineError(
                f"the Dask scheduler at {self._address} is gone, or somebody cancelled the task",
                hint="see that the cluster is up, then run the same command again",
            ) from error
        except WorkbenchError:
            raise
        except Exception as error:
            raise EngineError(f"a worker of {self._address} cannot run it: {type(error).__name__}: {error}") from error
        adopt(Path(folder), job)
        return Ended(ended.failure, ended.usage, lane=f"dask/{ended.lane}" if ended.lane else "dask")


def _next(said: SimpleQueue[tuple[int, int] | None], stop: Event | None) -> tuple[int, int] | None:
    """What is said next.

    Raises:
        Stopped: The job was told to stop meanwhile.
    """
    while True:
        try:
            return said.get(timeout=None if stop is None else HEED_SECONDS)
        except Empty:
            if stop is not None and stop.is_set():
                raise Stopped from None


@contextmanager
def dask_lane(address: str, workspace: Path, command: Sequence[str]) -> Iterator[Lane]:
    """A lane to the workers of a cluster, for as long as it is open.

    Args:
        address: The scheduler's, "tcp://host:port" or "tls://host:port".
        workspace: Must lie at the same path on every worker.
        command: What a worker's Python is started with to run one attempt, e.g. ("-m", "some.module").

    Yields:
        The lane.

    Raises:
        Misuse: The address is none, it asks for certificates and none are named, or Dask is not installed.
        EngineError: There is no scheduler, it has no worker, or a worker is not fit.
    """
    with _connected(address) as client, _quiet():
        _check_workers(client, address, workspace)
        yield DaskLane(client, address, command)


def _connected(address: str) -> Client:
    """A client of the scheduler at an address.

    Raises:
        Misuse: The address is none, it asks for certificates and none are named, or Dask is not installed.
        EngineError: No scheduler answers there.
    """
    if not ADDRESS.fullmatch(address):
        raise Misuse(
            f"the executor is {address!r}; it must be a Dask scheduler's address",
            hint="write tcp://HOST:8786 or tls://HOST:8786",
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise Misuse(
            f"running on {address} needs Dask, which is not installed", hint='pip install "workbench[dask]"'
        ) from error
    if address.startswith("tls:"):
        _check_certificates(address)
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # also no answer in time
        raise EngineError(
            f"there is no Dask scheduler to be reached at {address}: {error}", hint="see that it is up"
        ) from error


def _check_certificates(address: str) -> None:
    """Let pass only a configuration of Dask that has certificates; a client without would hang at its end.

    Raises:
        Misuse: It names none, or they cannot be read.
    """
    from distributed import Security

    try:
        context = Security().get_connection_args("client").get("ssl_context")
    except (OSError, ValueError) as error:
        raise Misuse(f"the certificates for {address} cannot be read: {error}", hint=CERTIFICATES) from error
    if context is None:
        raise Misuse(f"{address} asks for certificates, and Dask's configuration names none", hint=CERTIFICATES)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's client from logging the tracebacks of what is told here in words."""
    logger = logging.getLogger("distributed.client")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def on_worker(job: Plain, command: Sequence[str], topic: str) -> tuple[str, Plain]:
    """One attempt at a job, on the worker that this is called on; its folder, and how it ended.

    Raises:
        EngineError: The worker does not see the run's folder, or cannot start the cells.
    """
    from distributed import Status, get_worker

    ending = {Status.closing, Status.closed, Status.failed}
    worker = get_worker()
    key = worker.get_current_task()
    task = worker.state.tasks[key]
    try:
        folder, ended = attempt(
            job,
            (sys.executable, *command),
            wanted=lambda: task.state != "cancelled" and worker.status not in ending,
            on_cell=lambda done, of: worker.log_event(topic, {"key": key, "done": done, "of": of}),
        )
    except EngineError as error:
        raise EngineError(f"worker {worker.address}: {error.message}", hint=error.hint) from error
    return folder, asdict(ended)


def look(token: str) -> Plain:
    """What a worker is, and whether it sees a file."""
    try:
        sees = Path(token).read_text("utf-8") == Path(token).name
    except OSError:
        sees = False
    return {"python": _python(), "workbench": __version__, "sees": sees}


def _check_workers(client: Client, address: str, workspace: Path) -> None:
    """Let pass only a cluster whose workers are as this machine, and see the workspace.

    Raises:
        EngineError: There is no worker, or one is not so.
    """
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        raise EngineError(
            f"the Dask scheduler at {address} has no worker",
            hint="start one; a cluster that adapts itself needs a minimum of one",
        ) from error
    token = workspace / f".seen-by-workers-{uuid.uuid4().hex}"
    try:
        token.write_text(token.name, "utf-8")
    except OSError as error:
        raise EngineError(f"the workspace {workspace} cannot be written: {error.strerror}") from error
    try:
        found = client.run(partial(look, str(token)), on_error="return")
    finally:
        token.unlink(missing_ok=True)
    for worker, seen in found.items():
        _check_worker(worker, seen, workspace)


def _check_worker(worker: str, seen: Plain | BaseException, workspace: Path) -> None:
    if isinstance(seen, BaseException):
        raise EngineError(
            f"worker {worker} has no workbench like this one: {type(seen).__name__}: {seen}",
            hint=f'install it there: pip install "workbench[dask]=={__version__}"',
        ) from seen
    for what, ours in (("python", _python()), ("workbench", __version__)):
        if seen[what] != ours:
            raise EngineError(
                f"worker {worker} has {what} {seen[what]}; here it is {ours}",
                hint="use one environment, or one image, on all machines",
            )
    if not seen["sees"]:
        raise EngineError(
            f"worker {worker} does not see the workspace {workspace}",
            hint="mount it there at the same path: a shared file system, or a volume",
        )


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
