"""JupyterLab and Voila as servers of a workspace: their command lines, settings and environments.

An analyst's JupyterLab sees the analyst's own environment and settings. A viewer's page does not: Voila
and the kernels that it starts see an allow-listed environment and the settings written here, and nothing
that lies in a home folder.

Both are given the kernelspec `workbench`, whose kernels are warm. JupyterLab offers it first, and leaves
"Python 3" beside it as it was; every page has it, whatever kernel its notebook names.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.batch.kernels import PROVISIONER
from workbench.batch.lanes import FIXED, INHERITED, THREADS
from workbench.batch.warm.client import IDLE
from workbench.batch.warm.identity import PRELOAD
from workbench.engines.servers import Server

TEMPLATE = "workbench"
LABEXTENSIONS = [  # what pages draw with; every other one would be loaded for nothing
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
    "jupyterlab-plotly",
]
KERNEL = "workbench"  # name of the kernelspec
GB = 1 << 30


@dataclass(frozen=True)
class Places:
    """How many pages may be open, and what each may take."""

    most: int = 20  # kernels that may live at once
    gb: float = 2.0  # of memory that a kernel may have for itself
    idle: float = 300.0  # seconds after which a kernel that no page is connected to is taken away


def kernelspec(preload: Sequence[str] = PRELOAD, idle: float = IDLE) -> dict[str, Any]:
    """The kernelspec of a warm kernel: an ipykernel of this interpreter, forked where that can be.

    Args:
        preload: Modules that it has imported already.
        idle: Seconds after which a zygote that nobody asks ends itself.
    """
    config = {"preload": list(preload), "idle": idle}
    return {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Workbench (warm)",
        "language": "python",
        "metadata": {"debugger": True, "kernel_provisioner": {"provisioner_name": PROVISIONER, "config": config}},
    }


def write_kernelspec(folder: Path, spec: Mapping[str, Any] | None = None) -> None:
    """Write a kernelspec, by default the usual one, into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec or kernelspec(), indent=1), "utf-8")


def lab(
    root: Path,
    *,
    settings: Path,
    port: int,
    token_file: Path,
    environ: Mapping[str, str],
    log: Path,
    kernels: Path | None = None,
    prefix: str = "/",
    proxied: bool = False,
) -> Server:
    """JupyterLab on a workspace.

    Args:
        root: The workspace; JupyterLab's root folder.
        settings: Folder of our settings of JupyterLab; the analyst's own are read too.
        port: On 127.0.0.1.
        token_file: Holds its token; read by JupyterLab, so that no command line shows it.
        environ: The analyst's environment.
        log: Where its output goes.
        kernels: Folder that holds `kernels/workbench`, then the kernel of new notebooks; None: as Jupyter has it.
        prefix: Path before all that it answers, with a slash at both ends; a proxy leaves it there.
        proxied: Whether a proxy comes under a name of its own; else it answers as this machine alone.
    """
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": root,
        "ServerApp.base_url": prefix,
        "ServerApp.allow_remote_access": proxied,
        "ServerApp.allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.news_url": None,
        "LabApp.extension_manager": "readonly",
        "LabApp.extra_labextensions_path": settings / "labextensions",
    }
    searched = environ.get("JUPYTER_PATH", "")
    if kernels is not None:
        options["MultiKernelManager.default_kernel_name"] = KERNEL
        searched = _searched(kernels, searched)
    return Server(
        name="JupyterLab",
        argv=[sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
        probe=f"http://127.0.0.1:{port}{prefix}api",
        environ={
            **environ,
            "JUPYTER_CONFIG_PATH": _searched(environ.get("JUPYTER_CONFIG_PATH", ""), settings),
            "JUPYTER_PATH": searched,
            "JUPYTER_TOKEN_FILE": str(token_file),
            "WORKBENCH_FILES": f"{prefix}files",  # where JupyterLab serves what lies in the workspace
            "WORKBENCH_WORKSPACE": str(root),
        },
        cwd=root,
        log=log,
    )


def pages(
    root: Path,
    *,
    apps: Path,
    template: Path,
    port: int,
    token: str,
    run: Path,
    environ: Mapping[str, str],
    log: Path,
    places: Places,
    kernels: Path | None = None,
    headers: Sequence[str] = (),
    prefix: str = "/",
) -> Server:
    """Voila on the app notebooks; writes its settings, with the token, for this user alone.

    Args:
        root: The workspace that the pages show.
        apps: Folder of the notebooks.
        template: Folder that holds `voila/templates/workbench`.
        port: On 127.0.0.1.
        token: Opens the pages.
        run: Folder for the settings, readable by this user alone.
        environ: The environment of which the allowed part is handed on.
        log: Where its output goes.
        places: How many pages may be open, and what each may take.
        kernels: Folder that holds `kernels/workbench`, then the kernel of every page; None: as Jupyter has it.
        headers: Headers of a page's request that its kernel is told.
        prefix: Path before all that the pages answer, with a slash at both ends; a proxy leaves it there.
    """
    from jupyter_core.paths import jupyter_path

    settings = run / "voila.json"
    settings.touch(mode=0o600)
    told = _voila_settings(apps, port, token, places, kernels is not None, headers, prefix)
    settings.write_text(json.dumps(told, indent=2), "utf-8")
    seen = {name: environ[name] for name in (*INHERITED, "WORKBENCH_MLFLOW") if name in environ}
    return Server(
        name="Pages",
        argv=[sys.executable, "-m", "voila", "--no-browser"],
        probe=f"http://127.0.0.1:{port}{prefix}voila/templates/{TEMPLATE}/static/workbench.css",
        environ={
            **dict.fromkeys(THREADS, "1"),  # one viewer's page leaves the others their share
            **seen,
            **FIXED,
            "WORKBENCH_WORKSPACE": str(root),
            "JUPYTER_NO_CONFIG": "1",
            # ours comes last: Voila takes its themes from the first folder that has a "voila" in it
            "JUPYTER_PATH": _searched(kernels or "", *jupyter_path(), template),
        },
        cwd=run,
        log=log,
    )


def _searched(*folders: str | Path) -> str:
    """A search path of all that are given."""
    return os.pathsep.join(str(folder) for folder in folders if folder)


def _voila_settings(
    apps: Path, port: int, token: str, places: Places, warm: bool, headers: Sequence[str], prefix: str
) -> dict[str, Any]:
    return {
        "Voila": {"ip": "127.0.0.1", "port": port, "root_dir": str(apps), "token": token, "base_url": prefix},
        "VoilaConfiguration": {
            "template": TEMPLATE,
            "allow_template_override": "NO",
            "allow_theme_override": "NO",
            "strip_sources": True,
            "show_tracebacks": False,
            "file_allowlist": [],
            "extension_allowlist": LABEXTENSIONS,
            "resources": {"pages": sorted(path.stem for path in apps.glob("*.ipynb"))},
            "http_header_envs": list(headers),
            "multi_kernel_manager_class": "workbench.engines.page_kernels.PageKernels",
        },
        # a page for which its notebook's kernel is not allowed gets one of the same language
        "KernelSpecManager": {"allowed_kernelspecs": [KERNEL]} if warm else {},
        "KernelManager": {
            "autorestart": False,  # a kernel that knows nothing of its page is none
            "shutdown_wait_time": 1.0,  # seconds; a heavy interpreter takes three to tear itself down
        },
        "PageKernels": {
            "most": places.most,
            "most_memory": int(places.gb * GB),
            "cull_idle_timeout": round(places.idle),
            "cull_interval": max(1, min(30, round(places.idle / 4))),
            "cull_connected": False,
        },
    }
