"""A version never becomes champion without a granted, unexpired, complete decision of people who may decide."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from workbench.errors import Denied, EngineError, Misuse, NeedsPeople
from workbench.evidence import Finding
from workbench.ledger import Ledger, ModelVersion
from workbench.policy import Ruling
from workbench.promotion import Gate, Identity

HOURS = 24
APPROVERS = ("first", "second", "third", "asker", "author")
PEOPLE = (*APPROVERS, "lead", "visitor")
VERSIONS = st.integers(1, 3)


class PeopleMachine(RuleBasedStateMachine):
    """The gate beside a plain model of it: who said yes to what, when, and to which state of the world."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.ledger = Ledger.open(f"sqlite:///{self.folder / 'ledger.db'}")
        self.ledger.sign_with(self.folder / "ledger.key")
        self.gate = Gate(self.ledger, self, self.folder, self.registry)
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.policy, self.evidence, self.champion, self.generation = 0, {1: 0, 2: 0, 3: 0}, None, 0
        self.roles = dict.fromkeys(APPROVERS, True)
        self.asked = {}  # question by its digest: version and the world in which it was asked
        self.given = {}  # (digest, person): when
        self.refused = set()

    def registry(self):
        raise EngineError("out of reach")

    def evaluate(self, source, package, document):
        """A policy that wants two."""
        people = {"approvals": 2, "roles": ["approver"], "hours": HOURS, "message": "it decides about people"}
        return Ruling(True) if len(document["approvals"]) >= 2 else Ruling(False, people=people)

    def teardown(self):
        assert self.ledger.verify().problems == ()
        self.ledger.close()
        shutil.rmtree(self.folder)

    def tick(self):
        self.now += timedelta(minutes=1)
        return {"why": "because", "now": self.now}

    def world(self, version):
        about_champion = (self.champion, self.generation, self.evidence.get(self.champion))
        return version, self.policy, self.evidence[version], about_champion[:2]

    def write_policy(self):
        (self.folder / "promotion.rego").write_text(f"package promotion\n# {self.policy}\n")

    @initialize()
    def begin(self):
        self.write_policy()
        for number in (1, 2, 3):
            version = ModelVersion("m", number, "r", "s", "d", "d", "f@1", "n", None, {}, {}, "2026", "author")
            said = {"subject": f"m/{number}", "actor": "author", **self.tick()}
            self.ledger.append("version.registered", body=version.as_body(), **said)
        lead = Identity("lead", "os")
        for name in APPROVERS:
            self.gate.desk.change_roles(name, ["approver"], by=lead, **self.tick())

    @rule(version=VERSIONS)
    def promote(self, version):
        if version == self.champion:
            return
        world = self.world(version)
        digest = next((name for name, known in self.asked.items() if known == world), None)
        may = digest is not None and digest not in self.refused and self.valid(digest) >= 2
        try:
            self.gate.promote("m", version, actor="asker", **self.tick())
        except NeedsPeople as waiting:
            question = waiting.question
            assert not may
            assert digest not in self.refused
            assert digest in {None, question}
            self.asked[question] = world
        except Denied:
            assert digest in self.refused
        else:
            assert may
            self.champion, self.generation = version, self.generation + 1

    @rule(name=st.sampled_from(PEOPLE), data=st.data())
    def approve(self, name, data):
        if not self.asked:
            return
        digest = data.draw(st.sampled_from(sorted(self.asked)))
        current = self.asked[digest] == self.world(self.asked[digest][0]) and self.asked[digest][0] != self.champion
        could = (
            current
            and digest not in self.refused
            and self.roles.get(name, False)
            and name not in {"asker", "author"}
            and not self.holds(digest, name)
        )
        try:
            self.gate.approve(digest, by=Identity(name, "os"), **self.tick())
        except Misuse:
            assert not could
        else:
            assert could
            self.given[digest, name] = self.now

    @rule(name=st.sampled_from(APPROVERS), data=st.data())
    def withdraw_or_refuse(self, name, data):
        open_ = sorted(set(self.asked) - self.refused)
        if not open_:
            return
        digest = data.draw(st.sampled_from(open_))
        act = self.gate.desk.withdraw if data.draw(st.booleans()) else self.gate.desk.refuse
        try:
            act(digest, by=Identity(name, "os"), **self.tick())
        except Misuse:
            return
        if act == self.gate.desk.refuse:
            assert self.roles[name]
            self.refused.add(digest)
        else:
            del self.given[digest, name]

    @rule(name=st.sampled_from(("first", "second", "third")))
    def a_role_comes_or_goes(self, name):
        self.roles[name] = not self.roles[name]
        roles = ["approver"] if self.roles[name] else ["viewer"]
        self.gate.desk.change_roles(name, roles, by=Identity("lead", "os"), **self.tick())

    @rule()
    def the_policy_changes(self):
        self.policy += 1
        self.write_policy()

    @rule(version=VERSIONS)
    def evidence_comes(self, version):
        said = self.tick()
        found = Finding("fairness", f"m/{version}", "pass", "s", {}, "d", "r", self.now.isoformat())
        self.ledger.append("evidence.recorded", subject=f"m/{version}", actor="author", body=found.as_body(), **said)
        self.evidence[version] += 1

    @rule(hours=st.integers(1, HOURS))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    @invariant()
    def every_champion_was_decided_by_two_who_may(self):
        for entry in self.ledger.entries(kind="promotion.granted"):
            told = entry.body["input"]["approvals"]
            assert len({approval["by"] for approval in told}) == len(told) >= 2
            assert not {approval["by"] for approval in told} & {"author", "asker", "lead", "visitor"}
            assert all(approval["expires"] > entry.at.isoformat() for approval in told)
            assert entry.body["decision"]["decision"] == "allow"

    def holds(self, digest, name):
        at = self.given.get((digest, name))
        return at is not None and self.roles[name] and self.now + timedelta(minutes=1) < at + timedelta(hours=HOURS)

    def valid(self, digest):
        return sum(self.holds(digest, name) for about, name in self.given if about == digest)


TestPeople = PeopleMachine.TestCase
TestPeople.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
