"""JupyterLab and Voila as servers of a workspace: their command lines, settings and environments.

An analyst's JupyterLab sees the analyst's own environment and settings. A viewer's page does not: Voila
and the kernels that it starts see an allow-listed environment and the settings written here, and nothing
that lies in a home folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch.kernels import PROVISIONER
from workbench.batch.lanes import FIXED, INHERITED
from workbench.engines.servers import Server

TEMPLATE = "workbench"
LABEXTENSIONS = [  # what pages draw with; every other one would be loaded for nothing
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
    "jupyterlab-plotly",
]
IDLE = 300  # seconds after which a kernel that no page is connected to is taken away


def kernelspec() -> dict[str, Any]:
    """The kernelspec of a warm kernel: an ipykernel of this interpreter, forked where that can be."""
    return {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Workbench (warm)",
        "language": "python",
        "metadata": {"debugger": True, "kernel_provisioner": {"provisioner_name": PROVISIONER}},
    }


def write_kernelspec(folder: Path) -> None:
    """Write the kernelspec into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(kernelspec(), indent=1), "utf-8")


def lab(root: Path, *, settings: Path, port: int, token_file: Path, environ: Mapping[str, str], log: Path) -> Server:
    """JupyterLab on a workspace.

    Args:
        root: The workspace; JupyterLab's root folder.
        settings: Folder of our settings of JupyterLab; the analyst's own are read too.
        port: On 127.0.0.1.
        token_file: Holds its token; read by JupyterLab, so that no command line shows it.
        environ: The analyst's environment.
        log: Where its output goes.
    """
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": root,
        "ServerApp.allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.news_url": None,
        "LabApp.extension_manager": "readonly",
        "LabApp.extra_labextensions_path": settings / "labextensions",
    }
    return Server(
        name="JupyterLab",
        argv=[sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
        probe=f"http://127.0.0.1:{port}/api",
        environ={
            **environ,
            "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [environ.get("JUPYTER_CONFIG_PATH"), str(settings)])),
            "JUPYTER_TOKEN_FILE": str(token_file),
            "WORKBENCH_FILES": "/files",  # where JupyterLab serves what lies in the workspace
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
    """
    from jupyter_core.paths import jupyter_path

    settings = run / "voila.json"
    settings.touch(mode=0o600)
    settings.write_text(json.dumps(_voila_settings(apps, port, token), indent=2), "utf-8")
    seen = {name: environ[name] for name in (*INHERITED, "WORKBENCH_MLFLOW") if name in environ}
    return Server(
        name="Pages",
        argv=[sys.executable, "-m", "voila", "--no-browser"],
        probe=f"http://127.0.0.1:{port}/voila/templates/{TEMPLATE}/static/workbench.css",
        environ={
            **seen,
            **FIXED,
            "WORKBENCH_WORKSPACE": str(root),
            "JUPYTER_NO_CONFIG": "1",
            # ours comes last: Voila takes its themes from the first folder that has a "voila" in it
            "JUPYTER_PATH": os.pathsep.join([*jupyter_path(), str(template)]),
        },
        cwd=run,
        log=log,
    )


def _voila_settings(apps: Path, port: int, token: str) -> dict[str, Any]:
    return {
        "Voila": {"ip": "127.0.0.1", "port": port, "root_dir": str(apps), "token": token},
        "VoilaConfiguration": {
            "template": TEMPLATE,
            "allow_template_override": "NO",
            "allow_theme_override": "NO",
            "strip_sources": True,
            "show_tracebacks": False,
            "file_allowlist": [],
            "extension_allowlist": LABEXTENSIONS,
            "resources": {"pages": sorted(path.stem for path in apps.glob("*.ipynb"))},
        },
        "KernelManager": {"shutdown_wait_time": 1.0},  # seconds; a heavy interpreter takes three to tear itself down
        "MappingKernelManager": {"cull_idle_timeout": IDLE, "cull_interval": 30, "cull_connected": False},
    }
