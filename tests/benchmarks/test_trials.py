"""What a canary, a shadow and a review of another model cost a request: side by side, in processor time."""

import asyncio
import statistics
import time
from datetime import UTC, datetime
from operator import truediv

import pytest

from workbench.ledger import Ledger, ModelVersion
from workbench.promotion import Desk
from workbench.serving import PredictionLog, Predictor, Request, create_app
from workbench.serving.client import living
from workbench.serving.held_store import HeldStore
from workbench.serving.holding import Holding
from workbench.serving.review import Review
from workbench.serving.sifting import Sieve

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

ROUNDS, REQUESTS = 9, 1500
WAYS = ("alone", "another model judged", "canary", "shadow")


class Loader:
    """Two versions that take no time."""

    def load(self, version):
        return Predictor(
            version, None, {"income": "double"}, lane="onnx", compiled=lambda rows: [row[0] / 10 for row in rows]
        )


def now():
    return datetime.now(UTC)


def move(ledger, kind, version, slot, weight=None):
    body = {"slot": slot, "generation": 1, "weight": weight, "decision": {"decision": "allow"}}
    with ledger.transaction() as writer:
        entry = writer.append(kind, subject=f"lending/{version}", actor="analyst", why="w", body=body, now=now())
        writer.move_head("lending", slot, version, expected_generation=0, entry=entry)


def ledger_of(folder, way):
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
    for number in (1, 2):
        known = ModelVersion(
            model="lending", version=number, run_id="r", source="s", model_digest="m", data_digest="d",
            feature_set="f", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at="2026-01-01", registered_by="analyst",
        )  # fmt: skip
        ledger.append(
            "version.registered", subject=known.subject, actor="analyst", why="w", body=known.as_body(), now=now()
        )
    move(ledger, "promotion.granted", 1, "champion")
    if way in {"canary", "shadow"}:
        move(ledger, "stage.granted", 2, way, 0.2 if way == "canary" else None)
    return ledger


async def spent(app):
    """Microseconds of processor time a request."""
    async with living(app) as client:
        ask = [
            Request("/v1/models/lending/predict", {"rows": [{"income": 4.5}]}, headers={"x-workbench-unit": f"c{n}"})
            for n in range(REQUESTS)
        ]
        for one in ask[:100]:
            assert (await client.ask(one)).status == 200
        began = time.process_time()
        for one in ask:
            await client.ask(one)
        return (time.process_time() - began) / REQUESTS * 1e6


def test_trials_and_reviews_of_others_leave_the_hot_path_as_it_is(tmp_path, capsys):
    found = {way: [] for way in WAYS}
    for number in range(ROUNDS):
        for way in WAYS:
            folder = tmp_path / f"{way.replace(' ', '-')}-{number}"
            folder.mkdir()
            (folder / "answer.rego").write_text('package answer\nheld := [{"model": "other"}]\nallow := true')
            with (
                ledger_of(folder, way) as ledger,
                PredictionLog.open(f"sqlite:///{folder / 'predictions.db'}") as log,
                HeldStore.open(f"sqlite:///{folder / 'held.db'}") as store,
            ):
                desk = Desk(ledger)
                sieve = Sieve(ledger, desk, lambda: None, folder, store)
                holding = Holding(sieve, Review(ledger, desk, store), store) if way == WAYS[1] else None
                found[way].append(asyncio.run(spent(create_app(ledger, Loader(), log, now=now, holding=holding))))
    medians = {way: statistics.median(times) for way, times in found.items()}
    beside = {way: statistics.median(map(truediv, times, found["alone"])) for way, times in found.items()}
    with capsys.disabled():
        for way, median in medians.items():
            print(f"\n{way:>22}: {median:6.1f} µs of processor time a request, {beside[way]:.2f}×", end="")
        print()
    assert beside["another model judged"] < 1.2
