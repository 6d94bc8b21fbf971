"""Segments of real rows whose true effect is nothing: no lean, and intervals that hold what they say."""

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import MomentCube
from workbench.experiments import Design, SegmentResult, parse_metrics, shrunken_segments
from workbench.experiments.design import Metric
from workbench.experiments.segments import words as segment_words
from workbench.experiments.segments.errors import pooled_errors
from workbench.stats.hierarchy import SpreadPrior
from workbench.stats.moments import Sample

SEGMENTS = 6


def values(kind: str, level: float, n: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "revenue":  # 60 % pay something, log-normal with a long tail
        return np.where(rng.random(n) < 0.6, 100 * level * np.exp(rng.normal(0, 1.2, n)), 0.0)
    if kind == "binary":  # about five events an arm
        return (rng.random(n) < 0.03 * level).astype(float)
    return rng.poisson(rng.gamma(1.0, level, n)).astype(float)  # twice as much scatter as chance


def scanned(kind: str, units: dict[str, int], rng: np.random.Generator) -> tuple[MomentCube, Metric]:
    rows = []
    for segment in range(SEGMENTS):
        level = np.exp(rng.normal(0, 0.3))
        for arm, n in units.items():
            rows.append(pd.DataFrame({"arm": arm, "segment": str(segment), "y": values(kind, level, n, rng)}))
    design = Design("t", "arm", "a", parse_metrics(f"y={kind}:y"), segments=("segment",))
    return design.scan(pd.concat(rows)), design.metrics[0]


def compared(kind: str, scale: str, units: dict[str, int], runs: int) -> list[SegmentResult]:
    spread = SpreadPrior(0.1) if scale == "relative" else None
    found = []
    for seed in range(runs):
        cube, metric = scanned(kind, units, np.random.default_rng(seed))
        found.append(shrunken_segments(cube, metric, "a", "b", scale=scale, spread=spread))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "scale", "units", "runs"),
    [
        ("revenue", "absolute", {"a": 268, "b": 67}, 60),
        ("revenue", "relative", {"a": 300, "b": 100}, 30),
        ("binary", "relative", {"a": 200, "b": 200}, 20),
        ("count", "relative", {"a": 67, "b": 67}, 20),
    ],
)
def test_where_nothing_happened_segments_lean_to_neither_arm(kind, scale, units, runs):
    """Errors that follow a segment's own mean lean the first by seven of its standard errors."""
    found = compared(kind, scale, units, runs)
    whole = np.array([r.whole.value for r in found])
    assert abs(whole.mean()) < 3 * whole.std() / np.sqrt(runs)
    assert np.mean([r.whole.low <= 0 <= r.whole.high for r in found]) >= 0.93
    assert np.mean([s.low <= 0 <= s.high for r in found for s in r.segments]) >= 0.93


def test_a_segment_that_is_low_by_chance_counts_no_more_than_one_that_is_high():
    """Two segments alike but for the arm that was lucky: own errors would draw the whole to the low one."""
    low, high = Sample(50, 8.0, 49 * 64.0), Sample(50, 12.0, 49 * 144.0)
    first, second = pooled_errors(Metric("y", "revenue", "y"), [(low, high), (high, low)])
    assert (first.control, first.treated, first.base) == pytest.approx((second.control, second.treated, 10.0))
    one, other = first.log_ratio(low, high), second.log_ratio(high, low)
    assert one[0] == pytest.approx(-other[0]) and one[1] == pytest.approx(other[1])


def test_errors_grow_with_the_mean_and_many_units_speak_for_themselves():
    def sample(n: float, mean: float, sd: float) -> Sample:
        return Sample(n, mean, (n - 1) * sd**2)

    few = [(sample(30, m, 2 * m), sample(30, m, 2 * m)) for m in (1.0, 10.0)]
    small, large = pooled_errors(Metric("y", "mean", "y"), few)
    assert large.control == pytest.approx(10 * small.control) and small.control == pytest.approx(2 / 30**0.5, rel=1e-6)
    many = [*few, (sample(1e6, 1.0, 0.5), sample(1e6, 1.0, 0.5))]
    assert pooled_errors(Metric("y", "mean", "y"), many)[-1].control == pytest.approx(0.5 / 1e3, rel=0.01)


def test_a_whole_that_disagrees_with_all_units_together_says_so():
    rng = np.random.default_rng(1)
    sizes = {"one": (4000, 3.0), **{str(k): (60, 0.0) for k in range(12)}}
    rows = [
        pd.DataFrame({"arm": arm, "segment": name, "y": rng.normal(10 + (arm == "b") * gain, 1.0, n)})
        for name, (n, gain) in sizes.items()
        for arm in "ab"
    ]
    design = Design("t", "arm", "a", parse_metrics("y=mean:y"), segments=("segment",))
    found = shrunken_segments(design.scan(pd.concat(rows)), "y", "a", "b", spread=SpreadPrior(1.0))
    assert found.whole_within.value == pytest.approx(3.0 * 4000 / 4720, abs=0.1)
    assert not found.agrees and "the two do not agree, trust neither" in segment_words.sentence(found)
