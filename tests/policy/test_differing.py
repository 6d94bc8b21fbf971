"""What a change of policy would do, to which versions, before it is merged."""

import importlib.util
from pathlib import Path

import pytest

from workbench.ledger import Ledger
from workbench.policy import Policy, decide
from workbench.policy.differing import differ, questions

spec = importlib.util.spec_from_file_location("registry", Path(__file__).with_name("registry.py"))
registry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(registry)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        registry.fill(ledger, 4, 5)
        yield ledger


def test_every_version_is_asked_about_as_the_gate_would_ask(ledger):
    from workbench.evidence import as_input, dossier

    asked = questions(ledger, now=registry.NOW, actor="risk-officer", why="to know")
    assert [(one.model, one.version) for one in asked] == [(f"model-{m:04d}", v) for m in range(4) for v in range(1, 6)]
    assert [one.version for one in asked if one.serving] == [1, 1, 1, 1]
    for one in asked[:7]:
        told = as_input(
            dossier(ledger, one.model, one.version),
            action="promote",
            champion=dossier(ledger, one.model, 1),
            was_champion=one.version == 1,
            now=registry.NOW,
            actor="risk-officer",
            why="to know",
        )
        assert one.document == told


def test_a_stricter_limit_blocks_exactly_the_versions_below_it(engine, promotion, ledger):
    stricter = Policy.parse("promotion", promotion.source.replace('"f1": 0.80', '"f1": 0.90'))
    asked, far = questions(ledger, now=registry.NOW), []
    found = differ(engine, promotion, stricter, asked, far.append)
    blocked = {
        (one.model, one.version)
        for one in asked
        if decide(engine, promotion, one.document).allowed and not decide(engine, stricter, one.document).allowed
    }
    assert {(change.model, change.version) for change in found.changes} == blocked != set()
    assert {change.kind for change in found.changes} == {"blocks"}
    assert all("F1" in change.reasons[0] for change in found.changes)
    assert far == [20]
    serving = sum(change.serving for change in found.changes)
    assert found.counts["blocks"] == len(blocked)
    assert found.counts.get("blocks serving", 0) == serving
    assert found.sentence.startswith(f"Of 20 versions it blocks {len(blocked)} more")
    assert [change.serving for change in found.changes] == sorted((c.serving for c in found.changes), reverse=True)


def test_the_other_way_round_lets_the_same_versions_pass(engine, promotion, ledger):
    stricter = Policy.parse("promotion", promotion.source.replace('"f1": 0.80', '"f1": 0.90'))
    asked = questions(ledger, now=registry.NOW)
    there, back = differ(engine, promotion, stricter, asked), differ(engine, stricter, promotion, asked)
    assert [(c.model, c.version) for c in there.changes] == [(c.model, c.version) for c in back.changes]
    assert {change.kind for change in back.changes} == {"lets pass"}


def test_the_same_policy_changes_nothing(engine, promotion, ledger):
    found = differ(engine, promotion, promotion, questions(ledger, now=registry.NOW, model="model-0002"))
    assert (found.changes, found.versions) == ((), 5)
    assert found.sentence == "It changes nothing for 5 versions."


def test_a_model_of_high_stakes_is_weighed_as_such(engine, promotion, ledger):
    asked = questions(ledger, now=registry.NOW, stakes={"model-0002": "high"})
    assert {one.model for one in asked if one.document["stakes"] == "high"} == {"model-0002"}
    alone = Policy.parse(
        "promotion",
        promotion.source.replace('"approvals": 2', '"approvals": 1').replace("limits.age_days", "limits.age_days + 0"),
    )
    eased = Policy.parse("promotion", promotion.source + '\nenough_people if input.stakes == "high"\n')
    assert differ(engine, promotion, alone, asked).changes == ()
    found = differ(engine, promotion, eased, asked)
    assert {(change.model, change.before, change.kind) for change in found.changes} == {
        ("model-0002", "needs-people", "lets pass")
    }


@pytest.mark.slow
def test_a_change_is_weighed_verdict_for_verdict_as_one_question_after_another(promotion, ledger):
    """By the children that take many at once, on what the policies can read, both policies in one."""
    from workbench.engines.rego import RegoEngine
    from workbench.policy.jointly import decide_both

    stricter = Policy.parse("promotion", promotion.source.replace('"f1": 0.80', '"f1": 0.90'))
    asked = [one.document for one in questions(ledger, now=registry.NOW)]
    embedded = RegoEngine(seconds=60)
    together = list(decide_both(embedded, promotion, stricter, asked))
    assert together == [tuple(decide(embedded, policy, one) for policy in (promotion, stricter)) for one in asked]
    assert len({said.decision for pair in together for said in pair}) == 2
    embedded.close()
