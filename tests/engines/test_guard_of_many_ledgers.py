"""One MLflow, several ledgers: each guards its own models, and an older copy of a ledger changes nothing."""

import gc
import shutil
from datetime import UTC, datetime

import pytest

from workbench.engines.mlflow import MlflowStore
from workbench.engines.mlflow_claims import Owner
from workbench.engines.mlflow_guard import Guard
from workbench.ledger import Ledger
from workbench.promotion import guarding

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAID = {"actor": "admin", "why": "no shortcuts", "now": NOW}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(request, tmp_path_factory):
    """An MLflow with tables made by its own migrations, on SQLite and on a real PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('shared') / 'mlflow.db'}"
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    server = request.getfixturevalue("postgres")
    start = f"postgresql+pg8000://{server['user']}@{server['host']}:{server['port']}/"
    engine = create_engine(f"{start}postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE mlflow_shared")
    return f"{start}mlflow_shared"


@pytest.fixture
def guard(address):
    made = Guard(address)
    yield made
    made.remove()


def ledger_at(path):
    return Ledger.open(f"sqlite:///{path}")


def moved(ledger, model, version):
    """The next champion of a model, as the gate moves it."""
    head = ledger.head(model, "champion")
    generation = head.generation if head else 0
    with ledger.transaction() as writer:
        body = {"slot": "champion", "generation": generation + 1, "decision": {"decision": "allow"}}
        entry = writer.append("promotion.granted", subject=f"{model}/{version}", body=body, **SAID)
        writer.move_head(model, "champion", version, expected_generation=generation, entry=entry)
    return version, generation + 1


@pytest.fixture
def store(address, tmp_path):
    """MLflow as a ledger moves its aliases; a model of three versions for each test."""
    stores = []

    def made(ledger):
        owner = Owner(ledger.entries(limit=1)[0].hash, str(tmp_path))
        stores.append(MlflowStore(address, tmp_path / "artifacts", whose=lambda: owner))
        return stores[-1]

    yield made
    for one in stores:
        with one._client() as client:
            for kept in (client._tracking_client.store, client._get_registry_client().store):
                kept.engine.dispose()
    gc.collect()


def model_in(store, name):
    with store._client() as client:
        client.create_registered_model(name)
        for _ in range(3):
            client.create_model_version(name, "/models/x")


def test_a_ledger_with_old_heads_of_anothers_model_leaves_its_grants_alone(guard, store, tmp_path):
    """Both held heads of it before models were claimed; the tag names one of them."""
    with ledger_at(tmp_path / "mine.db") as mine, ledger_at(tmp_path / "theirs.db") as theirs:
        for _ in range(3):
            moved(theirs, "fraud", 3)  # theirs has the newer generation
        granted = moved(mine, "fraud", 2)
        registry = store(mine)
        model_in(registry, "fraud")
        guarding.install(mine, guard, **SAID)
        registry.set_alias("fraud", "champion", *granted)
        for _ in range(2):
            guarding.install(theirs, guard, **SAID)
            assert guarding.look_after(theirs, guard, now=NOW) is None
            assert guarding.look_after(mine, guard, now=NOW) is None
        assert guard.noted() == [("fraud", "champion", 2, 1)]
        guard.granted("fraud", "champion", 3, 3)  # what the other ledger wrote before it knew of the tag
        assert "never did (fraud 3 as champion)" in guarding.look_after(mine, guard, now=NOW)
        assert guard.noted() == [("fraud", "champion", 2, 1)]


def test_an_older_copy_of_a_ledger_neither_widens_nor_rewrites_what_the_guard_allows(guard, store, tmp_path):
    from mlflow.exceptions import MlflowException

    path, copy = tmp_path / "ledger.db", tmp_path / "older.db"
    with ledger_at(path) as ledger:
        first = moved(ledger, "churn", 1)
        moved(ledger, "pricing", 1)
        guarding.install(ledger, guard, **SAID)
        registry = store(ledger)
        model_in(registry, "churn")
        registry.set_alias("churn", "champion", *first)
    shutil.copy(path, copy)
    with ledger_at(path) as ledger:
        registry.set_alias("churn", "champion", *moved(ledger, "churn", 2))
    before = sorted(guard.noted())
    with ledger_at(copy) as older:
        last = older.last
        for _ in range(2):  # said at every opening, written nowhere
            told = guarding.look_after(older, guard, now=NOW)
            assert told.startswith("MLflow has come further than this ledger (champion of churn at generation 2)")
            assert "left as it is" in told
        assert older.last == last
        assert sorted(guard.noted()) == before == [("churn", "champion", 2, 2), ("pricing", "champion", 1, 1)]
        guard.remove()  # by hand: what the older copy puts back allows nothing older
        assert "had lost all of it; it is whole again; MLflow has come further" in guarding.look_after(
            older, guard, now=NOW
        )
        assert guard.noted() == [("pricing", "champion", 1, 1)]
        with registry._client() as client, pytest.raises(MlflowException, match="the ledger did not grant this"):
            client.set_registered_model_alias("churn", "champion", "1")
    with ledger_at(path) as ledger:  # the newer one, back again
        assert "did not know what the ledger granted (churn 2 as champion)" in guarding.look_after(
            ledger, guard, now=NOW
        )
        assert sorted(guard.noted()) == before
