"""Holding an idempotency key: one process at a time runs what it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.batch.folders import runs_folder
from workbench.errors import EngineError
from workbench.ledger.sharing import file_mode


@contextmanager
def held(root: Path, key: str) -> Iterator[bool]:
    """Hold a key: another process that has the same one waits, and then finds the work done.

    Yields:
        Whether the key was held before, by anyone: only then can there be an attempt to go on from.

    Raises:
        EngineError: The workspace cannot be written.
    """
    from filelock import FileLock

    locks = runs_folder(root) / ".locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        file, tried = locks / f"{name}.lock", locks / f"{name}.tried"
        before = file.exists()
        lock = FileLock(file, mode=file_mode(locks))
        lock.acquire()
        before = before or tried.exists()
        tried.touch()
    except OSError as error:
        raise EngineError(
            f"the workspace {root} cannot be written: {error.strerror or error}",
            hint="choose another with --workspace, or mend its permissions",
        ) from error
    try:
        yield before
    finally:
        lock.release()
