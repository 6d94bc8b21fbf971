"""The command lane: a fork that runs one `workbench` command, its libraries imported already."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from workbench.batch.warm import inline


def run(asked: dict[str, Any], files: Sequence[int]) -> int:  # noqa: ARG001
    """Run a command as the shell would have.

    Args:
        asked: Has "target", the command's "module:function", and "argv", its words.
        files: None; the standard files are in place.

    Returns:
        The exit code.

    Raises:
        SystemExit: The command ended so.
    """
    inline.forget()
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        mode, lines = "r" if name == "stdin" else "w", 1 if name == "stderr" else -1
        stream = open(number, mode, lines, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    module, _, name = asked["target"].partition(":")
    sys.argv = ["workbench", *asked["argv"]]
    try:
        getattr(importlib.import_module(module), name)()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        raise
    except Exception:  # noqa: BLE001  # told where the command's user looks, as an interpreter does
        traceback.print_exc()
        return 1
    return 0
