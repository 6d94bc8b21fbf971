"""A run in the background: how far it has come, how long it takes, and a way to stop it.

    running = Running(Inputs(), in_background)
    running.announce()
    running.start(lambda on_cell, stop: bench.run_path(path, values, on_cell=on_cell, stop=stop), ended)

The work is done by another thread, so that the kernel answers meanwhile. A stop ends the cell that runs,
too: what was not finished is committed nowhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from workbench.batch import Outcome
from workbench.batch.lanes import OnCell, Stopped
from workbench.errors import WorkbenchError
from workbench.views.inputs import Inputs
from workbench.views.parts import show
from workbench.views.stopwatch import stopwatch
from workbench.views.words import counted

Work = Callable[[OnCell, threading.Event], Outcome]  # raises Stopped once the event is set and it has ended
Begin = Callable[[Callable[[], None]], None]  # sets a piece of work going


@dataclass(frozen=True)
class End:
    """How a run ended; where all is at its default, it broke off."""

    outcome: Outcome | None = None
    error: WorkbenchError | None = None
    stopped: bool = False  # by a person


class Running:
    """One run at a time, and what is shown of it."""

    def __init__(self, parts: Inputs, begin: Begin) -> None:
        self._begin = begin
        self._stop = threading.Event()
        self.busy = False
        self.bar = parts.bar()
        self.said = parts.html()
        self.clock = stopwatch()
        self.stop = parts.button("Stop", tooltip="End it now; nothing of it is committed", click=self._stopped)
        self.widget = parts.row(self.bar, self.said, self.clock, self.stop, look="wb-running")
        show(self.widget, shown=False)

    def announce(self) -> None:
        """From here on it is busy, and shown to be; a run may be over as soon as it has started."""
        self.busy = True
        self._stop.clear()
        self.bar.value, self.bar.max = 0, 1
        self.stop.disabled = False
        self.clock.since = 0.0
        self.clock.running = True
        self._say("The kernel is starting …")
        show(self.widget, shown=True)

    def start(self, work: Work, ended: Callable[[End], None]) -> None:
        """Set what was announced going; `ended` is called by the thread that did it."""
        self._begin(lambda: self._work(work, ended))

    def _work(self, work: Work, ended: Callable[[End], None]) -> None:
        end = End()
        try:
            end = End(work(self._on_cell, self._stop))
        except Stopped:
            end = End(stopped=True)
        except WorkbenchError as error:
            end = End(error=error)
        finally:  # whatever happens, nobody waits for a run that is over
            self.busy = False
            self.clock.running = False
            show(self.widget, shown=False)
            ended(end)

    def _on_cell(self, done: int, total: int) -> None:
        self.bar.value, self.bar.max = done, max(total, 1)
        if not self._stop.is_set():
            self._say(f"{done} of {counted(total, 'cell')}")

    def _stopped(self) -> None:
        if self.busy:
            self._stop.set()
            self.stop.disabled = True
            self._say("Stopping …")

    def _say(self, words: str) -> None:
        self.said.value = f'<span role="status">{words}</span>'


def in_background(work: Callable[[], None]) -> None:
    """Let another thread do it; it does not keep the kernel from ending."""

    def all_of_it() -> None:
        from jupyter_core.utils import ensure_event_loop

        try:
            work()
        finally:
            ensure_event_loop().close()  # nbclient opens one in each thread and leaves it open

    threading.Thread(target=all_of_it, name="workbench-run", daemon=True).start()
