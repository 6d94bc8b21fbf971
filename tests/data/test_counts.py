"""A count cube counts every case once, adds like the data it counts, and comes back from JSON."""

import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from workbench.data import CountCube, Profile, ScoreCube
from workbench.data.count_scans import count_sql
from workbench.data.csv_files import MISSING
from workbench.errors import Misuse

try:
    import polars as pl
except ImportError:  # it is no part of the tested set: where it is installed, MLflow imports it, and it starts threads
    pl = None

CASES = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2]), st.integers(0, 1), st.integers(0, 1)),
    min_size=1,
    max_size=30,
)


def cube_of(cases, source=""):
    race, sex, label, prediction = zip(*cases, strict=True)
    return CountCube.scan({"race": race, "sex": sex}, label=label, prediction=prediction, source=source)


def test_cells_are_true_negatives_false_positives_false_negatives_true_positives():
    cube = CountCube.scan({"g": ["a"] * 10}, label=[0] * 3 + [1] * 7, prediction=[0, 0, 1, 0, 0, 0, 1, 1, 1, 1])
    assert cube.cells == {("a",): (2, 1, 3, 4)}
    assert cube.counts().tolist() == [[[2, 1], [3, 4]]]


@settings(deadline=None)  # the first call imports Arrow
@given(CASES)
def test_cells_are_those_of_a_cross_table(cases):
    frame = pd.DataFrame(cases, columns=["race", "sex", "y", "p"]).fillna({"race": "(unknown)"})
    counted = frame.groupby(["race", "sex", "y", "p"]).size()
    for (race, sex), cell in cube_of(cases).cells.items():
        wanted = [counted.get((race, int(sex), y, p), 0) for y, p in ((0, 0), (0, 1), (1, 0), (1, 1))]
        assert list(cell) == wanted
    assert cube_of(cases).total == len(cases)


@settings(deadline=None)  # the first call imports Arrow
@given(CASES, CASES)
def test_the_cube_of_all_is_the_sum_of_the_cubes_of_parts(one, other):
    assert (cube_of(one) + cube_of(other)).cells == cube_of(one + other).cells


@settings(deadline=None)  # the first call imports Arrow
@given(CASES, CASES, CASES)
def test_addition_does_not_care_for_order(a, b, c):
    a, b, c = (cube_of(cases, source) for cases, source in ((a, "x"), (b, "y"), (c, "z")))
    assert (a + b) + c == a + (b + c) == c + b + a


@settings(deadline=None)  # the first call imports Arrow
@given(CASES)
def test_it_comes_back_from_json_with_its_digest(cases):
    cube = cube_of(cases, "d")
    assert CountCube.from_json(cube.as_json()) == cube
    assert CountCube.from_json(cube.as_json()).digest == cube.digest


def test_over_fewer_attributes_it_is_the_cube_of_these_attributes():
    cases = [("a", 1, 0, 1), ("a", 2, 1, 1), ("b", 1, 1, 0)]
    assert cube_of(cases).by(["race"]).cells == {("a",): (0, 1, 0, 1), ("b",): (0, 0, 1, 0)}


def test_a_missing_group_is_a_group_of_its_own_and_can_be_left_out():
    cube = CountCube.scan({"sex": ["f", None, np.nan]}, label=[1, 1, 0], prediction=[1, 0, 0])
    assert cube.cells == {("f",): (0, 0, 0, 1), ("(unknown)",): (1, 0, 1, 0)}
    assert list(cube.without("(unknown)").cells) == [("f",)]


