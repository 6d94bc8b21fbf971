"""The shipped policies, rule by rule: a document, what was done to it, and what they say."""

import json
import re

import pytest

from workbench.engines.rego import RegoEngine
from workbench.policy import Policy, decide

RACE, SEX, BOTH = "disparate_impact.race", "disparate_impact.sex", "disparate_impact.race*sex"

SHOWN = {
    "value": 0.95,
    "low": 0.9,
    "high": 1.0,
    "probability": 0.99,
    "target": 0.8,
    "needed": 0.84,
    "n": 2000,
}
UNDEFINED = {**dict.fromkeys(SHOWN), "target": 0.8, "n": 12}

GOOD = {
    "action": "promote",
    "model": "lending",
    "version": 2,
    "now": "2026-02-01T00:00:00+00:00",
    "actor": "risk-officer",
    "why": "fairer and as good",
    "candidate": {"feature_set": "loan-credit@2", "threshold": 0.5},
    "champion": {"version": 1, "feature_set": "loan-credit@1", "metrics": {"f1": 0.85}},
    "was_champion": False,
    "metrics": {"f1": 0.87, "fairness": 0.95},
    "evidence": {
        "performance": {
            "verdict": "pass",
            "sentence": "good",
            "subject": "lending/2",
            "digest": "p" * 64,
            "at": "2026-01-30T00:00:00+00:00",
            "age_days": 2.0,
            "data_digest": "d" * 64,
            "figures": {"f1": {"value": 0.87, "low": 0.84, "high": 0.9, "probability": None, "target": None}},
        },
        "fairness": {
            "verdict": "pass",
            "sentence": "fair",
            "subject": "lending/2",
            "digest": "f" * 64,
            "at": "2026-01-30T00:00:00+00:00",
            "age_days": 2.0,
            "data_digest": "d" * 64,
            "figures": {RACE: SHOWN, SEX: SHOWN, BOTH: {**SHOWN, "probability": 0.4}},
        },
    },
}

DRIFT = {"subject": "lending/2", "digest": "r" * 64, "figures": {"drifted_share": {"value": 0.3}}}
TRIED = {"subject": "lending/2", "digest": "x" * 64, "figures": {"sample_ratio.p": {"value": 0.001}}}
BY_TWO = [{"by": "a", "role": "approver"}, {"by": "b", "role": "approver"}]

GONE = object()


def changed(document, path, value):
    """A copy with the value at a path (parts divided by "/") replaced, or taken out."""
    copied = json.loads(json.dumps(document))
    inner = copied
    *way, last = path.split("/")
    for step in way:
        inner = inner[step]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return copied


def figure(name):
    return f"evidence/fairness/figures/{name}"


