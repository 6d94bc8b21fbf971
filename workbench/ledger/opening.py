"""Opening a ledger's file: made whole in one transaction, refused in words when it cannot be used.

Several processes may open a file that is not there yet at the same moment; one makes the tables, the
others wait and find them.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import NoReturn

from workbench.errors import EngineError, Misuse
from workbench.ledger.migrations import carry_over, make
from workbench.ledger.schema import APPLICATION, VERSION
from workbench.ledger.sharing import begin, way_in

WAIT = 30.0  # seconds a writer waits for another
BROKEN = (sqlite3.Error, UnicodeDecodeError)  # what SQLite raises; the second where a file is damaged
PAUSE = 0.02  # seconds between two tries where SQLite itself does not wait


def file_of(url: str) -> Path:
    """The path that a ledger's URL names.

    Raises:
        Misuse: The URL is of another kind, or names no file.

    >>> file_of("sqlite:////var/ledger.db").as_posix()
    '/var/ledger.db'
    """
    name = sqlite_name("the ledger's URL", url)
    if name == ":memory:":
        raise Misuse(f"the ledger's URL is {url!r}; it must be sqlite:///PATH", hint="mend workbench.toml")
    return Path(name)


def sqlite_name(what: str, url: str) -> str:
    """The file that a URL of SQLite names, as text, or ":memory:".

    Args:
        what: What it is the URL of, as the refusal says it: "the ledger's URL".
        url: "sqlite:///" followed by a path.

    Raises:
        Misuse: The URL is of another kind, or names no file.

    >>> sqlite_name("the ledger's URL", "sqlite:////var/ledger.db")
    '/var/ledger.db'
    """
    scheme, found, name = url.partition(":///")
    if scheme != "sqlite" or not found or not name:
        raise Misuse(f"{what} is {url!r}; it must be sqlite:///PATH", hint="mend workbench.toml")
    return name


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the ledger in a file, made when it is not there.

    Raises:
        EngineError: The file cannot be written, is no ledger, or is of a newer workbench.
    """
    if not path.parent.is_dir():
        raise EngineError(
            f"the ledger {path} cannot be made: there is no folder {path.parent}", hint=f"mkdir -p {path.parent}"
        )
    try:
        begin(path)
        connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    except (*BROKEN, OSError) as error:
        refuse(path, error, "opened")
    try:
        _make_or_recognise(connection, path)
        write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException as error:
        connection.close()
        if isinstance(error, BROKEN):
            refuse(path, error, "opened")
        raise
    return connection


def refuse(path: Path, error: Exception, done: str) -> NoReturn:
    """Raise SQLite's error in our words, with the way out.

    Args:
        path: The ledger's file.
        error: What SQLite said.
        done: What could not be done: "opened", "read", "written".

    Raises:
        EngineError: Always.
    """
    text = str(error)
    if "not a database" in text or "malformed" in text or isinstance(error, UnicodeDecodeError):
        hint = "put back a backup (cp BACKUP LEDGER), or move the file away to begin a new ledger"
    elif "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        hint = f"make {path} and its folder writable for you; {way_in(path)}"
    elif "locked" in text:
        hint = "another process holds the ledger; find it, then try again"
    elif "full" in text:
        hint = "free some disk space, then try again; nothing was written"
    else:
        hint = "workbench ledger verify says what is wrong with the file"
    raise EngineError(f"the ledger {path} cannot be {done}: {text}", hint=hint) from error


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a file to its write-ahead log, and wait for others while they do: SQLite itself does not.

    Raises:
        sqlite3.OperationalError: It cannot be written, or another holds it too long.
    """
    give_up = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        else:
            return
        time.sleep(PAUSE)


def _make_or_recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty file; refuse a file that holds anything but a ledger we know."""
    connection.execute("BEGIN IMMEDIATE")  # fails here and now where the file cannot be written
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty and not application and not version:
            make(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
        else:
            _recognise(application, version, path)
            carry_over(connection, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _recognise(application: int, version: int, path: Path) -> None:
    if application != APPLICATION:
        raise EngineError(
            f"{path} is a database, but no ledger", hint="name another file in workbench.toml, as ledger = …"
        )
    if version > VERSION:
        raise EngineError(
            f"the ledger {path} has schema {version}; this workbench knows up to {VERSION}",
            hint="it was written by a newer workbench: upgrade this one, or restart what still runs from before",
        )
