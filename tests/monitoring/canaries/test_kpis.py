"""A KPI takes a canary back, holds its promotion while it is open, and is told with interval and belief."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from workbench.monitoring.canaries import Plan, canary_exposition, kpis
from workbench.monitoring.canaries.counting import Mark
from workbench.monitoring.canaries.kpis import Sides, units_of
from workbench.monitoring.declared import DeclaredKpi
from workbench.serving import Label

KPIS = {"revenue": {"of": "score", "unit": "dollars", "margin": 0.2}}
LATE = {"repaid": {"of": "label", "margin": 0.2}}
PLAN = Plan.of({"minutes": 0, "requests": 0, "looks": 1, "steps": [0.3]})
SOUND = {"bad": 0.2, "canary_bad": 0.2, "slow": 0.2, "seconds": 10}


@pytest.fixture
def worth():
    """Skewed values, those of the canary lower by a share."""
    rng = np.random.default_rng(0)
    return lambda lower: lambda tried: float(rng.gamma(4.0, 2.5)) * (1 - lower * tried)


@pytest.fixture
def staged(trial):
    """A canary that people gave three tenths of the traffic, of a model with a KPI."""
    trial.declare(kpis=KPIS)
    for weight in (0.05, 0.1, 0.2, 0.3):
        trial.gate.stage("lending", 2, "canary", weight=weight, actor="analyst", why="by hand", now=trial.now)
    return trial


def shown(trial):
    (one,) = trial.controller.canaries(trial.now)
    return one


def test_a_canary_that_costs_the_business_something_goes_back_although_it_fails_no_more_often(staged, worth):
    staged.start(PLAN)
    (back,) = staged.watched(**SOUND, worth=worth(0.4))
    assert back.act == "roll back"
    assert back.why.startswith("The canary does harm. revenue: worse by ")
    found = staged.kinds("evidence.recorded")[-1]
    assert found.body["figures"]["kpi.revenue"]["value"] < 0


def test_it_is_put_forward_only_when_its_kpis_are_shown_to_lose_nothing(staged, worth):
    staged.start(PLAN)
    held = []
    for _ in range(400):
        staged.traffic(**SOUND, worth=worth(0.0))
        one = staged.once()
        if one.act != "hold":
            break
        held.append(one.why)
    assert one.act == "promote"
    assert any(why.startswith("Its KPIs must be shown to lose nothing") for why in held)
    evidence = staged.kinds("promotion.granted")[-1].body["input"]["evidence"]["canary"]
    assert evidence["verdict"] == "pass"
    assert evidence["figures"]["kpi.revenue"]["low"] > evidence["figures"]["kpi.revenue"]["target"]


def test_a_kpi_whose_labels_never_come_never_promotes_and_goes_back_with_the_reason(trial):
    trial.declare(kpis=LATE)
    trial.start(Plan.of({**PLAN.as_dict(), "steps": [0.05], "hours": 0.05}))
    (back,) = trial.watched(**SOUND)
    assert back.act == "roll back" and back.why.startswith("Its 0.05 hours are over")
    assert "repaid: 0 and 0 units" in back.why


def test_a_plan_may_only_watch_its_kpis(trial):
    trial.declare(kpis=LATE)
    trial.start(Plan.of({**PLAN.as_dict(), "steps": [0.05], "kpis": False}))
    assert [one.act for one in trial.watched(**SOUND)] == ["promote"]


def test_a_kpi_that_is_declared_no_longer_holds_up_no_promotion(trial):
    trial.declare(kpis=LATE)
    trial.start(Plan.of({**PLAN.as_dict(), "steps": [0.05]}))
    for _ in range(20):
        trial.traffic(**SOUND)
        assert trial.once().act == "hold"
    trial.declare()
    assert [one.act for one in trial.watched(**SOUND)] == ["promote"]


def test_an_advance_on_open_kpis_is_no_evidence_for_a_promotion(trial):
    trial.declare(kpis=LATE)
    trial.start(Plan.of({**PLAN.as_dict(), "steps": [0.05, 0.1]}))
    for _ in range(200):
        trial.traffic(**SOUND)
        if trial.once().act == "advance":
            break
    found = trial.kinds("evidence.recorded")[-1]
    assert (found.body["kind"], found.body["verdict"]) == ("canary", "not enough evidence")


def test_labels_that_come_late_and_out_of_order_count_once_they_are_known(staged):
    staged.declare(kpis=LATE)
    staged.start(PLAN)
    for _ in range(12):
        staged.traffic(**SOUND)
        staged.once()
    assert shown(staged).counted.whole.kpis["repaid"].units == (0, 0)
    rows = [row for row in staged.log.rows("lending", since=shown(staged).marks[0].at) if row.status == 200]
    staged.log.label([Label(row.id, float(row.version == 1), staged.now, "collections") for row in reversed(rows)])
    staged.traffic(**SOUND)
    staged.traffic(**SOUND)
    staged.traffic(**SOUND)
    back = staged.once()
    assert back.act == "roll back" and "repaid: worse by" in back.why


def test_labels_after_its_end_change_nothing(trial):
    trial.declare(kpis=LATE)
    trial.start()
    trial.traffic(20)
    rows = trial.log.rows("lending")
    trial.controller.stop("lending", actor="analyst", why="a better one is ready", now=trial.now)
    before = (len(trial.ledger.entries()), shown(trial).as_dict())
    trial.log.label([Label(row.id, 0.0, trial.now, "collections") for row in rows])
    trial.now += timedelta(minutes=5)
    assert trial.once() is None
    assert (len(trial.ledger.entries()), shown(trial).as_dict()) == before


def test_what_the_shadow_would_have_answered_is_no_part_of_a_canary(trial):
    """A shadow of the very version that is the canary, and one of the champion's: neither counts for anybody."""
    trial.declare(kpis=KPIS)
    trial.start()
    trial.traffic(20, variant="shadow", bad=0.5, canary_bad=0.9, worth=lambda tried: 0.0 if tried else 100.0)
    assert trial.once().act == "hold"
    judge = shown(trial).counted.whole
    assert (judge.rates["errors"].canary, judge.rates["errors"].stable) == (0, 0)
    assert judge.kpis["revenue"].units == (0, 0)


