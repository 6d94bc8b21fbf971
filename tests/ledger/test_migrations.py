"""A ledger of an older schema is carried over whole, or stays as it was; its entries are never touched."""

import os
import shutil
import sqlite3
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from workbench.errors import EngineError
from workbench.ledger import Head, Ledger
from workbench.ledger import opening as opening_module
from workbench.ledger.entry import GENESIS, chained
from workbench.ledger.merkle import leaf_hash, tree_hash
from workbench.ledger.rows import as_row, row_content
from workbench.ledger.schema import VERSION, spelled
from workbench.ledger.tree import Tree, spelled_roots

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OLDER = (1, 2, 3)  # schemas


def statements_of(schema):
    """The statements by which a schema of old was made."""
    spec = spec_from_file_location(f"schema_{schema}", Path(__file__).with_name(f"schema_{schema}.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.STATEMENTS


def write(path, count, schema=1):
    """A ledger as an older schema kept it: notes, a promotion, a rollback, one effect still owed."""
    client = sqlite3.connect(path, isolation_level=None)
    client.execute("PRAGMA journal_mode = WAL")
    for statement in statements_of(schema):
        client.execute(statement)
    client.execute("PRAGMA application_id = 1463962695")
    client.execute(f"PRAGMA user_version = {schema}")
    rows, tip, tree = [], GENESIS, Tree()
    if schema > 1:
        client.execute("INSERT INTO migrations VALUES (?, CURRENT_TIMESTAMP, 'the ledger was made')", (schema,))
        client.execute("INSERT INTO tree VALUES (1, 0, '')")
    for seq in range(1, count + 1):
        kind, subject, body = "note", "lending", {"n": seq}
        if seq in {2, 4}:
            kind = "promotion.granted" if seq == 2 else "rollback.granted"
            subject, body = f"lending/{seq}", {"generation": seq // 2, "decision": {"decision": "allow"}}
        entry = chained(seq=seq, at=NOON, kind=kind, subject=subject, actor="analyst", why="ü", body=body,
                        key=f"k{seq}", prev=tip)  # fmt: skip
        tip = entry.hash
        rows.append(as_row(entry))
        client.execute("INSERT INTO entries VALUES (?,?,?,?,?,?,?,?,?,?)", rows[-1])
        tree.append(leaf_hash(row_content(rows[-1])))
        if seq == 2:
            client.execute("INSERT INTO heads (model, slot, version, generation, seq) "
                           "VALUES ('lending', 'champion', 2, 1, 2)")  # fmt: skip
        if seq == 4:
            client.execute("UPDATE heads SET version = 4, generation = 2, seq = 4")
            client.execute("INSERT INTO outbox (seq, target, payload) VALUES (4, 'mlflow-alias', "
                           """'{"alias":"champion","generation":2,"model":"lending","version":4}')""")  # fmt: skip
    if schema > 1 and count:
        client.execute("UPDATE tree SET size = ?, roots = ?", (tree.size, spelled_roots(tree.roots)))
        client.executemany("INSERT INTO tiles VALUES (?, ?)", [(n, root.hex()) for n, root in enumerate(tree.fresh)])
    client.close()
    return rows


@pytest.mark.parametrize("schema", OLDER)
def test_an_older_schema_is_that_of_its_day(tmp_path, schema):
    write(tmp_path / "l.db", 5, schema)
    client = sqlite3.connect(tmp_path / "l.db")
    with pytest.raises(sqlite3.IntegrityError, match="never updated"):
        client.execute("UPDATE entries SET why = ''")
    client.close()


@pytest.mark.parametrize("schema", OLDER)
@pytest.mark.parametrize("count", [0, 5, 600])
def test_a_ledger_of_an_older_schema_opens_and_is_carried_over(tmp_path, count, schema):
    rows = write(tmp_path / "l.db", count, schema)
    for _ in range(2):  # the second time there is nothing to do
        with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
            found = ledger.verify()
            assert found.problems == ()
            assert found.root == tree_hash([leaf_hash(row_content(row)) for row in rows]).hex()
            assert [as_row(entry) for entry in ledger.entries()] == rows
            assert ledger.heads() == ([Head("lending", "champion", 4, 2, 4)] if count else [])
            assert len(ledger.owed()) == bool(count)
            assert ledger._rows("SELECT version FROM migrations") == [(n,) for n in range(max(schema, 2), VERSION + 1)]
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
        ledger.append("note", subject="lending", actor="analyst", why="goes on", body={}, now=NOON)
        assert ledger.verify().valid


def test_a_new_ledger_records_its_schema(ledger):
    assert ledger._rows("SELECT version, title FROM migrations") == [(VERSION, "the ledger was made")]


@pytest.mark.parametrize("schema", OLDER)
def test_a_ledger_that_was_carried_over_has_the_rules_of_a_new_one(tmp_path, schema):
    write(tmp_path / "l.db", 5, schema)
    Ledger.open(f"sqlite:///{tmp_path / 'l.db'}").close()
    Ledger.open(f"sqlite:///{tmp_path / 'new.db'}").close()
    assert rules_of(tmp_path / "l.db") == rules_of(tmp_path / "new.db")


def test_one_kind_of_one_subject_is_found_by_the_index_alone(ledger):
    """However long the subject's past: the newest rejection is not looked for among a thousand promotions."""
    asked = "SELECT seq FROM entries WHERE subject = 'lending/1' AND kind IN ('x') ORDER BY seq DESC LIMIT 1"
    (plan,) = ledger._rows(f"EXPLAIN QUERY PLAN {asked}")
    assert "entries_by_subject_and_kind (subject=? AND kind=?)" in plan[3]


@pytest.mark.parametrize("schema", OLDER)
def test_what_was_wrong_before_is_still_found_after(tmp_path, schema):
    """Carrying a ledger over mends nothing: no entry, and no rule that guarded the entries."""
    write(tmp_path / "l.db", 300, schema)
    client = sqlite3.connect(tmp_path / "l.db")
    client.execute("DROP TRIGGER entries_are_not_updated")
    client.execute("UPDATE entries SET why = 'nothing' WHERE seq = 7")
    client.execute("UPDATE entries SET body = x'00ff' WHERE seq = 9")
    client.commit()
    client.close()
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
        problems = ledger.verify().problems
    assert "the trigger entries_are_not_updated is missing" in problems
    assert any(problem.startswith("entry 7 was changed") for problem in problems)
    assert "entry 9 cannot be read" in problems


def killed_at(path, step):
    """Open the ledger in a process that dies before its statement of this number; whether it died."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    try:
        left = [step]

        def count(statement):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

        def connect(*given, **options):
            client = sqlite3.connect(*given, **options)
            client.set_trace_callback(count)
            return client

        opening_module.sqlite3 = type("Traced", (), {**vars(sqlite3), "connect": staticmethod(connect)})
        opening_module.connect(path).close()
    finally:
        os._exit(0)


@pytest.mark.parametrize("schema", OLDER)
def test_a_kill_before_any_statement_leaves_the_old_ledger_or_the_new(tmp_path, schema):
    """And the next start ends what was begun."""
    write(tmp_path / "old.db", 5, schema)
    with sqlite3.connect(tmp_path / "old.db") as client:
        client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    client.close()
    deaths = 0
    for step in range(200):
        path = tmp_path / f"{step}.db"
        shutil.copy(tmp_path / "old.db", path)
        died = killed_at(path, step)
        client = sqlite3.connect(path)
        version = client.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in client.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        client.close()
        assert version in {schema, VERSION}
        assert ("tree" in tables) == ("migrations" in tables) == (version > 1)
        assert "heads_of_schema_1" not in tables
        with Ledger.open(f"sqlite:///{path}") as ledger:
            assert ledger.verify().problems == ()
            assert ledger.head("lending") == Head("lending", "champion", 4, 2, 4)
        if not died:
            break
        deaths += 1
    assert deaths > {1: 30, 2: 5, 3: 4}[schema]


def rules_of(path):
    client = sqlite3.connect(path)
    found = client.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    client.close()
    return [(name, spelled(sql).replace(f'"{name}"', name)) for name, sql in found]


def test_a_migration_that_fails_is_undone(tmp_path, monkeypatch):
    write(tmp_path / "l.db", 5)
    before = rules_of(tmp_path / "l.db")

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("workbench.ledger.migrations._plant", full)
        with pytest.raises(EngineError, match="disk is full") as refused:
            Ledger.open(f"sqlite:///{tmp_path / 'l.db'}")
    assert "free some disk space" in refused.value.hint
    assert rules_of(tmp_path / "l.db") == before
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
        assert ledger.verify().valid
