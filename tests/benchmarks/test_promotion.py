"""Promotions beside plain MLflow: how many a second, and how many are lost when eight move one model at once."""

import contextlib
import importlib.util
import itertools
import json
import os
import random
import sqlite3
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.errors import EngineError, Misuse

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

spec = importlib.util.spec_from_file_location("crashing", Path(__file__).parents[1] / "promotion" / "crashing.py")
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)

ROUNDS, OURS, THEIRS = 5, 60, 12  # rounds; promotions a round
PROCESSES, ATTEMPTS, PLAIN_ATTEMPTS = 8, 10_000, 160
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def policies(folder):
    for name in ("promotion", "rollback", "stage"):
        (folder / f"{name}.rego").write_text(f"package {name}\n")


@pytest.fixture
def mlflow(tmp_path):
    """MLflow's store with a model of three versions, and its own client."""
    from workbench.engines.mlflow import MlflowStore

    store = MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    with store._client() as client:
        client.create_registered_model("lending")
        for _ in range(3):
            client.create_model_version("lending", "/models/x")
        yield store, client


def as_mlflow_makes_it(path):
    """The same store in the journal mode in which MLflow itself leaves it (ours is switched to WAL), and a client."""
    from mlflow import MlflowClient

    plain = path.with_name("plain.db")
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(plain)) as target:
        source.backup(target)
        assert target.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    return MlflowClient(tracking_uri=f"sqlite:///{plain}", registry_uri=f"sqlite:///{plain}")


def test_durable_promotions_beside_mlflows_own(tmp_path, mlflow, capsys):
    """Ours: decided, sealed in the ledger, the head moved, and at the end of a round MLflow's alias brought in line.

    By the clock, and by processor time, which a busy machine spoils least and in which waiting for the disk is free.
    """
    from workbench.ledger import Ledger
    from workbench.promotion import Gate

    store, client = mlflow
    policies(tmp_path)
    place = crashing.Place(tmp_path)
    place.register(1, 2, 3)
    place.close()
    reachable = False

    def registry():
        if not reachable:
            raise EngineError("not now")
        return store

    versions = itertools.cycle((1, 2, 3))
    clients = {"MLflow: tag, tag, alias, get": as_mlflow_makes_it(tmp_path / "mlflow.db"), "the same on WAL": client}
    rates = {"workbench": [], "workbench, the alias in line": [], **{name: [] for name in clients}}

    def note(name, many, began):
        rates[name].append([many / (now - then) for now, then in zip(clocks(), began, strict=True)])

    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.sign_with(tmp_path / "keys" / "ledger.key")
        gate = Gate(ledger, crashing.Yes(), tmp_path, registry)
        for _ in range(ROUNDS):
            began = clocks()
            for _ in range(OURS):
                gate.promote("lending", next(versions), actor="risk-officer", why="better", now=NOW)
            note("workbench", OURS, began)
            reachable = True
            gate.reconcile(now=NOW)
            reachable = False
            note("workbench, the alias in line", OURS, began)
            assert store.alias("lending", "champion")[0] == ledger.head("lending").version
            for name, theirs in clients.items():
                began = clocks()
                for n in range(THEIRS):
                    version = str(n % 3 + 1)
                    theirs.set_model_version_tag("lending", version, "approved_by", f"risk-officer {n}")
                    theirs.set_model_version_tag("lending", version, "why", f"better {n}")
                    theirs.set_registered_model_alias("lending", "plain", version)
                    theirs.get_model_version_by_alias("lending", "plain")
                note(name, THEIRS, began)
        found = ledger.verify()
        assert found.valid and found.sealed_from
    middle = {name: [statistics.median(of) for of in zip(*found, strict=True)] for name, found in rates.items()}
    slowest = middle["MLflow: tag, tag, alias, get"]
    with capsys.disabled():
        print(f"\ndurable promotions a second, median of {ROUNDS} rounds in turn (load {os.getloadavg()[0]:.1f})")
        for name, (clock, cpu) in middle.items():
            print(f"  {name:<32} {clock:9.1f}   {clock / slowest[0]:6.1f} x;"
                  f" of processor {cpu:9.1f}   {cpu / slowest[1]:6.1f} x")  # fmt: skip
    assert middle["workbench"][0] >= 20 * slowest[0]


