"""Summaries add to what the rows say, are made once, survive a kill, and take in labels that come late."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

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
from workbench.serving import Label

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHAMPION = Key(1, "champion")


def brought(world, now=NOON, **kept):
    reading = Reading("lending", lambda version: world.profiles.get(f"lending/{version}"), Objectives(**kept))
    return bring_up_to_date(
        world.log, world.store, reading, now=now, since=NOON - 10 * DAY,
        labels=world.log.label_hours(NOON - 10 * DAY).get("lending", {}),
    )  # fmt: skip


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
    assert brought(world) == 5
    assert brought(world, NOON + timedelta(minutes=2)) == 1  # the one that is just over may still be written to
    assert brought(world, NOON + timedelta(minutes=20)) == 1
    assert brought(world, NOON + timedelta(minutes=30)) == 0


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

    def dying(model, at, hours, made):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(at)
        put(model, at, hours, made)

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
    world.log.label([Label(late.id, 1.0, NOON + HOUR, "collections")])
    assert brought(world, NOON + HOUR) >= 1
    assert total(world.store.rows("lending")).labels == 1
    cubes = total(world.store.rows("lending", days=True)).scores
    assert int(cubes.labelled.sum()) == 1
    assert brought(world, NOON + HOUR) <= 2  # not again


def test_an_hour_of_which_the_log_has_forgotten_rows_stays(world):
    world.champion()
    made = world.served(3, n=6)
    brought(world)
    world.log._connection.executemany("DELETE FROM predictions WHERE id = ?", [(one.id,) for one in made[:4]])
    world.log.label([Label(made[5].id, 1.0, NOON + HOUR, "collections")])
    assert brought(world) == 1, "the hour that may still be written to; the forgotten one cannot be made again"
    assert total(world.store.rows("lending")).asked == 18


def test_rows_that_the_log_got_late_are_taken_in_and_their_day_too(world):
    """A disk that was full, or a consumer that caught up, writes rows of hours that are over."""
    world.champion()
    world.served(60, n=6, labels=False)
    brought(world)
    late = world.served(1, until=NOON - 20 * HOUR, n=4, labels=False, seed=9)
    assert brought(world, NOON + timedelta(minutes=20)) == 2
    assert total(world.store.rows("lending")).asked == 364
    day = {row.at.day: row.hour.asked for row in world.store.rows("lending", days=True)}
    assert day == {28: 144, 1: 148}, late[0].at
    assert brought(world, NOON + timedelta(minutes=30)) == 0


def test_requests_to_which_a_client_gave_one_id_are_counted_apart(world):
    world.champion()
    made = world.served(1, n=10, labels=False)
    world.log.write([replace(one, id=f"x{one.id}", request="same") for one in made])
    brought(world)
    assert total(world.store.rows("lending")).asked == 20


def test_what_came_of_events_is_counted_by_the_event_and_made_nobody_wait(world):
    world.champion()
    (one,) = world.served(1, n=1, labels=False)
    batch = [replace(one, id=f"e0badcafe{n:016x}", request="e0badcafe0", latency_us=9_000_000) for n in range(50)]
    world.log.write(batch)
    brought(world)
    whole = total(world.store.rows("lending"))
    assert (whole.asked, whole.rows, whole.timed) == (51, 51, 1)


def test_hours_are_those_of_utc_whatever_the_zone_of_the_clock(world):
    """India is half an hour off; and nowhere does a day of 23 hours lose one."""
    world.champion()
    world.served(5, n=6)
    brought(world, NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert [row.at.hour for row in world.store.rows("lending")] == [7, 8, 9, 10, 11]


def test_features_of_which_some_are_digests_give_the_profile_of_the_others(world):
    world.champion()
    made = world.served(1, n=10)
    world.rewrite(made[0].id, dict.fromkeys(made[0].features, "a" * 64))
    brought(world)
    assert total(world.store.rows("lending")).profile.rows == 9


def test_a_store_of_the_older_schema_is_brought_up_to_date(world, tmp_path):
    world.champion()
    world.served(5, n=6)
    brought(world)
    world.store._connection.execute("DROP INDEX made")
    world.store._connection.execute("PRAGMA user_version = 1")
    for column in ("logged", "labels", "labelled_at"):
        world.store._connection.execute(f"ALTER TABLE summaries DROP COLUMN {column}")
    with SummaryStore.open(f"sqlite:///{tmp_path}/summaries.db") as again:
        assert len(again.rows("lending")) == 5
    assert brought(world, NOON + timedelta(minutes=20)) == 5, "it does not say what its hours were made from"
    assert brought(world, NOON + timedelta(minutes=20)) == 0


def test_old_hours_and_labels_that_lie_in_files_are_read_as_those_that_do_not(world):
    world.champion()
    world.served(40, n=6)
    brought(world)
    before = [(row.at, packed(row.hour)) for row in world.store.rows("lending")]
    world.log.rotate(now=NOON, most=100)
    world.store.forget("lending")
    brought(world)
    assert [(row.at, packed(row.hour)) for row in world.store.rows("lending")] == before
    assert world.log.label_hours(NOON - 10 * DAY)["lending"][NOON - 40 * HOUR][0] == 6


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
        world.rewrite(one.id, dict.fromkeys(one.features, "a" * 64))
    brought(world)
    assert total(world.store.rows("lending")).profile is None


def test_values_of_another_kind_are_nulls_and_stop_nothing(world):
    world.champion()
    made = world.served(1, n=6)
    world.rewrite(made[0].id, {"income": "much", "age": 10**400, "sex": 3})
    world.rewrite(made[1].id, {"income": [1, 2], "age": None, "sex": {"a": 1}})
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
