"""An Open Policy Agent of our own: a program on this machine, asked by a Unix socket that only we can open.

It has an empty environment, a limit on memory, no telemetry and no core file. A shell stands between: it ends
the agent when its own input ends, and that ends with us, whatever ended us.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

from workbench.engines.opa_wire import Unreached
from workbench.errors import Misuse

MEMORY_KB = 3 << 20  # addresses it may have; an idle one has 1.3 GB of them and uses 40 MB of memory
START_SECONDS = 10.0
GLANCE = 0.02  # seconds between two looks at whether it listens
SHELL = f"""
ulimit -c 0; ulimit -v {MEMORY_KB}; echo 1000 > /proc/self/oom_score_adj
"$0" "$@" </dev/null >/dev/null 2>&1 &
read -r _
kill -9 $!
"""


class PrivateServer:
    """The program, started when it is needed."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self._folder = Path(tempfile.mkdtemp(prefix="workbench-opa-"))  # mode 700
        socket = self._folder / "socket"
        arguments = ["run", "--server", "--addr", f"unix://{socket}", "--log-level", "error", "--skip-version-check"]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SHELL, str(program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
        )
        self._end = weakref.finalize(self, _ended, self._process, self._folder, os.getpid())
        self.socket = socket

    def wait(self) -> None:
        """Wait until it listens.

        Raises:
            Unreached: It did not start.
        """
        until = time.monotonic() + START_SECONDS
        while not self.socket.exists():
            if time.monotonic() > until:
                self.close()
                raise Unreached(f"{self.program} did not start within {START_SECONDS:g} seconds")
            time.sleep(GLANCE)

    def close(self) -> None:
        """End it."""
        self._end()


def find_program(place: str) -> Path:
    """The program that a setting names.

    Args:
        place: "opa", searched on the PATH, or "opa+exec:///path/opa".

    Raises:
        Misuse: There is none.
    """
    named = place.removeprefix("opa+exec://")
    found = shutil.which("opa") if place == "opa" else named
    if found is None or not Path(found).is_absolute() or not os.access(found, os.X_OK) or Path(found).is_dir():
        raise Misuse(
            "there is no program opa on the PATH" if place == "opa" else f"{named} is no program",
            hint='install Open Policy Agent and give its path: policy_engine = "opa+exec:///path/to/opa"',
        )
    return Path(found)


def _ended(process: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    if owner != os.getpid():  # forked: it belongs to the parent
        return
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
