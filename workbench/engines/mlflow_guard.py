"""The guard: triggers in MLflow's own database that refuse, from any client, what the ledger did not grant.

Refused are an alias `champion`, `canary` or `shadow` set to another version than the ledger granted, taken
away while it is granted, and the deletion, renaming or rewriting of a version in use and of its model. How
the database knows: one small table of ours, `workbench_granted`, says who holds which slot by which
generation, and the projection writes it before it moves an alias. MLflow's migrations rebuild tables, and
so drop triggers: they are looked at whenever the store is opened (see
`promotion.guarding`), and what is missing is put back.

In PostgreSQL the functions of the triggers look for that table in the schema in which they were made and
nowhere else, so that no client's own table of that name is asked.

It binds every client of MLflow. Whoever may change the database's schema can take it away; that is found
at the next opening, and what was done meanwhile by `reconcile`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from workbench.engines.mlflow_claims import TAG
from workbench.engines.mlflow_names import GENERATION, generation_of
from workbench.errors import EngineError, Misuse
from workbench.promotion.guarding import Marks

DATABASES = ("sqlite:", "postgresql:", "postgresql+")  # that it can stand in
TABLE = "workbench_granted"
WAIT = 30  # seconds a writer waits for another
LOCK = 0x776F726B  # number of the advisory lock under which aliases move in PostgreSQL
ALIASES, VERSIONS, MODELS = "registered_model_aliases", "model_versions", "registered_models"
WORDS = "workbench guard"  # begins every refusal, so that whoever is refused knows by what

MAKE_TABLE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    model VARCHAR(256) NOT NULL, alias VARCHAR(256) NOT NULL, version INTEGER, generation INTEGER NOT NULL,
    PRIMARY KEY (model, alias)
)
"""
GOVERNED = "('champion', 'canary', 'shadow')"
ELSEWHERE = f"{WORDS}: the ledger did not grant this; move it through the gate"
IN_USE = f"{WORDS}: this is in use; promote another, clear its slot or roll back first"

# what is refused: (name, table, when, condition on NEW and OLD, words)
_HELD = f"EXISTS (SELECT 1 FROM {TABLE} g WHERE g.model = OLD.name AND g.version IS NOT NULL"  # noqa: S608
_THIS = f"{_HELD} AND g.version = OLD.version)"
_NOT_GRANTED = (
    f"NEW.alias IN {GOVERNED} AND NOT EXISTS (SELECT 1 FROM {TABLE} g "  # noqa: S608
    "WHERE g.model = NEW.name AND g.alias = NEW.alias AND g.version = NEW.version)"
)
_TAKEN = f"OLD.alias IN {GOVERNED} AND {_HELD} AND g.alias = OLD.alias AND g.version = OLD.version)"
_REWRITTEN = (
    f"{_THIS} AND (NEW.current_stage = 'Deleted_Internal' OR NEW.name <> OLD.name OR NEW.version <> OLD.version "
    "OR coalesce(NEW.source, '') <> coalesce(OLD.source, '') OR coalesce(NEW.run_id, '') <> coalesce(OLD.run_id, '') "
    "OR coalesce(NEW.storage_location, '') <> coalesce(OLD.storage_location, ''))"
)
RULES: tuple[tuple[str, str, str, str, str], ...] = (
    ("alias_set", ALIASES, "INSERT", _NOT_GRANTED, ELSEWHERE),
    ("alias_moved", ALIASES, "UPDATE", _NOT_GRANTED, ELSEWHERE),
    ("alias_renamed", ALIASES, "UPDATE", f"(NEW.name <> OLD.name OR NEW.alias <> OLD.alias) AND {_TAKEN}", IN_USE),
    ("alias_taken", ALIASES, "DELETE", _TAKEN, IN_USE),
    ("version_deleted", VERSIONS, "DELETE", _THIS, IN_USE),
    ("version_rewritten", VERSIONS, "UPDATE", _REWRITTEN, IN_USE),
    ("model_deleted", MODELS, "DELETE", f"{_HELD})", IN_USE),
    ("model_renamed", MODELS, "UPDATE", f"NEW.name <> OLD.name AND {_HELD})", IN_USE),
)

