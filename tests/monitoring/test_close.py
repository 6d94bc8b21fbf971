"""One model closely: hours without a gap, what moved when, drift by the hour, groups counted or estimated; a canary."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.monitoring.conftest import DAY, HOUR, NOON
from workbench.monitoring.canaries import Act, Canary, Plan
from workbench.monitoring.canary_status import canary_status, driven
from workbench.monitoring.close import closely
from workbench.monitoring.declared import Objectives


@pytest.fixture
def close(world):
    """A model whose incomes moved ten hours ago, with groups and labels for the days before."""
    world.note("model.declared", "lending", {"objectives": {"groups": ["sex"]}})
    world.champion()
    world.served(96, n=30, until=NOON - 24 * HOUR)
    world.served(14, n=40, until=NOON - 10 * HOUR, labels=False, seed=1)
    world.served(10, n=40, moved=2.0, labels=False, seed=2)
    (looked,) = world.pass_().models
    return closely(world.ledger, world.store, looked, way_back=None)


def test_the_hours_are_two_windows_without_a_gap_and_hold_no_inputs(close):
    assert len(close.hours) == 49
    assert {b[0] - a[0] for a, b in zip(close.hours, close.hours[1:], strict=False)} == {HOUR}
    assert all(hour.inputs is None for _, hour in close.hours)
    assert [hour.asked for _, hour in close.hours][-3:] == [40, 40, 0]


def test_the_drift_of_an_input_rises_in_the_hour_in_which_it_moved(close):
    (line,) = close.drift
    assert (line.column, line.verdict, len(line.values)) == ("income", "fail", 49)
    assert max(value for value in line.values[10:38] if value is not None) < 0.7
    assert min(value for value in line.values[39:48] if value is not None) > 1.0
    assert line.values[-1] is None, "nobody asked in the hour that runs"


def test_groups_are_estimated_until_labels_come_and_say_so(close):
    assert [group.group for group in close.groups] == ["f", "m"]
    assert all(group.labelled == 0 and 0.6 < group.hit.value < 1 for group in close.groups)
    assert close.assumption.startswith("An estimate without labels")


def test_groups_are_counted_once_labels_are_there(world):
    world.note("model.declared", "lending", {"objectives": {"groups": ["sex"]}})
    world.champion()
    world.served(48, n=40)
    (looked,) = world.pass_().models
    found = closely(world.ledger, world.store, looked)
    assert found.assumption == ""
    assert all(group.labelled == group.n for group in found.groups)


def test_moves_and_the_beginning_of_incidents_are_marks_in_the_order_of_time(world, close):
    body = {"slot": "canary", "generation": 1, "weight": 0.05, "decision": {"decision": "allow"}}
    world.ledger.append(
        "stage.granted", subject="lending/2", actor="analyst", why="try", body=body, now=NOON - 3 * HOUR
    )
    told = closely(world.ledger, world.store, close.looked).marks
    assert [mark.what for mark in told] == ["incident", "canary"]
    assert told[0].at == NOON - 10 * HOUR
    assert told[1].words == "v2 canary at 5\u00a0% of the traffic"


def tried(world, weight=0.1, at=NOON - 3 * HOUR, generation=0):
    with world.ledger.transaction() as writer:
        body = {"slot": "canary", "generation": generation + 1, "weight": weight, "decision": {"decision": "allow"}}
        entry = writer.append("stage.granted", subject="lending/2", actor="analyst", why="try", body=body, now=at)
        writer.move_head("lending", "canary", 2, expected_generation=generation, entry=entry)


class Counted:
    """A log that notes which times it was read for."""

    def __init__(self, log):
        self._log, self.read = log, []

    def rows(self, model, *, since, until):
        self.read.append((since, until))
        return self._log.rows(model, since=since, until=until)


def test_a_canary_is_counted_once_step_by_step_and_gone_on_with(world):
    world.champion()
    tried(world, at=NOON - 3 * HOUR)
    tried(world, weight=0.2, at=NOON - 90 * timedelta(minutes=1), generation=1)
    world.served(3, n=90)
    world.served(3, n=10, version=2, failed=5, seed=4)
    log = Counted(world.log)
    first = canary_status(world.ledger, log, "lending", Objectives(), now=NOON - HOUR)
    whole = canary_status(world.ledger, log, "lending", Objectives(), now=NOON + HOUR, before=first)
    assert [step.weight for step in whole.steps] == [0.1, 0.2]
    seen = whole.judge.rates["errors"]
    assert (seen.canary, seen.canary_bad, seen.stable, seen.stable_bad) == (30, 15, 270, 0)
    assert all(a[1] == b[0] for a, b in zip(log.read, log.read[1:], strict=False)), "no time is read twice"
    assert NOON - timedelta(minutes=90) in {since for since, _ in log.read}, "no interval lies across a step"


def test_where_a_controller_drives_it_its_own_counts_are_shown_with_what_comes_next(world):
    world.champion()
    tried(world)
    world.served(3, n=10, version=2)
    counted = canary_status(world.ledger, world.log, "lending", Objectives(), now=NOON)
    canary = Canary(
        7, "lending", 2, Plan(), "running", "a try", "analyst", NOON, counted.steps, counted.counted,
        act=Act("hold", "early", "This step lasts 10 min."),
    )  # fmt: skip
    known = driven(canary, 1)
    assert (known.judge, known.next, known.stable) == (counted.judge, "This step lasts 10 min.", 1)
    assert driven(replace(canary, state="waiting"), 1) is None


def test_a_canary_that_was_cleared_is_none_and_a_new_one_begins_anew(world):
    world.champion()
    assert canary_status(world.ledger, world.log, "lending", Objectives(), now=NOON) is None
    tried(world)
    world.served(3, n=10, version=2)
    before = canary_status(world.ledger, world.log, "lending", Objectives(), now=NOON)
    other = replace(before, version=7)
    again = canary_status(world.ledger, world.log, "lending", Objectives(), now=NOON, before=other)
    assert again.judge.rates["errors"].canary == before.judge.rates["errors"].canary == 30
    assert again.since == NOON - 3 * HOUR
    assert NOON - again.since < DAY
