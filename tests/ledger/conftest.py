"""A ledger of its own for each test, and hands that write past it."""

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from workbench.engines.postgres import open_postgres
from workbench.ledger import Ledger

ENGINES = {"postgresql": lambda url: open_postgres(url, {})}
START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


class Story:
    """Writes entries with as few words as a test needs; every entry is one minute after the last."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.now = START

    def note(self, subject="lending", *, kind="note", key=None, body=None, actor="analyst", why="a first look"):
        self.now += timedelta(minutes=1)
        return self.ledger.append(
            kind, subject=subject, actor=actor, why=why, body={} if body is None else body, now=self.now, key=key
        )

    def move(
        self,
        version,
        *,
        model="lending",
        expected=0,
        kind="promotion.granted",
        slot="champion",
        decision="allow",
        **more,
    ):
        self.now += timedelta(minutes=1)
        given = None if kind == "stage.cleared" else version
        with self.ledger.transaction() as writer:
            entry = writer.append(
                kind,
                subject=f"{model}/{version}",
                actor="risk-officer",
                why="it is better",
                body={"slot": slot, "generation": expected + 1, "decision": {"decision": decision}, **more},
                now=self.now,
            )
            head = writer.move_head(model, slot, given, expected_generation=expected, entry=entry)
            payload = {"model": model, "alias": slot, "version": given, "generation": expected + 1}
            writer.owe("mlflow-alias", payload, entry=entry)
        return entry, head


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


CONTRACT = {"test_reading", "test_seals", "test_signed", "test_writing"}  # run over every engine


def pytest_generate_tests(metafunc):
    """The suites of the contract run over SQLite and over a real PostgreSQL."""
    if "engine" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in CONTRACT:
        metafunc.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture
def engine(request):
    """Which database the test's ledger lies in."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def url(engine, path, request):
    """Where the test's ledger lies; in PostgreSQL, emptied before."""
    if engine == "sqlite":
        return f"sqlite:///{path}"
    import pg8000.native

    place = request.getfixturevalue("postgres")
    with pg8000.native.Connection(**place) as connection:
        connection.run("SET client_min_messages = warning")
        connection.run("DROP SCHEMA IF EXISTS workbench_ledger CASCADE")
    return "postgresql://{user}@{host}:{port}/{database}?sslmode=disable".format(**place)


@pytest.fixture
def opening(url):
    """Opens the test's ledger, as often as it is called."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(Ledger.open(url, ENGINES))


@pytest.fixture
def ledger(opening):
    return opening()


@pytest.fixture
def story_of():
    """A story of any ledger."""
    return Story


@pytest.fixture
def story(ledger):
    return Story(ledger)


@pytest.fixture
def behind(tmp_path, ledger):
    """Runs SQL on the file behind the ledger's back, after dropping its triggers unless told to keep them."""

    def run(sql, values=(), *, keep_triggers=False):
        connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        try:
            triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            if not keep_triggers:
                for name, _ in triggers:
                    connection.execute(f"DROP TRIGGER {name}")
            connection.execute(sql, values)
            if not keep_triggers:
                for _, made in triggers:
                    connection.execute(made)
        finally:
            connection.close()

    return run
