"""A gate over a real ledger, with an engine that says what the test wants and a registry in memory."""

from datetime import UTC, datetime, timedelta

import pytest

from workbench.engines.postgres import open_postgres
from workbench.errors import EngineError, NeedsPeople
from workbench.evidence import Figure, Finding
from workbench.ledger import Ledger, ModelVersion
from workbench.policy import Ruling
from workbench.promotion import Gate, Identity

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


class Judge:
    """An engine that says what the test wants, and keeps the questions it was asked."""

    def __init__(self):
        self.ruling = Ruling(True)
        self.asked = []
        self.before_answering = lambda: None  # what happens elsewhere while the policy is evaluated

    def allow(self):
        self.ruling = Ruling(True)

    def deny(self, message="too far apart"):
        self.ruling = Ruling(False, ({"code": "fairness", "message": message, "flip": "be fairer"},))

    def evaluate(self, source, package, document):
        self.asked.append((package, document))
        ruling = self.ruling
        self.before_answering()
        return ruling


class Registry:
    """A model registry in memory; it can be out of reach, and versions can be deleted from it."""

    def __init__(self):
        self.aliases = {}
        self.deleted = set()
        self.damaged = {}
        self.reachable = True
        self.opened = 0

    def open(self):
        self.opened += 1
        if not self.reachable:
            raise EngineError("the registry is out of reach")
        return self

    def set_alias(self, model, alias, version, generation):
        if (model, version) in self.deleted:
            raise EngineError(f"{model} {version} is not there")
        now = self.aliases.get((model, alias))
        if now is None or now[1] <= generation:
            self.aliases[model, alias] = (version, generation)

    def clear_alias(self, model, alias, generation):
        now = self.aliases.get((model, alias))
        if now is not None and now[1] <= generation:
            del self.aliases[model, alias]

    def alias(self, model, alias):
        return self.aliases.get((model, alias))

    def damage(self, version):
        return self.damaged.get((version.model, version.version))

    def exists(self, model, version):
        return (model, version) not in self.deleted


class House:
    """The gate with all around it; each act comes an hour after the one before."""

    def __init__(self, ledger, gate, judge, registry):
        self.ledger, self.gate, self.judge, self.registry = ledger, gate, judge, registry
        self.now = START

    def later(self):
        self.now += timedelta(hours=1)
        return self.now

    def register(self, *versions, model="lending", feature_set="loan-credit@1"):
        for number in versions:
            version = ModelVersion(
                model=model,
                version=number,
                run_id=f"r{number}",
                source=f"runs:/r{number}/model",
                model_digest="m",
                data_digest="d",
                feature_set=feature_set,
                notebook_digest="n",
                threshold=0.5,
                parameters={},
                metrics={},
                registered_at=START.isoformat(),
                registered_by="analyst",
            )
            self.ledger.append(
                "version.registered",
                subject=version.subject,
                actor="analyst",
                why="trained",
                body=version.as_body(),
                now=self.later(),
            )

    def audit(self, version, kind="fairness", *, model="lending", value=0.9):
        found = Finding(
            kind,
            f"{model}/{version}",
            "pass",
            "good",
            {"disparate_impact.race": Figure(value, probability=0.99)},
            "d",
            "r",
            self.later().isoformat(),
        )
        self.ledger.append(
            "evidence.recorded",
            subject=found.subject,
            actor="analyst",
            why="audited",
            body=found.as_body(),
            now=self.now,
        )
        return found

    def promote(self, version, *, model="lending", why="fairer and as good", actor="risk-officer", key=None):
        return self.gate.promote(model, version, actor=actor, why=why, now=self.later(), key=key)

    def rollback(self, *, model="lending", why="alarms since noon", actor="risk-officer", key=None):
        return self.gate.rollback(model, actor=actor, why=why, now=self.later(), key=key)

    def reject(self, version, *, model="lending", why="not explained well", actor="risk-officer"):
        return self.gate.reject(model, version, actor=actor, why=why, now=self.later())

    def reconcile(self):
        return self.gate.reconcile(now=self.later())

    def champion(self, model="lending"):
        """Who is champion by the ledger and by the registry, with the generation; they must agree."""
        head = self.ledger.head(model)
        alias = self.registry.alias(model, "champion")
        assert alias == (head and (head.version, head.generation))
        return alias

    def kinds(self):
        told = self.ledger.entries()
        return [entry.kind for entry in told if entry.kind not in {"version.registered", "evidence.recorded"}]


