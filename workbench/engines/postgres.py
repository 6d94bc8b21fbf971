"""The ledger on PostgreSQL: fulfils `workbench.ledger.database.Database` over pg8000.

    postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE

A password may be left out of the URL: PGPASSWORD, or the file that PGPASSFILE names (else ~/.pgpass), has it.
It is in no message. A writer locks the tree's one row before it reads anything, so writers follow one
another; a connection that was lost is made anew at the next transaction, never within one.
"""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

from workbench.engines.postgres_rules import CARRY_OVER, FOUND, SCHEMA, STATEMENTS, wanted
from workbench.errors import EngineError, Misuse
from workbench.ledger.database import Kept, Row
from workbench.ledger.migrations import TITLES
from workbench.ledger.schema import VERSION

WAIT = 30  # seconds a writer waits for another, and a connection for the server
AT_ONCE = 5_000  # rows fetched at once where all are read
SSL_MODES = ("disable", "prefer", "require", "verify-full")


class Refused(Exception):  # noqa: N818 - what the server or the wire said
    """PostgreSQL said no, or is not there."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code  # SQLSTATE; empty where the connection failed


@dataclass(frozen=True)
class Place:
    """Where a ledger lies, from its URL; printed, it shows no password."""

    host: str
    port: int
    database: str
    user: str
    password: str | None = field(repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None  # file of the authority that signed the server's certificate

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"


class PostgresDatabase:
    """One connection to a ledger in PostgreSQL."""

    errors = (Refused,)
    file = None

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        self._connection: Any = None
        self._prepared: dict[str, tuple[Any, int]] = {}
        self._broken = False  # within a transaction that can only be rolled back
        self._cursors = count()
        self.busy = False
        try:
            self._connect()
            self._make_or_recognise()
        except Refused as error:
            self.close()
            self.refuse(error, "opened")
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; the rows it gives.

        Raises:
            Refused: PostgreSQL said no, or is not there.
        """
        if self._broken:
            raise Refused("an earlier statement of this transaction failed")
        if self._connection is None:
            self._connect()
        found: list[Row] = self._told(lambda: self._run(sql, values))
        return found

    def stream(self, sql: str) -> Iterator[Row]:
        """Run one statement and give its rows one after another, through a cursor."""
        name = f"rows_{next(self._cursors)}"
        self.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}")
        while rows := self._told(lambda: self._simple(f"FETCH {AT_ONCE} FROM {name}")):
            yield from rows
        self.execute(f"CLOSE {name}")

    def begin(self, *, writing: bool) -> None:
        """Open a transaction; a writer waits for the one before it."""
        if writing:
            self.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        else:
            self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.busy = True
        if writing:
            self.execute("SELECT size FROM tree FOR UPDATE")

    def commit(self) -> None:
        """Make what was written durable.

        Raises:
            Refused: It is not, or nobody knows.
        """
        if self._broken:
            raise Refused("an earlier statement of this transaction failed; nothing was written")
        self.execute("COMMIT")
        self.busy = False

    def rollback(self) -> None:
        """Undo what was written; a connection that was lost has undone it already."""
        self._broken, self.busy = False, False
        if self._connection is not None:
            self.execute("ROLLBACK")

    def kept(self) -> Kept:
        """What the database says of itself; the tree's row counts what was given out."""
        found: dict[str, str] = dict(self._found())
        given = self.execute("SELECT size FROM tree")
        return Kept(rules=found, wanted=wanted(), last_given=given[0][0] if given else None)

    def refuse(self, error: Exception, done: str) -> NoReturn:
        """Raise what PostgreSQL said in our words, with the way out.

        Raises:
            EngineError: Always.
        """
        code = error.code if isinstance(error, Refused) else ""
        hints = {
            "28": "look at the user and password: in the URL, PGPASSWORD or ~/.pgpass",
            "3D": f"make the database: createdb {self._place.database}",
            "42": f"grant the user what it needs on the schema {SCHEMA}",
            "55": "another process holds the ledger; find it, then try again",
            "53": "free some disk space or connections of the server, then try again; nothing was written",
            "23": "workbench ledger verify says what is wrong with the ledger",
            "25": "it is read only: name the primary server",
        }
        hint = hints.get(code[:2], "workbench ledger verify says what is wrong with it")
        if not code:
            hint = "is the server running? then try again; what was given a key is not written twice"
        raise EngineError(f"the ledger {self.name} cannot be {done}: {error}", hint=hint) from error

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        self._prepared.clear()
        if connection is not None:
            try:
                connection.close()
            except (OSError, _driver().exceptions.Error):
                return

    def _found(self) -> Iterator[tuple[str, str]]:
        yield from ((str(name), str(told)) for name, told in self.execute(FOUND))

    # the wire

    def _connect(self) -> None:
        driver, place = _driver(), self._place

        def connect() -> Any:
            return driver.native.Connection(
                place.user,
                host=place.host,
                port=place.port,
                database=place.database,
                password=place.password,
                ssl_context=_ssl(place),
                timeout=2 * WAIT,  # of the wire; longer than any wait for a lock
                application_name="workbench ledger",
            )

        self._connection = self._told(connect)
        for setting in (
            f"SET search_path = {SCHEMA}",
            f"SET lock_timeout = '{WAIT}s'",
            "SET client_min_messages = warning",
            "SET synchronous_commit = on",
            "SET default_transaction_isolation = 'read committed'",
        ):
            self._told(lambda setting=setting: self._simple(setting))  # type: ignore[misc]

    def _run(self, sql: str, values: Sequence[Any]) -> list[Row]:
        if not values:
            return self._simple(sql)
        prepared = self._prepared.get(sql)
        if prepared is None:
            parts = sql.split("?")
            named = "".join(f"{part}:v{number}" for number, part in enumerate(parts[:-1])) + parts[-1]
            prepared = self._prepared[sql] = (self._connection.prepare(named), len(parts) - 1)
        statement, asked = prepared
        if asked != len(values):
            raise Refused(f"{asked} values are needed, {len(values)} were given")
        rows = statement.run(**{f"v{number}": value for number, value in enumerate(values)})
        return [tuple(row) for row in rows or ()]

    def _simple(self, sql: str) -> list[Row]:
        return [tuple(row) for row in self._connection.run(sql) or ()]

    def _told(self, run: Callable[[], Any]) -> Any:
        """What a call of the driver gives, its errors as `Refused`; a lost connection is given up.

        Raises:
            Refused: The driver raised.
        """
        driver = _driver()
        try:
            return run()
        except driver.exceptions.DatabaseError as error:
            told = error.args[0] if error.args and isinstance(error.args[0], dict) else {"M": str(error)}
            self._broken = self.busy
            if str(told.get("C", "")).startswith(("57P", "08")):  # the server ends the connection
                self._lose()
            raise Refused(str(told.get("M", told)), str(told.get("C", "XX000"))) from error
        except (driver.exceptions.Error, OSError) as error:
            self._lose()
            raise Refused(str(error)) from error
        except BaseException:  # interrupted in the middle of an answer: the wire is out of step
            self._lose()
            raise

    def _lose(self) -> None:
        self._broken = self.busy
        self.close()

    def _make_or_recognise(self) -> None:
        self.execute("BEGIN")
        self.busy = True
        self.execute("SELECT pg_advisory_xact_lock(1463962695)")  # one makes it, the others find it made
        if not self.execute(f"SELECT 1 FROM pg_namespace WHERE nspname = '{SCHEMA}'"):  # noqa: S608
            for statement in STATEMENTS:
                self.execute(statement)
        version = self.execute("SELECT max(version) FROM migrations")[0][0]
        if version is None or version > VERSION:
            self.rollback()
            raise EngineError(
                f"the ledger {self.name} has schema {version}; this workbench knows up to {VERSION}",
                hint="it was written by a newer workbench: upgrade this one, or restart what still runs from before",
            )
        self._carry_over(version)
        self.commit()

    def _carry_over(self, version: int) -> None:
        """Bring tables of an older schema up to this one, within the open transaction; no entry is touched.

        Raises:
            EngineError: The user does not own them.
            Refused: PostgreSQL said no for another reason.
        """
        for before in range(version, VERSION):
            try:
                for statement in CARRY_OVER[before]:
                    self.execute(statement)
            except Refused as error:
                if error.code != "42501":
                    raise
                raise EngineError(
                    f"the ledger {self.name} has schema {version} and has to become {VERSION}: {error}",
                    hint=f"open it once as the owner of the schema {SCHEMA}, e.g. by workbench ledger verify",
                ) from error
            made = (before + 1, TITLES[before + 1])
            self.execute("INSERT INTO migrations VALUES (?, CAST(CURRENT_TIMESTAMP AS text), ?)", made)


