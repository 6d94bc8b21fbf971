"""Clusters that lie in several cells: one cluster of their arm, however the cube was cut."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from workbench.data.moments import Measure, MomentCube


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
    table = {"pandas": frame, "polars": pl.from_pandas(frame), "arrow": pa.Table.from_pandas(frame)}[form]
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
    added = (halves[0] + halves[1]).sample("spend", "a")
    whole = scanned_families(frame, ("sex",)).sample("spend", "a")
    assert asdict(added) == pytest.approx(asdict(whole), rel=1e-10)
