"""Runs a notebook's cells through papermill, in a kernel with an allow-listed environment."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

ALLOWED = (  # what a kernel inherits of the environment
    "HOME",
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
FIXED = {  # told to every kernel
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning",
}
START_SECONDS = 120  # a kernel may take to start, on a busy machine
MOST_PATH = 80  # characters of a folder that a local socket can lie in


def execute(
    notebook: Path,
    *,
    workspace_root: Path,
    run_folder: Path,
    environ: Mapping[str, str],
    on_cell: Callable[[int, int], None] | None,
) -> None:
    """Execute a notebook in place; outputs are saved as they come.

    Args:
        notebook: The notebook with its parameters injected; overwritten.
        workspace_root: The kernel's working folder, named to it as WORKBENCH_WORKSPACE.
        run_folder: The run's folder, named to it as WORKBENCH_RUN.
        environ: The environment it may inherit the allowed part of.
        on_cell: Called with (cells done, cells in all).

    Raises:
        papermill.PapermillExecutionError: A cell raised.
        nbclient.exceptions.DeadKernelError: The kernel died.
    """
    import papermill
    from jupyter_client.manager import AsyncKernelManager
    from papermill.engines import NBClientEngine, papermill_engines

    inherited = {name: environ[name] for name in ALLOWED if name in environ}
    told = {**inherited, **FIXED, "WORKBENCH_WORKSPACE": str(workspace_root), "WORKBENCH_RUN": str(run_folder)}

    with tempfile.TemporaryDirectory(prefix="kernel-") as place:  # sockets that nobody else can reach
        local = sys.platform != "win32" and len(place) < MOST_PATH

        class Kernel(AsyncKernelManager):
            connection_file = str(Path(place) / "k.json")
            transport = "ipc" if local else "tcp"

            async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
                options |= {"env": told, "cwd": str(workspace_root), "stdout": DEVNULL, "stderr": DEVNULL}
                await super().start_kernel(**options)  # type: ignore[misc]

        class Engine(NBClientEngine):  # type: ignore[misc]
            @classmethod
            def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
                if on_cell is not None:
                    _count(nb_man, on_cell)
                options |= {"kernel_manager_class": Kernel, "shutdown_kernel": "immediate"}
                super().execute_managed_notebook(nb_man, kernel_name, **options)

        papermill_engines.register("workbench", Engine)
        papermill.execute_notebook(
            str(notebook),
            str(notebook),
            engine_name="workbench",
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            start_timeout=START_SECONDS,
        )


def _count(manager: Any, on_cell: Callable[[int, int], None]) -> None:
    """Call back whenever a code cell is complete."""
    cells = [cell for cell in manager.nb.cells if cell.cell_type == "code"]
    complete = manager.cell_complete
    done = 0

    def counted(cell: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal done
        result = complete(cell, *arguments, **options)
        if cell.cell_type == "code":
            done += 1
            on_cell(done, len(cells))
        return result

    manager.cell_complete = counted