def units(trial, kpi=None, since=None):
    kpi = kpi or DeclaredKpi("revenue", "score", "", "up", "", 0.05)
    mark = Mark(since or trial.now - timedelta(hours=1), 1, 0.05)
    return units_of(trial.log, "lending", [kpi], Sides(2, 1), [mark], since=mark.at, until=trial.now)[kpi.name]


def test_a_unit_counts_once_with_the_first_value_that_became_known(trial):
    trial.start()
    values = iter(range(10**6))
    trial.traffic(20, units=100, worth=lambda _: float(next(values)), bad=0.0, canary_bad=0.0)
    found = units(trial)
    assert len(found.value) == 100
    assert found.value.max() < 100
    assert set(found.share.tolist()) == {0.05}


def test_the_share_is_the_same_number_on_both_sides_whatever_the_log_says_of_it(trial):
    trial.start()
    trial.traffic(40)
    rows = trial.log.rows("lending")
    told = [
        replace(row, id=f"p{row.id}", request=f"p{row.id}", propensity=0.3 if row.version == 2 else 1 - 0.3)
        for row in rows
    ]
    trial.log.write([*told, replace(rows[0], id="sole", request="sole", propensity=1.0)])
    assert set(units(trial).share.tolist()) == {0.05, 0.3}
    assert len(units(trial).value) == 2 * sum(row.status == 200 for row in rows)


def test_kpis_are_exposed_and_told_as_json(staged, worth):
    staged.start(Plan.of({**PLAN.as_dict(), "minutes": 60}))
    for _ in range(5):
        staged.traffic(**SOUND, worth=worth(0.0))
        staged.once()
    told = shown(staged).as_dict()["kpis"]["revenue"]
    assert told["low"] < told["difference"] < told["high"]
    assert 0 < told["belief"]["chance_worse"] < 1
    text = canary_exposition([shown(staged)])
    assert 'workbench_canary_kpi_lower{model="lending",version="2",measure="revenue"}' in text
    assert (
        'workbench_canary_log_evidence_needed{model="lending",version="2",measure="revenue",claim="tolerated"}' in text
    )


def test_looks_at_kpis_become_rarer_and_none_is_lost_with_the_memory(staged, worth, monkeypatch):
    staged.start(PLAN)
    looks = []
    plain = kpis.judged
    monkeypatch.setattr(kpis, "judged", lambda *given, **more: looks.append(more["until"]) or plain(*given, **more))
    for _ in range(16):
        staged.traffic(seconds=10, rate=10, worth=worth(0.0))
        staged.once()
    assert 3 <= len(looks) <= 6  # half a minute apart at least
    before = shown(staged).counted.whole.kpis["revenue"]
    staged.store._connection.execute("DELETE FROM canaries")
    staged.once()
    after = shown(staged).counted.whole.kpis["revenue"]
    assert after.units[0] >= before.units[0] > 0
