"""A ledger with champions and a log with traffic, for a window of a day that ends at noon."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from workbench.data import Profile
from workbench.evidence import Figure, Finding
from workbench.ledger import Ledger, ModelVersion
from workbench.monitoring.passes import one_pass
from workbench.monitoring.summary_store import SummaryStore
from workbench.serving import Label, Prediction, PredictionLog

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
TRAINED = NOON - timedelta(days=7)


class Town:
    """Champions and what they were asked, with as few words as a test needs."""

    def __init__(self, ledger, log):
        self.ledger, self.log, self.profiles = ledger, log, {}
        self.written = 0

    def registered(self, model="lending", version=1):
        known = ModelVersion(
            model=model, version=version, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
            feature_set="loan-credit@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=TRAINED.isoformat(), registered_by="analyst",
        )  # fmt: skip
        self.note("version.registered", known.subject, known.as_body())
        return known

    def champion(self, model="lending", version=1, *, audited="pass"):
        known = self.registered(model, version)
        if audited:
            figures = {"disparate_impact.race": Figure(0.9, 0.86, 0.93, probability=1.0, target=0.8)}
            finding = Finding("fairness", known.subject, audited, f"The audit is a {audited}.", figures, "d", "r",
                              TRAINED.isoformat())  # fmt: skip
            self.note("evidence.recorded", known.subject, finding.as_body())
        with self.ledger.transaction() as writer:
            head = writer.head(model)
            generation = head.generation if head else 0
            body = {"slot": "champion", "generation": generation + 1, "decision": {"decision": "allow"}}
            entry = writer.append("promotion.granted", subject=known.subject, actor="risk-officer", why="good",
                                  body=body, now=TRAINED)  # fmt: skip
            writer.move_head(model, "champion", version, expected_generation=generation, entry=entry)
        self.profiles[known.subject] = Profile.scan(incomes(2000, seed=1))

    def note(self, kind, subject, body):
        self.ledger.append(kind, subject=subject, actor="analyst", why="because", body=body, now=TRAINED)

    def asked(self, n=1, *, model="lending", at=NOON - timedelta(hours=1), status=200, rows=1, moved=0.0, took=1000):
        """So many requests of so many rows each; `moved` shifts the incomes."""
        features = iter((incomes(n * rows, seed=self.written + 7) + moved)["income"].tolist())
        made = []
        for _ in range(n):
            self.written += 1
            for row in range(rows if status == 200 else 1):
                good = status == 200
                one = Prediction(
                    id=f"p{self.written}-{row}", at=at, model=model, version=1, generation=1,
                    request=f"r{self.written}", input_digest="d" if good else None,
                    features={"income": next(features)} if good else None, score=0.7 if good else None,
                    answer=(row % 2 == 0) if good else None, latency_us=took, status=status,
                    error=None if good else "no",
                )  # fmt: skip
                made.append(one)
        self.log.write(made)


def incomes(n, *, seed):
    return pd.DataFrame({"income": np.random.default_rng(seed).normal(5, 1, n)})


@pytest.fixture
def town(tmp_path):
    url = f"sqlite:///{tmp_path}"
    with Ledger.open(f"{url}/ledger.db") as ledger, PredictionLog.open(f"{url}/predictions.db") as log:
        yield Town(ledger, log)


class World(Town):
    """A town whose models answer by the hour for days: income decides, and what is true follows the score."""

    def __init__(self, ledger, store, log):
        super().__init__(ledger, log)
        self.store = store

    def champion(self, model="lending", version=1, **more):
        super().champion(model, version, **more)
        self.profiles[f"{model}/{version}"] = Profile.scan(cases(4000, np.random.default_rng(1)))

    def served(self, hours, *, model="lending", until=NOON, n=50, moved=0.0, flipped=0.0, failed=0, took=1000,
               labels=True, unfair=0.0, seed=0, version=1):  # fmt: skip
        """So many hours that end at `until`, `n` requests each; the last case of an hour is as the first."""
        rng = np.random.default_rng([seed, hours, n])
        made, truths = [], []
        for hour in range(hours):
            at = until - timedelta(hours=hours - hour)
            frame = cases(n, rng, moved)
            score = 1 / (1 + np.exp(-(frame["income"].to_numpy() - 5) * 2))
            score = np.where((frame["sex"] == "f") & (rng.random(n) < unfair), 0.01, score)
            truth = (rng.random(n) < score) ^ (rng.random(n) < flipped)
            for row, features in enumerate(frame.to_dict("records")):
                self.written += 1
                one = Prediction(
                    id=f"w{self.written}", at=at + timedelta(seconds=60 * row / n), model=model, version=version,
                    generation=1, request=f"w{self.written}", input_digest="d", features=features,
                    score=float(score[row]), answer=bool(score[row] >= 0.5), latency_us=took,
                    status=500 if row < failed else 200,
                )  # fmt: skip
                made.append(one)
                if labels:
                    truths.append(Label(one.id, float(truth[row]), at + timedelta(hours=1), "collections"))
        self.log.write(made)
        self.log.label(truths)
        return made

    def rewrite(self, id_, features):
        """Other features in the place of those that were logged."""
        values = (json.dumps(features), id_)
        self.log._connection.execute("UPDATE predictions SET features = ? WHERE id = ?", values)

    def pass_(self, now=NOON, **more):
        return one_pass(
            self.ledger, self.log, self.store, lambda v: self.profiles.get(v.subject), now=now, window=DAY, **more
        )


def cases(n, rng, moved=0.0):
    income = rng.normal(5, 1, n) + moved
    return pd.DataFrame({"income": income, "age": rng.normal(40, 10, n), "sex": rng.choice(["f", "m"], n)})


@pytest.fixture
def world(tmp_path):
    url = f"sqlite:///{tmp_path}"
    with (
        Ledger.open(f"{url}/ledger.db") as ledger,
        SummaryStore.open(f"{url}/summaries.db") as store,
        PredictionLog.open(f"{url}/predictions.db") as log,
    ):
        log._connection.execute("PRAGMA synchronous = OFF")  # nobody cuts the power of a test
        store._connection.execute("PRAGMA synchronous = OFF")
        yield World(ledger, store, log)
