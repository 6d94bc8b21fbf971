"""MLflow's own tables, made by its own migrations in a real PostgreSQL: guarded, claimed, moved by one at a time."""

import gc
import subprocess
import sys
import threading
from itertools import count

import pytest

from workbench.engines.mlflow import MlflowStore
from workbench.engines.mlflow_claims import Owner
from workbench.engines.mlflow_guard import Guard, digest
from workbench.errors import EngineError
from workbench.ledger import Ledger
from workbench.promotion import guarding

pytestmark = pytest.mark.slow

DENIED = "workbench guard: the ledger did not grant this"
IN_USE = "workbench guard: this is in use"
NUMBERS = count(1)
OPENS = """
import sys
from pathlib import Path
from workbench.engines.mlflow import MlflowStore
MlflowStore(sys.argv[1], Path(sys.argv[2])).prepare()
"""


def run(address, *statements, autocommit=False):
    """Statements as any client of the database sends them, in one session; what the last of them gives."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        address, poolclass=NullPool, isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED"
    )
    with engine.begin() as connection:
        for statement in statements:
            found = connection.exec_driver_sql(statement)
        return found.all() if found.returns_rows else None


def end(store):
    """Close the connections that MLflow keeps."""
    with store._client() as client:
        for kept in (client._tracking_client.store, client._get_registry_client().store):
            kept.engine.dispose()
    gc.collect()


@pytest.fixture(scope="module")
def server(postgres):
    """The address of a PostgreSQL, up to the name of the database."""
    return f"postgresql+pg8000://{postgres['user']}@{postgres['host']}:{postgres['port']}/"


@pytest.fixture(scope="module")
def template(server, tmp_path_factory):
    """A database that two processes opened at once, and so had migrated; a model of three versions is in it."""
    run(f"{server}postgres", "CREATE DATABASE mlflow_template", autocommit=True)
    root = tmp_path_factory.mktemp("artifacts")
    command = [sys.executable, "-c", OPENS, f"{server}mlflow_template", str(root)]
    other = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    store = MlflowStore(f"{server}mlflow_template", root)
    store.prepare()
    _, said = other.communicate()
    assert other.returncode == 0, said
    with store._client() as client:
        client.create_registered_model("lending")
        for _ in range(3):
            client.create_model_version("lending", "/models/x")
    end(store)
    return "mlflow_template"


@pytest.fixture
def address(server, template):
    """A database of its own."""
    name = f"mlflow_{next(NUMBERS)}"
    run(f"{server}postgres", f"CREATE DATABASE {name} TEMPLATE {template}", autocommit=True)
    return f"{server}{name}"


@pytest.fixture
def store(address, tmp_path):
    made = MlflowStore(address, tmp_path / "artifacts")
    yield made
    end(made)


@pytest.fixture
def client(store):
    """MLflow's own client, as any notebook has it."""
    with store._client() as opened:
        return opened


def refused(act, words):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=words):
        act()


def test_an_alias_moves_only_by_decision_and_nothing_in_use_is_deleted(address, store, client):
    guard = Guard(address)
    assert guard.status()[0] is False
    guard.install([("lending", "champion", 2, 1)])
    assert guard.status() == (True, [])
    assert guard.digest == digest("postgresql") != digest("sqlite")
    store.set_alias("lending", "champion", 2, 1)  # our own promotion passes
    for alias, version in (("champion", "1"), ("canary", "1"), ("shadow", "3")):
        refused(lambda a=alias, v=version: client.set_registered_model_alias("lending", a, v), DENIED)
    refused(lambda: client.delete_registered_model_alias("lending", "champion"), IN_USE)
    refused(lambda: client.delete_model_version("lending", "2"), IN_USE)
    refused(lambda: client.delete_registered_model("lending"), IN_USE)
    refused(lambda: client.rename_registered_model("lending", "other"), "lending|other|workbench guard")
    client.set_registered_model_alias("lending", "mine", "3")
    client.update_model_version("lending", "2", description="in words")
    store.set_alias("lending", "champion", 3, 2)
    client.delete_model_version("lending", "2")
    assert store.alias("lending", "champion") == (3, 2)
    store.clear_alias("lending", "champion", 3)
    client.delete_model_version("lending", "3")


