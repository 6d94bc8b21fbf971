"""A ledger that somebody hands over as a file: a copy of its database, or an export. It is only read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from workbench.errors import EngineError
from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.exporting import verify_export
from workbench.ledger.store import Ledger
from workbench.ledger.verification import Verification

HINT = "give a copy of ledger.db, or what workbench ledger export wrote; a newer workbench's needs a newer one here"
LOG = "-wal"  # behind the name of a database that was copied while it was open


def verify_file(path: Path, *, witness: Sequence[Checkpoint] | None = None) -> Verification:
    """Judge a copy of a ledger's database, or an export.

    Args:
        path: The file; the database is copied aside first, so that nothing of it changes.
        witness: Checkpoints that were kept elsewhere.

    Raises:
        EngineError: The file cannot be read, or is no ledger.
        Misuse: It is no export.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(16)
        if not begins.startswith(b"SQLite format 3"):
            with path.open(encoding="utf-8", newline="\n") as lines:
                return verify_export(lines, witness=witness)
        with tempfile.TemporaryDirectory(prefix="workbench-verify-") as folder:
            copy = Path(folder) / "ledger.db"
            shutil.copyfile(path, copy)
            log = path.with_name(path.name + LOG)
            if log.exists():
                shutil.copyfile(log, copy.with_name(copy.name + LOG))
            try:
                with Ledger.open(f"sqlite:///{copy}") as ledger:
                    return ledger.verify(witness=witness)
            except EngineError as error:
                raise EngineError(error.message.replace(str(copy), str(path)), hint=HINT) from error
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            hint=HINT,
        ) from error