def test_it_carries_the_digest_of_what_was_scanned():
    one, other = (CountCube.scan({"g": ["a"]}, label=[1], prediction=[1], source=source) for source in ("x", "y"))
    assert one.data_digest == "x"
    assert (one + other).sources == ("x", "y")
    assert (one + other).data_digest == (other + one).data_digest


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CountCube.scan({}, label=[1], prediction=[1]), "lengths"),
        (lambda: CountCube.scan({"g": ["a", "b"]}, label=[1], prediction=[1]), r"lengths \[1, 2\]"),
        (lambda: CountCube.scan({"g": ["a"]}, label=[2], prediction=[1]), "label holds"),
        (lambda: CountCube.scan({"g": ["a"]}, label=[1], prediction=[0.5]), "prediction holds"),
        (lambda: CountCube.scan({"g": ["a"]}, label=[None], prediction=[1]), "label holds"),
        (lambda: CountCube.scan({"g": []}, label=[], prediction=[]), "one number a case"),
        (lambda: CountCube.from_json("{}"), "no count cube"),
        (lambda: CountCube.scan({"g": ["a"]}, label=[1], prediction=[1]).by(["h"]), "no attribute"),
        (lambda: CountCube(("g",), {}) + CountCube(("h",), {}), "do not add"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(Misuse, match=message):
        call()


FRAME = pd.DataFrame(
    {
        "race": ["a", "b", None, "a", "b"],
        "old": [True, False, True, False, True],
        "y": [1, 0, 1, 1, 0],
        "p": [True, True, False, True, False],
    }
)


def sources(tmp_path):
    FRAME.to_parquet(tmp_path / "d.parquet")
    FRAME.to_csv(tmp_path / "d.csv", index=False)
    yield from [pl.from_pandas(FRAME)] if pl else []
    yield from (FRAME, pa.Table.from_pandas(FRAME), tmp_path / "d.parquet", tmp_path / "d.csv")
    yield duckdb.sql("SELECT * FROM FRAME")


def test_every_kind_of_table_gives_the_same_cube(tmp_path):
    wanted = CountCube.scan(
        {"race": FRAME["race"], "old": FRAME["old"]}, label=FRAME["y"], prediction=FRAME["p"].astype(int)
    )
    for source in sources(tmp_path):
        cube = CountCube.read(source, ["race", "old"], label="y", prediction="p")
        assert cube.cells == wanted.cells
        assert (cube.sources != ()) is isinstance(source, Path)


def test_a_database_counts_by_the_same_statement():
    statement = count_sql("main.loans", ["race", "old"], ["y", "p"])
    with sqlite3.connect(":memory:") as connection:
        FRAME.astype({"old": str, "p": int}).to_sql("loans", connection, index=False)
        rows = connection.execute(statement).fetchall()
    wanted = CountCube.read(FRAME, ["race", "old"], label="y", prediction="p")
    assert CountCube.from_rows(["race", "old"], rows).cells == wanted.cells


def test_the_name_of_a_column_is_never_sql(tmp_path):
    name = 'x" FROM given; DROP TABLE given; --'
    FRAME.rename(columns={"race": name}).to_parquet(tmp_path / "d.parquet")
    cube = CountCube.read(tmp_path / "d.parquet", [name], label="y", prediction="p")
    assert cube.total == len(FRAME)
    assert '"x"" FROM given' in count_sql("t", [name], ["y"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"groups": ["rac"]}, "no column 'rac'"),
        ({"groups": ["y"]}, "'y' is named for two things"),
        ({"groups": ["old"], "label": "race"}, "'race' holds texts"),
        ({"label": "late"}, "label holds None"),
        ({"label": "three"}, "label holds 3"),
    ],
)
def test_a_table_that_cannot_be_counted_is_refused_in_words(tmp_path, columns, said):
    FRAME.assign(late=[1, 0, None, 1, 0], three=[3.0] * 5).to_parquet(tmp_path / "d.parquet")
    wanted = {"groups": ["race"], "label": "y", "prediction": "p"} | columns
    with pytest.raises(Misuse, match=said):
        CountCube.read(tmp_path / "d.parquet", wanted.pop("groups"), **wanted)


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "d.parquet").write_text("no")
    for path, said in ((tmp_path / "d.parquet", "could not be counted"), (tmp_path / "e.csv", "no file")):
        with pytest.raises(Misuse, match=said):
            CountCube.read(path, ["race"], label="y", prediction="p")


