"""Five million rows, from a cold process to a result: our cube against tea-tasting on polars and gbstats on DuckDB.

The peers live in environments of their own that are made here; each is given its fastest way that we know of
(gbstats one packed query and its two-sample class alone). CPU seconds are compared, as the machine may be busy;
wall seconds are printed beside them. Ours also takes the file's SHA-256, logarithms of revenue, and all cross-moments.
"""

import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

from workbench.data.moments import Measure, MomentCube

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
ROWS, REPEATS = 5_000_000, 3

TABLE = """COPY (SELECT CASE WHEN random() < 0.5 THEN 'control' ELSE 'treatment' END AS variant,
  CAST(random() < 0.1 AS INTEGER) AS converted,
  CASE WHEN random() < 0.08 THEN round(exp(3 + random() * 2), 2) ELSE 0 END AS revenue,
  CAST(1 + floor(random() * 9) AS INTEGER) AS sessions, CAST(floor(random() * 30) AS INTEGER) AS clicks,
  'segment ' || CAST(floor(random() * 8) AS INTEGER) AS segment,
  DATE '2026-01-01' + CAST(floor(random() * 14) AS INTEGER) AS day, round(random() * 100, 1) AS before
FROM range({rows})) TO '{path}' (FORMAT parquet, COMPRESSION snappy)"""

OURS = """
import sys
from workbench.data.moments import Measure, MomentCube
names = ("converted", "revenue", "clicks", "sessions")
cube = MomentCube.scan(
    sys.argv[1], arm="variant", measures=[Measure(n, n, logs=n == "revenue") for n in names]
)
print([cube.sample(n, arm).mean for n in names[:2] for arm in cube.arms], cube.moments(names[2:], "control"))
"""
TEA_TASTING = """
import sys
import polars, tea_tasting as tt
data = polars.read_parquet(sys.argv[1], columns=["variant", "converted", "revenue", "clicks", "sessions"])
metrics = {"c": tt.Mean("converted"), "r": tt.Mean("revenue"), "q": tt.RatioOfMeans("clicks", "sessions")}
print(tt.Experiment(metrics).analyze(data)["r"].rel_effect_size)
"""
GBSTATS = """
import sys
import duckdb
from gbstats.bayesian.tests import EffectBayesianABTest
from gbstats.models.statistics import ProportionStatistic, RatioStatistic, SampleMeanStatistic
rows = duckdb.sql(
    "SELECT count(*), sum(converted), sum(revenue), sum(revenue * revenue), sum(clicks), sum(clicks * clicks),"
    " sum(sessions), sum(sessions * sessions), sum(clicks * sessions)"
    f" FROM read_parquet('{sys.argv[1]}') GROUP BY variant ORDER BY variant"
).fetchall()
tests = []
for n, c, r, rr, q, qq, s, ss, qs in (tuple(float(x) for x in row) for row in rows):
    clicks, sessions = SampleMeanStatistic(n=n, sum=q, sum_squares=qq), SampleMeanStatistic(n=n, sum=s, sum_squares=ss)
    tests.append([
        ProportionStatistic(n=n, sum=c),
        SampleMeanStatistic(n=n, sum=r, sum_squares=rr),
        RatioStatistic(n=n, m_statistic=clicks, d_statistic=sessions, m_d_sum_of_products=qs),
    ])
print([EffectBayesianABTest(a, b).compute_result().expected for a, b in zip(*tests)])
"""
CUBE_CUPED = """
import sys, time
from workbench.data.moments import Measure, MomentCube
import duckdb
began, cpu = time.perf_counter(), time.process_time()
cube = MomentCube.scan(
    sys.argv[1], arm="variant", measures=[Measure(n, n, "sum", None, False) for n in ("revenue", "before")],
    segments=["segment"], day="day",
)
(n, mean, scatter), (m, other, spread) = ([part[arm::2] for part in cube.units] for arm in (0, 1))  # cells are sorted
assert [cell.arm for cell in cube.cells] == list(cube.arms) * 112
gap = other - mean
both = scatter + spread + (n * m / (n + m))[:, None, None] * gap[:, :, None] * gap[:, None, :]
effects = gap[:, 0] - both[:, 0, 1] / both[:, 1, 1] * gap[:, 1]
print(min(effects))
print(time.perf_counter() - began, time.process_time() - cpu)
"""
LOOP_CUPED = """
import sys, time
import polars, tea_tasting as tt
began, cpu = time.perf_counter(), time.process_time()
data = polars.read_parquet(sys.argv[1], columns=["variant", "revenue", "before", "segment", "day"])
experiment = tt.Experiment({"r": tt.Mean("revenue", covariate="before")})
effects = {}
for segment in data["segment"].unique():
    for day in data["day"].unique():
        part = data.filter((polars.col("segment") == segment) & (polars.col("day") == day))
        result = experiment.analyze(part)["r"]
        effects[segment, day] = result.effect_size
assert len(effects) == 112
print(min(effects.values()))
print(time.perf_counter() - began, time.process_time() - cpu)
"""


