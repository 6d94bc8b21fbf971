"""A recorded decision comes out again as it was, bit for bit, or it is said what differs."""

from datetime import UTC, datetime

import pytest

from workbench.errors import Misuse
from workbench.ledger import GENESIS, digest
from workbench.ledger.entry import chained
from workbench.policy import Policy, decide, redecide
from workbench.policy.redeciding import doubts, is_decision, to_decide, unfounded, unrun

SEED = Policy.parse("seed", "package model\nallow := input.metrics.fairness >= 0.85")
ASKS = Policy.parse("asks", 'package m\npeople := {"approvals": 1, "roles": ["a"], "message": "look"}')


def entry(engine, policy, document, change=lambda body: body):
    said = decide(engine, policy, document)
    body = change({"decision": said.as_body(), "policy_source": policy.source, "input": document})
    kind = f"promotion.{'granted' if body['decision']['decision'] == 'allow' else 'denied'}"
    told = {"subject": "lending/2", "actor": "risk-officer", "why": "w", "key": None, "prev": GENESIS}
    return chained(seq=7, at=datetime(2026, 1, 1, tzinfo=UTC), kind=kind, body=body, **told)


@pytest.mark.parametrize("policy", [SEED, ASKS])
@pytest.mark.parametrize("document", [{"metrics": {"fairness": 0.9}}, {"metrics": {"fairness": 0.1}}, {}])
def test_a_decision_reproduces(engine, policy, document):
    again = redecide(engine, entry(engine, policy, document))
    assert again.same
    assert again.again == again.recorded


def changing(**fields):
    return lambda body: {**body, "decision": {**body["decision"], **fields}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changing(decision="allow"), "decision was"),
        (changing(reasons=[]), "reasons was"),
        (changing(policy="other"), None),
        (changing(policy_digest="0" * 64), "the policy in the entry has the digest"),
        (changing(input_digest="0" * 64), "the input in the entry has the digest"),
        (changing(evidence=["x"]), "evidence was"),
        (lambda body: {**body, "input": {"metrics": {"fairness": 0.86}}}, "decision was"),
        (lambda body: {**body, "policy_source": "package model\nallow := true"}, "decision was"),
        (lambda body: {**body, "policy_source": "no policy"}, "names no package"),
    ],
)
def test_whatever_was_changed_is_named(engine, change, told):
    again = redecide(engine, entry(engine, SEED, {"metrics": {"fairness": 0.1}}, change))
    if told is None:  # a policy's name is no part of what it says, but of its reasons
        assert again.same
    else:
        assert any(told in sentence for sentence in again.differences)


def test_an_entry_from_before_people_and_evidence_were_recorded_reproduces(engine):
    def older(body):
        decision = {name: value for name, value in body["decision"].items() if name not in {"people", "evidence"}}
        return {**body, "decision": decision}

    assert redecide(engine, entry(engine, SEED, {"evidence": {"a": {"digest": "d"}}}, older)).same


def test_what_a_standing_rejection_added_is_told_apart(engine):
    def rejected(body):
        reason = {
            "code": "rejected",
            "message": "turned down",
            **dict.fromkeys(("metric", "got", "limit", "flip", "evidence")),
        }
        decision = body["decision"]
        return {**body, "decision": {**decision, "decision": "deny", "reasons": [reason, *decision["reasons"]]}}

    for fairness in (0.9, 0.1):
        assert redecide(engine, entry(engine, SEED, {"metrics": {"fairness": fairness}}, rejected)).same


def test_a_policy_may_use_the_codes_of_the_gate_itself(engine):
    own = Policy.parse("own", 'package m\ndeny contains {"code": "rejected", "message": "not today"}')
    assert redecide(engine, entry(engine, own, {})).same


def test_a_yes_is_never_explained_by_the_gate(engine):
    def forged(body):
        reason = {"code": "rejected", "message": "x", **dict.fromkeys(("metric", "got", "limit", "flip", "evidence"))}
        return {**body, "decision": {**body["decision"], "decision": "allow", "reasons": [reason]}}

    assert not redecide(engine, entry(engine, SEED, {"metrics": {"fairness": 0.1}}, forged)).same


def test_an_entry_without_a_decision_is_not_decided_again(engine):
    bare = forged("promotion.denied", note="x")
    assert not is_decision(bare)
    with pytest.raises(Misuse, match="holds no decision"):
        redecide(engine, bare)


def forged(kind="promotion.granted", **body):
    told = {"subject": "lending/2", "actor": "risk-officer", "why": "w", "key": None, "prev": GENESIS}
    return chained(seq=9, at=datetime(2026, 1, 1, tzinfo=UTC), kind=kind, body=body, **told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"decision": {"decision": "allow"}}, "keeps no policy and no input"),
        ({}, "keeps no policy and no input"),
        ({"decision": {"decision": "allow"}, "policy_source": SEED.source, "input": {}}, "its decision is not whole"),
    ],
)
def test_a_grant_that_nobody_decided_does_not_come_out_the_same(engine, body, told):
    made = forged(**body)
    assert to_decide([made]) == [made]
    again = redecide(engine, made)
    assert not again.same
    assert told in again.differences[0]


