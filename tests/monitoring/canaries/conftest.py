"""A champion, a version to be tried, the shipped policies, and traffic of which the canary gets its share."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.engines.rego import RegoEngine
from workbench.errors import EngineError
from workbench.evidence import Figure, Finding
from workbench.ledger import Ledger, ModelVersion
from workbench.monitoring.canaries import CanaryStore, Controller, Plan
from workbench.promotion import Declaration, Gate
from workbench.serving import Prediction, PredictionLog
from workbench.serving.loads import Loads

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICIES = Path(__file__).parents[3] / "templates" / "policies"
QUICK = Plan.of({"minutes": 0.5, "requests": 20, "hours": 24})


class Registry:
    """A registry of models in memory, from which versions may be deleted."""

    def __init__(self):
        self.aliases = {}
        self.deleted = set()

    def set_alias(self, model, alias, version, generation):
        if version in self.deleted:
            raise EngineError(f"{model} {version} is not there")
        self.aliases[model, alias] = (version, generation)

    def clear_alias(self, model, alias, generation):
        self.aliases.pop((model, alias), None)

    def alias(self, model, alias):
        return self.aliases.get((model, alias))

    def damage(self, version):
        return None

    def exists(self, model, version):
        return version not in self.deleted


class Trial:
    """A workspace in a folder; all that is needed to try a version, and to go on after a kill."""

    def __init__(self, folder, engine):
        self.folder = folder
        url = f"sqlite:///{folder}"
        self.ledger = Ledger.open(f"{url}/ledger.db")
        self.ledger.sign_with(folder / "ledger.key")
        self.log = PredictionLog.open(f"{url}/predictions.db")
        self.store = CanaryStore.open(f"{url}/canaries.db")
        self.loads = Loads.open(f"{url}/loads.db")
        self.registry = Registry()
        self.gate = Gate(self.ledger, engine, POLICIES, lambda: self.registry)
        self.controller = Controller(self.ledger, self.gate, self.log, self.store, self.loads)
        self.now = NOON
        self.written = 0
        self.turns = {}

    def close(self):
        for each in (self.ledger, self.log, self.store, self.loads):
            each.close()

    def registered(self, version, model="lending"):
        """A version with evidence of which the shipped policies think well."""
        known = ModelVersion(
            model=model, version=version, run_id=f"r{version}", source=f"runs:/r{version}/model", model_digest="m",
            data_digest="d", feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=NOON.isoformat(), registered_by="analyst",
        )  # fmt: skip
        self.note("version.registered", known.subject, known.as_body())
        sure = {"probability": 1.0, "target": 0.8}
        fair = {f"disparate_impact.{name}": Figure(0.95, 0.9, 0.99, **sure) for name in ("race", "sex")}
        for kind, figures in (("performance", {"f1": Figure(0.9, 0.88, 0.92)}), ("fairness", fair)):
            found = Finding(kind, known.subject, "pass", "good", figures, "d", "r", NOON.isoformat())
            self.note("evidence.recorded", known.subject, found.as_body())

    def note(self, kind, subject, body):
        self.ledger.append(kind, subject=subject, actor="analyst", why="because", body=body, now=self.now)

    def promoted(self, version, model="lending"):
        self.registered(version, model)
        return self.gate.promote(model, version, actor="analyst", why="good enough", now=self.now)

    def declare(self, stakes="normal", *, kpis=None, **objectives):
        made = Declaration("lending", stakes, "risk-officer", kpis or {}, objectives)
        self.gate.declare(made, actor="risk-officer", why="agreed", now=self.now)

    def start(self, plan=QUICK, version=2, **more):
        said = {"actor": "analyst", "why": "trained on the summer", "now": self.now, **more}
        return self.controller.start("lending", version, plan, **said)

    def share(self):
        head = self.ledger.head("lending", "canary")
        return head.weight if head is not None and head.version == 2 else 0.0

    def falls(self, what, share):
        """Whether it falls on this one, of which so large a share has it: evenly, without luck."""
        self.turns[what] = self.turns.get(what, 0.1 if "slow" in what else 0.5) + share
        due = self.turns[what] >= 1
        self.turns[what] -= due
        return due

    def traffic(
        self, seconds=5, *, rate=50, bad=0.01, canary_bad=0.01, slow=0.0, silent=False, worth=lambda tried: 0.7,
        units=None, variant=None,
    ):  # fmt: skip
        """So many seconds of traffic from now on, as the slots are now; then it is so much later.

        Args:
            seconds: How long.
            rate: Requests a second.
            bad: Of the champion's answers; `canary_bad` of the canary's.
            canary_bad: See above.
            slow: Of all answers.
            silent: Whether the canary answers nothing.
            worth: The score of an answer, by whether the canary gave it.
            units: How many units ask, in turn; None: each request is one.
            variant: Of all rows.
        """
        share, made = self.share(), []
        champion = self.ledger.head("lending", "champion").version
        for i in range(seconds * rate):
            tried = self.falls("tried", share) and not silent
            failed = self.falls(("bad", tried), canary_bad if tried else bad)
            late = self.falls(("slow", tried), slow)
            self.written += 1
            made.append(
                Prediction(
                    id=f"t{self.written}", at=self.now + SECOND * (i / rate), model="lending", generation=1,
                    version=2 if tried else champion, request=f"t{self.written}", input_digest="d", features={},
                    score=worth(tried), answer=True, latency_us=900_000 if late else 900, status=500 if failed else 200,
                    unit=None if units is None else f"u{self.written % units}", variant=variant,
                )
            )  # fmt: skip
        self.log.write(made)
        self.now += SECOND * seconds

    def once(self, **more):
        found = self.controller.once(self.now, **more)
        return found[0] if found else None

    def watched(self, most=4000, **traffic):
        """Traffic and passes in turn until the canary ends; what was done, holding left out."""
        done, began = [], self.now
        while (self.now - began).total_seconds() < most:
            self.traffic(**traffic)
            one = self.once()
            if one is None:
                return done
            if one.act != "hold":
                done.append(one)
        return done

    def kinds(self, *kinds):
        return self.ledger.entries(kind=kinds)


@pytest.fixture(scope="session")
def engine():
    with closing(RegoEngine()) as made:
        yield made


@pytest.fixture
def trial(tmp_path, engine):
    made = Trial(tmp_path, engine)
    made.promoted(1)
    made.registered(2)
    yield made
    made.close()
