"""The page of fairness is given each champion and candidate with its last audit, and the trend over versions."""

from datetime import UTC, datetime

import numpy as np
import pytest

from workbench.audits import audit_fairness
from workbench.data import CountCube
from workbench.evidence import Figure, Finding, fairness_finding
from workbench.monitoring import audited

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def audit(selected):
    """An audit of two groups of a hundred, one of which is selected 80 times."""
    group = np.repeat(["a", "b"], 100)
    answer = np.concatenate([np.arange(100) < 80, np.arange(100) < selected])
    sex = np.tile(["f", "m"], 100)
    cube = CountCube.scan({"race": group, "sex": sex}, label=answer, prediction=answer)
    return audit_fairness(cube, rng=np.random.default_rng(0), quick=True)


def found(town, version, selected):
    """A finding about a version."""
    finding = fairness_finding(audit(selected), subject=f"lending/{version}", run_id=f"run-{selected}", at=NOON)
    town.note("evidence.recorded", finding.subject, finding.as_body())


def test_champions_and_candidates_are_told_the_newest_first(town):
    town.champion(version=1)
    town.registered(version=2)
    found(town, 2, 40)
    assert [(one.version.version, one.stage) for one in audited(town.ledger)] == [(2, "candidate"), (1, "champion")]


def test_a_former_champion_is_in_the_trend_only(town):
    town.champion(version=1)
    town.champion(version=2)
    (now,) = audited(town.ledger)
    assert now.version.version == 2
    assert [point.version for point in now.trend["race"]] == [1, 2]


def test_the_last_audit_counts(town):
    town.champion(version=1, audited="")
    found(town, 1, 40)
    found(town, 1, 80)
    (one,) = audited(town.ledger)
    assert one.finding.run_id == "run-80"
    assert one.by[0].impact.value == 1.0


def test_groups_and_distances_are_as_the_audit_found_them(town):
    town.champion(version=1, audited="")
    found(town, 1, 40)
    (one,) = audited(town.ledger)
    race, sex, both = one.by
    assert [attribute.name for attribute in one.by] == ["race", "sex", "race*sex"]
    assert (race.impact.value, race.verdict, both.crossed, sex.crossed) == (0.5, "fail", True, False)
    assert [(group.name, group.n, group.compared) for group in race.groups] == [("a", 100, True), ("b", 100, True)]
    assert race.groups[1].rates["selection_rate"].value == 0.4
    assert race.groups[0].rates["tpr"].value == 1.0
    assert race.distances["demographic_parity_difference"].value == pytest.approx(0.4)


def test_a_version_without_an_audit_is_among_them(town):
    town.champion(version=1, audited="")
    (one,) = audited(town.ledger)
    assert (one.finding, one.by, dict(one.trend)) == (None, (), {})


def test_a_finding_without_tables_still_tells_its_figures(town):
    figures = {"disparate_impact.race": Figure(0.9, 0.8, 1.0, probability=0.5, target=0.8), "tpr.race": Figure(0.1)}
    finding = Finding("fairness", "lending/1", "not enough evidence", "Who knows.", figures, "d", "r", NOON.isoformat(),
                      {"groups": [{"by": "race", "size": 3}, {}]})  # fmt: skip
    town.champion(version=1, audited="")
    town.note("evidence.recorded", "lending/1", finding.as_body())
    (one,) = audited(town.ledger)
    assert [(attribute.name, attribute.verdict, attribute.groups) for attribute in one.by] == [
        ("race", "not enough evidence", ())
    ]