def test_the_file_that_is_named_is_counted_and_no_other_that_the_name_matches(tmp_path):
    for name, cases in (("l[1]", 3), ("l1", 5)):
        frame = pd.DataFrame({"race": "a", "y": [1] * cases, "p": 1, "s": 0.5})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        frame.to_parquet(tmp_path / f"{name}.parquet")
    for kind in ("csv", "parquet"):
        path = tmp_path / f"l[1].{kind}"
        assert CountCube.read(path, ["race"], label="y", prediction="p").total == 3
        assert ScoreCube.read(path, ["race"], score="s", label="y").total == 3


def test_a_group_called_unknown_is_another_than_those_without_one(tmp_path):
    frame = pd.DataFrame({"race": ["unknown", None, "b"], "y": [1, 0, 1], "p": [1, 1, 0]})
    frame.to_csv(tmp_path / "d.csv", index=False)
    cells = {("(unknown)",): (0, 1, 0, 0), ("b",): (0, 0, 1, 0), ("unknown",): (0, 0, 0, 1)}
    for source in (frame, tmp_path / "d.csv"):
        assert CountCube.read(source, ["race"], label="y", prediction="p").cells == cells


def test_a_stored_cube_of_old_called_what_is_missing_unknown():
    old = '{"attributes":["sex"],"cells":[[["f"],[0,0,0,1]],[["unknown"],[1,0,1,0]]],"sources":[]}'
    cube = CountCube.from_json(old)
    assert list(cube.cells) == [("f",), ("(unknown)",)]
    assert CountCube.from_json(cube.as_json()) == cube


def test_groups_of_a_csv_file_are_called_as_they_stand_there(tmp_path):
    (tmp_path / "d.csv").write_text("age,veteran,y,p,s\n01,yes,1,1,.5\n1.50,no,0,0,.5\n2026-01-31,yes,1,0,.5\n")
    cube = CountCube.read(tmp_path / "d.csv", ["veteran", "age"], label="y", prediction="p")
    assert list(cube.cells) == [("no", "1.50"), ("yes", "01"), ("yes", "2026-01-31")]
    (tmp_path / "n.csv").write_text("code,veteran,y,p,s\n01,yes,1,1,.5\n1,no,0,0,.5\n")
    scores = ScoreCube.read(tmp_path / "n.csv", ["veteran", "code"], score="s", label="y")
    assert scores.groups == (("no", "1"), ("yes", "01"))


def test_a_csv_file_has_the_same_missing_values_whoever_reads_it(tmp_path):
    assert set(MISSING) == STR_NA_VALUES  # what pandas takes for missing
    words = sorted(MISSING)
    lines = [f'"{word}",1,1' for word in words]
    (tmp_path / "d.CSV").write_text("race,y,p\n" + "\n".join([*lines, "b,0,1", "missing,1,0"]))
    cube = CountCube.read(tmp_path / "d.CSV", ["race"], label="y", prediction="p")
    assert {group: sum(cell) for (group,), cell in cube.cells.items()} == {
        "b": 1,
        "missing": 1,
        "(unknown)": len(words),
    }
    race = Profile.scan(tmp_path / "d.CSV").columns["race"]
    assert (race.nulls, race.counts) == (len(words), {"b": 1, "missing": 1})


def test_a_csv_file_whose_columns_are_all_texts_has_its_first_line_for_a_header(tmp_path):
    (tmp_path / "d.csv").write_text("race,y,p\n")
    with pytest.raises(Misuse, match="no row"):
        CountCube.read(tmp_path / "d.csv", ["race"], label="y", prediction="p")
    with pytest.raises(Misuse, match=r"no column 'sex'\s.*race, y, p"):
        CountCube.read(tmp_path / "d.csv", ["sex"], label="y", prediction="p")
    (tmp_path / "d.csv").write_text("")
    with pytest.raises(Misuse, match=r"d\.csv is empty"):
        CountCube.read(tmp_path / "d.csv", ["race"], label="y", prediction="p")


def test_a_missing_truth_of_pandas_is_a_label_that_has_not_arrived():
    label = pd.array([True, pd.NA], dtype="boolean")
    with pytest.raises(Misuse, match="label holds None") as refused:
        CountCube.scan({"g": ["a", "b"]}, label=label, prediction=[1, 1])
    assert "waits for it" in str(refused.value.hint)