def clocks():
    return time.perf_counter(), time.process_time()


def forked(act):
    """A child that acts and tells a number; the number, once it has ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(act()).encode())
        except BaseException as error:  # noqa: BLE001 - the child must not go on as pytest
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    os.close(writing)

    def ended():
        with os.fdopen(reading) as told:
            found = json.loads(told.read())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        return found

    return ended


def test_eight_that_promote_at_once_lose_nothing(tmp_path, mlflow, capsys):
    """A lost update: a move that was reported done, and that another undid without having seen it."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    policies(tmp_path)
    place = crashing.Place(tmp_path)
    place.register(1, 2, 3)
    place.close()

    def ours(seed):
        chance, mine, moved = random.Random(seed), crashing.Place(tmp_path), 0
        for _ in range(ATTEMPTS // PROCESSES):
            with contextlib.suppress(Misuse):
                mine.promote(chance.choice([1, 2, 3]))
                moved += 1
        mine.close()
        return moved

    began = time.perf_counter()
    moved = sum(ended() for ended in [forked(lambda s=seed: ours(s)) for seed in range(PROCESSES)])
    seconds = time.perf_counter() - began
    place = crashing.Place(tmp_path)
    granted = place.ledger.entries(kind="promotion.granted")
    for before, after in itertools.pairwise(granted):
        assert after.body["from"] == before.body["to"]
        assert after.body["input"]["champion"]["version"] == before.body["to"]
    lost = moved - place.ledger.head("lending").generation
    assert place.ledger.verify().valid
    place.act("reconcile")
    head = place.ledger.head("lending")
    assert place.registry.alias("lending", "champion") == (head.version, head.generation)
    place.close()

    _, client = mlflow
    client.set_registered_model_tag("lending", "moves", "0")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"

    def plain(seed):
        chance, mine, done = random.Random(seed), MlflowClient(tracking_uri=uri, registry_uri=uri), 0
        for _ in range(PLAIN_ATTEMPTS // PROCESSES):
            with contextlib.suppress(MlflowException):
                moves = int(mine.get_registered_model("lending").tags["moves"])
                mine.set_registered_model_alias("lending", "plain", str(chance.choice([1, 2, 3])))
                mine.set_registered_model_tag("lending", "moves", str(moves + 1))
                done += 1
        return done

    done = sum(ended() for ended in [forked(lambda s=seed: plain(s)) for seed in range(PROCESSES)])
    undone = done - int(client.get_registered_model("lending").tags["moves"])
    with capsys.disabled():
        print(f"\n{PROCESSES} processes move one model at once (load {os.getloadavg()[0]:.1f})")
        rate = ATTEMPTS / seconds
        print(f"  workbench        {ATTEMPTS:6} attempts {moved:6} moves {lost:6} lost, {rate:.0f} attempts a second")
        print(f"  MLflow's aliases {PLAIN_ATTEMPTS:6} attempts {done:6} moves {undone:6} lost")
    assert lost == 0
    assert moved == len(granted)


def test_five_thousand_open_questions_are_listed_quickly(tmp_path):
    """Read once, and a page of them looked at; in CPU time, on any machine."""
    import time
    from datetime import UTC, datetime

    from workbench.ledger import Ledger
    from workbench.promotion import Desk, Question, Requirement, queue

    now, needed = (
        datetime(2026, 1, 1, tzinfo=UTC),
        Requirement(2, ("approver",), hours=72, why="it decides about people"),
    )
    made = [Question("answer", f"prediction/{n}", {"input": f"{n:064x}"}, "p" * 64, (), needed) for n in range(5_000)]
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        desk = Desk(ledger)
        with ledger.transaction() as writer:
            for question in made:
                desk.ask_within(writer, question, author="lending/2", actor="workbench", why="held", now=now)
        begin = time.process_time()
        assert len(queue(desk, now=now)) == 5_000
        listed = time.process_time() - begin
        begin = time.process_time()
        assert desk.find(made[4_000].digest[:12])[0] == made[4_000]
        found = time.process_time() - begin
    print(f"5,000 open questions: listed in {listed:.2f} CPU s, one found in {1000 * found:.1f} ms")
    assert listed < 3  # 0.4 on a quiet machine
    assert found < 0.1
