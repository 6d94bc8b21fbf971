"""A ledger of its own for each test, and hands that write past it."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from workbench.ledger import Ledger

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
            writer.owe("mlflow-alias", {"model": model, "version": version}, entry=entry)
        return entry, head


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


@pytest.fixture
def ledger(url):
    with Ledger.open(url) as opened:
        yield opened


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
