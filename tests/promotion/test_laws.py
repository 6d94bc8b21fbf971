"""Laws that hold after any sequence of acts, right ones and wrong ones, by people and behind their backs."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from workbench.errors import Denied, EngineError, Misuse
from workbench.evidence import Finding
from workbench.ledger import Ledger, ModelVersion
from workbench.policy import Ruling
from workbench.promotion import Gate, board, champions

VERSIONS = st.integers(1, 4)
KEYS = st.one_of(st.none(), st.sampled_from("abc"))


class Registry:
    """A model registry in memory that may be out of reach."""

    def __init__(self):
        self.aliases, self.reachable = {}, True

    def open(self):
        if not self.reachable:
            raise EngineError("out of reach")
        return self

    def set_alias(self, model, alias, version, generation):
        self.aliases[model, alias] = (version, generation)

    def alias(self, model, alias):
        return self.aliases.get((model, alias))

    def clear_alias(self, model, alias, generation):
        self.aliases.pop((model, alias), None)

    def exists(self, model, version):
        return True

    def damage(self, version):
        return None


class GateMachine(RuleBasedStateMachine):
    """The gate beside a model of it: a line of champions, the versions turned down, the keys used."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        for name in ("promotion", "rollback", "stage"):
            (self.folder / f"{name}.rego").write_text(f"package {name}\n")
        self.ledger = Ledger.open(f"sqlite:///{self.folder / 'ledger.db'}")
        self.ruling, self.registry = Ruling(True), Registry()
        self.gate = Gate(self.ledger, self, self.folder, self.registry.open)
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.line, self.refused, self.keys, self.grants = [], set(), {}, 0

    def evaluate(self, source, package, document):
        """The engine's one answer."""
        return self.ruling

    def teardown(self):
        self.ledger.close()
        shutil.rmtree(self.folder)

    def tick(self):
        self.now += timedelta(minutes=1)
        return {"actor": "risk-officer", "why": "because", "now": self.now}

    @initialize()
    def register(self):
        for number in range(1, 5):
            version = ModelVersion("m", number, "r", "s", "d", "d", "f@1", "n", None, {}, {}, "2026", "analyst")
            said = self.tick()
            self.ledger.append("version.registered", subject=f"m/{number}", body=version.as_body(), **said)

    @rule(allow=st.booleans())
    def the_policy_changes(self, allow):
        self.ruling = Ruling(allow)

    @rule(version=VERSIONS, key=KEYS)
    def promote(self, version, key):
        outcome = self.outcome(lambda: self.gate.promote("m", version, key=key, **self.tick()))
        if key in self.keys:
            assert outcome == (self.keys[key][1] if self.keys[key][0] == ("promote", version) else "misuse")
            return
        if self.line[-1:] == [version]:
            assert outcome == "misuse"
            return
        allowed = self.ruling.allow is True and version not in self.refused
        assert outcome == (("moved", version, self.grants + 1) if allowed else "denied")
        if allowed:
            self.line.append(version)
            self.grants += 1
        if key:
            self.keys[key] = (("promote", version), outcome)

    @rule(key=KEYS)
    def roll_back(self, key):
        outcome = self.outcome(lambda: self.gate.rollback("m", key=key, **self.tick()))
        if key in self.keys:
            assert outcome == (self.keys[key][1] if self.keys[key][0][0] == "rollback" else "misuse")
            return
        if len(self.line) < 2:
            assert outcome == "misuse"
            return
        target = self.line[-2]
        allowed = self.ruling.allow is True and target not in self.refused
        assert outcome == (("moved", target, self.grants + 1) if allowed else "denied")
        if allowed:
            self.line.pop()
            self.grants += 1
        if key:
            self.keys[key] = (("rollback", target), outcome)

    @rule(version=VERSIONS)
    def turn_down(self, version):
        outcome = self.outcome(lambda: self.gate.reject("m", version, **self.tick()))
        possible = self.line[-1:] != [version] and version not in self.refused
        assert outcome == ("rejected" if possible else "misuse")
        if possible:
            self.refused.add(version)

    @rule(version=VERSIONS)
    def evidence_comes(self, version):
        said = self.tick()
        found = Finding("fairness", f"m/{version}", "pass", "s", {}, "d", "r", self.now.isoformat())
        self.ledger.append("evidence.recorded", subject=f"m/{version}", body=found.as_body(), **said)
        self.refused.discard(version)

    @rule(reachable=st.booleans())
    def the_registry_goes_or_comes(self, reachable):
        self.registry.reachable = reachable

    @precondition(lambda self: self.line)
    @rule(found=st.one_of(st.none(), st.tuples(VERSIONS, st.integers(0, 3))))
    def somebody_moves_the_alias(self, found):
        self.registry.aliases = {("m", "champion"): found} if found else {}

    @precondition(lambda self: self.registry.reachable)
    @rule()
    def reconcile(self):
        head, before = self.ledger.head("m"), self.registry.alias("m", "champion")
        found = self.gate.inspect(now=self.now)
        if head and before and before[1] > head.generation:  # as if an older copy of the ledger had been put back
            assert [one.kind for one in found] == ["ahead"]
            assert self.registry.alias("m", "champion") == before
            return
        assert self.registry.alias("m", "champion") == (head and (head.version, head.generation))
        assert self.ledger.owed() == []
        assert self.gate.reconcile(now=self.now) == []

    @invariant()
    def the_head_is_the_last_grant(self):
        head = self.ledger.head("m")
        grants = self.ledger.entries(kind=("promotion.granted", "rollback.granted"))
        assert (head.version if head else None) == (self.line[-1] if self.line else None)
        assert (head.generation if head else 0) == len(grants) == self.grants
        assert champions("m", self.ledger.entries()) == self.line

    @invariant()
    def no_grant_is_without_a_decision_that_allows_it(self):
        for entry in self.ledger.entries():
            decided = entry.body.get("decision")
            if decided:
                assert (decided["decision"] == "allow") == entry.kind.endswith(".granted")
                assert (decided["decision"] == "allow") == (decided["reasons"] == [])

    @invariant()
    def the_board_shows_each_version_once_where_it_stands(self):
        stages = {c.version.version: c.stage for c in board(self.ledger)}
        assert len(stages) in {0, 4}
        assert [v for v, where in stages.items() if where == "champion"] == self.line[-1:]
        assert {v for v, where in stages.items() if where == "rejected"} == self.refused - set(self.line[-1:])

    @invariant()
    def the_ledger_holds(self):
        assert self.ledger.verify().problems == ()

    def outcome(self, act):
        try:
            done = act()
        except Denied:
            return "denied"
        except Misuse:
            return "misuse"
        return "rejected" if hasattr(done, "kind") else ("moved", done.version, done.generation)


TestGate = GateMachine.TestCase
TestGate.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
