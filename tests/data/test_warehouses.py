"""A warehouse's cube is DuckDB's cube: the same query on a real PostgreSQL, and its text in other dialects."""

import numpy as np
import pandas as pd
import pytest
import sqlglot
from sqlglot import exp

from workbench.data.moments import Measure, MomentCube, Plan, cap_at, scan_sql
from workbench.data.warehouses import Warehouse
from workbench.errors import EngineError, Misuse

EVIL = "a'); drop table orders; --"
HOSTILE = [
    'a"b',
    "x; drop table orders",
    "arm--",
    "s p a c e",
    "select",
    "ünï",
    "'",
    "x0",
    "%s",
    "50%",
    ":x",
    "?",
    "{}",
]
MEASURES = (
    Measure("spend", "spend", cap=60.0),
    Measure("visits", "visits", "mean"),
    Measure("bought", "bought", "max"),
    Measure("at", "at", "min"),
)


def orders() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    rows = 600
    who = rng.integers(0, 300, rows)
    home = who // 3
    return pd.DataFrame(
        {
            "arm": np.where(home % 2, "a", "it's b"),
            "who": who,
            "home": home,
            "place": np.where(home % 3, "north", None),
            "day": pd.to_datetime("2026-01-01") + pd.to_timedelta(rng.integers(0, 4, rows), "D"),
            "spend": np.where(rng.random(rows) < 0.6, rng.lognormal(2, 1, rows), 0.0),
            "visits": rng.integers(-3, 9, rows).astype(np.int16),
            "bought": rng.random(rows) < 0.3,
            "at": 1.7e9 + rng.standard_normal(rows),
        }
    )


TYPES = {
    "object": "text",
    "str": "text",
    "int64": "bigint",
    "int16": "smallint",
    "bool": "boolean",
    "float64": "float8",
}


def fill(connection, name: str, frame: pd.DataFrame) -> None:
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    columns = {c: TYPES.get(str(kind), "date") for c, kind in frame.dtypes.items()}
    cursor = connection.cursor()
    told = ", ".join(f"{quoted(c)} {kind}" for c, kind in columns.items())
    cursor.execute(f"create table {quoted(name)} ({told})")
    values = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    cursor.executemany(f"insert into {quoted(name)} values ({', '.join(['%s'] * len(columns))})", values)
    connection.commit()


@pytest.fixture(scope="module")
def connection(postgres):
    pg8000 = pytest.importorskip("pg8000.dbapi")
    connection = pg8000.connect(**postgres)
    fill(connection, "orders", orders())
    yield connection
    connection.close()


