"""Whose the files of a workspace are: their owner's alone, or those of a Unix group that shares its folder.

The folder's own mode says it: where its group may write, strangers may nothing, and its set-group-id bit is set
(2770), whatever is made in it is for the group too. So every room knows it from the path that it writes to. A
project's folder that all may read (2775) shares nothing.

>>> oct(file_mode(Path("/")))
'0o600'
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from workbench.errors import Misuse

GROUP = stat.S_ISGID | stat.S_IRWXG  # of a folder that is shared
UMASK = 0o007  # of a process that works in one
OWN = {".run", "proxy.secret"}  # the tokens of whoever runs the servers, and what proves a proxy


def shared(folder: Path) -> bool:
    """Whether a folder is shared by a group."""
    try:
        return folder.stat().st_mode & (GROUP | stat.S_IRWXO) == GROUP
    except OSError:
        return False


def file_mode(folder: Path) -> int:
    """The mode of a new file in a folder that strangers may not read."""
    return 0o660 if shared(folder) else 0o600


def folder_mode(folder: Path) -> int:
    """The mode of a new folder in a folder that strangers may not enter."""
    return 0o770 if shared(folder) else 0o700


def begin(path: Path) -> None:
    """An empty file for SQLite to begin in, where it would make one that the group may only read."""
    if str(path) != ":memory:" and shared(path.parent):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, file_mode(path.parent)))


def in_place(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one at its path still: neither moved away nor deleted."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def share(root: Path, group: str) -> None:
    """Give a folder with all that is in it to a group; what belongs to others stays as it is.

    Raises:
        Misuse: There is no such group.
        OSError: The folder cannot be given to it.
    """
    try:
        shutil.chown(root, group=group)
    except LookupError:
        raise Misuse(f"this machine has no Unix group {group!r}", hint="mend shared in workbench.toml") from None
    _open(root)
    for at, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in OWN and not (Path(at) / name).is_symlink()]
        for path in (Path(at) / name for name in (*folders, *files) if name not in OWN):
            with suppress(PermissionError):
                if not path.is_symlink():
                    shutil.chown(path, group=group)
                    _open(path)


def way_in(path: Path) -> str:
    """What helps whoever may not read or write a file of a workspace."""
    try:
        owner = f"it belongs to {path.owner()}: "
    except (OSError, KeyError):
        owner = ""
    return f'{owner}to share a workspace its owner sets shared = "GROUP" in workbench.toml, then: workbench init DIR'


def _open(path: Path) -> None:
    """What its owner may, its group may; strangers may nothing."""
    mode = stat.S_IMODE(path.stat().st_mode)
    group = (mode & stat.S_IRWXU) >> 3
    path.chmod((mode & ~(stat.S_IRWXG | stat.S_IRWXO)) | group | (stat.S_ISGID if path.is_dir() else 0))
