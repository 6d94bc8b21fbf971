"""A workspace with served models, some of them faulty: prediction-log rows, labels, moves and incidents.

Its functions are plain, so that a notebook in a browser test and a script can run this file too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from workbench.data import Profile
from workbench.ledger import ModelVersion
from workbench.serving import Prediction
from workbench.serving.prediction import Label

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOUND = (
    "search-ranking", "price-forecast", "claims-triage", "basket-upsell", "ad-bids", "stock-levels", "route-times",
    "fraud-cards", "support-routing", "energy-load", "returns-risk", "invoice-match",
)  # fmt: skip
DECLARED = {
    "objectives": {"errors": 0.01, "latency_ms": {"p99": 120}, "groups": ["sex"], "disparate_impact": 0.8},
    "kpis": {"order value": {"column": "amount", "unit": "EUR", "direction": "up", "margin": 0.1}},
}


def cases(n, rng, *, moved=0.0, missing=0.0):
    """Rows of features; `moved` shifts the incomes, and a share of them is missing."""
    income = rng.normal(5, 1, n) + moved
    income[rng.random(n) < missing] = np.nan
    return pd.DataFrame(
        {
            "income": income,
            "age": rng.normal(40, 10, n),
            "amount": rng.gamma(4, 25, n),
            "sex": rng.choice(["f", "m"], n),
            "region": rng.choice(["north", "south", "west"], n),
        }
    )


class Ecosystem:
    """Served models over a ledger and a prediction log, until a moment."""

    def __init__(self, ledger, log, now: datetime, seed=7) -> None:
        self.ledger, self.log, self.now = ledger, log, now
        self.rng = np.random.default_rng(seed)
        self.profile = Profile.scan(cases(6000, np.random.default_rng(1)))
        self.written = 0

    def profile_of(self, version):
        """The profile of any version's training data."""
        return self.profile

    def registered(self, model, version, at, features="orders@1"):
        """A version that is known."""
        told = ModelVersion(
            model=model, version=version, run_id=f"r{version}", source=f"runs:/r{version}/model", model_digest="m",
            data_digest="d", feature_set=features, notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=at.isoformat(), registered_by="analyst",
        )  # fmt: skip
        self._append("version.registered", told.subject, told.as_body(), at)

    def moved(self, model, version, at, kind="promotion.granted", *, slot="champion", weight=None, why="good"):
        """A version put into a slot."""
        with self.ledger.transaction() as writer:
            head = writer.head(model, slot)
            generation = head.generation if head else 0
            body = {"slot": slot, "generation": generation + 1, "decision": {"decision": "allow"}}
            body |= {"from": head.version if head else None} | ({} if weight is None else {"weight": weight})
            entry = writer.append(kind, subject=f"{model}/{version}", actor="risk-officer", why=why, body=body, now=at)
            writer.move_head(model, slot, version, expected_generation=generation, entry=entry)

    def champion(self, model, *, days=20):
        """A declared model with a first champion."""
        at = self.now - days * DAY
        self.registered(model, 1, at - HOUR)
        self._append("model.declared", model, DECLARED, at - HOUR)
        self.moved(model, 1, at)

    def served(self, model, begin, end, *, version=1, n=40, moved=0.0, missing=0.0, failed=0.0, took=3000,
               unfair=0.0, labels=True, variant="champion", share=1.0):  # fmt: skip
        """Hours from `begin` to `end` (hours ago), of about `n` requests each, more by day than by night."""
        rows, truths = [], []
        rng = self.rng
        for ago in range(begin, end, -1):
            hour = (self.now - ago * HOUR).replace(minute=0, second=0, microsecond=0)
            size = max(
                1, round(n * share * (1 + 0.5 * np.sin((hour.hour - 8) / 24 * 2 * np.pi)) * rng.uniform(0.9, 1.1))
            )
            frame = cases(size, rng, moved=moved, missing=missing)
            income = frame["income"].fillna(5).to_numpy()
            score = 1 / (1 + np.exp(-(income - 5) * 2))
            score = np.where((frame["sex"] == "f") & (rng.random(size) < unfair), 0.02, score)
            truth = rng.random(size) < 1 / (1 + np.exp(-(income - 5) * 2))
            bad = rng.random(size) < failed
            latency = rng.lognormal(np.log(took), 0.5, size).astype(int)
            for place, features in enumerate(frame.to_dict("records")):
                at = hour + timedelta(seconds=3599 * place / size)
                if at >= self.now:
                    break
                self.written += 1
                id_ = f"{model}-{self.written}"
                kept = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in features.items()}
                good = not bad[place]
                rows.append(
                    Prediction(
                        id=id_, at=at, model=model, version=version, generation=version, request=id_,
                        input_digest="d" if good else None, features=kept if good else None,
                        score=float(score[place]) if good else None,
                        answer=bool(score[place] >= 0.5) if good else None, latency_us=int(latency[place]),
                        status=200 if good else 500, error=None if good else "the model failed", variant=variant,
                        propensity=1.0,
                    )
                )  # fmt: skip
                if good and labels and ago > 24:
                    truths.append(Label(id_, float(truth[place]), at + HOUR, "back office"))
        self.log.write(rows)
        if truths:
            self.log.label(truths)

    def _append(self, kind, subject, body, at):
        self.ledger.append(kind, subject=subject, actor="analyst", why="because", body=body, now=at)


def troubled(world: Ecosystem, *, days=4, sound=SOUND) -> None:
    """Six models that each suffer from something else, one with a canary, and those that are well."""
    past = days * 24
    for model in sound:
        world.champion(model)
        world.served(model, past, -1, n=14)

    world.champion("lending")  # an upstream source is broken: a new feature set went live, incomes come in another unit
    world.served("lending", past, 14)
    world.registered("lending", 2, world.now - 15 * HOUR, features="orders@2")
    world.moved("lending", 2, world.now - 14 * HOUR)
    world.served("lending", 14, -1, version=2, moved=1.6, missing=0.12)

    world.champion("checkout")  # errors after a deploy
    world.served("checkout", past, 4, n=80)
    world.registered("checkout", 2, world.now - 6 * HOUR)
    world.moved("checkout", 2, world.now - 4 * HOUR)
    world.served("checkout", 4, -1, version=2, n=80, failed=0.19)

    world.champion("recommendations")  # it has become slow
    world.served("recommendations", past, 9, n=60)
    world.served("recommendations", 9, -1, n=60, took=95_000)

    world.champion("hiring")  # women get fewer answers of yes than they did
    world.served("hiring", past, 20, n=60)
    world.served("hiring", 20, -1, n=60, unfair=0.55)

    world.champion("churn")  # errors, of which somebody knows
    world.served("churn", past, 30)
    world.served("churn", 30, -1, failed=0.07)

    world.champion("delivery")  # a canary is tried
    world.served("delivery", past, 10, n=150)
    world.registered("delivery", 2, world.now - 12 * HOUR)
    hour = world.now.replace(minute=0, second=0, microsecond=0)
    world.moved("delivery", 2, hour - 10 * HOUR, "stage.granted", slot="canary", weight=0.05)
    world.moved("delivery", 2, hour - 5 * HOUR, "stage.granted", slot="canary", weight=0.2)
    world.served("delivery", 10, -1, n=150, failed=0.004)
    world.served("delivery", 10, 5, version=2, n=150, share=0.05, failed=0.01, variant="canary")
    world.served("delivery", 5, -1, version=2, n=150, share=0.25, failed=0.01, variant="canary")
