"""The kernel lane: a fork that becomes a real ipykernel on the connection file that it is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ipykernel.kernelapp import IPKernelApp

from workbench.batch.warm import inline


def run(asked: dict[str, Any], files: Sequence[int]) -> int:  # noqa: ARG001
    """Serve as a kernel until told to end.

    Args:
        asked: Has "argv", the kernel's own arguments: "-f", the connection file.
        files: None.
    """
    inline.forget()
    sys.argv = ["ipykernel_launcher.py", *asked["argv"]]
    app = IPKernelApp.instance()
    app.initialize(asked["argv"])  # type: ignore[no-untyped-call]
    _introduce()
    app.start()  # type: ignore[no-untyped-call]
    return 0


def _introduce() -> None:
    """Tell libraries that were imported before this kernel was there, as importing them now would."""
    figures = sys.modules.get("matplotlib_inline.backend_inline")
    if figures is not None:
        figures._enable_matplotlib_integration()  # what its import does
    widgets = sys.modules.get("ipywidgets")
    if widgets is not None:
        widgets.register_comm_target()
