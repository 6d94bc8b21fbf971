"""Events scored with exactly-once effect: read, checked against the signature, scored, committed with their position.

One process, batched, on SQLite with a commit that is on the disk when it returns. There is no peer: what
others offer is at-least-once or at-most-once. What SIGKILLs do to it: `tests/serving/events/test_kills.py`.
"""

import gc
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.ledger import Ledger, ModelVersion
from workbench.serving import PredictionLog, Predictor
from workbench.serving.events import (
    Champion,
    Consumer,
    SqliteDatabase,
    Subscription,
    TableDesk,
    TableStream,
    make_event,
)

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

FIELDS = [f"field_{n}" for n in range(10)]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EACH, ROUNDS, BATCH = 100_000, 3, 4000
WANTED = Subscription("s", "rows", "lending", "scored")


@pytest.fixture(scope="module")
def estimator():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, len(FIELDS))), columns=FIELDS)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, frame["field_0"] > 0)


@pytest.fixture
def champion(tmp_path, estimator):
    version = ModelVersion(
        model="lending", version=1, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
        feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
        registered_at=NOW.isoformat(), registered_by="analyst",
    )  # fmt: skip

    class Loader:
        def load(self, version):
            return Predictor(version, estimator, dict.fromkeys(FIELDS, "double"))

    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.append("version.registered", subject="lending/1", actor="a", why="w", body=version.as_body(), now=NOW)
        with ledger.transaction() as writer:
            body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
            entry = writer.append("promotion.granted", subject="lending/1", actor="a", why="w", body=body, now=NOW)
            writer.move_head("lending", "champion", 1, expected_generation=0, entry=entry)
        yield lambda: Champion(ledger, Loader(), "lending")


def fill(path, number):
    rng = np.random.default_rng(1)
    database = SqliteDatabase.open(f"sqlite:///{path}")
    stream = TableStream(database)
    for first in range(0, number, 10_000):
        rows = rng.normal(size=(10_000, len(FIELDS))).round(4).tolist()
        made = [
            make_event("bench", f"{first + n}", dict(zip(FIELDS, row, strict=True)), kind="row")
            for n, row in enumerate(rows)
        ]
        stream.append(WANTED.topic, made)
    database.close()


def consumer_of(path, champion, log=None, batch=BATCH):
    database = SqliteDatabase.open(f"sqlite:///{path}", wait=30)
    return Consumer(
        TableStream(database), TableDesk(database), champion(), WANTED, now=lambda: datetime.now(UTC), log=log,
        batch=batch,
    )  # fmt: skip


def stood_ready():
    """Seconds that this thread could have gone on, but others had the processors (Linux)."""
    return int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1]) / 1e9


def drained(consumer):
    """Events a second: by the clock; by the clock but for the time that others had the processors; by CPU time."""
    began, ready, busy = time.perf_counter(), stood_ready(), time.process_time()
    while consumer.step():
        pass
    clock, ready, busy = time.perf_counter() - began, stood_ready() - ready, time.process_time() - busy
    return EACH / clock, EACH / (clock - ready), EACH / busy


def test_fifty_thousand_events_a_second_are_scored_once(tmp_path, champion, capsys):
    rates = {"outputs": [], "outputs and log": []}
    warm = tmp_path / "warm.db"
    fill(warm, 10_000)
    consumer_of(warm, champion).step()
    gc.collect()
    gc.freeze()  # as `workbench consume` does
    for number in range(ROUNDS):
        for name in rates:
            path = tmp_path / f"{name} {number}.db"
            fill(path, EACH)
            log = PredictionLog.open(f"sqlite:///{path}.log") if "log" in name else None
            rates[name].append(drained(consumer_of(path, champion, log)))
            if log is not None:
                assert log.counts("lending").rows == EACH
                log.close()
    gc.unfreeze()
    with capsys.disabled():
        print()
        for name, found in rates.items():
            clock, own, busy = (statistics.median(one[n] for one in found) for n in range(3))
            print(
                f"  {name:<16} median {clock:>8,.0f} events/s by the clock, {own:>8,.0f} but for waiting for a "
                f"processor, {busy:>8,.0f} a second of processor time"
            )
        print(f"  load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    assert statistics.median(own for _, own, _ in rates["outputs"]) >= 50_000  # others use this machine too
