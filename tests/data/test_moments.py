"""The cube is the scan of the whole, however it was cut; and what it refuses."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.moments import Cell, Measure, MomentCube, Plan, cap_at, scan_sql
from workbench.errors import Misuse

SPEND = (Measure("spend", "spend"), Measure("visits", "visits"))


def table(seed: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "arm": rng.choice(["a", "b"], rows),
            "day": rng.choice(["2026-01-01", "2026-01-02"], rows),
            "place": rng.choice(["north", "south"], rows),
            "spend": np.where(rng.random(rows) < 0.6, rng.lognormal(2, 1, rows), 0.0),
            "visits": rng.poisson(3, rows),
        }
    )


def numbers(cube: MomentCube) -> np.ndarray:
    parts = [*cube.units, *cube.logs, cube.negatives, *(cube.clusters or ())]
    return np.concatenate([np.asarray(part, dtype=float).ravel() for part in parts])


def assert_same(one: MomentCube, other: MomentCube) -> None:
    assert one.cells == other.cells and one.sources == other.sources
    scale = np.maximum(np.abs(numbers(other)), np.abs(numbers(other)).max() * 1e-3)
    assert np.max(np.abs(numbers(one) - numbers(other)) / scale) < 1e-12


def scan(frame: pd.DataFrame, **options) -> MomentCube:
    return MomentCube.scan(frame, arm="arm", measures=SPEND, segments=["place"], day="day", **options)


SHARDS = {seed: scan(table(seed, 20 + 7 * seed)) for seed in range(6)}


@settings(max_examples=30)
@given(st.permutations(range(6)))
def test_adding_shards_in_any_order_and_grouping_is_the_same(order):
    a, b, c, d, e, f = (SHARDS[i] for i in order)
    left = ((((a + b) + c) + d) + e) + f
    right = a + (b + (c + (d + (e + f))))
    whole = SHARDS[0] + SHARDS[1] + SHARDS[2] + SHARDS[3] + SHARDS[4] + SHARDS[5]
    assert_same(left, whole)
    assert_same(right, whole)
    assert left.digest == whole.digest


def test_adding_shards_is_scanning_them_together():
    frames = [table(seed, 200) for seed in range(3)]
    together = scan(pd.concat(frames))
    added = scan(frames[0]) + scan(frames[1]) + scan(frames[2])
    assert added.cells == together.cells
    np.testing.assert_allclose(numbers(added), numbers(together), rtol=1e-11, atol=1e-9)


def test_the_sums_of_an_arm_are_numpys():
    frame = table(1, 500)
    cube = scan(frame)
    for arm, part in frame.groupby("arm"):
        x = part["spend"].to_numpy()
        logs = np.log(x[x > 0])
        s = cube.sample("spend", arm)
        assert (s.n, s.n_positive) == (len(x), len(logs))
        found = [s.mean, s.variance, s.mean_log, s.m2_log]
        assert found == pytest.approx([x.mean(), x.var(ddof=1), logs.mean(), logs.var() * len(logs)], rel=1e-12)
        cross = cube.by_arm.units.scatter[cube.by_arm.cells.index(Cell((), "", arm)), 0, 1] / (len(x) - 1)
        assert cross == pytest.approx(np.cov(x, part["visits"])[0, 1], rel=1e-10)


def test_a_large_mean_keeps_its_variance():
    x = 1.7e9 + np.random.default_rng(1).standard_normal(5000)
    cube = MomentCube.scan(pd.DataFrame({"arm": "a", "x": x}), arm="arm", measures=[Measure("x", "x")])
    assert cube.sample("x", "a").variance == pytest.approx(x.var(ddof=1), rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 60), max_size=4))
def test_merging_is_the_moments_of_the_whole_at_a_mean_of_a_billion_and_in_int8(seed, sizes):
    """The oracle takes the mean away first. At 1.7e9 a float has steps of 2.4e-7: no more can be asked of it."""
    rng = np.random.default_rng(seed)
    large = rng.integers(-512, 512, sum(sizes) + 4) / 64
    small = rng.integers(-128, 128, len(large)).astype(np.int8)
    part = np.repeat(np.arange(len(sizes) + 1), [*sizes, 4])
    frame = pd.DataFrame({"arm": "a", "part": part, "large": 1.7e9 + large, "small": small})
    measures = [Measure("large", "large"), Measure("small", "small")]
    parts = MomentCube.scan(frame, arm="arm", measures=measures, day="part")
    assert len(parts.cells) == len(sizes) + 1
    n, means, covariance = parts.moments(["large", "small"], "a")
    rows = np.column_stack([large, small.astype(float)])
    exact = np.cov(rows, rowvar=False)
    assert n == len(rows)
    assert means[0] - 1.7e9 == pytest.approx(rows[:, 0].mean(), abs=5e-7)
    assert means[1] == pytest.approx(rows[:, 1].mean(), rel=1e-12, abs=1e-12)
    assert covariance[1, 1] == pytest.approx(exact[1, 1], rel=1e-12)
    scale = np.maximum(np.sqrt(np.outer(np.diag(exact), np.diag(exact))), 1)
    assert np.max(np.abs(covariance - exact) / scale) < 1e-6


def test_small_integers_do_not_overflow():
    frame = pd.DataFrame({"arm": "a", "x": np.full(1000, 127, dtype=np.int8)})
    frame.loc[0, "x"] = np.int8(-128)
    cube = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")])
    assert cube.sample("x", "a").mean == pytest.approx((999 * 127 - 128) / 1000)


@pytest.mark.parametrize(("within", "expected"), [("sum", [3, 9]), ("mean", [1.5, 9]), ("max", [2, 9])])
def test_a_units_rows_are_one_number(within, expected):
    frame = pd.DataFrame({"arm": ["a", "a", "a"], "who": [1, 1, 2], "x": [1.0, 2.0, 9.0]})
    cube = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x", within)], unit="who")
    s = cube.sample("x", "a")
    assert (s.n, s.mean) == (2, pytest.approx(np.mean(expected)))


def test_a_unit_is_counted_on_its_first_day():
    frame = pd.DataFrame({"arm": "a", "who": [1, 1, 2], "x": 1.0, "d": ["2026-01-02", "2026-01-01", "2026-01-02"]})
    cube = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], unit="who", day="d")
    assert [(cell.day, n) for cell, n in zip(cube.cells, cube.units.n, strict=True)] == [
        ("2026-01-01", 1),
        ("2026-01-02", 1),
    ]


def families(seed: int, count: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 5, count)
    family = np.repeat(np.arange(count) + 1000 * seed, size)
    level = np.repeat(rng.normal(0, 1, count), size)
    return pd.DataFrame(
        {
            "family": family,
            "person": np.arange(len(family)) + 100_000 * seed,
            "arm": np.repeat(rng.choice(["a", "b"], count), size),
            "place": np.repeat(rng.choice(["north", "south"], count), size),
            "spend": np.maximum(0, np.exp(level + rng.normal(0, 0.7, len(family))) - 0.7),
            "visits": rng.poisson(np.exp(1 + 0.3 * level)),
        }
    )


def clustered(frame: pd.DataFrame, **options) -> MomentCube:
    return MomentCube.scan(frame, arm="arm", measures=SPEND, unit="person", cluster="family", **options)


def test_errors_respect_clusters_as_statsmodels_does():
    """Cluster-robust errors of the mean, of the share above zero and of the mean logarithm."""
    import statsmodels.api as sm

    frame = families(1)
    cube = clustered(frame)
    part = frame[frame["arm"] == "a"]
    s = cube.sample("spend", "a")

    def robust(values: pd.Series, groups: pd.Series) -> float:
        fit = sm.OLS(values.to_numpy(float), np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": groups.to_numpy(), "use_correction": False}
        )
        count = frame.loc[frame["arm"] == "a", "family"].nunique()
        return float(fit.bse[0]) * np.sqrt(count / (count - 1))

    assert s.error == pytest.approx(robust(part["spend"], part["family"]), rel=1e-10)
    above = (part["spend"] > 0).astype(float)
    share = np.sqrt(s.deff_share * above.var(ddof=1) / len(part))
    assert share == pytest.approx(robust(above, part["family"]), rel=1e-10)
    some = part[part["spend"] > 0]
    logs = np.log(some["spend"])
    error = np.sqrt(s.deff_log * logs.var(ddof=1) / len(some))
    assert error == pytest.approx(robust(logs, some["family"]), rel=1e-10)


def test_clusters_add_exactly_over_shards_and_segments():
    frames = [families(seed) for seed in (1, 2, 3)]
    whole = clustered(pd.concat(frames))
    rest = clustered(frames[1]).plus(clustered(frames[2]), disjoint_clusters=True)
    added = clustered(frames[0]).plus(rest, disjoint_clusters=True)
    cut = clustered(pd.concat(frames), segments=["place"])
    for other in (added, cut.by_arm):
        for arm in "ab":
            one, two = whole.sample("spend", arm), other.sample("spend", arm)
            for name in ("n", "mean", "m2", "m2_log", "clusters", "deff_mean", "deff_share", "deff_log"):
                assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-11), name


def test_moments_of_several_measures_are_numpys():
    frame = table(2, 400)
    n, means, covariance = scan(frame).moments(["visits", "spend"], "a")
    part = frame.loc[frame["arm"] == "a", ["visits", "spend"]].to_numpy(float)
    assert n == len(part)
    np.testing.assert_allclose(means, part.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(part, rowvar=False), rtol=1e-10)


def test_moments_of_several_measures_respect_clusters_as_statsmodels_does():
    """The covariance of two means is that of two intercepts, estimated together, clusters respected."""
    import statsmodels.api as sm

    frame = families(1)
    part = frame[frame["arm"] == "a"]
    n, _, covariance = clustered(frame).moments(["spend", "visits"], "a")
    y = part[["spend", "visits"]].to_numpy(float).T.ravel()
    design = np.kron(np.eye(2), np.ones((len(part), 1)))
    groups = np.tile(part["family"].to_numpy(), 2)
    options = {"groups": groups, "use_correction": False}
    oracle = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds=options).cov_params()
    count = part["family"].nunique()
    np.testing.assert_allclose(covariance / n, oracle * count / (count - 1), rtol=1e-10)
    assert np.sqrt(covariance[0, 0] / n) == pytest.approx(clustered(frame).sample("spend", "a").error, rel=1e-12)


def test_a_units_number_above_the_cap_counts_as_the_cap():
    frame = pd.DataFrame({"arm": "a", "who": [1, 1, 2, 3], "x": [4.0, 5.0, 6.0, -1.0]})
    capped = [Measure("x", "x", cap=7.5)]
    by_unit = MomentCube.scan(frame, arm="arm", measures=capped, unit="who")
    assert by_unit.sample("x", "a").mean == pytest.approx((7.5 + 6 - 1) / 3)  # 9 is capped; 4 and 5 are not
    by_row = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x", cap=5)])
    assert by_row.sample("x", "a").mean == pytest.approx((4 + 5 + 5 - 1) / 4)
    assert json.loads(by_row.as_json())["measures"][0]["cap"] == 5


def test_a_cube_from_before_there_were_caps_is_read():
    body = json.loads(SHARDS[1].as_json())
    for measure in body["measures"]:
        del measure["cap"]
    assert MomentCube.from_json(json.dumps(body)).measures == SPEND


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_and_frames_give_one_cube(tmp_path, suffix):
    frame = table(3, 100)
    path = tmp_path / f"it's; odd{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    from_file, from_frame = scan(path), scan(frame)
    assert from_file.cells == from_frame.cells
    np.testing.assert_allclose(numbers(from_file), numbers(from_frame), rtol=1e-12)
    assert len(from_file.digest) == 64 and from_file.digest != from_frame.digest


def test_a_csv_files_truth_values_are_numbers_and_its_arms_are_texts(tmp_path):
    frame = pd.DataFrame({"arm": [True, False, True], "x": [True, True, False]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        cube = MomentCube.scan(path, arm="arm", measures=[Measure("x", "x")])
        assert cube.arms == ("false", "true") and cube.sample("x", "true").mean == 0.5


def test_arrow_tables_are_read_too():
    import pyarrow as pa

    frame = table(3, 100)
    np.testing.assert_allclose(numbers(scan(pa.Table.from_pandas(frame))), numbers(scan(frame)), rtol=1e-12)


HOSTILE = ['a"b', "x; drop table scanned", "arm--", "s p a c e", "select", "ünï", "'", "x0", "units", '"" OR 1=1']


@pytest.mark.parametrize("name", HOSTILE)
def test_a_columns_name_is_never_sql(name):
    frame = pd.DataFrame({name: [1.0, 2.0, 3.0], "arm of " + name: ["a", "a", "b"], "who" + name: [1, 2, 3]})
    cube = MomentCube.scan(frame, arm="arm of " + name, measures=[Measure(name, name)], unit="who" + name)
    assert cube.sample(name, "a").mean == 1.5


def test_an_arms_value_is_never_sql():
    evil = "a'); drop table scanned; --"
    frame = pd.DataFrame({"arm": [evil, evil, "b"], "x": [1.0, 3.0, 5.0]})
    cube = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], arms=[evil])
    assert cube.arms == (evil,) and cube.sample("x", evil).mean == 2


def test_it_comes_back_from_json_and_parquet_to_the_last_bit(tmp_path):
    for cube in (SHARDS[3], clustered(families(1)).plus(clustered(families(2)), disjoint_clusters=True)):
        text = cube.as_json()
        assert MomentCube.from_json(text).as_json() == text
        cube.to_parquet(tmp_path / "cube.parquet")
        assert MomentCube.from_parquet(tmp_path / "cube.parquet").as_json() == text


def test_it_holds_no_units_name_and_stays_small():
    frame = families(1)
    frame["person"] = "person-" + frame["person"].astype(str)
    text = clustered(frame).as_json()
    assert "person-1" not in text and len(text) < 20_000
    assert json.loads(text)["sql"].count("SELECT")


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other/1"}', "[1]"])
def test_what_is_no_cube_is_refused(text):
    with pytest.raises(Misuse, match=r"no moment cube|format is"):
        MomentCube.from_json(text)


def test_the_same_data_does_not_count_twice():
    with pytest.raises(Misuse, match="count twice"):
        SHARDS[1] + SHARDS[1]


def test_cubes_of_different_things_do_not_add():
    other = MomentCube.scan(table(9, 30), arm="arm", measures=SPEND[:1])
    with pytest.raises(Misuse, match="different measures"):
        SHARDS[1] + other


FAULTY = {
    "a missing column": ({"measures": [Measure("x", "lost")]}, "no column lost"),
    "a text for a number": ({"measures": [Measure("x", "text")]}, "could not be scanned"),
    "a missing number": ({"measures": [Measure("x", "holes")]}, "1 row has no finite number in 'holes'"),
    "an infinite number": ({"measures": [Measure("x", "endless")]}, "no finite number"),
    "a unit in two arms": ({"measures": [Measure("x", "x")], "unit": "who"}, "1 unit is in more than one arm"),
    "no arm": ({"measures": [Measure("x", "x")], "arm": "gaps"}, "1 row has no arm"),
    "no row in the arms": ({"measures": [Measure("x", "x")], "arms": ["z"]}, "no row in these arms"),
    "a cluster without units": ({"measures": [Measure("x", "x")], "cluster": "who"}, "without a unit"),
    "a measure twice": ({"measures": [Measure("x", "x"), Measure("x", "x")]}, "none twice"),
    "an unknown rule": ({"measures": [Measure("x", "x", "median")]}, "within is 'median'"),
    "an endless cap": ({"measures": [Measure("x", "x", cap=float("inf"))]}, "cap is inf"),
    "no arms at all": ({"measures": [Measure("x", "x")], "arms": []}, "list of arms is empty"),
    "a cluster in two arms": (
        {"measures": [Measure("x", "x")], "unit": "id", "cluster": "home"},
        "cluster lies in more than one arm",
    ),
}


@pytest.mark.parametrize("case", FAULTY)
def test_a_scan_that_would_mislead_is_refused(case):
    frame = pd.DataFrame(
        {
            "arm": ["a", "b", "b"],
            "gaps": ["a", None, "b"],
            "who": [1, 1, 2],
            "id": [1, 2, 3],
            "home": [1, 1, 2],
            "x": [1.0, 2.0, 3.0],
            "holes": [1.0, None, 2.0],
            "endless": [1.0, np.inf, 2.0],
            "text": ["one", "two", "three"],
        }
    )
    options, said = FAULTY[case]
    with pytest.raises(Misuse, match=said):
        MomentCube.scan(frame, **{"arm": "arm", **options})


@pytest.mark.parametrize(("name", "said"), [("lost.csv", "there is no file"), ("odd.xyz", "no known kind")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, said):
    (tmp_path / "odd.xyz").write_text("x")
    with pytest.raises(Misuse, match=said):
        MomentCube.scan(tmp_path / name, arm="arm", measures=SPEND)


def test_a_cap_is_a_quantile_of_the_units_numbers_over_all_arms():
    frame = families(1)
    by_family = frame.groupby("family")["spend"].sum()
    assert cap_at(frame, "spend", 0.9) == pytest.approx(np.quantile(frame["spend"], 0.9))
    assert cap_at(frame, "spend", 0.9, unit="family") == pytest.approx(np.quantile(by_family, 0.9))
    means = frame.groupby("family")["spend"].mean()
    assert cap_at(frame, "spend", 0.5, unit="family", within="mean") == pytest.approx(np.quantile(means, 0.5))


@pytest.mark.parametrize(
    ("column", "share", "said"),
    [("spend", 1.0, "share is 1.0"), ("lost", 0.9, "no column lost"), ("gap", 0.9, "1 row has")],
)
def test_a_cap_that_cannot_be_had_is_refused(column, share, said):
    frame = families(1).assign(gap=[np.nan, *[1.0] * (len(families(1)) - 1)])
    with pytest.raises(Misuse, match=said):
        cap_at(frame, column, share)


def test_the_sql_can_be_read_before_it_runs():
    plan = Plan("arm", SPEND, segments=("place",), day="day")
    assert scan_sql(table(3, 50), plan) == scan(table(3, 50)).sql


@pytest.mark.parametrize("unit", [None, "who"])
def test_a_parquet_files_halves_are_the_scan_of_the_frame_and_always_the_same_bits(tmp_path, unit):
    frame = table(5, 3001)
    frame["who"] = np.random.default_rng(1).permutation(3001) // 3
    frame = frame.assign(**{name: frame.groupby("who")[name].transform("first") for name in ("arm", "place")})
    frame.to_parquet(tmp_path / "it.parquet")
    from_file = scan(tmp_path / "it.parquet", unit=unit)
    assert from_file.cells == scan(frame, unit=unit).cells and from_file.rows == 3001
    np.testing.assert_allclose(numbers(from_file), numbers(scan(frame, unit=unit)), rtol=1e-12, atol=1e-9)
    assert {scan(tmp_path / "it.parquet", unit=unit).as_json() for _ in range(5)} == {from_file.as_json()}


def test_a_parquet_file_with_a_column_named_as_duckdbs_own_is_read_whole(tmp_path):
    pd.DataFrame({"arm": ["a", "a"], "file_row_number": [None, 3.0], "x": [1.0, 5.0]}).to_parquet(
        tmp_path / "it.parquet"
    )
    cube = MomentCube.scan(tmp_path / "it.parquet", arm="arm", measures=[Measure("x", "x")])
    assert (cube.n, cube.sample("x", "a").mean) == (2, 3)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_files_name_is_no_pattern(tmp_path, suffix):
    for name, rows in (("a*", 3), ("ab", 40), ("[x]", 5)):
        frame = table(1, rows)
        path = tmp_path / (name + suffix)
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    assert (scan(tmp_path / f"a*{suffix}").n, scan(tmp_path / f"[x]{suffix}").n) == (3, 5)


def test_few_whole_numbers_are_counted_and_give_the_same_cube(tmp_path):
    """A Parquet file's small whole numbers become parts of a cell; the frame's rows are multiplied one by one."""
    rng = np.random.default_rng(8)
    frame = table(8, 2000).assign(
        few=rng.integers(-3, 4, 2000).astype(np.int8),
        more=rng.integers(0, 200, 2000),
        many=rng.integers(0, 10**9, 2000),
    )
    frame.to_parquet(tmp_path / "it.parquet")
    measures = [Measure(n, n) for n in ("spend", "few", "more", "many")] + [Measure("capped", "more", cap=50)]
    here, there = (MomentCube.scan(source, arm="arm", measures=measures) for source in (frame, tmp_path / "it.parquet"))
    assert here.cells == there.cells and there.rows == 2000
    np.testing.assert_allclose(numbers(there), numbers(here), rtol=1e-11, atol=1e-6)


def test_a_missing_whole_number_is_refused_too(tmp_path):
    pd.DataFrame({"arm": ["a", "a"], "x": pd.array([1, None], dtype="Int64")}).to_parquet(tmp_path / "it.parquet")
    with pytest.raises(Misuse, match="1 row has no finite number in 'x'"):
        MomentCube.scan(tmp_path / "it.parquet", arm="arm", measures=[Measure("x", "x")])


def test_without_logs_all_else_is_the_same():
    frame = table(1, 300)
    plain = MomentCube.scan(frame, arm="arm", measures=[Measure("spend", "spend", logs=False)]).sample("spend", "a")
    full = MomentCube.scan(frame, arm="arm", measures=[Measure("spend", "spend")]).sample("spend", "a")
    assert (plain.mean_log, plain.m2_log) == (0, 0)
    assert replace(plain, mean_log=full.mean_log, m2_log=full.m2_log) == full


DAYS = tuple(f"2026-01-0{day}" for day in range(1, 6))


def journal(clusters: bool) -> tuple[pd.DataFrame, MomentCube]:
    frame = families(4)
    frame["day"] = np.array(DAYS)[frame["family"].to_numpy() % 5]
    options = {"cluster": "family"} if clusters else {}
    return frame, MomentCube.scan(
        frame, arm="arm", measures=SPEND, unit="person", segments=["place"], day="day", **options
    )


@pytest.mark.parametrize("clusters", [False, True])
def test_the_series_is_a_scan_of_each_day_and_of_all_days_until_then(clusters):
    frame, cube = journal(clusters)
    series = cube.series("spend", "a")
    assert series.days == cube.days == DAYS
    for day, daily, cumulative in zip(*series, strict=True):
        for found, part in ((daily, frame[frame["day"] == day]), (cumulative, frame[frame["day"] <= day])):
            options = {"cluster": "family"} if clusters else {}
            alone = MomentCube.scan(part, arm="arm", measures=SPEND, unit="person", **options).sample("spend", "a")
            for name in ("n", "mean", "m2", "n_positive", "mean_log", "m2_log", "deff_mean", "deff_share", "deff_log"):
                assert getattr(found, name) == pytest.approx(getattr(alone, name), rel=1e-10), name


def test_a_day_without_units_is_empty_and_the_sum_until_then_stays():
    frame = pd.DataFrame({"arm": ["a", "b", "a"], "day": ["1", "2", "3"], "x": [1.0, 2.0, 3.0]})
    series = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], day="day").series("x", "a")
    assert [s.n for s in series.daily] == [1, 0, 1] and [s.n for s in series.cumulative] == [1, 1, 2]
    late = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], day="day").series("x", "b")
    assert [s.n for s in late.cumulative] == [0, 1, 1]


def test_segments_come_one_sample_each():
    frame, cube = journal(clusters=True)
    found = cube.segment_samples("spend", "b")
    for (place,), sample in found.items():
        part = frame[frame["place"] == place]
        alone = clustered(part).sample("spend", "b")
        assert (sample.n, sample.clusters) == (alone.n, alone.clusters)
        assert (sample.mean, sample.error) == pytest.approx((alone.mean, alone.error), rel=1e-10)
    assert set(found) == {("north",), ("south",)}


def test_the_same_cube_is_written_in_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        scan(table(3, 100)).to_parquet(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_file_that_holds_no_cube_is_refused(tmp_path):
    table(1, 5).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "junk.parquet").write_bytes(b"no")
    for name in ("rows.parquet", "junk.parquet", "lost.parquet"):
        with pytest.raises(Misuse, match="holds no moment cube"):
            MomentCube.from_parquet(tmp_path / name)


LEAN = """
import sys
import workbench.data.moments as moments
from pathlib import Path
asked = {"pandas", "pyarrow", "pyarrow.dataset", "scipy.stats", "polars", "sqlglot", "logging", "duckdb"}
before = sorted(asked & set(sys.modules))
moments.MomentCube.scan(Path(sys.argv[1]), arm="arm", measures=[moments.Measure("x", "spend")])
print(before, sorted(asked & set(sys.modules)))
"""


def test_the_way_from_a_file_to_a_cube_is_lean(tmp_path):
    table(1, 50).to_parquet(tmp_path / "it.parquet")
    command = [sys.executable, "-c", LEAN, str(tmp_path / "it.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[] ['duckdb']"


STREAM = """
import sys
import polars
from workbench.data.moments import Measure, MomentCube
frame = polars.DataFrame({"arm": ["a", "b", "a"], "x": [1.0, 2.0, None], "y": [1, 2, 3]}).slice(0, 2)
cube = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x"), Measure("y", "y")])
print(cube.sample("y", "b").mean, "pandas" in sys.modules)
"""


def test_a_polars_frame_is_scanned_and_digested_without_pandas():
    pytest.importorskip("polars")
    done = subprocess.run([sys.executable, "-c", STREAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "2.0 False"


def test_an_unknown_measure_or_arm_is_named():
    with pytest.raises(Misuse, match="there is no measure 'income'"):
        SHARDS[1].sample("income", "a")
    with pytest.raises(Misuse, match="there is no arm 'z'"):
        SHARDS[1].sample("spend", "z")
