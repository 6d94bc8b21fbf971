"""What would mislead is refused in words, one thing or many."""

import warnings

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse
from workbench.experiments.design import Design, parse_metric


def scan(frame: pd.DataFrame, **options) -> MomentCube:
    return MomentCube.scan(frame, arm="arm", measures=[Measure("y", "y")], **options)


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"arm": ["a", "a", "b", "b"], "y": [1.0, 2.0, 3.0, 5.0], **columns})


@pytest.mark.parametrize("size", [1e307, 1e200, 1e150, 1e61, 1e-61, 1e-170, 1e-300])
@pytest.mark.parametrize("signs", [(1, 2, 3, 5), (1, -1, 1, -1)])
@pytest.mark.parametrize("clusters", [False, True])
def test_numbers_that_cannot_be_squared_are_refused(size, signs, clusters):
    table = frame(y=size * np.array(signs) / 5, unit=[1, 2, 3, 4], home=[1, 1, 2, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Misuse, match=r"too (large|small) to be squared") as said:
            scan(table, **({"unit": "unit", "cluster": "home"} if clusters else {}))
    assert "power of ten" in said.value.hint


@pytest.mark.parametrize("size", [1e59, 1.0, 1e-59])
def test_numbers_that_can_be_squared_are_taken(size):
    sample = scan(frame(y=size * np.array([1.0, 2.0, 3.0, 5.0]))).sample("y", "b")
    assert (sample.mean, sample.variance) == (pytest.approx(4 * size), pytest.approx(2 * size**2))


def test_zeros_are_no_small_numbers():
    assert scan(frame(y=[0.0, 0.0, 0.0, 0.0])).sample("y", "a").mean == 0


def test_a_cluster_that_is_missing_on_some_of_a_units_rows_is_refused():
    table = frame(unit=[1, 1, 2, 2], home=["k", None, "l", "l"])
    with pytest.raises(Misuse, match="1 unit has no arm or cluster, on some row at least"):
        scan(table, unit="unit", cluster="home")


@pytest.mark.parametrize("unit", [None, "unit"])
def test_a_missing_segment_is_not_one_that_is_called_none(unit):
    options = {"segments": ["place"], "unit": unit}
    mixed = frame(place=[None, "(none)", None, "(none)"], unit=[1, 2, 3, 4])
    with pytest.raises(Misuse, match="'place' is missing on some rows and '\\(none\\)' on others"):
        scan(mixed, **options)
    for place in (None, "(none)"):
        found = scan(mixed.assign(place=[place, "s", place, "s"]), **options)
        assert {cell.segment for cell in found.cells} == {("(none)",), ("s",)}


def test_one_and_many_are_said_as_they_are():
    with pytest.raises(Misuse, match=r"^1 row has no finite number"):
        scan(frame(y=[1.0, None, 2.0, 3.0]))
    with pytest.raises(Misuse, match=r"^2 rows have no finite number"):
        scan(frame(y=[1.0, None, None, 3.0]))


def test_an_arm_that_is_not_there_is_told_before_what_is_missing():
    design = Design("it", "arm", "z", (parse_metric("y=mean:y"),))
    with pytest.raises(Misuse, match="arm 'z' is not in the data") as said:
        design.scan(frame(y=[1.0, None, 2.0, 3.0]))
    assert said.value.hint == "the arms are: a, b"
