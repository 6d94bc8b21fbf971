"""The cube is the scan of the whole, however it was cut; and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.moments import Cell, Measure, MomentCube
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
    added = clustered(frames[0]) + (clustered(frames[1]) + clustered(frames[2]))
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
    for cube in (SHARDS[3], clustered(families(1)) + clustered(families(2))):
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
    "a missing number": ({"measures": [Measure("x", "holes")]}, "1 rows have no finite number in 'holes'"),
    "an infinite number": ({"measures": [Measure("x", "endless")]}, "no finite number"),
    "a unit in two arms": ({"measures": [Measure("x", "x")], "unit": "who"}, "1 units are in more than one arm"),
    "no arm": ({"measures": [Measure("x", "x")], "arm": "gaps"}, "1 rows have no arm"),
    "no row in the arms": ({"measures": [Measure("x", "x")], "arms": ["z"]}, "no row in these arms"),
    "a cluster without units": ({"measures": [Measure("x", "x")], "cluster": "who"}, "without a unit"),
    "a measure twice": ({"measures": [Measure("x", "x"), Measure("x", "x")]}, "none twice"),
    "an unknown rule": ({"measures": [Measure("x", "x", "median")]}, "within is 'median'"),
    "an endless cap": ({"measures": [Measure("x", "x", cap=float("inf"))]}, "cap is inf"),
    "no arms at all": ({"measures": [Measure("x", "x")], "arms": []}, "list of arms is empty"),
    "a cluster in two arms": (
        {"measures": [Measure("x", "x")], "unit": "id", "cluster": "home"},
        "clusters lie in more than one arm",
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


def test_an_unknown_measure_or_arm_is_named():
    with pytest.raises(Misuse, match="there is no measure 'income'"):
        SHARDS[1].sample("income", "a")
    with pytest.raises(Misuse, match="there is no arm 'z'"):
        SHARDS[1].sample("spend", "z")
