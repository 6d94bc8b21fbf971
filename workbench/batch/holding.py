"""Holding an idempotency key: one process at a time runs what it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.batch.folders import runs_folder
from workbench.errors import EngineError


@contextmanager
def held(root: Path, key: str) -> Iterator[None]:
    """Hold a key: another process that has the same one waits, and then finds the work done.

    Raises:
        EngineError: The workspace cannot be written.
    """
    from filelock import FileLock

    locks = runs_folder(root) / ".locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.lock", mode=0o600)
        lock.acquire()
    except OSError as error:
        raise EngineError(
            f"the workspace {root} cannot be written: {error.strerror or error}",
            hint="choose another with --workspace, or mend its permissions",
        ) from error
    try:
        yield
    finally:
        lock.release()
