"""Rows of the prediction log are counted by version for the judge, each request once and by its gravest row."""

from dataclasses import replace
from datetime import UTC, datetime

from workbench.monitoring.canary import counted, judge_of
from workbench.monitoring.declared import Objectives
from workbench.serving import Prediction
from workbench.stats.canary_judge import Counts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def row(id_, *, version=1, status=200, took=900, request=None):
    return Prediction(
        id=id_, at=NOON, model="lending", version=version, generation=1, request=request or id_, input_digest="d",
        features={}, score=0.5, answer=True, latency_us=took, status=status,
    )  # fmt: skip


def test_a_request_is_one_outcome_whatever_its_rows():
    rows = [row("a"), row("b", request="a"), row("c", request="a", status=500), row("d", version=2)]
    assert counted(rows, canary=2, stable=1, slower=0.05)["errors"] == Counts(1, 0, 1, 1)


def test_what_did_not_fit_and_other_versions_are_nobodys():
    rows = [row("a", status=422), row("b", version=3), row("c", version=None, status=503), row("d", version=2)]
    found = counted(rows, canary=2, stable=1, slower=0.05)
    assert found == {"errors": Counts(1, 0, 0, 0), "slow": Counts(1, 0, 0, 0)}


def test_what_a_version_said_in_shadow_is_no_outcome_of_its_canary():
    shadow = replace(row("p9", version=2, status=500), variant="shadow")
    assert counted([row("p1"), shadow], canary=2, stable=1, slower=0.05)["errors"].canary == 0


def test_what_came_of_events_is_no_outcome_since_no_event_is_shared_out():
    """Their outputs never fail: counted, they would make a sound canary look worse than the champion."""
    rows = [row("p1", status=500), row("p2", version=2, status=500), *(row(f"e{n}") for n in range(99))]
    assert counted(rows, canary=2, stable=1, slower=0.05)["errors"] == Counts(1, 1, 1, 1)


def test_slow_are_those_that_were_answered_late():
    rows = [row("a", took=80_000), row("b", version=2, took=80_000), row("c", version=2, status=500, took=90_000)]
    assert counted(rows, canary=2, stable=1, slower=0.05)["slow"] == Counts(1, 1, 1, 1)


def test_fed_interval_by_interval_the_judge_takes_a_bad_canary_back():
    judge = judge_of(Objectives(errors=0.01))
    for _ in range(20):
        rows = [row(f"s{i}", status=500 if i < 2 else 200) for i in range(200)]
        rows += [replace(one, id=f"c{one.id}", request=f"c{one.id}", version=2) for one in rows[:20]]
        judge = judge.add(counted(rows, canary=2, stable=1, slower=0.05))
    assert judge.state == "roll back"
    assert judge.reasons[0].startswith("errors: 40 of 400 against 40 of 4,000")
