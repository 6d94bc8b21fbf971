"""What is appended stays, comes back as it was, and becomes true together or not at all."""

import json
import sqlite3
import threading
from datetime import datetime, timedelta, timezone

import pytest

from workbench.errors import EngineError, Misuse
from workbench.ledger import GENESIS, Ledger


def test_the_first_entry_follows_nothing_and_each_other_the_one_before(note):
    first, second = note("one"), note("two")
    assert (first.seq, first.prev) == (1, GENESIS)
    assert (second.seq, second.prev) == (2, first.hash)


def test_an_entry_comes_back_as_it_was_appended(ledger, path, note):
    entry = note("because", body={"n": 0.1 + 0.2, "list": [1, None, True], "ü": "ß"}, key="k")
    with Ledger.open(f"sqlite:///{path}") as again:
        assert again.entries() == [entry]
        assert again.find("k") == entry


def test_a_time_is_kept_in_utc_whatever_its_offset(note):
    east = datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert note(now=east).at.isoformat() == "2026-03-01T12:00:00+00:00"


def test_the_same_key_again_gives_the_earlier_entry_and_adds_nothing(ledger, note):
    first = note("once", key="run-1")
    assert note("twice", key="run-1") == first
    assert len(ledger.entries()) == 1


def test_entries_are_found_by_what_is_given(ledger, note):
    for number, subject in enumerate(["lending", "lending/1", "lending/2", "lending2/1", "run/a"]):
        note(subject=subject, kind="odd" if number % 2 else "even")
    assert [e.seq for e in ledger.entries(prefix="lending/")] == [2, 3]
    assert [e.seq for e in ledger.entries(subject="lending/2")] == [3]
    assert [e.seq for e in ledger.entries(kind="odd")] == [2, 4]
    assert [e.seq for e in ledger.entries(kind=("odd", "even"), since=3)] == [4, 5]
    assert [e.seq for e in ledger.entries(newest_first=True, limit=2)] == [5, 4]
    assert ledger.entries(kind=()) == []


@pytest.mark.parametrize("name", ["%", "_", "le'; DROP TABLE entries; --", "<b>", "a\nb", "ü/😀", '"', "\x00", "*"])
def test_a_name_is_a_name_whatever_it_looks_like(ledger, note, name):
    """No text given becomes SQL or a pattern."""
    entry = note(why=name, subject=f"{name}/1", actor=name or "x", key=name) if name.strip() else None
    note(subject="other/1")
    assert ledger.entries(prefix=f"{name}/") == ([entry] if entry else [])
    assert ledger.verify().valid


def test_what_fails_inside_a_transaction_leaves_nothing(ledger, grant, noon):
    grant(1)

    def fail():
        with ledger.transaction() as writer:
            entry = writer.append("note", subject="lending", actor="analyst", why="", body={}, now=noon)
            writer.owe("mlflow-alias", {}, entry=entry)
            raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        fail()
    assert len(ledger.entries()) == 1
    assert len(ledger.owed()) == 1
    assert ledger.verify().valid


def test_a_transaction_inside_another_is_refused_and_spoils_nothing(ledger, note, noon):
    with ledger.transaction() as writer:
        with pytest.raises(Misuse, match="open already"):
            note("inside")
        writer.append("note", subject="lending", actor="analyst", why="outside", body={}, now=noon)
    assert [e.why for e in ledger.entries()] == ["outside"]


def test_a_head_moves_only_from_the_generation_it_was_decided_on(ledger, grant):
    assert (grant(1).generation, grant(2).generation) == (1, 2)
    with pytest.raises(Misuse, match="moved meanwhile: generation 1 was expected, it is 2"):
        grant(3, expected=1)
    assert (ledger.head("lending").version, ledger.head("lending").generation) == (2, 2)
    assert ledger.heads() == [ledger.head("lending")]
    assert ledger.head("pricing") is None
    assert len(ledger.entries()) == 2


@pytest.mark.parametrize(
    ("kind", "decision", "told"),
    [
        ("note", "allow", "does not grant"),
        ("promotion.denied", "allow", "does not grant"),
        ("promotion.granted", "deny", "without a decision that allows it"),
    ],
)
def test_no_head_moves_without_an_entry_that_grants_it(ledger, grant, kind, decision, told):
    with pytest.raises(Misuse, match=told):
        grant(1, kind=kind, decision=decision)
    assert ledger.heads() == []
    assert ledger.entries() == []


def test_an_effect_is_owed_until_it_is_settled(ledger, grant):
    grant(1)
    grant(2)
    first, second = ledger.owed()
    assert (first.seq, first.target, first.payload["version"]) == (1, "mlflow-alias", 1)
    ledger.settle(first.id)
    ledger.settle(first.id)
    assert ledger.owed() == [second]


def test_a_version_is_what_it_was_registered_as_first(ledger, registered):
    version = registered(2)
    registered(2, model_digest="another")
    registered(1)
    assert ledger.version("lending", 2) == version
    assert [v.version for v in ledger.versions()] == [1, 2]


def test_a_version_that_is_not_there_is_answered_with_those_that_are(ledger, registered):
    with pytest.raises(Misuse, match="lending has no version 7") as none_yet:
        ledger.version("lending", 7)
    assert "no model is registered yet" in none_yet.value.hint
    registered(1)
    registered(2)
    with pytest.raises(Misuse) as there_are_two:
        ledger.version("lending", 7)
    assert "1, 2" in there_are_two.value.hint
    with pytest.raises(Misuse) as another:
        ledger.version("landing", 1)
    assert "lending" in another.value.hint


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"body": {"n": float("nan")}}, "plain JSON|Out of range"),
        ({"body": {"n": object()}}, "cannot be kept"),
        ({"why": "\ud800"}, "cannot be kept"),
        ({"body": {"n": "\ud800"}}, "cannot be kept"),
        ({"kind": ""}, "kind of an entry is ''"),
        ({"subject": "  "}, "subject of an entry"),
        ({"actor": ""}, "actor of an entry"),
        ({"now": datetime(2026, 3, 1)}, "has no offset"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(ledger, note, given, told):
    with pytest.raises(Misuse, match=told):
        note(**given)
    assert ledger.entries() == []


def test_an_export_has_one_line_an_entry_that_reads_as_json(ledger, note):
    entries = [note("one\ntwo"), note("<b>&'\"")]
    lines = list(ledger.export())
    assert all("\n" not in line for line in lines)
    assert [json.loads(line) for line in lines] == [entry.as_dict() for entry in entries]


def test_threads_share_one_ledger_without_losing_an_entry(ledger, note):
    threads = [threading.Thread(target=lambda: [note() for _ in range(10)]) for _ in range(4)]
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
        "INSERT OR REPLACE INTO heads VALUES ('lending', 'champion', 9, 1, 1)",
        "INSERT INTO heads VALUES ('pricing', 'champion', 9, 1, 7)",
        "DELETE FROM heads",
    ],
)
def test_the_database_itself_refuses_what_breaks_the_rules(ledger, note, grant, path, statement):
    """Also from another SQL client of the same file."""
    grant(1)
    note(key="k")
    client = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        client.execute(statement)
    client.close()
    assert ledger.verify().valid


def test_a_full_disk_writes_nothing_and_says_so(ledger, note):
    note("before")
    ledger._connection.execute("PRAGMA max_page_count = 1")  # SQLite keeps at least the pages there are
    with pytest.raises(EngineError, match="full") as refused:
        note("x" * 1_000_000)
    assert "disk space" in refused.value.hint
    ledger._connection.execute("PRAGMA max_page_count = 100000")
    assert note("after").seq == 2
    assert ledger.verify().valid