def open_postgres(url: str, environ: Mapping[str, str]) -> PostgresDatabase:
    """The ledger's database at a URL; tables and rules are made where they are not there.

    Raises:
        Misuse: The URL is not whole.
        EngineError: The server is not there or refuses, or the driver is not installed.
    """
    return PostgresDatabase(place_of(url, environ))


def place_of(url: str, environ: Mapping[str, str]) -> Place:
    """What a URL and the environment say of where the ledger lies.

    Raises:
        Misuse: The URL is not whole.

    >>> place_of("postgresql://risk:s%2Fcret@db.example/models", {}).name
    'postgresql://risk@db.example:5432/models'
    """
    hint = "mend workbench.toml: ledger = postgresql://USER@HOST/DATABASE"
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
        options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise Misuse("the ledger's URL cannot be read", hint=hint) from None  # its text may hold the password
    database, user = unquote(parts.path[1:]), unquote(parts.username or environ.get("PGUSER", ""))
    if parts.scheme != "postgresql" or not parts.hostname or not database or not user:
        raise Misuse("the ledger's URL must name a user, a host and a database", hint=hint)
    unknown = sorted(options.keys() - {"sslmode", "sslrootcert"})
    sslmode = options.get("sslmode", ["prefer"])[-1]
    if unknown or sslmode not in SSL_MODES:
        told = f"knows no {', '.join(unknown)}" if unknown else f"has no sslmode {sslmode!r}"
        raise Misuse(f"the ledger's URL {told}", hint=f"sslmode is one of {', '.join(SSL_MODES)}")
    host = parts.hostname
    password = unquote(parts.password) if parts.password is not None else environ.get("PGPASSWORD")
    if password is None:
        password = _from_file(environ, (host, str(port), database, user))
    authority = options.get("sslrootcert", [None])[-1]
    if authority is not None and not Path(authority).is_file():
        raise Misuse(f"there is no file {authority}, the ledger's sslrootcert", hint="name the server's authority")
    return Place(host, port, database, user, password, sslmode, authority)


