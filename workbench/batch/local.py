"""This machine as a lane: the fastest way to run cells that is faithful, and how it was chosen.

    lane = Local(zygote)           # inline where the notebook allows it, else a forked kernel
    lane = Local(zygote, "cold")   # a new process, as papermill alone would have it

What needs more than cells and their outputs (sockets of a kernel, its history's database) is seen in the code
and gets a kernel. Where no zygote can be had, cells run cold and the log says why.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from typing import Literal, get_args

from workbench.batch.inline import inline
from workbench.batch.kernels import cold, warm
from workbench.batch.lanes import Ended, Job, OnCell
from workbench.batch.warm import Unavailable, Zygote
from workbench.errors import Misuse

Kernel = Literal["auto", "inline", "warm", "cold"]
KERNELS: tuple[str, ...] = get_args(Kernel)
NEEDS_A_KERNEL = re.compile(  # what only a kernel with sockets and threads of its own does
    r"\b(ipykernel|ipyparallel|zmq|ipympl)\b|\.kernel\b|%gui\b|%matplotlib\s+(?!inline|agg)\w|%connect_info|%qtconsole"
    r"|%hist(ory)?\b|%recall\b|%rep\b"  # read from a database of what was typed, which inline has none of
)


class Local:
    """Runs jobs on this machine, several at once where they are given from several threads."""

    def __init__(self, zygote: Zygote | None, kernel: str = "auto") -> None:
        """Take a zygote, and how cells are to be run.

        Raises:
            Misuse: There is no such way.
        """
        if kernel not in KERNELS:
            raise Misuse(f"there is no kernel {kernel!r}", hint=f"choose one of {', '.join(KERNELS)}")
        self._zygote = zygote
        self._kernel = kernel

    def __call__(self, job: Job, on_cell: OnCell | None = None) -> Ended:
        """Run all cells of a job."""
        chosen = self._kernel if self._kernel != "auto" else choose(job)
        try:
            if chosen == "inline" and self._zygote is not None:
                return inline(job, on_cell, zygote=self._zygote)
            if chosen == "warm" and self._zygote is not None:
                return warm(job, on_cell, zygote=self._zygote)
        except Unavailable as why:
            logging.getLogger("workbench").warning("%s runs cold: %s", job.notebook.parent.name, why)
        return cold(job, on_cell)

    def begin(self) -> None:
        """Start the zygote where jobs will want it, and do not wait."""
        if self._zygote is not None and self._kernel != "cold":
            with contextlib.suppress(Unavailable):  # said when a job is run
                self._zygote.begin()


def choose(job: Job) -> Kernel:
    """The fastest lane that gives a notebook all it asks for."""
    cells = json.loads(job.notebook.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return "warm" if NEEDS_A_KERNEL.search(code) else "inline"
