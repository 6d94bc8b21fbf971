"""No name becomes SQL, no transaction hides in another, and the database itself keeps the rules."""

import sqlite3
import threading
from datetime import UTC, datetime

import pytest

from workbench.errors import EngineError, Misuse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["%", "_", "le'; DROP TABLE entries; --", "<b>", "a\nb", "ü/😀", '"', "*"])
def test_a_name_is_a_name_whatever_it_looks_like(ledger, story, name):
    """No text given becomes SQL or a pattern."""
    entry = story.note(f"{name}/1", why=name, actor=name, key=name)
    story.note("other/1")
    assert ledger.entries(prefix=f"{name}/") == [entry]
    assert ledger.find(name) == entry
    assert ledger.verify().valid


def test_a_transaction_inside_another_is_refused_and_spoils_nothing(ledger, story):
    with ledger.transaction() as writer:
        with pytest.raises(Misuse, match="open already"):
            story.note(why="inside")
        writer.append("note", subject="lending", actor="analyst", why="outside", body={}, now=NOON)
    assert [e.why for e in ledger.entries()] == ["outside"]


@pytest.mark.parametrize(
    ("kind", "decision", "told"),
    [
        ("note", "allow", "does not move"),
        ("promotion.denied", "allow", "does not move"),
        ("promotion.granted", "deny", "without a decision that allows it"),
    ],
)
def test_no_head_moves_without_an_entry_that_grants_it(ledger, story, kind, decision, told):
    with pytest.raises(Misuse, match=told):
        story.move(1, kind=kind, decision=decision)
    assert ledger.heads() == []
    assert ledger.entries() == []


def test_a_head_moves_to_the_version_that_its_entry_names(ledger, story):
    """Not to another one in the same transaction."""
    story.move(1)
    body = {"generation": 2, "decision": {"decision": "allow"}}
    with ledger.transaction() as writer:
        entry = writer.append("promotion.granted", subject="lending/2", actor="x", why="", body=body, now=NOON)
        with pytest.raises(Misuse, match="does not grant lending 3 the champion"):
            writer.move_head("lending", "champion", 3, expected_generation=1, entry=entry)


def test_a_version_is_what_it_was_registered_as_first(ledger, story):
    """A later entry about the same number cannot swap the files that are served."""
    body = {
        **dict.fromkeys(("run_id", "source", "data_digest", "feature_set", "notebook_digest", "registered_by"), "x"),
        "model": "lending",
        "version": 2,
        "model_digest": "first",
        "threshold": None,
        "registered_at": "x",
        "parameters": {},
        "metrics": {},
    }
    story.note("lending/2", kind="version.registered", body=body)
    story.note("lending/2", kind="version.registered", body={**body, "model_digest": "second"})
    assert ledger.version("lending", 2).model_digest == "first"
    assert len(ledger.versions()) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"body": {"n": float("nan")}}, "cannot be kept"),
        ({"body": {"n": object()}}, "cannot be kept"),
        ({"why": "\ud800"}, "cannot be kept"),
        ({"key": "\ud800"}, "cannot be kept"),
        ({"why": "a\0b"}, "zero byte"),
        ({"kind": ""}, "kind of an entry is ''"),
        ({"subject": "  "}, "subject of an entry"),
        ({"actor": ""}, "actor of an entry"),
        ({"now": datetime(2026, 3, 1)}, "has no offset"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(ledger, given, told):
    said = {"kind": "note", "subject": "lending", "actor": "analyst", "why": "w", "body": {}, "now": NOON, **given}
    with pytest.raises(Misuse, match=told):
        ledger.append(said.pop("kind"), **said)
    assert ledger.entries() == []


def test_threads_share_one_ledger_without_losing_an_entry(ledger, story):
    threads = [threading.Thread(target=lambda: [story.note() for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.seq for e in ledger.entries()] == list(range(1, 41))
    assert ledger.verify().valid


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET why = 'x'",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT 1, at, kind, subject, actor, 'x', body, key, prev, 'h' FROM entries",
        "INSERT OR REPLACE INTO entries SELECT 2, at, kind, subject, actor, 'x', body, key, hash, 'h' FROM entries",
        "INSERT INTO entries SELECT 3, at, kind, subject, actor, why, body, NULL, hash, 'h' FROM entries",
        "INSERT INTO entries SELECT 2, at, kind, subject, actor, why, body, NULL, 'nothing', 'h' FROM entries",
        "UPDATE heads SET version = 9",
        "UPDATE heads SET version = 9, generation = generation + 1",
        "INSERT OR REPLACE INTO heads VALUES ('lending', 'champion', 9, 1, 1, NULL)",
        "INSERT INTO heads VALUES ('pricing', 'champion', 9, 1, 7, NULL)",
        "DELETE FROM heads",
    ],
)
def test_the_database_itself_refuses_what_breaks_the_rules(ledger, story, path, statement):
    """Also from another SQL client of the same file."""
    story.move(1)
    story.note(key="k")
    client = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        client.execute(statement)
    client.close()
    assert ledger.verify().valid


def test_a_full_disk_writes_nothing_and_says_so(ledger, story):
    story.note()
    ledger._database.connection.execute("PRAGMA max_page_count = 1")  # SQLite keeps at least the pages there are
    with pytest.raises(EngineError, match="full") as refused:
        story.note(why="x" * 1_000_000)
    assert "disk space" in refused.value.hint
    ledger._database.connection.execute("PRAGMA max_page_count = 100000")
    assert story.note().seq == 2
    assert ledger.verify().valid
