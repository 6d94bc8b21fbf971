"""Clusters that lie in several cells: one cluster of their day and arm, however the cube was cut."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workbench.data.moments import Cell, Measure, MomentCube
from workbench.errors import Misuse
from workbench.experiments.stopping.sequential import daily_looks

try:
    import polars as pl
except ImportError:  # it is no part of the tested set: where it is installed, MLflow imports it, and it starts threads
    pl = None


def families(rng, count=300):
    """Families of one to five people of both sexes who do alike, each family drawn for one arm."""
    sizes = rng.integers(1, 6, count)
    family = np.repeat(np.arange(count), sizes)
    own = rng.normal(0, 2, count)[family]
    return pd.DataFrame(
        {
            "person": np.arange(len(family)),
            "family": family,
            "arm": np.array(["a", "b"])[family % 2],
            "sex": rng.choice(["f", "m"], len(family)),
            "day": rng.choice(["2026-01-01", "2026-01-02"], len(family)),
            "spend": 10 + own + rng.normal(0, 1, len(family)),
        }
    )


def scanned_families(table, segments=(), day=None):
    measures = [Measure("spend", "spend")]
    return MomentCube.scan(
        table, arm="arm", measures=measures, unit="person", cluster="family", segments=segments, day=day
    )


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow"])
def test_a_family_that_lies_in_two_segments_is_one_family_of_its_arm(form):
    frame = families(np.random.default_rng(2))
    if form == "polars" and pl is None:
        pytest.skip("polars is not installed")
    table = frame if form == "pandas" else pl.from_pandas(frame) if form == "polars" else pa.Table.from_pandas(frame)
    plain = scanned_families(frame).sample("spend", "b")
    cut = scanned_families(table, ("sex",), "day")
    assert asdict(cut.sample("spend", "b")) == pytest.approx(asdict(plain), rel=1e-12)
    assert cut.cluster_counts() == scanned_families(frame).cluster_counts()
    assert cut.by_segment.cluster_counts() == cut.cluster_counts()
    for back in (MomentCube.from_json(cut.as_json()), cut.only(lambda cell: cell.arm == "b")):
        assert back.sample("spend", "b") == cut.sample("spend", "b")
    women = cut.only(lambda cell: cell.segment == ("f",))
    assert women.across is None


def test_shards_of_families_add_up_to_their_whole():
    frame = families(np.random.default_rng(3))
    halves = [scanned_families(frame[frame["family"] % 4 // 2 == half], ("sex",)) for half in (0, 1)]
    added = halves[0].plus(halves[1], disjoint_clusters=True).sample("spend", "a")
    whole = scanned_families(frame, ("sex",)).sample("spend", "a")
    assert asdict(added) == pytest.approx(asdict(whole), rel=1e-10)


def by_hand(frame):
    """Each unit on the first day of its family, which is what a look sees."""
    return frame.assign(day=frame.groupby("family")["day"].transform("min"))


@pytest.mark.parametrize("segments", [(), ("sex",)])
def test_each_look_until_a_day_is_a_scan_of_the_families_met_until_then(segments):
    frame = families(np.random.default_rng(4)).assign(day=lambda f: 8 + (f["person"] * 3 + f["family"]) % 4)
    assert (frame.groupby("family")["day"].nunique() > 1).mean() > 0.5
    cube = scanned_families(frame, segments, "day")
    dated = by_hand(frame)
    assert cube.days == ("8", "9", "10", "11")
    for arm in "ab":
        series = cube.series("spend", arm)
        for day, daily, until in zip(*series, strict=True):
            here, past = dated["day"] == int(day), dated["day"] <= int(day)
            assert (daily.n, until.n) == (sum(here & (frame["arm"] == arm)), sum(past & (frame["arm"] == arm)))
            only = cube.only(lambda cell, last=int(day): int(cell.day) <= last).sample("spend", arm)
            alone = asdict(scanned_families(frame[past]).sample("spend", arm))
            assert asdict(until) == pytest.approx(alone, rel=1e-9) and asdict(only) == pytest.approx(alone, rel=1e-9)
    assert asdict(cube.sample("spend", "a")) == pytest.approx(
        asdict(scanned_families(frame).sample("spend", "a")), rel=1e-9
    )
    looks = daily_looks(cube, "spend", control="a", arm="b")
    errors = [scanned_families(frame[dated["day"] <= int(look.day)]) for look in looks]
    known = [np.hypot(c.sample("spend", "a").error, c.sample("spend", "b").error) for c in errors]
    assert [look.error for look in looks] == pytest.approx(known, rel=1e-9)


@pytest.mark.slow
def test_looks_at_clusters_that_do_nothing_find_something_in_one_of_twenty():
    """Each of 400 worlds has 60 shops an arm that go on selling for days; at 5 % a rate has an error of 1.1 %."""
    rng = np.random.default_rng(6)
    shop = np.repeat(np.arange(400 * 120), 5)
    unit = np.arange(len(shop))
    first, own = rng.integers(1, 5, 400 * 120), rng.normal(0, 1, 400 * 120)
    table = pd.DataFrame({"unit": unit, "shop": shop, "arm": np.array(["a", "b"])[shop % 2], "world": shop // 120})
    table["day"] = first[shop] + rng.integers(0, 3, len(shop)) * (unit % 5 > 0)
    table["x"] = own[shop] + rng.normal(0, 0.5, len(shop))
    options = {"unit": "unit", "cluster": "shop", "day": "day", "segments": ["world"]}
    cube = MomentCube.scan(table, arm="arm", measures=[Measure("x", "x", logs=False)], **options)
    found = np.zeros(4)
    for world in range(400):
        part = cube.only(lambda cell, name=str(world): cell.segment == (name,))
        looks = daily_looks(part, "x", control="a", arm="b")
        assert [look.day for look in looks] == ["1", "2", "3", "4"]
        found += [abs(look.estimate) > 1.96 * look.error for look in looks]
    assert np.all(found / 400 < 0.09) and np.all(found / 400 > 0.02), found / 400


def test_segments_of_an_arm_are_put_together_all_or_not_at_all():
    rng = np.random.default_rng(5)
    frame = families(rng)
    frame["place"] = rng.choice(["n", "s"], len(frame))
    cube = scanned_families(frame, ("sex", "place"), "day")
    plain = asdict(scanned_families(frame, (), "day").sample("spend", "b"))
    assert asdict(cube.by_segment.sample("spend", "b")) == pytest.approx(plain, rel=1e-10)
    assert asdict(cube.by_day.sample("spend", "b")) == pytest.approx(plain, rel=1e-10)
    north = cube.only(lambda cell: cell.segment == ("f", "n"))
    alone = by_hand(frame).query("sex == 'f' and place == 'n'")
    assert asdict(north.sample("spend", "b")) == pytest.approx(
        asdict(scanned_families(alone).sample("spend", "b")), rel=1e-10
    )
    with pytest.raises(Misuse, match="some segments of an arm cannot be put together"):
        cube.regrouped(lambda cell: Cell(cell.segment[:1], "", cell.arm))
    with pytest.raises(Misuse, match="some segments of an arm cannot be put together"):
        cube.only(lambda cell: cell.segment[0] == "f").sample("spend", "b")
    with pytest.raises(Misuse, match="cannot be put on different days"):
        cube.regrouped(lambda cell: Cell(cell.segment, cell.segment[0], cell.arm))


def test_clusters_in_one_segment_each_are_put_together_as_one_likes():
    frame = families(np.random.default_rng(5)).assign(sex=lambda f: np.array(["f", "m", "x"])[f["family"] % 3])
    cube = scanned_families(frame, ("sex",), "day")
    assert cube.across is None
    some = cube.only(lambda cell: cell.segment != ("x",)).sample("spend", "a")
    known = scanned_families(frame[frame["sex"] != "x"]).sample("spend", "a")
    assert asdict(some) == pytest.approx(asdict(known), rel=1e-10)


def test_cubes_with_clusters_add_only_where_they_are_said_to_share_none():
    frame = families(np.random.default_rng(3))
    halves = [scanned_families(frame[frame["person"] % 2 == half]) for half in (0, 1)]
    with pytest.raises(Misuse, match="cubes with clusters do not add by themselves: one 'family' in both"):
        halves[0] + halves[1]


def test_a_cube_from_when_clusters_spanned_days_is_refused():
    cube = scanned_families(families(np.random.default_rng(3)), ("sex",), "day")
    arms = cube.by_arm.clusters  # which is what was once kept
    with pytest.raises(Misuse, match="scan the data again"):
        MomentCube.from_json(replace(cube, across=arms).as_json())
