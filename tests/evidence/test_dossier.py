"""The dossier of a version: the newest of each kind, and what a policy is told of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from workbench.errors import Misuse
from workbench.evidence import Dossier, Figure, Finding, as_input, dossier, metrics
from workbench.ledger import Ledger, ModelVersion, canonical

START = datetime(2026, 1, 1, tzinfo=UTC)

VERSION = ModelVersion(
    model="lending",
    version=2,
    run_id="r",
    source="runs:/r/model",
    model_digest="m",
    data_digest="d",
    feature_set="loan-credit@1",
    notebook_digest="n",
    threshold=0.5,
    parameters={"depth": 3},
    metrics={"f1": 0.9},
    registered_at=START.isoformat(),
    registered_by="analyst",
)


def finding(kind="performance", *, subject="lending/2", at=START, **figures):
    return Finding(kind, subject, "pass", f"the {kind} is good", figures, "d", "r", at.isoformat())


def fairness(**impacts):
    """A fairness finding; in the names, "x" stands between two attributes that were crossed."""
    named = {f"disparate_impact.{name.replace('_x_', '*')}": Figure(value) for name, value in impacts.items()}
    return finding("fairness", **named)


def known(*findings, version=VERSION):
    return Dossier(version, {found.kind: found for found in findings})


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        for number in (1, 2, 20):
            version = replace(VERSION, version=number)
            opened.append(
                "version.registered",
                subject=version.subject,
                actor="analyst",
                why="trained",
                body=version.as_body(),
                now=START,
            )
        yield opened


def record(ledger, found):
    return ledger.append(
        "evidence.recorded", subject=found.subject, actor="analyst", why="audited", body=found.as_body(), now=START
    )


# the dossier


def test_a_version_without_evidence_has_an_empty_dossier(ledger):
    assert dossier(ledger, "lending", 2) == Dossier(VERSION, {})


def test_of_each_kind_the_finding_recorded_last_counts(ledger):
    old, other, new = finding(f1=Figure(0.7)), finding("drift"), finding(f1=Figure(0.8))
    for found in (old, other, new):
        record(ledger, found)
    assert dossier(ledger, "lending", 2).findings == {"performance": new, "drift": other}


def test_a_policy_is_never_told_of_what_rests_on_made_up_data(ledger):
    real, made_up = finding(f1=Figure(0.7)), replace(finding(f1=Figure(0.99)), details={"simulated": True})
    for found in (real, made_up, replace(finding("fairness"), details={"simulated": True})):
        record(ledger, found)
    assert Finding.from_body(made_up.as_body()).simulated and not real.simulated
    known_of = dossier(ledger, "lending", 2)
    assert known_of.findings == {"performance": real}
    asked = as_input(
        known_of, action="promote", champion=None, was_champion=False, now=START, actor="analyst", why="better"
    )
    assert asked["metrics"] == {"f1": 0.7} and set(asked["evidence"]) == {"performance"}


def test_recorded_last_counts_even_where_it_was_found_earlier(ledger):
    late, early = finding(at=START + timedelta(days=9), f1=Figure(0.7)), finding(at=START, f1=Figure(0.8))
    record(ledger, late)
    record(ledger, early)
    assert dossier(ledger, "lending", 2).findings["performance"] == early


def test_evidence_about_other_versions_stays_with_them(ledger):
    for subject in ("lending/1", "lending/20", "lending2/2", "lending"):
        record(ledger, finding(subject=subject))
    assert dossier(ledger, "lending", 2).findings == {}


def test_other_entries_about_the_version_are_no_evidence(ledger):
    ledger.append("note", subject="lending/2", actor="analyst", why="w", body={"kind": "performance"}, now=START)
    assert dossier(ledger, "lending", 2).findings == {}


def test_a_version_that_is_not_there_has_no_dossier(ledger):
    with pytest.raises(Misuse, match="lending has no version 3"):
        dossier(ledger, "lending", 3)


def test_a_finding_read_back_has_the_digest_it_was_recorded_with(ledger):
    found = finding(f1=Figure(0.8, 0.75, 0.85, 0.9, 0.7, 0.72, 100), other=Figure(None))
    record(ledger, found)
    back = dossier(ledger, "lending", 2).findings["performance"]
    assert back == found
    assert back.digest == found.digest


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "fail"},
        {"sentence": "bad"},
        {"figures": {"f1": Figure(0.81)}},
        {"subject": "lending/3"},
        {"data_digest": "x"},
        {"at": "2026-01-02T00:00:00+00:00"},
        {"details": {"table": [1]}},
    ],
)
def test_the_digest_covers_the_whole_finding(change):
    found = finding(f1=Figure(0.8))
    assert replace(found, **change).digest != found.digest


# metrics


def test_metrics_are_the_figures_of_all_findings_by_name():
    found = metrics(known(finding(f1=Figure(0.8, 0.7, 0.9)), finding("drift", psi=Figure(0.1))))
    assert found == {"f1": 0.8, "psi": 0.1}


@pytest.mark.parametrize(
    ("impacts", "smallest"),
    [
        ({"race": 0.9}, 0.9),
        ({"race": 0.9, "sex": 0.7}, 0.7),
        ({"race": 0.9, "race_x_sex": 0.1}, 0.9),
        ({"race": 0.9, "race_x_sex": None}, 0.9),
        ({"race": 0.0, "sex": 1.0}, 0.0),
        ({"race": None}, None),
        ({"race": 0.9, "sex": None}, None),
        ({"race": None, "sex": 0.1, "age": 0.9}, None),
    ],
)
def test_fairness_is_the_smallest_over_single_attributes_and_undefined_where_one_is(impacts, smallest):
    assert metrics(known(fairness(**impacts)))["fairness"] == smallest


def test_without_a_single_attribute_there_is_no_fairness():
    assert "fairness" not in metrics(known(fairness(race_x_sex=0.9)))
    assert metrics(known()) == {}


# what a policy is told

NOW = START + timedelta(days=2, hours=12)


def told(candidate, **changed):
    said = {
        "action": "promote",
        "champion": None,
        "was_champion": False,
        "now": NOW,
        "actor": "risk-officer",
        "why": "better",
    }
    return as_input(candidate, **{**said, **changed})


def test_a_policy_is_told_who_asks_what_about_which_version():
    document = told(known())
    assert {name: document[name] for name in ("action", "model", "version", "now", "actor", "why", "was_champion")} == {
        "action": "promote",
        "model": "lending",
        "version": 2,
        "now": "2026-01-03T12:00:00+00:00",
        "actor": "risk-officer",
        "why": "better",
        "was_champion": False,
    }
    assert document["candidate"] == {
        "run_id": "r",
        "model_digest": "m",
        "data_digest": "d",
        "feature_set": "loan-credit@1",
        "threshold": 0.5,
        "registered_at": "2026-01-01T00:00:00+00:00",
        "registered_by": "analyst",
    }
    assert (document["champion"], document["metrics"], document["evidence"]) == (None, {}, {})


def test_a_policy_is_told_each_finding_with_its_age_and_digest():
    found = finding(f1=Figure(0.8, low=0.7, high=0.9, n=100))
    assert told(known(found))["evidence"] == {
        "performance": {
            "verdict": "pass",
            "sentence": "the performance is good",
            "subject": "lending/2",
            "digest": found.digest,
            "at": "2026-01-01T00:00:00+00:00",
            "age_days": 2.5,
            "data_digest": "d",
            "figures": {
                "f1": {
                    "value": 0.8,
                    "low": 0.7,
                    "high": 0.9,
                    "probability": None,
                    "target": None,
                    "needed": None,
                    "n": 100,
                }
            },
        }
    }


def test_the_age_of_a_finding_does_not_depend_on_the_offset_of_the_clock():
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    assert told(known(finding()), now=east)["evidence"]["performance"]["age_days"] == 2.5


def test_a_policy_is_told_of_the_champion_with_its_metrics():
    champion = known(finding(f1=Figure(0.85), other=Figure(None)), version=replace(VERSION, version=1))
    assert told(known(), champion=champion)["champion"] == {
        "version": 1,
        "feature_set": "loan-credit@1",
        "metrics": {"f1": 0.85},
    }


def test_an_undefined_metric_is_left_out_so_that_no_comparison_with_it_holds():
    document = told(known(fairness(race=None, sex=0.9)))
    assert document["metrics"] == {"disparate_impact.sex": 0.9}
    assert document["evidence"]["fairness"]["figures"]["disparate_impact.race"]["value"] is None


def test_what_a_policy_is_told_is_plain_json():
    document = told(known(finding(f1=Figure(0.8)), fairness(race=None)), champion=known(finding()), was_champion=True)
    assert json.loads(canonical(document)) == document


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("2026-01-31", {"until": "2026-01-31", "days_left": 31.0}),  # to its end, as `retention declare --until`
        ("2025-12-31T12:00:00+00:00", {"until": "2025-12-31T12:00:00+00:00", "days_left": -0.5}),
        ("soon", {"until": "soon", "days_left": None}),
        ("", None),
        (None, None),
    ],
)
def test_a_policy_is_told_in_days_how_long_the_training_data_may_be_kept(until, told):
    from dataclasses import replace
    from datetime import UTC, datetime

    from workbench.evidence.dossier import _retention
    from workbench.ledger import ModelVersion

    names = "model run_id source model_digest data_digest feature_set notebook_digest registered_at registered_by"
    bare = ModelVersion(version=1, threshold=None, parameters={}, metrics={}, **dict.fromkeys(names.split(), "x"))
    version = replace(bare, parameters={} if until is None else {"retain_until": until})
    assert _retention(Dossier(version, {}), datetime(2026, 1, 1, tzinfo=UTC)).get("retention") == told