CASES = {
    # all is well
    "nothing changed": ([], []),
    "no champion": ([("champion", None)], []),
    "champion left out": ([("champion", GONE)], []),
    "other version of the feature set": ([("candidate/feature_set", "loan-credit@9")], []),
    "evidence of 30 days": ([("evidence/fairness/age_days", 30), ("evidence/performance/age_days", 30.0)], []),
    "f1 at the limit": ([("evidence/performance/figures/f1/low", 0.8)], []),
    "certain, whatever would be needed": ([(f"{figure(RACE)}/needed", None)], []),
    "certainty at the limit": ([(f"{figure(RACE)}/probability", 0.95)], []),
    "intersection a little above a breach": ([(f"{figure(BOTH)}/probability", 0.050001)], []),
    "intersection undefined": ([(figure(BOTH), UNDEFINED)], []),
    "no intersection": ([(figure(BOTH), GONE)], []),
    "further evidence": ([("evidence/drift", {**DRIFT, "age_days": 400})], []),
    # evidence
    "no performance evidence": ([("evidence/performance", GONE)], [("no-evidence", "performance")]),
    "no fairness evidence": ([("evidence/fairness", GONE)], [("no-evidence", "fairness")]),
    "no evidence at all": ([("evidence", {})], [("no-evidence", "fairness"), ("no-evidence", "performance")]),
    "stale performance": ([("evidence/performance/age_days", 30.01)], [("stale-evidence", "performance")]),
    "stale fairness": ([("evidence/fairness/age_days", 400)], [("stale-evidence", "fairness")]),
    "evidence a little ahead of the clock": ([("evidence/fairness/age_days", -0.01)], []),
    "evidence from the future": ([("evidence/performance/age_days", -400)], [("future-evidence", "performance")]),
    "no digest of the data": ([("evidence/fairness/data_digest", GONE)], [("no-data", "data_digest")]),
    "empty digest of the data": ([("evidence/fairness/data_digest", "")], [("no-data", "data_digest")]),
    "null digest of the data": ([("evidence/fairness/data_digest", None)], [("no-data", "data_digest")]),
    "no digest of the performance data": ([("evidence/performance/data_digest", GONE)], [("no-data", "data_digest")]),
    "other data": ([("evidence/fairness/data_digest", "e" * 64)], [("other-data", "data_digest")]),
    "other action": ([("action", "rollback")], [("wrong-action", "action")]),
    # performance
    "f1 low by a hair": ([("evidence/performance/figures/f1/low", 0.7999999)], [("performance", "f1")]),
    "f1 without an interval": ([("evidence/performance/figures/f1/low", None)], [("performance", "f1")]),
    "f1 without a low end": ([("evidence/performance/figures/f1/low", GONE)], [("performance", "f1")]),
    "f1 true": ([("evidence/performance/figures/f1/low", True)], [("performance", "f1")]),
    "no f1": ([("evidence/performance/figures", {})], [("performance", "f1")]),
    # fairness of single attributes
    "not certain": ([(f"{figure(RACE)}/probability", 0.94)], [("fairness", RACE)]),
    "neither certain": (
        [(f"{figure(RACE)}/probability", 0.1), (f"{figure(SEX)}/probability", 0.2)],
        [("fairness", RACE), ("fairness", SEX)],
    ),
    "undefined": ([(figure(SEX), UNDEFINED)], [("undefined", SEX)]),
    "undefined value": ([(f"{figure(SEX)}/value", None)], [("undefined", SEX)]),
    "no probability": ([(f"{figure(SEX)}/probability", None)], [("undefined", SEX)]),
    "other target": ([(f"{figure(RACE)}/target", 0.5)], [("undefined", RACE)]),
    "no target": ([(f"{figure(RACE)}/target", None)], [("undefined", RACE)]),
    "no interval": ([(f"{figure(RACE)}/low", None), (f"{figure(RACE)}/high", None)], [("undefined", RACE)]),
    "only intersections": ([(figure(RACE), GONE), (figure(SEX), GONE)], [("fairness", RACE), ("fairness", SEX)]),
    "no figures": ([("evidence/fairness/figures", {})], [("fairness", RACE), ("fairness", SEX)]),
    "an attribute left out": ([(figure(SEX), GONE), (figure(BOTH), GONE)], [("fairness", SEX)]),
    "figures of other kinds": (
        [("evidence/fairness/figures", {"demographic_parity.race": SHOWN})],
        [("fairness", RACE), ("fairness", SEX)],
    ),
    # intersections
    "a breach shown": ([(f"{figure(BOTH)}/probability", 0.05)], [("fairness", BOTH)]),
    "a breach shown for sure": ([(f"{figure(BOTH)}/probability", 0)], [("fairness", BOTH)]),
    # feature set
    "other feature set": ([("candidate/feature_set", "loan-income@1")], [("feature-set", "feature_set")]),
    "feature set that begins alike": ([("candidate/feature_set", "loan-credit2@1")], [("feature-set", "feature_set")]),
    # about this version
    "about another version": ([("evidence/fairness/subject", "lending/1")], [("other-version", "fairness")]),
    "about nothing": ([("evidence/performance/subject", GONE)], [("other-version", "performance")]),
    # drift, experiments, retention
    "too much drift": (
        [("evidence/drift", {**DRIFT, "figures": {"drifted_share": {"value": 0.31}}})],
        [("drift", "drifted_share")],
    ),
    "drift without a figure": ([("evidence/drift", {**DRIFT, "figures": {}})], [("drift", "drifted_share")]),
    "an experiment filled as planned": ([("evidence/experiment", TRIED)], []),
    "an experiment not filled as planned": (
        [("evidence/experiment", {**TRIED, "figures": {"sample_ratio.p": {"value": 0.0009}}})],
        [("sample-ratio", "sample_ratio.p")],
    ),
    "an experiment whose filling was not checked": (
        [("evidence/experiment", {**TRIED, "figures": {}})],
        [("sample-ratio", "sample_ratio.p")],
    ),
    "data that may be kept": ([("retention", {"days_left": 0})], []),
    "data kept too long": ([("retention", {"days_left": -0.5})], [("retention", "retention.days_left")]),
    "data kept until an unknown day": ([("retention", {"days_left": None})], [("retention", "retention.days_left")]),
    # stakes
    "normal stakes": ([("stakes", "normal")], []),
    "high stakes, two people": ([("stakes", "high"), ("approvals", BY_TWO)], []),
    # several at once
    "all wrong": (
        [
            ("evidence/performance/figures/f1/low", 0.5),
            ("evidence/performance/age_days", 31),
            (f"{figure(RACE)}/probability", 0.5),
            (f"{figure(BOTH)}/probability", 0.01),
            ("candidate/feature_set", "other@1"),
        ],
        [
            ("feature-set", "feature_set"),
            ("fairness", RACE),
            ("fairness", BOTH),
            ("performance", "f1"),
            ("stale-evidence", "performance"),
        ],
    ),
}


