"""Attempts: a job in a process of its own, for one who is not the runner, and who may die or change his mind.

A worker of a cluster asks with `attempt`; the process that it starts answers with `answer`. The job goes
in as one line of JSON, cells done and the end come back as lines of JSON. The asker holds the pipe open:
once it is closed, because the asker no longer wants the answer or is dead, the process stops its kernel
as Ctrl-C would, and leaves.

Each attempt has a folder of its own below the run's, with the notebook as it was injected, so that two of
them never write to the same file, however late one wakes up. The runner moves one attempt's folder in
place and removes the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.batch.folders import RUN
from workbench.batch.lanes import Ended, Failure, Job, Lane, Limits, OnCell, Usage, told
from workbench.errors import EngineError, WorkbenchError

ATTEMPTS = "attempts"  # in a run's folder, while it runs
GLANCE = 0.5  # seconds between two looks at whether an attempt is still wanted
PATIENCE = 15  # seconds that a stopped attempt may take to end its kernel

Plain = dict[str, Any]


def plain_job(job: Job) -> Plain:
    """A job as JSON for another machine; the environment stays behind, the other one has its own."""
    return {
        "notebook": str(job.notebook),
        "content": job.notebook.read_text("utf-8"),
        "workspace": str(job.workspace),
        "run_folder": str(job.run_folder),
        "limits": asdict(job.limits),
        "secrets": dict(job.secrets),  # references; what they stand for is that machine's
    }


def attempt(job: Plain, command: Sequence[str], *, wanted: Callable[[], bool], on_cell: OnCell) -> tuple[str, Ended]:
    """Run a job's cells in a child process, in a folder of its own.

    Args:
        job: What `plain_job` gave.
        command: Starts a process that calls `answer`.
        wanted: Whether the answer is still wanted; asked from another thread.
        on_cell: Called with (cells done, cells in all).

    Returns:
        The attempt's folder, and how it ended.

    Raises:
        EngineError: The run's folder is not there, or the cells could not be started.
    """
    folder = _folder_of_its_own(job)
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True
    )
    stdin: Any = child.stdin
    stdout: Any = child.stdout
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(GLANCE):
            if not wanted():
                break
        with contextlib.suppress(OSError):
            stdin.close()

    watcher = threading.Thread(target=watch, name="attempt-watch", daemon=True)
    watcher.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # it is dead; its exit code tells
            stdin.write(json.dumps({**job, "folder": str(folder)}) + "\n")
            stdin.flush()
        answer = _listened(stdout, on_cell)
    finally:
        ended.set()
        watcher.join()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
        child.kill()
        child.wait()
        stdout.close()
    return str(folder), _ended(answer, child.returncode)


def answer(lane: Lane, environ: Mapping[str, str]) -> None:
    """Run the job that stands on stdin by a lane, and tell on stdout how it went."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not mix with the answer
    asked = json.loads(sys.stdin.readline())
    done = threading.Event()
    threading.Thread(target=_leave_with_asker, args=[done], daemon=True).start()

    def tell(line: Plain) -> None:
        with contextlib.suppress(BrokenPipeError):
            answers.write(json.dumps(line) + "\n")
            answers.flush()

    folder = Path(asked["folder"])
    job = Job(
        notebook=folder / Path(asked["notebook"]).name,
        workspace=Path(asked["workspace"]),
        run_folder=folder,
        environ=environ,
        limits=Limits(**asked["limits"]),
        secrets=asked["secrets"],
    )
    try:
        end = lane(job, lambda cells, of: tell({"done": cells, "of": of}))
    except KeyboardInterrupt:
        return  # nobody is left to be told
    except WorkbenchError as error:
        last: Plain = {"error": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001  (told to the asker, whose process it is not)
        last = {"error": told(f"{type(error).__name__}: {error}"), "hint": ""}
    else:
        last = {"ended": asdict(end)}
    done.set()
    tell(last)


def adopt(folder: Path, job: Job) -> None:
    """Move what one attempt put out to where the runner looks for it, and remove the other attempts."""
    for path in sorted(folder.iterdir()):
        if path.name not in {RUN, ATTEMPTS}:
            place = job.notebook if path.name == job.notebook.name else job.run_folder / path.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
            path.replace(place)
    forget(job)


def forget(job: Job) -> None:
    """Remove all attempts at a job; one that still runs has nowhere left to write to."""
    shutil.rmtree(job.run_folder / ATTEMPTS, ignore_errors=True)


def _folder_of_its_own(job: Plain) -> Path:
    run_folder = Path(job["run_folder"])
    folder = run_folder / ATTEMPTS / uuid.uuid4().hex[:12]
    try:
        folder.parent.mkdir(exist_ok=True)
        folder.mkdir()
        (folder / Path(job["notebook"]).name).write_text(job["content"], "utf-8")
        if (run_folder / RUN).is_file():  # says whose run it is, to a notebook that hands over a record
            shutil.copy(run_folder / RUN, folder)
    except OSError as error:
        raise EngineError(
            f"the run's folder {run_folder} cannot be used: {error.strerror}",
            hint="the workspace must lie at the same path on all machines of the cluster",
        ) from error
    return folder


def _listened(lines: Any, on_cell: OnCell) -> Plain | None:
    """What the child answers at last; None where it ended before."""
    for line in lines:
        said = json.loads(line)
        if "done" not in said:
            return dict(said)
        on_cell(said["done"], said["of"])
    return None


def _ended(answer: Plain | None, code: int) -> Ended:
    """How an attempt ended.

    Raises:
        EngineError: The cells could not be run at all.
    """
    if answer is None:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Ended(Failure("KernelDied", f"the process that ran the cells ended early ({how})"))
    if "error" in answer:
        raise EngineError(answer["error"], hint=answer["hint"])
    return ended_of(answer["ended"])


def ended_of(plain: Plain) -> Ended:
    """How a job ended, from what `dataclasses.asdict` makes of it."""
    failure = Failure(**plain["failure"]) if plain["failure"] else None
    return Ended(failure, Usage(**plain["usage"]), plain["lane"])


def _leave_with_asker(done: threading.Event) -> None:
    """End this process as Ctrl-C would once nobody waits for its answer any more."""
    sys.stdin.read()
    if done.is_set():
        return
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(PATIENCE / 2)
    os._exit(1)
