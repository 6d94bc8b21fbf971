"""A pass of the watch over 300 models of 24 hours each, from the summaries that are stored.

Each model has ten columns, a hundred rows an hour, two groups, labels and two weeks of days before; one in
thirty has an input that moved. The hours that are over have been summed by earlier passes; the hour that runs is
read and summed in the pass, and incidents are opened in the ledger.
"""

import time
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
import pandas as pd
import pytest

from workbench.data import Profile, ScoreCube
from workbench.ledger import Ledger, ModelVersion
from workbench.monitoring.close import closely
from workbench.monitoring.glance import glance
from workbench.monitoring.hour import Hour, Kpi
from workbench.monitoring.packed import packed
from workbench.monitoring.passes import one_pass
from workbench.monitoring.summary_store import Key, SummaryStore
from workbench.monitoring.sums import Inputs
from workbench.serving import Prediction, PredictionLog
from workbench.views.monitoring import Board, Doing

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MODELS, ROWS, KEY = 300, 100, Key(1, "champion")


def frame(rng, n, moved=0.0):
    numbers = {f"x{j}": rng.normal(moved if j == 0 else 0.0, 1, n) for j in range(8)}
    return pd.DataFrame(numbers | {f"c{j}": rng.choice(list("abcde"), n) for j in range(2)})


def summed(rng, reference, n=ROWS, moved=0.0):
    score = rng.random(n)
    return Hour(
        requests={200: n},
        latency={80: n // 2, 88: n - n // 2},
        rows=n,
        yes=int((score >= 0.5).sum()),
        decided=n,
        inputs=Inputs.of(Profile.scan(frame(rng, n, moved), like=reference)),
        scores=ScoreCube.scan({"sex": rng.choice(["f", "m"], n)}, score=score, label=rng.random(n) < score),
        kpis={"revenue": Kpi(n, 10.0 + rng.normal(0, 0.1), 4.0 * n)},
        labels=n,
    )


def registered(ledger, model):
    known = ModelVersion(
        model=model, version=1, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
        feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
        registered_at=NOON.isoformat(), registered_by="analyst",
    )  # fmt: skip
    note = {"actor": "analyst", "why": "because", "now": NOON - 30 * DAY}
    kpis = {"kpis": {"revenue": {"of": "label"}}, "objectives": {"groups": ["sex"]}}
    with ledger.transaction() as writer:
        writer.append("version.registered", subject=known.subject, body=known.as_body(), **note)
        writer.append("model.declared", subject=model, body=kpis, **note)
        body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
        entry = writer.append("promotion.granted", subject=known.subject, body=body, **note)
        writer.move_head(model, "champion", 1, expected_generation=0, entry=entry)


def page(ledger, store, done):
    """Seconds of processor of the page: reading and building it, a refresh, one model closely; medians of five."""
    looks = {looked.watched.subject.model: looked for looked in done.models}
    worst = done.models[0]

    def read():
        return glance(ledger, store, looks, now=done.at, window=DAY)

    acts = dict.fromkeys(("acknowledge", "resolve", "judge", "do"))
    opened, refreshed, close = [], [], []
    for _ in range(5):
        began = time.process_time()
        board = Board(Doing(read, lambda _: closely(ledger, store, worst), actor="analyst", **acts))
        board.open()
        opened.append(time.process_time() - began)
        began = time.process_time()
        board.read()
        refreshed.append(time.process_time() - began)
        began = time.process_time()
        closely(ledger, store, worst)
        close.append(time.process_time() - began)
    assert len(board.lines.rows) == MODELS
    return median(opened), median(refreshed), median(close)


def test_300_models_of_a_day_are_watched_in_five_seconds(tmp_path, capsys):
    rng = np.random.default_rng(0)
    reference = Profile.scan(frame(rng, 20_000))
    hours = [packed(summed(rng, reference)) for _ in range(48)]
    moved = [packed(summed(rng, reference, moved=1.5)) for _ in range(24)]
    days = [packed(summed(rng, reference, n=2400)) for _ in range(14)]
    url = f"sqlite:///{tmp_path}"
    with (
        Ledger.open(f"{url}/ledger.db") as ledger,
        SummaryStore.open(f"{url}/summaries.db") as store,
        PredictionLog.open(f"{url}/predictions.db") as log,
    ):
        store._connection.execute("PRAGMA synchronous = OFF")  # nobody cuts the power while it is laid out
        store._connection.execute("BEGIN")
        for number in range(MODELS):
            model = f"model-{number:03}"
            registered(ledger, model)
            late = number % 30 == 0
            day = hours[:24] + (moved if late else hours[24:])
            rows = [(model, 1, NOON - (48 - i) * HOUR, 1, "champion", *hour) for i, hour in enumerate(day)]
            rows += [(model, 24, (NOON - (16 - i) * DAY).replace(hour=0), 1, "champion", *day)
                     for i, day in enumerate(days)]  # fmt: skip
            written = [(*row[:2], row[2].isoformat(), *row[3:]) for row in rows]
            store._connection.executemany(
                "INSERT INTO summaries VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", written
            )
            store._connection.execute("INSERT INTO done VALUES (?, ?)", (model, NOON.isoformat()))
            features = [dict(row) for row in frame(rng, 20).to_dict("records")]
            log.write(
                [
                    Prediction(id=f"{model}-{i}", at=NOON + timedelta(seconds=i), model=model, version=1, generation=1,
                               request=f"{model}-{i}", input_digest="d", features=of, score=0.6, answer=True,
                               latency_us=900, status=200)
                    for i, of in enumerate(features)
                ]
            )  # fmt: skip
        store._connection.execute("COMMIT")
        times, cpus = [], []
        for look in range(3):
            began, cpu = time.perf_counter(), time.process_time()
            done = one_pass(
                ledger, log, store, lambda _: reference, now=NOON + timedelta(minutes=10 + look), window=DAY
            )
            times.append(time.perf_counter() - began)
            cpus.append(time.process_time() - cpu)
            if not look:
                assert len(done.opened) == MODELS / 30, [one.sentence for one in done.opened]
            assert [line.state for line in done.standings].count("act") == MODELS / 30
        opened, refreshed, close = page(ledger, store, done)
        size = sum(path.stat().st_size for path in tmp_path.glob("summaries.db*"))
    with capsys.disabled():
        print(
            f"\n{MODELS} models x 24 h, 10 columns, the running hour read: {median(times):.2f} s a pass "
            f"({median(cpus):.2f} s of processor; {', '.join(f'{t:.2f}' for t in times)}); "
            f"{size / MODELS / 62 / 1000:.1f} kB a summary\n"
            f"the page over them, of processor: {opened:.3f} s to open, {refreshed:.3f} s a refresh "
            f"with one model closely ({close:.3f} s of it)"
        )
    assert median(cpus) < 5