# those that fire in every session, whose function is asked in no other schema; another spelling is another text
STANDING_IN_POSTGRESQL = """
SELECT t.tgname, replace(pg_get_triggerdef(t.oid), ' ON ' || quote_ident(n.nspname) || '.', ' ON ') || ' ' || p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND n.nspname = current_schema()
AND p.proconfig = ARRAY['search_path=' || quote_ident(current_schema()) || ', pg_temp']
"""


class Guard:
    """The triggers in one MLflow database, by its address."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._engine: Any = None

    def status(self) -> tuple[bool, list[str]]:
        """Whether the guard was installed, and what of it is missing or was changed."""
        with self._connection() as connection:
            return self._installed(connection), self._missing(connection)

    @property
    def digest(self) -> str:
        """SHA-256 over all that it says in its database's dialect, hex; the ledger keeps it."""
        return digest(self._uri.partition(":")[0].partition("+")[0])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else who asks for it goes on meanwhile; SQLite has a file's lock in its place."""
        if self._uri.startswith("sqlite:"):
            yield
            return
        with self._connection() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield

    def install(self, granted: Sequence[tuple[str, str, int | None, int]]) -> None:
        """Make the table and the triggers, or put back what is missing; all or nothing.

        Args:
            granted: Who holds which slot by the ledger: model, slot, version (None: nobody), generation.

        Raises:
            Misuse: MLflow is reached over HTTP, or its database is of a kind that the guard does not know.
            EngineError: The database refuses.
        """
        with self._connection() as connection:
            connection.exec_driver_sql(MAKE_TABLE)
            for model, alias, version, generation in granted:
                _note(connection, model, alias, version, generation)
            self._make(connection)

    def remove(self) -> bool:
        """Take the triggers and the table away, all or nothing; whether there were any."""
        with self._connection() as connection:
            there = self._installed(connection)
            for name, table, *_ in RULES:
                connection.exec_driver_sql(_drop(connection.dialect.name, name, table))
            if connection.dialect.name == "postgresql":
                for name, *_ in RULES:
                    connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS workbench_guard_{name}()")
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {TABLE}")
            return there

    def granted(self, model: str, alias: str, version: int | None, generation: int) -> None:
        """Note who holds a slot, unless a newer generation is noted; of no effect where no guard is installed."""
        with self._connection() as connection:
            if self._installed(connection):
                _note(connection, model, alias, version, generation)

    def noted(self) -> list[tuple[str, str, int | None, int]]:
        """What the table says was granted: model, slot, version (None: nobody), generation."""
        with self._connection() as connection:
            if not self._installed(connection):
                return []
            rows = connection.exec_driver_sql(f"SELECT model, alias, version, generation FROM {TABLE}")  # noqa: S608
            return [(str(model), str(alias), version, int(generation)) for model, alias, version, generation in rows]

    def forget(self, model: str, alias: str, generation: int) -> None:
        """Take out one grant that nobody gave, unless another was noted meanwhile."""
        from sqlalchemy import text

        statement = text(f"DELETE FROM {TABLE} WHERE model = :m AND alias = :a AND generation = :g")  # noqa: S608
        with self._connection() as connection:
            connection.execute(statement, {"m": model, "a": alias, "g": generation})

    def marks(self) -> Marks:
        """What tags of MLflow's registered models say of whose they are, and of how far their slots have come."""
        from sqlalchemy import text

        statement = text("SELECT name, key, value FROM registered_model_tags WHERE key = :t OR key LIKE :g")
        owners: dict[str, str] = {}
        reached: dict[tuple[str, str], int] = {}
        with self._connection() as connection:
            for model, key, value in connection.execute(statement, {"t": TAG, "g": f"{GENERATION}%"}):
                if key == TAG and value:
                    owners[model] = value.partition(" ")[0]
                elif key != TAG:
                    reached[model, key.removeprefix(GENERATION)] = generation_of(value)
        return Marks(owners, reached)

    # inside

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """One transaction on MLflow's database.

        Raises:
            Misuse: It cannot be reached directly.
            EngineError: It refuses.
        """
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.pool import NullPool

        if not self._uri.startswith(DATABASES):
            raise Misuse(
                f"the guard stands in MLflow's own database; {self._uri.partition(':')[0]} is none it can reach",
                hint="run it where tracking in workbench.toml is sqlite:///… or postgresql://…",
            )
        if self._engine is None:
            options = {"connect_args": {"timeout": WAIT}} if self._uri.startswith("sqlite:") else {}
            self._engine = create_engine(self._uri, poolclass=NullPool, **options)
        try:
            with self._engine.begin() as connection:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # looked at and changed in one
                yield connection
        except SQLAlchemyError as error:
            said = str(error).partition("\n")[0]
            raise EngineError(f"MLflow's database refuses: {said}", hint="workbench doctor") from error

    def _installed(self, connection: Any) -> bool:
        from sqlalchemy import inspect

        return bool(inspect(connection).has_table(TABLE))

    def _missing(self, connection: Any) -> list[str]:
        """The rules that do not stand as they are written here, by name."""
        standing = _standing(connection)
        written = {name: _told(connection.dialect.name, name, *rest) for name, *rest in RULES}
        return [name for name, text in written.items() if _spelled(standing.get(name, "")) != _spelled(text)]

    def _make(self, connection: Any) -> None:
        dialect = connection.dialect.name
        for name, table, when, condition, words in RULES:
            connection.exec_driver_sql(_drop(dialect, name, table))
            if dialect == "postgresql":
                schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
                connection.exec_driver_sql(_function(name, when, condition, words, schema))
            connection.exec_driver_sql(_trigger(dialect, name, table, when, condition, words))


