"""Makes a fork a process of its own: nothing of the zygote's state shows in it.

What a process started anew would have of its own is given back here: environment, working folder, umask,
signals, session, standard files, random state, time zone, import path, event loops, thread counts. The
code of the workbench itself is forgotten, so that it is imported as it stands on disk now.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import random
import select
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.batch.lanes import FIXED

FIRST_PARTY = "workbench"
KEPT = "workbench.batch.warm"  # runs in the fork; its digest is part of the zygote's identity
LOOPS = (("evidently.legacy.utils.sync", "_loop", "_thr", "Async Runner"),)  # event loops made at import
ITS_OWN = {"PYDEVD_USE_FRAME_EVAL": "NO"}  # set by ipykernel when it is imported
THREADED = "OMP_NUM_THREADS"
LIBRARIES = {  # of numbers, by kind, and the variables that each heeds, the first before the others
    "openmp": (THREADED,),
    "blas": ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", THREADED),
}
_forgotten: dict[str, Any] = {}  # modules that a fork is to import anew; kept, since freeing copies their memory


def prepare() -> None:
    """Note, in the zygote, what forks forget: to look through all modules in a fork copies megabytes of them."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == FIRST_PARTY}
    _forgotten.update({name: ours[name] for name in ours if name != KEPT and not name.startswith(f"{KEPT}.")})


def freshen(
    *,
    environ: Mapping[str, str],
    folder: str,
    umask: int,
    stdio: Sequence[int],
    keep: Sequence[int],
    owner: int,
    line: int,
) -> None:
    """Turn this process, just forked, into a fresh one.

    Args:
        environ: All that it sees of the environment.
        folder: Its working folder.
        umask: Of the files that it makes.
        stdio: Its standard input, output and error; nothing where there are none.
        keep: Other open files that it needs.
        owner: The process for whose sake it lives; when that ends, so does this one.
        line: The open connection to it.

    Raises:
        OSError: The working folder cannot be entered.
    """
    os.setsid()
    _signals()
    _files(stdio, [*keep, line])
    os.environ.clear()
    os.environ.update({**ITS_OWN, **environ})
    time.tzset()
    os.umask(umask)
    os.chdir(folder)
    _randomness()
    _loops()
    _threads(environ)
    _settings(environ)
    for name in _forgotten:
        sys.modules.pop(name, None)
    _paths()
    end_with(owner, line)


def end_with(pid: int, line: int) -> None:
    """End this process and all that it started as soon as another process ends.

    The system itself does it when the connection breaks, also while a cell is deep in C code and no thread of
    Python comes to run; a thread does it where the other end was gone before.
    """
    try:
        other = os.pidfd_open(pid)
    except ProcessLookupError:
        os.killpg(0, signal.SIGKILL)
    fcntl.fcntl(line, fcntl.F_SETOWN, -os.getpgid(0))
    fcntl.fcntl(line, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_ASYNC)
    broken = select.poll()
    broken.register(line, select.POLLHUP)
    if broken.poll(0):  # before the system was asked to tell
        os.killpg(0, signal.SIGKILL)
    poll = select.poll()
    poll.register(other, select.POLLIN)

    def watch() -> None:
        poll.poll()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="end-with-owner", daemon=True).start()


def adopt_streams() -> None:
    """Point log handlers that libraries made at their import to the standard streams of now."""
    before = {id(sys.__stdout__): sys.stdout, id(sys.__stderr__): sys.stderr}
    for found in logging._handlerList:  # type: ignore[attr-defined]  # the only list of all handlers that there is
        handler = found() if isinstance(found, weakref.ref) else found
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in before:
            handler.stream = before[id(handler.stream)]


def _signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _files(stdio: Sequence[int], keep: Sequence[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for place, file in enumerate(stdio or (nothing, nothing, nothing)):
        os.dup2(file, place)
    kept = {0, 1, 2, *keep}
    for found in list(Path("/proc/self/fd").iterdir()):
        if int(found.name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(found.name))


def _paths() -> None:
    """Look again for folders that were not there; those that were are looked at again when they change."""
    for path in [path for path, finder in sys.path_importer_cache.items() if finder is None]:
        del sys.path_importer_cache[path]


def _randomness() -> None:
    random.seed()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    processes: Any = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes.current_process().authkey = os.urandom(32)


def _loops() -> None:
    import asyncio

    asyncio.set_event_loop(None)
    for module, loop, thread, name in LOOPS:
        owner: Any = sys.modules.get(module)
        if owner is not None:
            made = asyncio.new_event_loop()
            setattr(owner, loop, made)
            setattr(owner, thread, threading.Thread(target=made.run_forever, name=name, daemon=True))


def _threads(environ: Mapping[str, str]) -> None:
    """Give numerical libraries, which were loaded with one thread, the number that is asked for."""
    for kind, names in LIBRARIES.items():
        asked = next((environ[name] for name in names if name in environ), "1")
        if asked.isdigit() and int(asked) > 1:
            from threadpoolctl import threadpool_limits

            threadpool_limits(int(asked), user_api=kind)


def _settings(environ: Mapping[str, str]) -> None:
    """What was read of the environment when the zygote started, and is another one here."""
    told = environ.get("PYTHONWARNINGS", "")
    if told != FIXED["PYTHONWARNINGS"]:
        warnings.resetwarnings()
        for category in (ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
        warnings._processoptions([part for part in told.split(",") if part])  # type: ignore[attr-defined]  # as at a start
    plotly: Any = sys.modules.get("plotly.io")
    if plotly is not None and environ.get("PLOTLY_RENDERER") != FIXED["PLOTLY_RENDERER"]:
        plotly.renderers.default = environ.get("PLOTLY_RENDERER", "plotly_mimetype+notebook")  # of any notebook
    matplotlib: Any = sys.modules.get("matplotlib")
    backend = environ.get("MPLBACKEND", FIXED["MPLBACKEND"])
    if matplotlib is not None and backend != FIXED["MPLBACKEND"]:
        matplotlib.rcParams["backend"] = backend
