"""Summaries add to what the rows say, are made once, survive a kill, and take in labels that come late."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data import Profile, ScoreCube
from workbench.errors import EngineError, Misuse
from workbench.monitoring.declared import DeclaredKpi, Objectives
from workbench.monitoring.hour import Hour, Kpi, added, latency_bin
from workbench.monitoring.packed import packed, unpacked
from workbench.monitoring.summarising import Reading, bring_up_to_date
from workbench.monitoring.summary_store import Key, SummaryStore, total
from workbench.monitoring.sums import Inputs

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHAMPION = Key(1, "champion")


def brought(world, now=NOON, **kept):
    reading = Reading("lending", lambda version: world.profiles.get(f"lending/{version}"), Objectives(**kept))
    return bring_up_to_date(
        world.log, world.store, reading, now=now, since=NOON - 10 * DAY, labels_since=NOON - 10 * DAY
    )


def test_a_window_is_the_sum_of_its_hours(world):
    world.champion()
    made = world.served(30, n=12, failed=2)
    brought(world)
    whole = total(world.store.rows("lending", since=NOON - 30 * HOUR))
    assert (whole.asked, whole.failed, whole.rows) == (360, 60, 300)
    frame = pd.DataFrame([one.features for one in made if one.status == 200])
    scanned = Profile.scan(frame, like=world.profiles["lending/1"])
    assert whole.profile == scanned
    assert whole.scores.total == 300
    assert whole.yes == sum(one.answer for one in made if one.status == 200)


def test_days_are_the_sums_of_their_hours(world):
    world.champion()
    world.served(60, n=6)
    brought(world)
    days = world.store.rows("lending", days=True)
    assert [(row.at.day, row.hour.asked) for row in days] == [(28, 144), (1, 144)]


def test_what_is_over_is_read_once_and_the_hour_that_runs_again(world):
    world.champion()
    world.served(5, n=6)
    assert brought(world) == 6
    assert brought(world, NOON + timedelta(minutes=2)) == 2  # the one that is just over may still be written to
    assert brought(world, NOON + timedelta(minutes=20)) == 2
    assert brought(world, NOON + timedelta(minutes=30)) == 1


def test_doing_it_again_from_nothing_gives_the_same(world):
    world.champion()
    world.served(30, n=6)
    brought(world)
    before = world.store.rows("lending"), world.store.rows("lending", days=True)
    world.store.forget("lending")
    brought(world)
    assert [[(r.at, r.key, packed(r.hour)) for r in rows] for rows in before] == [
        [(r.at, r.key, packed(r.hour)) for r in rows]
        for rows in (world.store.rows("lending"), world.store.rows("lending", days=True))
    ]


@pytest.mark.parametrize("after", [1, 7, 30])
def test_killed_at_any_hour_the_next_pass_goes_on(world, after, monkeypatch):
    world.champion()
    world.served(40, n=4)
    put, done = world.store.put, []

    def dying(model, at, hours):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(at)
        put(model, at, hours)

    monkeypatch.setattr(world.store, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        brought(world)
    monkeypatch.undo()
    brought(world)
    assert total(world.store.rows("lending")).asked == 160
    assert sum(row.hour.asked for row in world.store.rows("lending", days=True)) == 160 - 12 * 4


def test_labels_that_come_late_are_taken_in_and_their_day_too(world):
    world.champion()
    made = world.served(60, n=6, labels=False)
    brought(world)
    assert total(world.store.rows("lending")).labels == 0
    late = made[10]
    world.log.truths[late.id] = (1.0, NOON + HOUR)
    assert brought(world, NOON + HOUR) >= 1
    assert total(world.store.rows("lending")).labels == 1
    cubes = total(world.store.rows("lending", days=True)).scores
    assert int(cubes.labelled.sum()) == 1
    assert brought(world, NOON + HOUR) <= 2  # not again


def test_an_hour_of_which_the_log_has_forgotten_rows_stays(world):
    world.champion()
    made = world.served(3, n=6)
    brought(world)
    for one in made[:4]:
        del world.log.of[one.id]
    world.log.truths[made[5].id] = (1.0, NOON + HOUR)
    brought(world)
    assert total(world.store.rows("lending")).asked == 18


def test_variants_and_versions_are_apart_and_add(world):
    world.champion()
    first = world.served(2, n=6)
    world.log.write([replace(one, id=f"v{one.id}", request=f"v{one.id}", version=2) for one in first])
    world.log.write([replace(first[0], id="x", request="x", version=None, status=503, features=None, score=None)])
    brought(world)
    rows = world.store.rows("lending")
    assert {row.key for row in rows} == {Key(1, "champion"), Key(2, "champion"), Key(0, "champion")}
    assert total(rows, version=2).asked == 12
    assert total(rows).asked == 25


def test_what_a_version_said_in_shadow_is_in_no_summary(world):
    world.champion()
    first = world.served(2, n=6)
    shadow = [replace(one, id=f"{one.id}.shadow", version=2, variant="shadow") for one in first]
    world.log.write(shadow)
    brought(world)
    rows = world.store.rows("lending")
    assert {row.key for row in rows} == {Key(1, "champion")}
    assert total(rows).asked == 12


def test_features_that_are_kept_by_their_digests_make_no_profile(world):
    world.champion()
    for one in world.served(2, n=6):
        world.log.of[one.id] = replace(one, features=dict.fromkeys(one.features, "a" * 64))
    brought(world)
    assert total(world.store.rows("lending")).profile is None


def test_values_of_another_kind_are_nulls_and_stop_nothing(world):
    world.champion()
    made = world.served(1, n=6)
    world.log.of[made[0].id] = replace(made[0], features={"income": "much", "age": 10**400, "sex": 3})
    world.log.of[made[1].id] = replace(made[1], features={"income": [1, 2], "age": None, "sex": {"a": 1}})
    brought(world, kpis=(DeclaredKpi("age", "column", "age", "up", "", 0.05),))
    whole = total(world.store.rows("lending"))
    profile = whole.profile
    assert whole.kpis["age"].n == 4
    assert (profile.rows, profile.columns["income"].nulls) == (6, 2)


def test_groups_are_counted_where_they_are_declared(world):
    world.champion()
    world.served(2, n=40)
    brought(world, groups=("sex", "age"))
    cube = total(world.store.rows("lending")).scores
    assert cube.attributes == ("sex",)  # an age tells no groups apart
    assert set(cube.groups) == {("f",), ("m",)}


def test_hours_are_forgotten_before_days(world):
    world.champion()
    world.served(24 * 5, n=2)
    brought(world)
    world.store.expire(hours_before=NOON - 2 * DAY, days_before=NOON - 30 * DAY)
    assert min(row.at for row in world.store.rows("lending")) == datetime(2026, 2, 28, tzinfo=UTC)
    assert len(world.store.rows("lending", days=True)) == 5
    world.store.expire(hours_before=NOON, days_before=NOON - DAY)
    assert [row.at.day for row in world.store.rows("lending", days=True)] == []


@given(st.lists(st.integers(0, 5_000_000), max_size=30), st.lists(st.integers(0, 5_000_000), max_size=30))
@settings(max_examples=30, deadline=None)
def test_latencies_add_and_their_quantiles_are_within_a_bin(one, other):
    def hour(times):
        return added(Hour(latency={latency_bin(us): 1}) for us in times)

    both = hour(one) + hour(other)
    assert both == hour(one + other)
    if one + other:
        exact = sorted(one + other)[-(-len(one + other) // 2) - 1]
        assert both.quantile(0.5) * 1e6 == pytest.approx(max(exact, 1), rel=0.1)
        assert both.slower(1.0) <= sum(us > 1_000_000 for us in one + other)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_kpis_add_to_the_moments_of_all(parts):
    def kpi(values):
        x = np.array(values)
        return Kpi(len(x), float(x.mean()), float(((x - x.mean()) ** 2).sum()))

    summed = added(Hour(kpis={"revenue": kpi(part)}) for part in parts).kpis["revenue"]
    whole = kpi([value for part in parts for value in part])
    assert summed.n == whole.n
    assert (summed.mean, summed.m2) == pytest.approx((whole.mean, whole.m2), rel=1e-6, abs=1e-3)


def test_what_is_packed_is_unpacked(world):
    frame = pd.DataFrame({"income": [1.0, None, 3.0], "plan": ["a", "b", None]})
    hour = Hour(
        {200: 3},
        {80: 3},
        3,
        1,
        3,
        Inputs.of(Profile.scan(frame)),
        None,
        {"revenue": Kpi(3, 1.5, 2.0)},
        1,
        "2026-03-02T12:00:00",
    )
    assert unpacked(*packed(hour)) == hour
    cube = ScoreCube.scan({"sex": ["f", "m"]}, score=[0.2, 0.9], label=[0, None])
    again = unpacked(*packed(replace(hour, scores=cube))).scores
    assert (again.attributes, again.groups) == (cube.attributes, cube.groups)
    assert np.array_equal(again.table, cube.table)


@pytest.mark.parametrize("data", [b"", b"\x00", packed(Hour())[0][:-3], b"\x81\xa1x\x01"])
def test_bytes_that_are_no_hour_are_refused(data):
    with pytest.raises(EngineError, match="cannot be read"):
        unpacked(data)


def test_a_store_of_another_kind_is_refused(tmp_path):
    with pytest.raises(Misuse, match="must be sqlite"):
        SummaryStore.open("postgresql://x/y")
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(EngineError, match="another database"):
        SummaryStore.open(f"sqlite:///{tmp_path / 'a.db'}")
