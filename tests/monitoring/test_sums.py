"""Hours added at once come to what their profiles and cubes come to one after the other."""

from functools import reduce
from operator import add

import msgspec
import numpy as np
import pandas as pd
import pytest

from workbench.data import Profile, ScoreCube
from workbench.errors import EngineError
from workbench.monitoring.hour import Hour
from workbench.monitoring.packed import packed, unpacked
from workbench.monitoring.sums import Inputs, cubes_added, inputs_added


def frame(rng, n):
    table = pd.DataFrame(
        {
            "income": np.where(rng.random(n) < 0.2, np.nan, rng.normal(0, 3, n)),
            "kind": rng.choice(["a", "b", None], n),
            "debt": rng.choice([0.0, 1.0, np.inf, -np.inf], n),
            "never": np.full(n, np.nan),
        }
    )
    return table.astype({"kind": object})


@pytest.fixture(scope="module")
def profiles():
    rng = np.random.default_rng(0)
    reference = Profile.scan(frame(rng, 500))
    return [Profile.scan(frame(rng, int(n)), like=reference) for n in rng.integers(1, 60, 30)]


@pytest.mark.parametrize("many", [1, 2, 7, 30])
def test_profiles_add_at_once_as_one_after_the_other(profiles, many):
    hours = [unpacked(*packed(Hour(inputs=Inputs.of(one)))).inputs for one in profiles[:many]]
    found = inputs_added(hours)
    assert found.profile == reduce(add, profiles[:many])
    assert found.column("income") == found.profile.columns["income"]


def test_what_has_other_columns_or_scales_than_the_newest_is_left_out(profiles):
    rng = np.random.default_rng(1)
    other = Profile.scan(frame(rng, 50))
    fewer = Profile.scan(frame(rng, 50)[["income"]])
    added = inputs_added([Inputs.of(one) for one in (other, profiles[0], fewer, profiles[1])])
    assert added.profile == profiles[0] + profiles[1]
    texts = [Inputs.of(Profile.scan(pd.DataFrame({"kind": list(kinds)}))) for kinds in ("ab", "bc")]
    assert dict(inputs_added(texts).profile.columns["kind"].counts) == {"a": 1, "b": 2, "c": 1}


def test_cubes_add_whether_or_not_they_have_the_same_groups():
    rng = np.random.default_rng(2)
    cubes = [
        ScoreCube.scan({"sex": rng.choice(groups, 20)}, score=rng.random(20), label=rng.random(20) < 0.5)
        for groups in (["f", "m"], ["f", "m"], ["f"], ["m", "x"])
    ]
    whole = cubes_added(cubes)
    assert whole.groups == (("f",), ("m",), ("x",))
    for group in whole.groups:
        own = sum(cube.table[cube.groups.index(group)] for cube in cubes if group in cube.groups)
        assert (whole.table[whole.groups.index(group)] == own).all()


@pytest.mark.parametrize("sizes", [(3, 3), (-1, 7), (10**12, 0)])
def test_bytes_whose_columns_and_arrays_do_not_fit_are_no_hour(profiles, sizes):
    body, inputs = packed(Hour(inputs=Inputs.of(profiles[0])))
    told = msgspec.msgpack.decode(inputs)
    for column, size in zip((one for one in told[0] if one[0] == "n"), sizes, strict=False):
        column[-1] = size
    with pytest.raises(EngineError, match="cannot be read"):
        unpacked(body, msgspec.msgpack.encode(told))
