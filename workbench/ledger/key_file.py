"""The file of a ledger's private key: made when something is first to be signed, and replaced when a key is rotated.

The key that follows lies beside it, under the name with ".next", until its entry is committed; a rotation that was
killed after that is ended by whoever reads the key next. A key that was read is kept while its file is the same one,
so that a file taken away, replaced or opened to others counts at once.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from workbench.errors import EngineError
from workbench.ledger.keys import LedgerKey
from workbench.ledger.sharing import folder_mode
from workbench.ledger.signing import SigningKey


class KeyFile:
    """Where a ledger's private key lies, or will."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_name(f"{path.name}.next")
        self._read: tuple[str, tuple[int, ...], SigningKey] | None = None  # its name, of which file, the key
        self._fleeting: SigningKey | None = None  # the key of a rehearsal

    def first(self, *, kept: bool) -> SigningKey:
        """The key of a ledger that has none yet: the one in the file, or a new one.

        Args:
            kept: Whether it is written; otherwise it lives in memory.

        Raises:
            EngineError: The file cannot be written or read, or is open to others.
        """
        return SigningKey.load(self._path) if self._path.exists() else self._made(self._path, kept=kept)

    def following(self, *, kept: bool) -> SigningKey:
        """The key that is to follow the present one; `kept` as in `first`.

        Raises:
            EngineError: The file cannot be written or read, or is open to others.
        """
        key = SigningKey.load(self._next) if self._next.exists() else self._made(self._next, kept=kept)
        self._fleeting = None if kept else key
        return key

    def follow(self) -> None:
        """Let the key that follows be the present one, once its entry is committed."""
        with suppress(FileNotFoundError):  # whoever read the key meanwhile has done it, as after a kill
            self._next.replace(self._path)

    def present(self, known: LedgerKey) -> SigningKey:
        """The private key of the present public one; ends a rotation that was killed after its commit.

        Raises:
            EngineError: The file is missing, open to others, or holds another key.
        """
        if self._fleeting is not None and self._fleeting.key_id == known.key_id:
            return self._fleeting
        state = self._state()
        if self._read is None or self._read[:2] != (known.key_id, state):
            key = self._found(known)
            self._read = (known.key_id, state, key) if state is not None else None
            return key
        return self._read[2]

    def _found(self, known: LedgerKey) -> SigningKey:
        with suppress(EngineError, FileNotFoundError):  # whoever rotates may be doing it at this moment
            if self._next.exists() and SigningKey.load(self._next).key_id == known.key_id:
                self._next.replace(self._path)
        key = SigningKey.load(self._path)
        if key.key_id != known.key_id:
            raise EngineError(
                f"{self._path} holds the key {key.key_id}, but the ledger is signed by {known.key_id}",
                hint="put back the key that belongs to this ledger",
            )
        return key

    def _state(self) -> tuple[int, ...] | None:
        """What changes whenever the file is another, or may be read by others; None where there is none."""
        try:
            file = self._path.stat()
        except OSError:
            return None
        return file.st_dev, file.st_ino, file.st_mtime_ns, file.st_size, file.st_mode

    def _made(self, path: Path, *, kept: bool) -> SigningKey:
        if not kept:
            self._fleeting = SigningKey.fleeting()
            return self._fleeting
        try:
            path.parent.mkdir(mode=folder_mode(path.parent.parent), parents=True, exist_ok=True)
            (path.parent / ".gitignore").write_text("*\n", "utf-8")  # a key never goes into git
        except OSError as error:
            raise EngineError(
                f"the folder {path.parent} cannot be made: {error.strerror or error}", hint=f"mkdir -p {path.parent}"
            ) from error
        return SigningKey.create(path)