def digest(dialect: str) -> str:
    """SHA-256 over all that the guard says in a dialect, hex; the ledger keeps it."""
    told = "\n".join(_spelled(_told(dialect, name, *rest)) for name, *rest in RULES)
    return hashlib.sha256(told.encode()).hexdigest()


def _note(connection: Any, model: str, alias: str, version: int | None, generation: int) -> None:
    from sqlalchemy import text

    statement = (
        f"INSERT INTO {TABLE} (model, alias, version, generation) VALUES (:m, :a, :v, :g) "  # noqa: S608
        "ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version, generation = excluded.generation "
        f"WHERE {TABLE}.generation <= excluded.generation"
    )
    connection.execute(text(statement), {"m": model, "a": alias, "v": version, "g": generation})


def _told(dialect: str, name: str, table: str, when: str, condition: str, words: str) -> str:
    """What a rule says, as `_standing` reads it back."""
    body = [_body(when, condition, words)] if dialect == "postgresql" else []
    return " ".join([_trigger(dialect, name, table, when, condition, words), *body])


def _trigger(dialect: str, name: str, table: str, when: str, condition: str, words: str) -> str:
    head = f"CREATE TRIGGER workbench_guard_{name} BEFORE {when} ON {table}"
    if dialect == "postgresql":
        return f"{head} FOR EACH ROW EXECUTE FUNCTION workbench_guard_{name}()"
    return f"{head} FOR EACH ROW WHEN {condition} BEGIN SELECT RAISE(ABORT, '{words}'); END"


def _function(name: str, when: str, condition: str, words: str, schema: str) -> str:
    head = f"CREATE OR REPLACE FUNCTION workbench_guard_{name}() RETURNS trigger LANGUAGE plpgsql"
    return f"{head} SET search_path = {schema}, pg_temp AS $guard${_body(when, condition, words)}$guard$"


def _body(when: str, condition: str, words: str) -> str:
    row = "OLD" if when == "DELETE" else "NEW"
    return f"BEGIN IF {condition} THEN RAISE EXCEPTION '{words}'; END IF; RETURN {row}; END"


def _drop(dialect: str, name: str, table: str) -> str:
    where = f" ON {table}" if dialect == "postgresql" else ""
    return f"DROP TRIGGER IF EXISTS workbench_guard_{name}{where}"


def _standing(connection: Any) -> dict[str, str]:
    """The text of the triggers that stand (in PostgreSQL with their functions'), by the rule's name."""
    begin = "workbench_guard_"
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(STANDING_IN_POSTGRESQL)
    else:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return {name.removeprefix(begin): text or "" for name, text in rows if name.startswith(begin)}


def _spelled(text: str) -> str:
    return " ".join(text.split())