def test_what_was_put_aside_is_seen_and_put_back(address, store, client, tmp_path):
    from datetime import UTC, datetime

    now, guard = datetime(2026, 1, 1, tzinfo=UTC), Guard(address)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        guarding.install(ledger, guard, actor="admin", why="no shortcuts", now=now)
        aliases, elsewhere = "registered_model_aliases", "experiments"
        trigger, function = "workbench_guard_alias_set", "FUNCTION workbench_guard_alias_set()"
        for statements in (
            [f"DROP TRIGGER {trigger} ON {aliases}"],
            [f"ALTER TABLE {aliases} DISABLE TRIGGER {trigger}"],
            [f"ALTER TABLE {aliases} ENABLE REPLICA TRIGGER {trigger}"],
            [
                f"DROP TRIGGER {trigger} ON {aliases}",
                f"CREATE TRIGGER {trigger} BEFORE INSERT ON {elsewhere} FOR EACH ROW EXECUTE FUNCTION {trigger}()",
            ],
            [
                f"DROP TRIGGER {trigger} ON {aliases}",
                f"CREATE TRIGGER {trigger} BEFORE INSERT ON {aliases} FOR EACH ROW WHEN (false) EXECUTE {function}",
            ],
            [f"ALTER FUNCTION {trigger}() RESET search_path"],
            [f"CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$"],
        ):
            run(address, *statements)
            assert guard.status() == (True, ["alias_set"]), statements
            assert "had lost alias_set" in guarding.look_after(ledger, guard, now=now)
            assert guard.status() == (True, [])
            refused(lambda: client.set_registered_model_alias("lending", "champion", "1"), DENIED)
        run(address, f"DROP TRIGGER IF EXISTS {trigger} ON {elsewhere}")
        guarding.remove(ledger, guard, actor="admin", why="MLflow moves", now=now)
    assert guard.status()[0] is False
    client.set_registered_model_alias("lending", "champion", "1")


def test_a_table_of_the_clients_own_grants_nothing(address):
    """PostgreSQL looks into a session's temporary tables first, and wherever its search path says."""
    from sqlalchemy.exc import DatabaseError

    Guard(address).install([])
    alias = "INSERT INTO public.registered_model_aliases (workspace, name, alias, version) VALUES "
    for schema, made in (("pg_temp", []), ("mine", ["CREATE SCHEMA mine", "SET search_path = mine, public"])):
        with pytest.raises(DatabaseError, match=DENIED):
            run(
                address,
                *made,
                f"CREATE TABLE {schema}.workbench_granted (model text, alias text, version int, generation int)",
                f"INSERT INTO {schema}.workbench_granted VALUES ('lending', 'champion', 1, 9)",
                f"{alias}('default', 'lending', 'champion', 1)",
            )


def test_many_who_move_an_alias_at_once_leave_the_newest_generation(address, tmp_path):
    """Several processes each with a store: the mark and the alias are of one move."""
    stores = [MlflowStore(address, tmp_path / "artifacts") for _ in range(4)]
    Guard(address).install([])
    stores[0].prepare()
    errors = []

    def move(store, number):
        try:
            for generation in range(number, 25, 4):
                store.set_alias("lending", "champion", 1 + generation % 3, generation)
        except EngineError as error:
            errors.append(error)

    threads = [threading.Thread(target=move, args=(store, number)) for number, store in enumerate(stores, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stores[0].alias("lending", "champion") == (1 + 24 % 3, 24)
    for store in stores:
        end(store)


def test_a_model_of_another_workspace_is_not_moved(address, tmp_path):
    here = MlflowStore(address, tmp_path / "a", whose=lambda: Owner("a" * 64, "/srv/lending-team"))
    there = MlflowStore(address, tmp_path / "b", whose=lambda: Owner("b" * 64, "/srv/pricing-team"))
    here.set_alias("lending", "champion", 2, 1)
    with pytest.raises(EngineError, match="is moved by another workspace, /srv/lending-team"):
        there.set_alias("lending", "champion", 3, 9)
    assert here.alias("lending", "champion") == (2, 1)
    end(here)
    end(there)


def test_the_address_is_told_without_its_password(server, tmp_path):
    place = server.replace("postgres@", "postgres:s3cret@").removesuffix("/")
    with pytest.raises(EngineError) as refused:
        MlflowStore(f"{place}/nowhere", tmp_path / "artifacts").prepare()
    assert "s3cret" not in refused.value.told()
