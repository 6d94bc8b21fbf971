"""A score cube counts like the rows it was made of, adds, waits for labels, and knows every threshold."""

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data import CountCube, ScoreCube
from workbench.errors import Misuse

try:
    import polars as pl
except ImportError:  # it is no part of the tested set: where it is installed, MLflow imports it, and it starts threads
    pl = None

CASES = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([0, 1, None]), st.integers(0, 100)),
    min_size=1,
    max_size=40,
)


def cube_of(cases, source=""):
    group, label, hundredths = zip(*cases, strict=True)
    return ScoreCube.scan({"g": group}, score=np.array(hundredths) / 100, label=label, source=source)


def same(one, other):
    return (one.groups, one.sources) == (other.groups, other.sources) and (one.table == other.table).all()


@settings(deadline=None)  # the first call imports Arrow
@given(CASES, st.sampled_from([*range(100), 101]))
def test_at_a_threshold_it_is_the_count_cube_of_that_threshold(cases, hundredths):
    labelled = [case for case in cases if case[1] is not None]
    cube = cube_of(cases).at(hundredths / 100)
    assert cube_of(cases).waiting == len(cases) - len(labelled)
    if labelled:
        group, label, scores = zip(*labelled, strict=True)
        answers = [int(score >= hundredths) for score in scores]
        assert cube.cells == CountCube.scan({"g": group}, label=label, prediction=answers).cells
    else:
        assert cube.total == 0


@settings(deadline=None)  # the first call imports Arrow
@given(CASES, CASES)
def test_the_cube_of_all_is_the_sum_of_the_cubes_of_parts(one, other):
    assert same(cube_of(one) + cube_of(other), cube_of(one + other))


@settings(deadline=None)  # the first call imports Arrow
@given(CASES)
def test_labels_that_arrive_late_make_the_cube_that_they_would_have_made_in_time(cases):
    early = [(group, None, score) for group, _, score in cases]
    late = [case for case in cases if case[1] is not None]
    if late:
        assert same(cube_of(early).settle(cube_of(late)), cube_of(cases))


def test_labels_of_cases_that_do_not_wait_are_refused():
    with pytest.raises(Misuse, match="do not wait"):
        cube_of([("a", 1, 50)]).settle(cube_of([("a", 1, 50)]))


@settings(deadline=None)  # the first call imports Arrow
@given(CASES)
def test_it_comes_back_from_json(cases):
    assert same(ScoreCube.from_json(cube_of(cases, "d").as_json()), cube_of(cases, "d"))


def test_every_kind_of_table_gives_the_same_cube(tmp_path):
    frame = pd.DataFrame(
        {"g": ["a", "b", None, "a"], "y": [1.0, 0.0, None, 1.0], "s": [0.57, 0.0, 1.0, 0.29], "h": [1, 2, 1, 1]}
    )
    frame.to_parquet(tmp_path / "d.parquet")
    frame.to_csv(tmp_path / "d.csv", index=False)
    wanted = ScoreCube.scan({"g": frame["g"], "h": frame["h"]}, score=frame["s"], label=frame["y"])
    assert wanted.table[1, 1, [290, 570]].tolist() == [1, 1]
    tables = [
        frame,
        *([pl.from_pandas(frame)] if pl else []),
        pa.Table.from_pandas(frame),
        duckdb.sql("SELECT * FROM frame"),
    ]
    for source in tables:
        assert same(ScoreCube.read(source, ["g", "h"], score="s", label="y"), wanted)
    for name in ("d.parquet", "d.csv"):
        cube = ScoreCube.read(tmp_path / name, ["g", "h"], score="s", label="y")
        assert (cube.table == wanted.table).all()
        assert cube.groups == wanted.groups
        assert ScoreCube.read(tmp_path / name, ["g"], score="s").waiting == 4
    assert same(wanted.by(["g"]), ScoreCube.scan({"g": frame["g"]}, score=frame["s"], label=frame["y"]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ScoreCube.scan({"g": ["a"]}, score=[1.1]), "no number in"),
        (lambda: ScoreCube.scan({"g": ["a"]}, score=[0.1], label=[2]), "neither 0, 1 nor missing"),
        (lambda: ScoreCube.scan({"g": ["a", "b"]}, score=[0.1]), "lengths"),
        (lambda: ScoreCube.scan({"g": range(20_000)}, score=[0.1] * 20_000), "combinations"),
        (lambda: cube_of([("a", 1, 1)]).by(["h"]), "no attribute"),
        (lambda: cube_of([("a", 1, 1)]) + ScoreCube.scan({"h": ["a"]}, score=[0.1]), "do not add"),
        (lambda: ScoreCube.from_json("{}"), "no score cube"),
    ],
)
def test_what_cannot_be_counted_is_refused(make, said):
    with pytest.raises(Misuse, match=said):
        make()
