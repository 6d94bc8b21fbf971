"""The guard in MLflow's own database refuses, from any client, what the ledger did not grant."""

import contextlib
import sqlite3

import pytest

from workbench.engines.mlflow_guard import RULES, Guard, digest
from workbench.errors import EngineError, Misuse
from workbench.ledger import Ledger
from workbench.promotion import guarding

pytestmark = pytest.mark.slow

DENIED = "workbench guard: the ledger did not grant this"
IN_USE = "workbench guard: this is in use"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A store with a registered model of three versions; MLflow takes seconds to make one."""
    from workbench.engines.mlflow import MlflowStore

    root = tmp_path_factory.mktemp("guarded")
    store = MlflowStore(f"sqlite:///{root / 'mlflow.db'}", root / "artifacts")
    with store._client() as client:
        client.create_registered_model("lending")
        for _ in range(3):
            client.create_model_version("lending", "/models/x")
    return root / "mlflow.db"


@pytest.fixture
def place(template, tmp_path):
    """A copy of the store, its guard, and a client as any notebook has it."""
    from mlflow import MlflowClient

    path = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(template)) as source, contextlib.closing(sqlite3.connect(path)) as target:
        source.backup(target)
    uri = f"sqlite:///{path}"
    return path, Guard(uri), MlflowClient(tracking_uri=uri, registry_uri=uri)


def refused(act, words):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=words):
        act()


def test_an_alias_moves_only_to_what_was_granted(place):
    _, guard, client = place
    guard.install([("lending", "champion", 2, 1)])
    client.set_registered_model_alias("lending", "champion", "2")
    for alias, version in (("champion", "1"), ("canary", "1"), ("shadow", "3")):
        refused(lambda a=alias, v=version: client.set_registered_model_alias("lending", a, v), DENIED)
    client.set_registered_model_alias("lending", "mine", "3")
    guard.granted("lending", "champion", 3, 2)
    client.set_registered_model_alias("lending", "champion", "3")
    assert client.get_registered_model("lending").aliases == {"champion": 3, "mine": 3}


def test_nothing_in_use_is_deleted_renamed_or_rewritten(place):
    path, guard, client = place
    guard.install([("lending", "champion", 2, 1)])
    client.set_registered_model_alias("lending", "champion", "2")
    refused(lambda: client.delete_registered_model_alias("lending", "champion"), IN_USE)
    refused(lambda: client.delete_model_version("lending", "2"), IN_USE)
    refused(lambda: client.delete_registered_model("lending"), IN_USE)
    refused(lambda: client.rename_registered_model("lending", "other"), "lending|other")
    with contextlib.closing(sqlite3.connect(path)) as raw:
        for statement in (
            "UPDATE model_versions SET source = 'x' WHERE version = 2",
            "UPDATE registered_model_aliases SET alias = 'mine'",
            "DELETE FROM model_versions WHERE version = 2",
        ):
            with pytest.raises(sqlite3.IntegrityError, match=IN_USE):
                raw.execute(statement)
    client.update_model_version("lending", "2", description="in words")
    client.delete_model_version("lending", "1")
    assert client.get_model_version_by_alias("lending", "champion").source == "/models/x"


def test_what_was_cleared_may_go(place):
    _, guard, client = place
    guard.install([("lending", "canary", 2, 1)])
    client.set_registered_model_alias("lending", "canary", "2")
    guard.granted("lending", "canary", None, 2)
    client.delete_registered_model_alias("lending", "canary")
    client.delete_model_version("lending", "2")
    refused(lambda: client.set_registered_model_alias("lending", "canary", "3"), DENIED)


def test_an_older_generation_grants_nothing(place):
    _, guard, client = place
    guard.install([("lending", "champion", 2, 5)])
    guard.granted("lending", "champion", 1, 4)
    refused(lambda: client.set_registered_model_alias("lending", "champion", "1"), DENIED)


def test_a_name_is_text_and_nothing_else(place):
    _, guard, client = place
    name = "x'; DROP TABLE workbench_granted; --"
    client.create_registered_model(name)
    client.create_model_version(name, "/models/x")
    guard.install([(name, "champion", 1, 1)])
    client.set_registered_model_alias(name, "champion", "1")
    refused(lambda: client.delete_registered_model(name), IN_USE)
    assert guard.status() == (True, [])


def test_the_guard_says_what_of_it_is_missing_and_is_put_back(place, tmp_path):
    """A migration rebuilds a table and drops its triggers; somebody else changes one or drops the table."""
    from datetime import UTC, datetime

    path, guard, client = place
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        assert guarding.look_after(ledger, guard, now=now) is None
        entry = guarding.install(ledger, guard, actor="admin", why="no shortcuts", now=now)
        assert entry.body == {"digest": digest("sqlite")}
        assert guarding.look_after(ledger, guard, now=now) is None
        with contextlib.closing(sqlite3.connect(path)) as raw:
            raw.execute("DROP TRIGGER workbench_guard_alias_set")
            raw.execute("DROP TRIGGER workbench_guard_alias_moved")
            raw.execute(
                "CREATE TRIGGER workbench_guard_alias_moved BEFORE UPDATE ON model_versions BEGIN SELECT 1; END"
            )
            raw.commit()
        assert guard.status() == (True, ["alias_set", "alias_moved"])
        told = guarding.look_after(ledger, guard, now=now)
        assert told == "the guard in MLflow's database had lost alias_set, alias_moved; it is whole again"
        assert guard.status() == (True, [])
        with contextlib.closing(sqlite3.connect(path)) as raw:
            for name, *_ in RULES:
                raw.execute(f"DROP TRIGGER workbench_guard_{name}")
            raw.execute("DROP TABLE workbench_granted")
            raw.commit()
        assert "lost all of it" in guarding.look_after(ledger, guard, now=now)
        refused(lambda: client.set_registered_model_alias("lending", "champion", "1"), DENIED)
        guarding.remove(ledger, guard, actor="admin", why="MLflow moves", now=now)
        assert guard.status()[0] is False
        assert guarding.look_after(ledger, guard, now=now) is None
        kinds = [entry.kind for entry in ledger.entries()]
    assert kinds == ["guard.installed", "guard.restored", "guard.restored", "guard.removed"]
    client.set_registered_model_alias("lending", "champion", "1")


def test_the_projection_tells_the_guard_before_it_moves_an_alias(place, tmp_path):
    from workbench.engines.mlflow import MlflowStore

    path, guard, client = place
    guard.install([])
    looked = []
    store = MlflowStore(f"sqlite:///{path}", tmp_path / "artifacts", opened=lambda: looked.append(guard.status()))
    store.set_alias("lending", "canary", 2, 1)
    assert store.alias("lending", "canary") == (2, 1)
    refused(lambda: client.set_registered_model_alias("lending", "canary", "3"), DENIED)
    store.set_alias("lending", "canary", 2, 2)
    assert store.alias("lending", "canary") == (2, 2)
    store.set_alias("lending", "canary", 3, 1)
    assert store.alias("lending", "canary") == (2, 2)
    store.clear_alias("lending", "canary", 1)
    assert store.alias("lending", "canary") == (2, 2)
    store.clear_alias("lending", "canary", 3)
    assert store.alias("lending", "canary") is None
    store.clear_alias("lending", "canary", 3)
    assert looked == [(True, [])]


def test_a_guard_needs_the_database_itself():
    with pytest.raises(Misuse, match="stands in MLflow's own database"):
        Guard("http://127.0.0.1:5000").status()


def test_a_database_that_is_none_is_told_in_words(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be taken for a header" * 3)
    with pytest.raises(EngineError, match="MLflow's database refuses"):
        Guard(f"sqlite:///{tmp_path / 'mlflow.db'}").status()


def test_a_grant_that_the_ledger_never_gave_is_found_and_taken_out(place, tmp_path):
    """Whoever writes the guard's own table moves an alias once; the next opening puts both back."""
    from datetime import UTC, datetime

    path, guard, client = place
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        with ledger.transaction() as writer:
            body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
            entry = writer.append(
                "promotion.granted", subject="lending/2", actor="risk-officer", why="w", body=body, now=now
            )
            writer.move_head("lending", "champion", 2, expected_generation=0, entry=entry)
        guarding.install(ledger, guard, actor="admin", why="no shortcuts", now=now)
        guard.granted("elsewhere", "champion", 1, 7)  # of another workspace with the same MLflow
        with contextlib.closing(sqlite3.connect(path)) as raw:
            raw.execute("UPDATE workbench_granted SET version = 3, generation = 999 WHERE model = 'lending'")
            raw.execute("INSERT INTO workbench_granted VALUES ('lending', 'canary', 1, 1)")
            raw.commit()
        client.set_registered_model_alias("lending", "champion", "3")
        told = guarding.look_after(ledger, guard, now=now)
        assert "never did (lending 3 as champion, lending 1 as canary); it is whole again" in told
        assert ledger.entries(kind="guard.restored")[0].why == told
        assert sorted(guard.noted()) == [("elsewhere", "champion", 1, 7), ("lending", "champion", 2, 1)]
        assert guarding.look_after(ledger, guard, now=now) is None
    refused(lambda: client.set_registered_model_alias("lending", "canary", "1"), DENIED)
    client.set_registered_model_alias("lending", "champion", "2")


def test_a_version_in_use_stays_where_it_is_stored(place):
    path, guard, _ = place
    guard.install([("lending", "champion", 2, 1)])
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE model_versions SET storage_location = '/elsewhere' WHERE version = 1")
        with pytest.raises(sqlite3.IntegrityError, match=IN_USE):
            raw.execute("UPDATE model_versions SET storage_location = '/elsewhere' WHERE version = 2")