@pytest.fixture
def policies(tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("promotion", "rollback", "stage"):
        (folder / f"{name}.rego").write_text(f"package {name}\n")
    return folder


CONTRACT = {"test_gate", "test_people"}  # run over every engine of the ledger


def pytest_generate_tests(metafunc):
    """The gate and its people do the same over SQLite and over a real PostgreSQL."""
    if "ledger" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in CONTRACT:
        metafunc.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture
def database(request, tmp_path):
    """The URL of the test's ledger; in PostgreSQL, emptied before."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    import pg8000.native

    place = request.getfixturevalue("postgres")
    with pg8000.native.Connection(**place) as connection:
        connection.run("SET client_min_messages = warning")
        connection.run("DROP SCHEMA IF EXISTS workbench_ledger CASCADE")
    return "postgresql://{user}@{host}:{port}/{database}?sslmode=disable".format(**place)


@pytest.fixture
def ledger(database):
    with Ledger.open(database, {"postgresql": lambda url: open_postgres(url, {})}) as opened:
        yield opened


def built(ledger, policies):
    judge, registry = Judge(), Registry()
    made = House(ledger, Gate(ledger, judge, policies, registry.open), judge, registry)
    made.register(1, 2, 3)
    return made


@pytest.fixture
def house(ledger, policies):
    """Three versions of "lending" are registered, none is champion."""
    return built(ledger, policies)


@pytest.fixture(scope="session")
def make_house():
    """A house from a ledger and a folder of policies, for tests that need many."""
    return built


class Asking(Judge):
    """An engine whose policy wants people: it says yes once there are as many approvals as it asks for."""

    def __init__(self, approvals=2, roles=("approver",), hours=72):
        super().__init__()
        self.asks = {"approvals": approvals, "roles": list(roles), "hours": hours, "message": "it decides about people"}

    def evaluate(self, source, package, document):
        ruling = super().evaluate(source, package, document)
        if ruling.allow is True and len(document["approvals"]) < self.asks["approvals"]:
            return Ruling(False, people=self.asks)
        return ruling


PEOPLE = {
    "lead": ("admin",),
    "analyst": ("analyst",),
    "asker": ("analyst", "approver"),
    "first-officer": ("approver",),
    "second-officer": ("approver",),
    "visitor": ("viewer",),
}


class Bank(House):
    """A house whose policy wants people, with the people in it."""

    def __init__(self, ledger, policies, judge):
        registry = Registry()
        super().__init__(ledger, Gate(ledger, judge, policies, registry.open), judge, registry)
        self.policies = policies
        ledger.sign_with(policies.parent / "ledger.key")
        self.register(1, 2, 3)

    @property
    def desk(self):
        return self.gate.desk

    def name_people(self, **people):
        for name, roles in (people or PEOPLE).items():
            self.desk.change_roles(
                name.replace("_", "-"), list(roles), by=Identity("lead", "os"), why="so it is", now=self.later()
            )

    def ask(self, version=2, actor="asker"):
        """Ask for a promotion that has to wait; the question's digest."""
        with pytest.raises(NeedsPeople) as waiting:
            self.promote(version, actor=actor)
        return waiting.value.question

    def approve(self, question, name, **more):
        return self.gate.approve(question, by=Identity(name, "os"), why="it convinces me", now=self.later(), **more)

    def state(self, question):
        asked, _ = self.desk.find(question)
        return self.desk.answers(asked, now=self.now)


@pytest.fixture
def bank(ledger, policies):
    """A bank with named people; its policy wants two approvals."""
    made = Bank(ledger, policies, Asking())
    made.name_people()
    return made


@pytest.fixture
def alone(ledger, policies):
    """A bank in which nobody was ever named; its policy wants one approval."""
    return Bank(ledger, policies, Asking(1))
