"""Warm kernels: a process that imports the heavy libraries once and forks a kernel per notebook.

    Zygote (server.py)   one a user and environment; single-threaded; imports, listens, forks
    ├── kernel (kernel.py)   a real ipykernel, for JupyterLab, Voila and papermill
    ├── inline (inline.py)   the same kernel object without ZeroMQ, its messages on one local socket
    └── command (command.py) a `workbench` command that finds its libraries imported

What a zygote is, is its identity (identity.py): interpreter, installed distributions, preload list and
the variables that shape an interpreter. Another environment is another zygote; nothing is ever stale.
A fork is made fresh (fresh.py) before it runs anything: random state, environment, working folder,
signals, open files. Where there is no fork, or the zygote cannot be had, callers start cold and say so.
"""

from __future__ import annotations

from workbench.batch.warm.client import Child, Unavailable, Zygote

__all__ = ["Child", "Unavailable", "Zygote"]