PEAK = """
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


class Cost(NamedTuple):
    """What a process took."""

    cpu: float  # seconds, of all its threads
    wall: float  # seconds
    peak: float  # MB of resident memory
    said: list[str]  # what it printed, line by line


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    import duckdb

    path = tmp_path_factory.mktemp("scan") / "five.parquet"
    duckdb.sql(TABLE.format(rows=ROWS, path=path))
    return path


def environment(folder, *packages):
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run([python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"{packages[0]} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.fixture(scope="module")
def tea_tasting(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("peers") / "tea", "tea-tasting", "polars", "pyarrow")


@pytest.fixture(scope="module")
def gbstats(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("peers") / "gb", "gbstats==0.8.0", "duckdb", "numpy<2", "pandas<2")


def cost(python, code, path):
    """The cheapest of some cold processes; the first one fills the caches and does not count."""
    found = []
    source = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": ""}
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        process = subprocess.Popen(
            [python, "-W", "ignore", "-c", code + PEAK, path], env=source, stdout=subprocess.PIPE, text=True
        )
        said = process.stdout.read()
        process.stdout.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, code
        wall = time.perf_counter() - began
        *said, peak = said.splitlines()
        found.append(Cost(used.ru_utime + used.ru_stime, wall, float(peak), said))
    return min(found[1:])


def test_five_million_rows_from_a_cold_process(table, tea_tasting, gbstats):
    costs = {
        "ours": cost(sys.executable, OURS, table),
        "tea-tasting + polars": cost(tea_tasting, TEA_TASTING, table),
        "gbstats + DuckDB": cost(gbstats, GBSTATS, table),
    }
    print(f"\n{ROWS:,} rows, three metrics, one Parquet file, a cold process:")
    for name, one in costs.items():
        ratio = one.cpu / costs["ours"].cpu
        print(f"  {name:22} {one.cpu:5.2f} s CPU ({ratio:.1f}x), {one.wall:5.2f} s wall, {one.peak:4.0f} MB")
    ours, tea, gb = costs.values()
    assert ours.peak <= 120
    assert tea.cpu / ours.cpu >= 3
    assert gb.cpu / ours.cpu >= 1.6
    assert tea.peak / ours.peak >= 4


def test_eight_segments_and_fourteen_days_with_cuped(table, tea_tasting):
    ours, theirs = cost(sys.executable, CUBE_CUPED, table), cost(tea_tasting, LOOP_CUPED, table)
    (effect, mine), (other, loop) = (one.said for one in (ours, theirs))
    assert float(effect) == pytest.approx(float(other), rel=1e-9)
    (wall, cpu), (loop_wall, loop_cpu) = (map(float, line.split()) for line in (mine, loop))
    print(f"\n112 cells with CUPED, imports not counted: ours {cpu:.2f} s CPU ({wall:.2f} s wall),")
    print(f"  tea-tasting in a loop {loop_cpu:.2f} s ({loop_wall:.2f} s wall): {loop_cpu / cpu:.0f}x")
    assert loop_cpu / cpu >= 8


def test_views_of_a_logged_cube(table, tmp_path):
    """Each from a cube that was just read and has nothing computed; the rescan is ours, the fastest there is."""
    names = ("converted", "revenue", "clicks", "sessions")
    plan = {"arm": "variant", "measures": [Measure(n, n) for n in names], "segments": ["segment"], "day": "day"}
    began = time.process_time()
    MomentCube.scan(table, **plan, digest="known").to_parquet(tmp_path / "cube.parquet")
    rescan = time.process_time() - began
    text = MomentCube.from_parquet(tmp_path / "cube.parquet").as_json()
    views = {
        "one sample": lambda cube: cube.sample("revenue", "control"),
        "moments": lambda cube: cube.moments(["revenue", "sessions"], "control"),
        "segments": lambda cube: cube.segment_samples("revenue", "control"),
        "series": lambda cube: cube.series("revenue", "control"),
        "a week": lambda cube: cube.only(lambda cell: cell.day < "2026-01-08").sample("revenue", "control"),
    }
    print(f"\n8 segments x 14 days x 2 arms x 4 measures; a rescan takes {1e3 * rescan:.0f} ms")
    for name, view in views.items():
        spent = []
        for _ in range(5):
            cube = MomentCube.from_json(text)
            began = time.process_time()
            view(cube)
            spent.append(time.process_time() - began)
        print(f"  {name:12} {1e3 * min(spent):5.2f} ms ({rescan / min(spent):,.0f}x)")
        assert min(spent) < 0.005
