"""Whatever is done to the file behind the ledger's back is found, and named by its number."""

import hashlib
import json
import random
import shutil
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import EngineError
from workbench.ledger import GENESIS, Ledger
from workbench.ledger.chain import Chain
from workbench.ledger.entry import canonical, chained, content, digest
from workbench.ledger.merkle import EMPTY, leaf_hash
from workbench.ledger.rows import as_row, row_content

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

COLUMNS = ["seq", "at", "kind", "subject", "actor", "why", "body", "key", "prev", "hash"]


@pytest.fixture
def six(ledger, story, path):
    """Six entries: notes, two promotions, one rollback."""
    story.note(body={"n": 1}, key="k1")
    story.move(1)
    story.note(body={"n": 3})
    story.move(2, expected=1)
    story.move(1, expected=2, kind="rollback.granted")
    story.note(key="k6")
    ledger.close()
    return path


@pytest.fixture
def tampered(six):
    """Do something to the file with the triggers out of the way, then verify."""

    def do(*statements, keep_rules=True):
        client = sqlite3.connect(six)
        rules = client.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            client.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            client.execute(statement)
        if keep_rules:
            for _, sql in rules:
                client.execute(sql)
        client.commit()
        client.close()
        with Ledger.open(f"sqlite:///{six}") as ledger:
            return ledger.verify()

    return do


def test_an_empty_ledger_holds(ledger):
    found = ledger.verify()
    assert (found.valid, found.entries, found.tip, found.problems) == (True, 0, GENESIS, ())
    assert (found.root, found.signed, found.keys, found.witnessed) == (EMPTY.hex(), 0, (), None)


def test_a_ledger_that_nobody_touched_holds(six, tampered):
    found = tampered()
    assert found.valid
    assert found.problems == ()
    assert found.entries == 6
    assert len(found.tip) == 64


@pytest.mark.parametrize("seq", [1, 4, 6])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "'2026-03-01T12:00:01+00:00'"),
        ("at", "replace(at, '+00:00', 'Z')"),
        ("at", "'yesterday'"),
        ("kind", "'promotion'"),
        ("subject", "subject || '0'"),
        ("actor", "'somebody else'"),
        ("why", "why || ' '"),
        ("body", "replace(body, '}', ' }')"),
        ("body", "'{\"n\":2}'"),
        ("body", "'{'"),
        ("body", "'[]'"),
        ("body", "CAST(body || ' ' AS BLOB)"),
        ("key", "'another'"),
        ("prev", "hash"),
        ("hash", "upper(hash) || ''"),
        ("hash", "'" + "0" * 64 + "'"),
    ],
)
def test_a_changed_field_is_found_and_its_entry_named(tampered, seq, column, value):
    found = tampered(f"UPDATE entries SET {column} = {value} WHERE seq = {seq}")
    assert not found.valid
    assert any(f"entry {seq} " in problem for problem in found.problems), found.problems


def test_a_removed_entry_is_named(tampered):
    assert "entry 3 is missing" in tampered("DELETE FROM entries WHERE seq = 3").problems
    assert "entries 2 to 3 are missing" in tampered("DELETE FROM entries WHERE seq = 2").problems


def test_a_removed_first_entry_is_named(tampered):
    assert "entry 1 is missing" in tampered("DELETE FROM entries WHERE seq = 1").problems


def test_a_removed_entry_whose_followers_moved_up_is_found(tampered):
    found = tampered("DELETE FROM entries WHERE seq = 3", "UPDATE entries SET seq = seq - 1 WHERE seq > 3")
    assert "entry 3 does not follow entry 2: the hash it names is not that entry's" in found.problems
    assert any("the tail was cut" in problem for problem in found.problems)


def test_reordered_entries_are_found(tampered):
    found = tampered(
        "UPDATE entries SET seq = 99 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = 4",
        "UPDATE entries SET seq = 4 WHERE seq = 99",
    )
    assert any(problem.startswith("entry 3 was changed") for problem in found.problems)
    assert any(problem.startswith("entry 4 was changed") for problem in found.problems)


def test_an_inserted_entry_is_found(tampered):
    found = tampered(
        "INSERT INTO entries SELECT 7, at, kind, subject, actor, why, body, NULL, hash, 'h' FROM entries WHERE seq = 6"
    )
    assert any(problem.startswith("entry 7 was changed") for problem in found.problems)


@pytest.mark.parametrize("seq", [0, -1])
def test_an_entry_before_the_first_is_found(tampered, seq):
    found = tampered(
        f"INSERT INTO entries SELECT {seq}, at, kind, subject, actor, why, body, NULL, prev, 'h' FROM entries LIMIT 1"
    )
    assert not found.valid


def test_a_cut_tail_is_found_by_the_number_that_was_given_out(tampered):
    found = tampered("DELETE FROM entries WHERE seq = 6")
    assert found.problems == (
        "the tail was cut: entry 5 is the last, but number 6 had been given out",
        "the tree covers 6 entries, but there are 5",
    )


def test_a_cut_tail_is_found_by_the_heads_and_the_effects_where_the_number_was_cut_too(tampered):
    found = tampered("DELETE FROM entries WHERE seq > 4", "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'entries'")
    effect, head, tree = found.problems
    assert tree == "the tree covers 6 entries, but there are 4"
    assert effect == "an effect is owed for entry 5, which is not there"
    assert head.startswith("the champion of lending is version 1 (generation 3, entry 5), but the entries lead to")