def _from_file(environ: Mapping[str, str], asked: tuple[str, str, str, str]) -> str | None:
    """The password that a file of the usual form has for a place; a file that others can read is refused.

    Raises:
        EngineError: Others can read the file.
    """
    home = environ.get("HOME")
    named = environ.get("PGPASSFILE") or (f"{home}/.pgpass" if home else None)
    if named is None or not (path := Path(named)).is_file():
        return None
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise EngineError(f"others can read the passwords in {path}", hint=f"chmod 600 {path}")
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        held = [part.replace("\0c", ":").replace("\0b", "\\") for part in _escaped(line).split(":")]
        if len(held) == 5 and all(given in {"*", want} for given, want in zip(held[:4], asked, strict=True)):
            return held[4]
    return None


def _escaped(line: str) -> str:
    return line.replace("\\\\", "\0b").replace("\\:", "\0c")


def _ssl(place: Place) -> ssl.SSLContext | bool | None:
    if place.sslmode == "disable":
        return False
    if place.sslmode == "prefer":
        return None
    context = ssl.create_default_context(cafile=place.sslrootcert)
    if place.sslmode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _driver() -> Any:
    try:
        import pg8000.native
    except ModuleNotFoundError as error:
        raise EngineError(
            "a ledger on PostgreSQL needs pg8000, which is not installed", hint="pip install 'workbench[postgres]'"
        ) from error
    return pg8000
