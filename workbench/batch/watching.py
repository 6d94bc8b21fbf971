"""Watches the process that runs a notebook: what it takes, and that it takes no more than it may.

One look costs some milliseconds, so there are few: the first after a quarter of a second, then ever more
rarely, unless there is a limit to keep. Memory is the process's own; pages shared with a zygote or with
other kernels do not count.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from workbench.batch.lanes import Failure, Limits, Usage

FIRST = 0.25  # seconds before the first look, and between looks where memory is limited
HEED = 0.2  # seconds between two looks at whether it is to stop
RAREST = 4.0  # seconds between looks at most
GB = 1 << 30
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
OUT_OF_MEMORY = "oom_kill"  # the system's count of processes that it ended for memory


class Watch:
    """A watch over one process group; ends it past a limit, and says then why."""

    def __init__(self, pid: int, limits: Limits, stop: threading.Event | None = None) -> None:
        self.failure: Failure | None = None
        self._pid = pid
        self._limits = limits
        self._told_to_stop = stop
        self._usage = Usage()
        self._began = time.monotonic()
        self._killed_before = _killed_for_memory()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name=f"watch-{pid}", daemon=True)
        self._thread.start()

    def stop(self) -> Usage:
        """Stop watching, with a last look at a process that still lives."""
        self._done.set()
        self._thread.join()
        self._look()
        return self._usage

    def died(self) -> Failure:
        """Why the process is gone, as far as that can be told."""
        if self.failure is not None:
            return self.failure
        if _killed_for_memory() > self._killed_before:
            return Failure(
                "OutOfMemory",
                "the system ended the kernel because the machine ran out of memory; it used "
                f"{self._usage.peak_memory / GB:.1f} GB when last seen",
            )
        return Failure("KernelDied", "the kernel died; it may have run out of memory, or a cell ended it")

    def _look_on(self) -> None:
        pause = FIRST
        while not self._over(self._pause(pause)):
            self._look()
            self._keep()
            pause = min(2 * pause, RAREST)

    def _over(self, pause: float) -> bool:
        """Wait; whether there is nothing to watch any more. A stop is heeded at once."""
        if self._told_to_stop is None:
            return self._done.wait(pause)
        end = time.monotonic() + pause
        while not self._done.wait(max(0.0, min(HEED, end - time.monotonic()))):
            if self._told_to_stop.is_set() and self.failure is None:
                self._end(Failure("Stopped", "it was told to stop"))
            if time.monotonic() >= end:
                return False
        return True

    def _pause(self, pause: float) -> float:
        if self._limits.memory is not None:
            pause = FIRST
        if self._limits.seconds is not None:
            pause = min(pause, max(0.0, self._began + self._limits.seconds - time.monotonic()))
        return pause

    def _look(self) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            parts = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
            cpu = sum(int(part) for part in parts[11:15]) / TICKS
            own = _own(self._pid) if self._limits.memory is None else memory(self._pid)
            self._usage = Usage(cpu, max(own, self._usage.peak_memory))

    def _keep(self) -> None:
        limits, usage = self._limits, self._usage
        if limits.memory is not None and usage.peak_memory > limits.memory:
            used, may = f"{usage.peak_memory / GB:.2g}", f"{limits.memory / GB:.2g}"
            self._end(Failure("OutOfMemory", f"ended because it used {used} GB of memory; it may use {may} GB"))
        elif limits.seconds is not None and time.monotonic() - self._began >= limits.seconds:
            self._end(Failure("RunTimeout", f"ended because it took longer than the {limits.seconds:g} s it may take"))

    def _end(self, failure: Failure) -> None:
        if self.failure is None:
            self.failure = failure
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)


def memory(pid: int) -> int:
    """Bytes of memory that a process, and those that it started, share with no other."""
    return _own(pid) + sum(_own(below) for below in _below(pid))


def _own(pid: int) -> int:
    """Bytes of memory that no other process shares."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private"))
    return 0


def _below(pid: int) -> Iterator[int]:
    """The processes that one started, and those that they started."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _below(int(child))


def _killed_for_memory() -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith(OUT_OF_MEMORY):
                return int(line.split()[1])
    return 0