def test_a_forgotten_sequence_is_found(tampered):
    assert not tampered("DELETE FROM sqlite_sequence").valid


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE heads SET version = 2",
        "UPDATE heads SET generation = 4",
        "UPDATE heads SET seq = 4",
        "DELETE FROM heads",
        "INSERT INTO heads VALUES ('pricing', 'champion', 1, 1, 1, NULL)",
    ],
)
def test_heads_that_the_entries_do_not_lead_to_are_found(tampered, statement):
    (problem,) = tampered(statement).problems
    assert "but the entries lead to" in problem


def test_a_forged_grant_with_a_right_hash_is_found_where_no_decision_allows_it(tampered, six):
    """Whoever can write the file can chain an entry; the heads and the decision still betray it."""
    client = sqlite3.connect(six)
    tip = client.execute("SELECT hash FROM entries WHERE seq = 6").fetchone()[0]
    client.close()
    body = {"generation": 4, "decision": {"decision": "deny"}}
    fields = dict(
        zip(
            COLUMNS,
            [7, "2026-03-02T00:00:00+00:00", "promotion.granted", "lending/9", "x", "", body, None, tip],
            strict=False,
        )
    )
    row = [*fields.values(), digest(fields)]
    row[6] = canonical(body).decode()
    values = ", ".join(
        "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'" for value in row
    )
    found = tampered(f"INSERT INTO entries VALUES ({values})")
    assert found.problems[0] == "entry 7 moves lending without a decision that allows it"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "yesterday"),
        ("at", "2026-03-02T12:00:00"),
        ("body", '{"n":1,"n":2}'),
        ("body", '{"n": 1}'),
        ("body", '{"b":1,"a":2}'),
        ("body", "[]"),
        ("body", "{"),
        ("body", '{"n":NaN}'),
        ("body", '{"n":1.50}'),
    ],
)
def test_an_entry_chained_by_a_forger_but_not_spelled_as_the_ledger_spells_is_named(six, tampered, column, value):
    """The hash is right, and still nobody could read it, or two readers would read two things."""
    client = sqlite3.connect(six)
    tip = client.execute("SELECT hash FROM entries WHERE seq = 6").fetchone()[0]
    client.close()
    row = [7, "2026-03-02T12:00:00+00:00", "note", "lending", "x", "", "{}", None, tip, ""]
    row[COLUMNS.index(column)] = value
    row[9] = hashlib.sha256(row_content(row)).hexdigest()
    values = ", ".join("NULL" if value is None else repr(value) for value in row)
    assert any(
        problem.startswith("entry 7 ") for problem in tampered(f"INSERT INTO entries VALUES ({values})").problems
    )


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    ),
    st.text(),
)
def test_whatever_is_written_has_its_bytes_straight_from_its_row_and_holds(body, why):
    """The fast way to an entry's bytes is the slow one's, for any JSON and any text."""
    try:
        plain = json.loads(canonical(body))
        canonical(why)
    except ValueError:
        return
    entry = chained(seq=1, at=NOON, kind="note", subject="x", actor="x", why=why, body=plain, key=None, prev=GENESIS)
    assert row_content(as_row(entry)) == content(entry)
    chain = Chain()
    assert chain.run([as_row(entry)]) == []
    assert chain.root() == leaf_hash(content(entry))


def test_a_rule_taken_away_is_named(tampered):
    found = tampered(keep_rules=False)
    assert "the trigger entries_are_not_deleted is missing" in found.problems
    assert len(found.problems) == 16


def test_a_rule_that_was_changed_or_added_is_named(tampered):
    found = tampered(
        "DROP INDEX entries_by_kind",
        "CREATE TRIGGER quiet AFTER INSERT ON entries BEGIN UPDATE outbox SET done = 1; END",
    )
    assert found.problems == (
        "the index entries_by_kind is missing",
        "there is a trigger quiet that the ledger did not make",
    )


def test_a_ledger_with_many_problems_names_the_first_and_counts_the_rest(six, tampered):
    with Ledger.open(f"sqlite:///{six}") as ledger:
        for _ in range(30):
            ledger.append("note", subject="x", actor="x", why="", body={}, now=NOON)
    found = tampered("UPDATE entries SET why = 'x'")
    assert len(found.problems) == 21
    assert found.problems[-1] == "and 16 more"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_no_changed_byte_of_the_file_goes_unnoticed(six, tmp_path, seed):
    """A flipped byte is an error, a named problem, or it changed nothing that the ledger tells."""
    chance = random.Random(seed)
    copy = tmp_path / "copy.db"
    shutil.copy(six, copy)
    with Ledger.open(f"sqlite:///{copy}") as before:
        told, heads, owed = list(before.export()), before.heads(), before.owed()
    content = bytearray(copy.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    copy.write_bytes(content)
    with suppress(EngineError), Ledger.open(f"sqlite:///{copy}") as after:
        if after.verify().valid:
            assert list(after.export()) == told
            assert after.heads() == heads
            assert [effect.seq for effect in after.owed()] == [effect.seq for effect in owed]
