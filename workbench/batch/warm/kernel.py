"""The kernel lane: a fork that becomes a real ipykernel on the connection file that it is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ipykernel import ipkernel
from ipykernel.kernelapp import IPKernelApp

from workbench.batch.warm import fresh, inline

_own: Any = SimpleNamespace(modules={})  # stands for `sys` where a kernel looks which modules are its own


def prepare() -> None:
    """Note, before other libraries are imported, which modules a kernel consists of.

    A kernel that starts looks through all modules, takes those for its own, and its debugger steps over
    them. In a fork that would be every library, and looking alone would copy 20 MB of them.
    """
    files = [getattr(module, "__file__", None) for module in sys.modules.values()]
    _own.modules = {file: SimpleNamespace(__file__=file) for file in files if file}


def run(asked: dict[str, Any], files: Sequence[int]) -> int:  # noqa: ARG001
    """Serve as a kernel until told to end.

    Args:
        asked: Has "argv", the kernel's own arguments: "-f", the connection file.
        files: None.
    """
    inline.forget()
    sys.argv = [inline.LAUNCHER, *asked["argv"]]
    app = IPKernelApp.instance()
    ipkernel.sys = _own  # type: ignore[attr-defined]
    try:
        app.initialize(asked["argv"])  # type: ignore[no-untyped-call]
    finally:
        ipkernel.sys = sys  # type: ignore[attr-defined]
    _introduce()
    app.start()  # type: ignore[no-untyped-call]
    return 0


def _introduce() -> None:
    """Tell libraries that were imported before this kernel was there, as importing them now would."""
    fresh.adopt_streams()
    figures = sys.modules.get("matplotlib_inline.backend_inline")
    if figures is not None:
        figures._enable_matplotlib_integration()  # what its import does
    widgets = sys.modules.get("ipywidgets")
    if widgets is not None:
        widgets.register_comm_target()