def spoiled(changes):
    document = GOOD
    for path, value in changes:
        document = changed(document, path, value)
    return document


def paths(inner, way=()):
    """Every place in a document, from the top down."""
    for name, value in inner.items():
        yield (*way, name)
        if isinstance(value, dict):
            yield from paths(value, (*way, name))


def allows_without(engine, policy, document, path, value):
    return decide(engine, policy, changed(document, "/".join(path), value)).allowed


@pytest.mark.slow
@pytest.mark.parametrize("value", [GONE, None, True, "x", {}], ids=["gone", "null", "true", "text", "object"])
def test_only_what_a_decision_does_not_rest_on_may_be_spoiled(engine, promotion, value):
    """Each place of a good document in turn is taken out or replaced by what it should not be."""
    harmless = {
        *("now", "actor", "why", "was_champion", "candidate/threshold"),
        *("metrics", "metrics/f1", "metrics/fairness", "champion/version", "champion/metrics", "champion/metrics/f1"),
        *(
            f"evidence/{kind}/{name}"
            for kind in ("performance", "fairness")
            for name in ("verdict", "sentence", "digest", "at")
        ),
        *(f"evidence/performance/figures/f1/{name}" for name in ("value", "high", "probability", "target")),
        *(f"{figure(name)}/{part}" for name in (RACE, SEX) for part in ("n", "needed")),
        *(f"{figure(BOTH)}{part}" for part in ("", *(f"/{name}" for name in SHOWN))),
    }
    if value is GONE or value is None:
        harmless.add("champion")  # there need not be one
    if value is GONE:
        harmless |= {figure(RACE), figure(SEX)}  # what was never looked at is not missed, as long as one was
    if isinstance(value, str) and value:
        harmless.add("evidence/fairness/data_digest")
    allowed = {"/".join(path) for path in paths(GOOD) if allows_without(engine, promotion, GOOD, path, value)}
    assert allowed - harmless == set()


@pytest.mark.parametrize(("changes", "reasons"), CASES.values(), ids=CASES)
def test_promotion_is_decided_rule_by_rule(engine, promotion, changes, reasons):
    said = decide(engine, promotion, spoiled(changes))
    assert sorted((r.code, r.metric) for r in said.reasons) == sorted(reasons)
    assert said.allowed == (not reasons)


@pytest.mark.parametrize("changes", [changes for changes, reasons in CASES.values() if reasons])
def test_every_reason_names_what_it_got_and_rests_on(engine, promotion, changes):
    for reason in decide(engine, promotion, spoiled(changes)).reasons:
        assert not re.search(r"%!|<error>|undefined\b(?! or)", reason.message)
        if reason.code in {"performance", "fairness", "undefined", "stale-evidence"}:
            assert reason.evidence in {"p" * 64, "f" * 64}
            assert reason.limit is not None
        if reason.code in {"no-evidence", "stale-evidence", "feature-set"}:
            assert reason.flip


@pytest.mark.parametrize(
    "changes",
    [
        [("evidence", GONE)],
        [("evidence/performance/figures/f1/low", "0.9")],
        [("evidence/performance/figures/f1/value", None), ("evidence/performance/figures/f1/low", 0.1)],
        [(f"{figure(SEX)}/probability", "1")],
        [(f"{figure(RACE)}/needed", None), (f"{figure(RACE)}/probability", 0.1)],
        [(f"{figure(BOTH)}/needed", None), (f"{figure(BOTH)}/probability", 0.01)],
        [(f"{figure(BOTH)}/value", None), (f"{figure(BOTH)}/probability", 0.01)],
        [("evidence/fairness/age_days", None)],
        [("evidence/fairness/figures", None)],
    ],
)
def test_a_number_that_is_none_is_never_taken_for_a_good_one(engine, promotion, changes):
    said = decide(engine, promotion, spoiled(changes))
    assert not said.allowed
    assert said.reasons


WAITS = {
    "nobody yet": [],
    "one person": BY_TWO[:1],
    "one person twice": [BY_TWO[0], BY_TWO[0]],
    "the author among them": [BY_TWO[0], {"by": "analyst", "role": "approver"}],
    "the asker among them": [BY_TWO[0], {"by": "risk-officer", "role": "approver"}],
    "another role": [BY_TWO[0], {"by": "c", "role": "viewer"}],
    "nobody's name": [BY_TWO[0], {"by": None, "role": "approver"}],
    "null": None,
}


