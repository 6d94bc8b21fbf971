"""Runs the cells of a notebook: papermill, in a kernel of this interpreter that is started cold.

The kernel sees an allow-listed environment, not the runner's, so that no secret of a server lands in a
notebook. Its working folder is the workspace: paths in parameters are relative to it. It is killed as
soon as its outputs are complete, since a heavy interpreter takes three seconds to tear itself down;
what it hands over is on disk by then. No kernel, and nothing that one started, outlives its run.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Protocol

INHERITED = (
    "HOME",
    "JUPYTERHUB_USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
)
THREADS = (  # one each unless told otherwise: sums then come out the same on every machine
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
FIXED = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PLOTLY_RENDERER": "plotly_mimetype",  # figures as data; the report draws them
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning",
}
START_SECONDS = 120  # a kernel may take to start, on a busy machine
LONGEST = 2000  # characters of an error's message that are kept
MOST_PATH = 80  # characters of a folder that a local socket can lie in
ANSI = re.compile(r"\x1b\[[0-9;]*m")
OnCell = Callable[[int, int], None]  # called with (cells done, cells in all)


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not come to its end."""

    error: str  # the exception's name, or "KernelDied", "KernelNotStarted"
    message: str
    cell: int | None = None  # as the notebook counts: the 3 of In [3]

    @property
    def sentence(self) -> str:
        """What went wrong, in words."""
        if self.cell is None:
            return self.message
        return f"cell {self.cell} failed: {self.error}: {self.message}".removesuffix(": ")


class Lane(Protocol):
    """A way to run the cells of a notebook in place."""

    def __call__(
        self,
        notebook: Path,
        *,
        workspace: Path,
        run_folder: Path,
        environ: Mapping[str, str],
        on_cell: OnCell | None,
    ) -> Failure | None:
        """Run all cells, saving outputs as they come; what went wrong, or None."""
        ...


def cold(
    notebook: Path, *, workspace: Path, run_folder: Path, environ: Mapping[str, str], on_cell: OnCell | None
) -> Failure | None:
    """Run a notebook's cells in a new kernel process.

    Args:
        notebook: The notebook with its values injected; overwritten with its outputs.
        workspace: The kernel's working folder, named to it as WORKBENCH_WORKSPACE.
        run_folder: The run's folder, named to it as WORKBENCH_RUN.
        environ: The environment it may inherit the allowed part of.
        on_cell: Called with (cells done, cells in all).

    Returns:
        What went wrong, or None; the outputs up to there are in the notebook.

    Raises:
        RuntimeError: papermill failed before there was a kernel.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    groups: list[int] = []
    told = kernel_environment(environ, workspace, run_folder)
    path = str(notebook).replace("{", "{{").replace("}", "}}")  # papermill formats paths
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:  # nobody else can reach them
        kernel = _kernel_class(told, workspace, Path(sockets), groups)

        class Engine(NBClientEngine):  # type: ignore[misc]
            @classmethod
            def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
                options |= {"kernel_manager_class": kernel, "shutdown_kernel": "immediate"}
                if on_cell is not None:
                    options["on_cell_executed"] = _counted(nb_man.nb.cells, on_cell)
                super().execute_managed_notebook(nb_man, kernel_name, **options)

        papermill_engines.register("workbench", Engine)
        try:
            papermill.execute_notebook(
                path,
                path,
                engine_name="workbench",
                kernel_name="python3",
                progress_bar=False,
                start_timeout=START_SECONDS,
            )
        except PapermillExecutionError as error:
            return Failure(str(error.ename), _told(str(error.evalue)), error.exec_count)
        except DeadKernelError:
            return Failure("KernelDied", "the kernel died; it may have run out of memory, or a cell ended it")
        except RuntimeError as error:
            if not groups:
                raise
            return Failure("KernelNotStarted", f"the kernel did not start: {_told(str(error))}")
        finally:
            for group in groups:
                _kill(group)
    return None


def kernel_environment(environ: Mapping[str, str], workspace: Path, run_folder: Path) -> dict[str, str]:
    """All that a kernel sees of the environment.

    >>> sorted(kernel_environment({"PATH": "/bin", "AWS_SECRET": "x"}, Path("/w"), Path("/w/r")))[-3:]
    ['PYTHONWARNINGS', 'WORKBENCH_RUN', 'WORKBENCH_WORKSPACE']
    """
    return {
        **dict.fromkeys(THREADS, "1"),
        **{name: environ[name] for name in (*INHERITED, *THREADS) if name in environ},
        **FIXED,
        "WORKBENCH_WORKSPACE": str(workspace),
        "WORKBENCH_RUN": str(run_folder),
    }


def _kernel_class(told: Mapping[str, str], workspace: Path, sockets: Path, groups: list[int]) -> type:
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
            options |= {"env": dict(told), "cwd": str(workspace), "stdout": DEVNULL, "stderr": DEVNULL}
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


def _told(text: str) -> str:
    """An error's message without colours, and not without end."""
    plain = ANSI.sub("", text).strip()
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"


def _kill(group: int) -> None:
    """End what is left of a kernel's process group."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