def test_a_grant_with_a_forged_decision_does_not_come_out_the_same(engine):
    no = decide(engine, SEED, {"metrics": {"fairness": 0.1}})
    body = {"decision": {**no.as_body(), "decision": "allow", "reasons": []}, "policy_source": SEED.source}
    again = redecide(engine, forged(**body, input={"metrics": {"fairness": 0.1}}))
    assert any("decision was" in sentence for sentence in again.differences)


def test_a_move_on_a_denial_does_not_come_out_the_same(engine):
    no = decide(engine, SEED, {"metrics": {"fairness": 0.1}})
    body = {"decision": no.as_body(), "policy_source": SEED.source, "input": {"metrics": {"fairness": 0.1}}}
    again = redecide(engine, forged(**body))
    assert "it moves lending/2, though its decision is deny" in again.differences


def test_a_slot_that_is_left_on_the_way_rests_on_its_cause(engine):
    cause = entry(engine, SEED, {"metrics": {"fairness": 0.9}})
    left = forged("stage.cleared", cause=cause.seq, decision=cause.body["decision"])
    assert to_decide([cause, left]) == [cause]
    for other in (forged("stage.cleared", cause=3, decision=cause.body["decision"]),
                  forged("stage.cleared", cause=cause.seq, decision={"decision": "allow"}),
                  forged(cause=cause.seq, decision=cause.body["decision"])):  # fmt: skip
        assert to_decide([cause, other]) == [cause, other]


def test_a_grant_made_up_whole_reproduces_and_its_evidence_and_its_policy_give_it_away(engine):
    """Its policy says yes to everything, and its finding was never recorded."""
    own = Policy.parse("promotion", "package promotion\nallow := true")
    made = entry(engine, own, {"evidence": {"fairness": {"digest": "d1"}}})
    assert redecide(engine, made).same
    assert unfounded([made]) == {7: ("it weighed evidence about lending/2 that was not recorded before it: d1",)}
    (said,) = doubts([made], {SEED.digest}).values()
    assert said == f"no other decision was made by its policy ({own.digest[:12]}), and none here is that policy"


def test_what_was_recorded_about_the_version_before_is_evidence(engine):
    made = entry(engine, SEED, {"metrics": {"fairness": 0.9}, "evidence": {"fairness": {"digest": "d1"}}})
    told = {"at": datetime(2026, 1, 1, tzinfo=UTC), "actor": "a", "why": "w", "key": None, "prev": GENESIS}
    told |= {"kind": "evidence.recorded", "body": {"digest": "d1"}}
    recorded = chained(seq=6, subject="lending/2", **told)
    other = chained(seq=6, subject="lending/3", **told)
    assert unfounded([recorded, made]) == {}
    assert set(unfounded([made, recorded])) == set(unfounded([other, made])) == {7}


def test_evidence_that_no_recorded_run_found_is_a_doubt(engine):
    """Whoever writes whole evidence has to write the run, too; what the watch finds is of no run."""
    finding = {"kind": "fairness", "verdict": "pass", "run_id": "r1"}
    said = digest(finding)
    made = entry(engine, SEED, {"metrics": {"fairness": 0.9}, "evidence": {"fairness": {"digest": said}}})
    told = {"at": datetime(2026, 1, 1, tzinfo=UTC), "actor": "a", "why": "w", "key": None, "prev": GENESIS}
    recorded = chained(seq=5, kind="evidence.recorded", subject="lending/2", body={**finding, "digest": said}, **told)
    watched = chained(
        seq=5, kind="evidence.recorded", subject="lending/2", body={"kind": "canary", "digest": said}, **told
    )
    run = chained(seq=6, kind="run.finished", subject="run/r1", body={"findings": [finding]}, **told)
    other = chained(
        seq=6, kind="run.finished", subject="run/r1", body={"findings": [{**finding, "verdict": "x"}]}, **told
    )
    assert unrun([recorded, run, made]) == unrun([watched, made]) == {}
    for entries in ([recorded, made], [recorded, other, made], [recorded, made, run]):
        assert unrun(entries) == {7: f"no recorded run found the evidence that it weighed: fairness ({said[:12]})"}


def test_a_policy_at_hand_or_of_another_decision_is_no_doubt(engine):
    made, denied = (entry(engine, SEED, {"metrics": {"fairness": fair}}) for fair in (0.9, 0.1))
    assert set(doubts([made], ())) == {7}
    assert doubts([made], {SEED.digest}) == doubts([made, denied], ()) == {}
