"""A state that is kept in a file: read whole, changed by one process at a time, written whole or not at all.

Bandits and price experiments keep what they have learned so. A change reads the file under a lock that lies
beside it (`STATE.lock`) and writes it before the lock is given back, so that of two changes at once neither is
lost; a process that dies on the way leaves the file as it was, and the lock free.

>>> read_text(Path("gone.json"), "the state", "make one with `workbench bandit init`")
Traceback (most recent call last):
    ...
workbench.errors.Misuse: the state gone.json cannot be read: there is no such file
hint: make one with `workbench bandit init`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from workbench.batch.folders import write_whole
from workbench.errors import EngineError, Misuse
from workbench.ledger.sharing import file_mode


class Kept(Protocol):
    """What can be kept in a file."""

    def as_json(self) -> str:
        """All of it, as text."""


State = TypeVar("State", bound=Kept)
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class StateFile(Generic[State]):
    """A file that holds a state, or will."""

    path: Path
    parse: Callable[[str], State]  # raises `Misuse` where a text tells of no state
    what: str  # the state's name in messages, as in "the bandit's state"
    hint: str  # how one is made

    def read(self) -> State:
        """The state in the file.

        Raises:
            Misuse: There is no such file, or it holds no state.
        """
        return read_file(self.path, self.parse, self.what, self.hint)

    def begin(self, state: State) -> None:
        """Write the first state.

        Raises:
            Misuse: The file is there already.
            EngineError: It cannot be locked or written.
        """
        with self._locked():
            if self.path.exists():
                raise Misuse(f"{self.path} is there already", hint="give another file, or remove it")
            self._write(state)

    def change(self, change: Callable[[State], State]) -> State:
        """Read the state, change it and write it, one process at a time; what was written.

        Raises:
            Misuse: There is no such file, it holds no state, or the change is refused.
            EngineError: The file cannot be locked or written.
        """
        self.read()  # refuses a wrong path before a lock is laid beside it
        with self._locked():
            changed = change(self.read())
            self._write(changed)
        return changed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        if not self.path.parent.is_dir():
            raise EngineError(f"{self.path} cannot be written: there is no folder {self.path.parent}")
        lock = FileLock(f"{self.path}.lock", mode=file_mode(self.path.parent))
        try:
            lock.acquire()
        except OSError as error:
            raise EngineError(f"{self.path} cannot be locked: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    def _write(self, state: State) -> None:
        try:
            write_whole(self.path, state.as_json() + "\n")
        except OSError as error:
            raise EngineError(f"{self.path} cannot be written: {error.strerror}") from error


def read_file(path: Path, parse: Callable[[str], Parsed], what: str, hint: str) -> Parsed:
    """What the text of a file tells of; messages name the file.

    Args:
        path: The file.
        parse: Makes the text into what is wanted; raises `Misuse` where it cannot.
        what: What the file should hold, as in "the design".
        hint: How one is made.

    Raises:
        Misuse: There is no such file, it cannot be read, or `parse` refuses its text.
    """
    text = read_text(path, what, hint)
    try:
        return parse(text)
    except Misuse as error:
        raise Misuse(f"{path}: {error.message}", hint=error.hint or hint) from error


def read_text(path: Path, what: str, hint: str) -> str:
    """The text of a file that a person named.

    Args:
        path: The file.
        what: What it should hold, as in "the design".
        hint: How one is made.

    Raises:
        Misuse: There is no such file, it cannot be read, or it is no text.
    """
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise Misuse(f"{what} {path} cannot be read: there is no such file", hint=hint) from error
    except UnicodeDecodeError as error:
        raise Misuse(f"{what} {path} cannot be read: it is no text in UTF-8", hint=hint) from error
    except OSError as error:
        raise Misuse(f"{what} {path} cannot be read: {error.strerror}", hint=hint) from error