PLANS = {
    "rows": {},
    "segments and days": {"segments": ["place"], "day": "day"},
    "units": {"unit": "who", "segments": ["place"], "day": "day"},
    "clusters": {"unit": "who", "cluster": "home", "segments": ["place"]},
    "clusters and days": {"unit": "who", "cluster": "home", "segments": ["place"], "day": "day"},
    "one arm": {"unit": "who", "arms": ["it's b"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_postgresql_gives_the_cube_that_duckdb_gives(connection, name):
    frame = orders()
    frame["day"] = frame["day"].dt.date
    here = MomentCube.scan(frame, arm="arm", measures=MEASURES, **PLANS[name])
    there = MomentCube.scan(Warehouse(connection, "orders", "postgres"), arm="arm", measures=MEASURES, **PLANS[name])
    assert there.cells == here.cells and there.rows == here.rows
    for arm in here.arms:
        for measure in MEASURES:
            one, other = here.sample(measure.name, arm), there.sample(measure.name, arm)
            rough = 1e-6 if measure.name == "at" else 1e-10  # at a mean of 1.7e9 a variance keeps seven digits
            for field in ("n", "mean", "n_positive", "n_negative", "mean_log"):
                assert getattr(other, field) == pytest.approx(getattr(one, field), rel=1e-12), (measure.name, field)
            for field in ("m2", "deff_mean", "deff_share"):
                assert getattr(other, field) == pytest.approx(getattr(one, field), rel=rough), (measure.name, field)
        names = ["spend", "visits", "bought"]
        np.testing.assert_allclose(there.moments(names, arm)[2], here.moments(names, arm)[2], rtol=1e-9, atol=1e-12)
        for one, other in zip(here.series("spend", arm).cumulative, there.series("spend", arm).cumulative, strict=True):
            assert (other.n, other.error) == (one.n, pytest.approx(one.error, rel=1e-10))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("early", "late", "first"),
    [
        ("2", "10", "2"),
        ("'2026-09-30'::date", "'2026-10-01'::date", "2026-09-30"),
        ("'2026-01-31 23:30'::timestamp", "'2026-02-01 00:30'::timestamp", "2026-01-31"),
        ("'2026-02-01 00:30+01'::timestamptz", "'2026-02-01 02:30+01'::timestamptz", "2026-01-31"),
    ],
)
@pytest.mark.parametrize("cluster", [None, "home"])
def test_a_units_day_is_its_first_or_its_clusters_first_there_too(connection, early, late, first, cluster):
    query = f"SELECT * FROM (VALUES ('a', 1, 1, 1.0, {late}), ('a', 1, 1, 2.0, {early}), ('a', 2, 1, 2.0, {late}))"
    source = Warehouse(connection, f"{query} AS t (arm, who, home, x, day)", "postgres")
    cube = MomentCube.scan(source, arm="arm", measures=[Measure("x", "x")], unit="who", cluster=cluster, day="day")
    assert cube.days[0] == first and list(cube.by_day.units.n) == ([2] if cluster else [1, 1])


@pytest.mark.slow
def test_a_hundred_thousand_rows_at_a_mean_of_a_billion_keep_their_variance(connection):
    rng = np.random.default_rng(3)
    x = rng.integers(-512, 512, 100_000) / 64
    cursor = connection.cursor()
    cursor.execute(
        "create table big as select 'a'::text as arm, 1.7e9::float8 + unnest(%s::float8[]) as x", (x.tolist(),)
    )
    cube = MomentCube.scan(Warehouse(connection, "big", "postgres"), arm="arm", measures=[Measure("x", "x")])
    sample = cube.sample("x", "a")
    assert sample.variance == pytest.approx(x.var(ddof=1), rel=1e-7)
    assert abs(sample.mean - 1.7e9 - x.mean()) < 0.01 * sample.error


@pytest.mark.slow
def test_a_query_may_stand_for_the_table_and_its_sql_is_shown_first(connection):
    source = Warehouse(connection, "SELECT arm AS variant, spend FROM orders WHERE spend > 0", "postgres")
    plan = Plan("variant", (Measure("spend", "spend"),))
    cube = MomentCube.scan(source, arm="variant", measures=plan.measures)
    paying = orders().query("spend > 0")
    assert cube.n == len(paying)
    assert scan_sql(source, plan) == cube.sql and "AVG(x0)" in cube.sql
    assert cap_at(source, "spend", 0.9) == pytest.approx(np.quantile(paying["spend"], 0.9))
    by_unit = orders().groupby("who")["spend"].sum()
    found = cap_at(Warehouse(connection, "orders", "postgres"), "spend", 0.9, unit="who")
    assert found == pytest.approx(np.quantile(by_unit, 0.9))


@pytest.mark.slow
def test_the_digest_is_of_statement_and_answer(connection):
    def digest(table, **options):
        source = Warehouse(connection, table, "postgres")
        return MomentCube.scan(source, arm="arm", measures=MEASURES[:1], **options).digest

    assert digest("orders") == digest("orders") and len(digest("orders")) == 64
    others = [digest("SELECT * FROM orders WHERE who > 0"), digest("orders", segments=["place"])]
    assert len({digest("orders"), *others}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_columns_name_is_never_sql(connection, name):
    frame = pd.DataFrame({name: [1.0, 2.0, 3.0], "arm of " + name: ["a", EVIL, EVIL], "who" + name: [1, 2, 3]})
    table = "of " + name
    fill(connection, table, frame)
    source = Warehouse(connection, '"' + table.replace('"', '""') + '"', "postgres")
    plan = {"arm": "arm of " + name, "measures": [Measure(name, name)], "unit": "who" + name}
    cube = MomentCube.scan(source, arms=[EVIL], **plan)
    assert cube.arms == (EVIL,) and cube.sample(name, EVIL).mean == 2.5


@pytest.mark.parametrize(
    "table",
    [
        "orders; drop table orders",
        "drop table orders",
        "delete from orders",
        "select * into stolen from orders",
        "with gone as (delete from orders returning *) select * from gone",
        "select * from orders for update",
        "1 + 1",
        "",
        "((",
    ],
)
def test_only_a_name_or_one_reading_select_is_a_table(table):
    with pytest.raises(Misuse, match=r"neither a table's name nor one SELECT|cannot be read"):
        Warehouse(None, table, "postgres")


def test_an_arm_with_a_backslash_is_refused():
    source = Warehouse(None, "orders", "postgres")
    with pytest.raises(Misuse, match="backslash"):
        source.spelled("SELECT * FROM given WHERE arm IN ('a\\')")


FAULTY = {
    "a missing column": ({"measures": [Measure("x", "lost")]}, Misuse, "no column lost"),
    "a missing number": ({"measures": [Measure("x", "holes")]}, Misuse, "1 row has no finite number in 'holes'"),
    "an infinite number": ({"measures": [Measure("x", "endless")]}, Misuse, "2 rows have no finite number"),
    "a unit in two arms": ({"measures": [Measure("x", "x")], "unit": "who"}, Misuse, "more than one arm"),
    "no arm": ({"measures": [Measure("x", "x")], "arm": "gaps"}, Misuse, "1 row has no arm"),
    "no row in the arms": ({"measures": [Measure("x", "x")], "arms": ["z"]}, Misuse, "no row in these arms"),
    "a text for a number": ({"measures": [Measure("x", "gaps")]}, EngineError, "refused the scan"),
    "a cluster in two arms": (
        {"measures": [Measure("x", "x")], "unit": "id", "cluster": "home"},
        Misuse,
        "1 cluster lies in more than one arm",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", FAULTY)
def test_a_scan_that_would_mislead_is_refused_in_the_same_words(postgres, case):
    pg8000 = pytest.importorskip("pg8000.dbapi")
    options, kind, said = FAULTY[case]
    rows = """(values ('a', 'a', 1, 1, 1, 1.0::float8, 1.0::float8, 1.0::float8),
        ('b', null, 1, 2, 1, 2, null, 'inf'), ('b', 'b', 2, 3, 2, 3, 2, 'nan'))"""
    query = f"SELECT * FROM {rows} AS t (arm, gaps, who, id, home, x, holes, endless)"
    connection = pg8000.connect(**postgres)
    with pytest.raises(kind, match=said):
        MomentCube.scan(Warehouse(connection, query, "postgres"), **{"arm": "arm", **options})
    connection.close()


@pytest.mark.slow
def test_sqlalchemy_engines_and_connections_are_taken(postgres, connection):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    url = sqlalchemy.URL.create(
        "postgresql+pg8000", postgres["user"], "", postgres["host"], postgres["port"], "postgres"
    )
    engine = sqlalchemy.create_engine(url)
    plain = MomentCube.scan(Warehouse(connection, "orders", "postgres"), arm="arm", measures=MEASURES)
    assert MomentCube.scan(Warehouse(engine, "orders"), arm="arm", measures=MEASURES).as_json() == plain.as_json()
    with engine.connect() as one:
        assert MomentCube.scan(Warehouse(one, "orders"), arm="arm", measures=MEASURES).as_json() == plain.as_json()
    engine.dispose()


class LikeIbis:
    """What is asked of an Ibis table: its SQL, and the connection of its backend."""

    def __init__(self, con, name, sql):
        self.con, self.name, self._sql = con, name, sql

    def get_backend(self):
        return self

    def compile(self):
        return self._sql

    def __arrow_c_stream__(self):
        raise AssertionError("the rows are asked for")


@pytest.mark.slow
def test_an_ibis_tables_sql_and_connection_are_taken(connection):
    table = LikeIbis(connection, "postgres", 'SELECT "t0"."arm", "t0"."spend" FROM "public"."orders" AS "t0"')
    cube = MomentCube.scan(table, arm="arm", measures=[Measure("spend", "spend")])
    assert cube.n == 600


def test_an_ibis_table_of_duckdb_is_scanned_where_it_lies():
    ibis = pytest.importorskip("ibis", reason="ibis is not installed")
    frame = orders().drop(columns="day")
    table = ibis.duckdb.connect().create_table("orders", frame)
    cube = MomentCube.scan(table.filter(table.spend > 0), arm="arm", measures=[Measure("spend", "spend")])
    assert cube.n == (frame["spend"] > 0).sum()


@pytest.mark.parametrize("dialect", ["postgres", "bigquery", "snowflake", "redshift", "databricks"])
@pytest.mark.parametrize("name", PLANS)
def test_the_text_in_other_dialects_parses_and_keeps_names_and_values(dialect, name):
    odd = 'it\'s "odd" `so`'
    plan = Plan(
        "arm",
        (*MEASURES, Measure("odd", odd)),
        **{k: tuple(v) if isinstance(v, list) else v for k, v in PLANS[name].items()},
    )
    source = Warehouse(None, "shop.orders", dialect)
    object.__setattr__(source, "columns", plan.columns)  # known without a connection
    object.__setattr__(source, "kinds", {})
    text = scan_sql(source, plan)
    tree = sqlglot.parse_one(text, read=dialect)
    assert odd in {column.name for column in tree.find_all(exp.Column)}
    assert "favg" not in text.lower() and "given" in text
    if plan.arms:
        assert plan.arms[0] in {literal.this for literal in tree.find_all(exp.Literal)}


def test_what_cannot_be_scanned_is_named():
    with pytest.raises(Misuse, match="a dict cannot be scanned"):
        MomentCube.scan({}, arm="arm", measures=MEASURES)
    with pytest.raises(Misuse, match="dialect is not known"):
        Warehouse(object(), "orders")
    with pytest.raises(Misuse, match="has no connection"):
        MomentCube.scan(Warehouse(None, "orders", "postgres"), arm="arm", measures=MEASURES)