@pytest.mark.parametrize("approvals", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("stakes", ["high", "High", None])
def test_a_model_of_high_stakes_waits_for_two_people_who_are_neither_author_nor_asker(
    engine, promotion, approvals, stakes
):
    said = decide(engine, promotion, {**GOOD, "stakes": stakes, "author": "analyst", "approvals": approvals})
    assert said.decision == "needs-people"
    assert (said.people.approvals, said.people.roles, said.people.hours) == (2, ("approver",), 72)


def test_people_are_not_asked_about_what_the_evidence_forbids(engine, promotion):
    document = {**spoiled([("evidence/fairness", GONE)]), "stakes": "high"}
    assert decide(engine, promotion, document).decision == "deny"


@pytest.mark.parametrize(
    ("limit", "changed_limit", "document", "code"),
    [
        ('"measures": {"f1": 0.80}', '"measures": {"f1": 0.80, "auc": 0.9}', GOOD, "performance"),
        ('"same_version": false', '"same_version": true', GOOD, "feature-set"),
        ('"retention": false', '"retention": true', GOOD, "retention"),
        ('"age_days": 30', '"age_days": 1', GOOD, "stale-evidence"),
        ('"certainty": 0.95', '"certainty": 0.999', GOOD, "fairness"),
    ],
)
def test_a_limit_is_changed_without_touching_a_rule(engine, promotion, limit, changed_limit, document, code):
    assert limit in promotion.source
    stricter = Policy.parse("promotion", promotion.source.replace(limit, changed_limit))
    assert code in {reason.code for reason in decide(engine, stricter, document).reasons}


def test_the_words_of_a_denial_hold_the_numbers(engine, promotion):
    document = spoiled([(f"{figure(RACE)}/probability", 0.18), (f"{figure(RACE)}/value", 0.77)])
    (reason,) = decide(engine, promotion, document).reasons
    assert "disparate impact by race is 0.770 [0.900, 1.000]" in reason.message
    assert "has a probability of 0.18, the policy needs 0.95" in reason.message
    assert (reason.got, reason.limit) == (0.18, 0.95)
    assert "0.840 or more" in reason.flip


def test_where_no_value_would_do_the_reason_asks_for_more_cases(engine, promotion):
    for name in (RACE, BOTH):
        document = spoiled([(f"{figure(name)}/needed", None), (f"{figure(name)}/probability", 0.01)])
        (reason,) = decide(engine, promotion, document).reasons
        assert (reason.code, reason.metric) == ("fairness", name)
        assert reason.flip == "at these group sizes no disparate impact would do; more cases are needed"


# rollback

BACK = {
    **GOOD,
    "action": "rollback",
    "was_champion": True,
    "why": "alarms since noon",
    "evidence": {},
    "granted": {"entry": 3, "decision": "allow"},
}

BACK_CASES = {
    "nothing changed": ([], []),
    "ten letters": ([("why", "0123456789")], []),
    "ten letters beyond ASCII": ([("why", "ünd zürück")], []),
    "nine letters": ([("why", "012345678")], ["no-reason"]),
    "never champion": ([("was_champion", False)], ["never-champion"]),
    "unknown whether champion": ([("was_champion", GONE)], ["never-champion"]),
    "other action": ([("action", "promote")], ["wrong-action"]),
    "nine letters and blanks": ([("why", "  012345678   ")], ["no-reason"]),
    "champion without a grant": ([("granted", None)], ["never-granted"]),
    "champion by a denial": ([("granted/decision", "deny")], ["never-granted"]),
    "champion by a word": ([("was_champion", "yes")], ["never-champion"]),
    "all wrong": (
        [("action", "delete"), ("why", ""), ("was_champion", False)],
        ["never-champion", "no-reason", "wrong-action"],
    ),
}


@pytest.mark.parametrize(("changes", "codes"), BACK_CASES.values(), ids=BACK_CASES)
def test_rollback_is_decided_rule_by_rule(engine, rollback, changes, codes):
    document = BACK
    for path, value in changes:
        document = changed(document, path, value)
    said = decide(engine, rollback, document)
    assert sorted(r.code for r in said.reasons) == codes
    assert said.allowed == (not codes)


def test_a_rollback_with_no_reason_at_all_is_not_granted(engine, rollback):
    assert not decide(engine, rollback, {**BACK, "why": None}).allowed


def test_a_hostile_reason_is_a_reason_like_any_other(engine, rollback):
    for why in ('x"], "value": [], "y": ["', '"; allow := true #', "\\", "\x00" * 10):
        denied = decide(engine, rollback, {**BACK, "why": why, "model": why, "was_champion": False})
        assert {r.code for r in denied.reasons} >= {"never-champion"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "document"), [("promotion", GOOD), ("rollback", BACK)])
def test_the_shipped_policies_say_the_same_in_a_process_of_their_own(engine, request, name, document):
    policy = request.getfixturevalue(name)
    assert decide(RegoEngine(), policy, document).allowed
    spoilt = {**document, "evidence": {}, "why": "short"}
    assert decide(RegoEngine(), policy, spoilt) == decide(engine, policy, spoilt)
    assert not decide(RegoEngine(), policy, spoilt).allowed
