"""The command lane: a fork that runs one `workbench` command, its libraries imported already."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from workbench.batch.warm import inline


def run(asked: dict[str, Any], files: Sequence[int]) -> int:  # noqa: ARG001
    """Run a command as the shell would have.

    Args:
        asked: Has "argv", the command's words.
        files: None; the standard files are in place.
    """
    inline.forget()
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        mode = "r" if name == "stdin" else "w"
        stream = open(number, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: PTH123, SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    from workbench.cli import main

    sys.argv = ["workbench", *asked["argv"]]
    main.main(args=list(asked["argv"]), prog_name="workbench", standalone_mode=True)
    return 0
