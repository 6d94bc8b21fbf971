"""Segments of an experiment: raw beside shrunken, what cannot be compared is listed, and words that fit the numbers."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import MomentCube
from workbench.data.rand import rand_health
from workbench.errors import Misuse
from workbench.evidence import segments_finding
from workbench.experiments import Design, Metric, parse_metrics, shrunken_segments
from workbench.experiments.segments import tables as segment_tables
from workbench.experiments.segments import words as segment_words
from workbench.stats.effects import EffectPrior
from workbench.stats.hierarchy import SpreadPrior, shrink


def scan(frame: pd.DataFrame, metrics: str, *, segments: tuple[str, ...], lower: str = "") -> tuple[MomentCube, Metric]:
    design = Design("t", arm="arm", control="a", metrics=parse_metrics(metrics, lower=lower), segments=segments)
    return design.scan(frame), design.metrics[0]


def shop(effects: dict[str, float], n: int = 2000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"country": np.repeat(list(effects), n)})
    frame["arm"] = np.where(np.arange(len(frame)) % 2 == 0, "a", "b")
    gain = frame["country"].map(effects).to_numpy()
    frame["spend"] = rng.normal(10 + np.where(frame["arm"] == "b", gain, 0), 5)
    frame["device"] = np.where(np.arange(len(frame)) % 4 < 2, "phone", "desk")
    return frame


def test_raw_numbers_stand_beside_those_of_the_hierarchy():
    cube, metric = scan(shop(dict.fromkeys("uvwxyz", 0.5)), "spend=mean:spend", segments=("country",))
    found = shrunken_segments(cube, metric, "a", "b", spread=SpreadPrior(0.5))
    samples = [
        [cube.only(lambda c, n=s.name: c.segment == n).sample("spend", arm) for arm in "ab"] for s in found.segments
    ]
    raw = np.array([b.mean - a.mean for a, b in samples])
    size = np.array([(a.n * a.variance + b.n * b.variance) / (a.n + b.n) for a, b in samples])  # some are below zero
    arms = [
        sum(s.n * s.variance for s in arm) / (n @ size)
        for arm, n in ((arm, np.array([s.n for s in arm])) for arm in zip(*samples, strict=True))
    ]
    n = np.array([[s.n for s in pair] for pair in samples])
    own = np.array([a.n * a.variance + b.n * b.variance for a, b in samples]) / ((n * arms).sum(axis=1) * size)
    scatter = (n.sum(axis=1) * own + 500) / (n.sum(axis=1) + 500)
    errors = np.sqrt(size * scatter * (np.array(arms) / n).sum(axis=1))
    np.testing.assert_allclose([s.raw for s in found.segments], raw)
    np.testing.assert_allclose([s.raw_high - s.raw_low for s in found.segments], 2 * 1.959964 * errors, rtol=1e-6)
    fit = shrink(raw, errors, SpreadPrior(0.5))
    np.testing.assert_allclose([s.effect for s in found.segments], fit.segments.mean)
    np.testing.assert_allclose([s.low for s in found.segments], fit.segments.interval(0.95)[0])
    assert np.std([s.effect for s in found.segments]) < np.std(raw)
    assert found.verdict == "pass" and "Nothing says that segments differ; the apparent winner" in found.sentence


def test_a_segment_that_is_truly_another_one_is_named():
    cube, metric = scan(
        shop({"u": 0.5, "v": 0.5, "w": 3.0, "x": 0.5, "y": 0.4}), "spend=mean:spend", segments=("country",)
    )
    found = shrunken_segments(cube, metric, "a", "b")
    assert found.chance_alike < 0.01
    assert "Segments differ; the best by its own numbers is 'w'" in found.sentence
    assert "Surely other than the whole: 'w'" in found.sentence
    assert next(s for s in found.segments if s.name == ("w",)).chance_above > 0.99


def test_a_segment_in_which_it_is_surely_worse_fails():
    cube, metric = scan(shop({"u": 2.0, "v": 2.0, "w": -2.0, "x": 2.0}), "spend=mean:spend", segments=("country",))
    assert shrunken_segments(cube, metric, "a", "b").verdict == "fail"


def test_where_less_is_better_chances_turn_round():
    frame = shop(dict.fromkeys("uvw", -1.0))
    cube, metric = scan(frame, "spend=mean:spend", segments=("country",), lower="spend")
    found = shrunken_segments(cube, metric, "a", "b")
    assert min(s.chance_better for s in found.segments) > 0.99 and found.chance_better > 0.95
    winner = min(found.segments, key=lambda s: s.raw)
    assert f"{winner.called!r}" in found.sentence


def test_what_cannot_be_compared_is_listed_with_its_reason():
    frame = shop(dict.fromkeys("uv", 0.5))
    lone = pd.DataFrame(
        {"country": ["one", "one", "none", "none"], "arm": list("abaa"), "spend": [1.0, 2, 3, 4], "device": "phone"}
    )
    flat = pd.DataFrame({"country": "flat", "arm": list("aaabbb"), "spend": [1.0, 1, 1, 2, 3, 4], "device": "phone"})
    cube, metric = scan(pd.concat([frame, lone, flat]), "spend=mean:spend", segments=("country",))
    found = shrunken_segments(cube, metric, "a", "b")
    assert found.left_out["none"] == "nobody in b"
    assert "one independent unit" in found.left_out["one"] and "same value" in found.left_out["flat"]
    assert [s.called for s in found.segments] == ["u", "v"]
    assert "Not compared: 'flat'" in found.sentence
    assert list(segment_tables.left_out(found).index) == ["flat", "none", "one"]


def test_few_events_enter_by_their_counts_and_none_is_no_certainty():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"country": rng.choice(list("uvwxyz"), 1800), "arm": rng.choice(["a", "b"], 1800)})
    frame["bought"] = (rng.random(1800) < np.where(frame["country"] == "u", 0.0, 0.08)).astype(int)
    cube, metric = scan(frame, "bought=binary:bought", segments=("country",))
    for scale in ("absolute", "relative"):
        found = shrunken_segments(cube, metric, "a", "b", scale=scale)
        none = found.segments[0]
        assert none.form == "counts" and none.sd > 0 and none.low < 0 < none.high
        assert found.verdict == "not enough evidence" and "by their exact likelihood" in found.note
    assert none.raw is None and segment_tables.table(found).loc["u", "alone"] == "–"


def test_many_events_enter_as_normal_differences():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"country": rng.choice(list("uvw"), 6000), "arm": rng.choice(["a", "b"], 6000)})
    frame["bought"] = (rng.random(6000) < 0.2).astype(int)
    cube, metric = scan(frame, "bought=binary:bought", segments=("country",))
    assert {s.form for s in shrunken_segments(cube, metric, "a", "b").segments} == {"normal"}
    assert {s.form for s in shrunken_segments(cube, metric, "a", "b", scale="relative").segments} == {"log ratio"}


def test_counts_that_scatter_more_than_chance_stand_for_fewer():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"country": rng.choice(list("uvwxyz"), 900), "arm": rng.choice(["a", "b"], 900)})
    frame["calls"] = rng.poisson(np.where(rng.random(900) < 0.02, 4.0, 0.0))
    cube, metric = scan(frame, "calls=count:calls", segments=("country",))
    found = shrunken_segments(cube, metric, "a", "b")
    assert found.design_effect > 2 and all(s.form == "counts" for s in found.segments)


def test_clusters_widen_every_interval():
    frame = shop(dict.fromkeys("uvw", 0.5), n=600)
    frame["person"] = np.arange(len(frame))
    frame["home"] = np.arange(len(frame)) // 20 * 2 + (frame["arm"] == "b")
    frame["spend"] += np.random.default_rng(5).normal(0, 4, len(frame))[frame["home"]]
    plain = Design("t", "arm", "a", parse_metrics("spend=mean:spend"), unit="person", segments=("country",))
    homes = replace(plain, cluster="home")
    one, two = (shrunken_segments(d.scan(frame), d.metrics[0], "a", "b") for d in (plain, homes))
    assert all(b.sd > 1.2 * a.sd for a, b in zip(one.segments, two.segments, strict=True))


def test_a_prior_of_the_mean_is_used_on_its_own_scale_only():
    cube, metric = scan(shop(dict.fromkeys("uvw", 0.5), n=100), "spend=mean:spend", segments=("country",))
    prior = EffectPrior.normal(0, 0.01, scale="relative", source="40 past tests")
    found = shrunken_segments(cube, metric, "a", "b", scale="relative", mean=prior)
    free = shrunken_segments(cube, metric, "a", "b", scale="relative")
    assert abs(found.whole.value) < abs(free.whole.value) and "The mean: 40 past tests." in found.note
    with pytest.raises(Misuse, match="the prior of the mean is relative"):
        shrunken_segments(cube, metric, "a", "b", mean=prior)


def test_several_columns_tell_what_each_value_adds():
    cube, metric = scan(shop({"u": 0.0, "v": 0.0, "w": 2.0}), "spend=mean:spend", segments=("country", "device"))
    found = shrunken_segments(cube, metric, "a", "b", spread=SpreadPrior(1.0))
    assert len(found.segments) == 6 and [(lv.column, lv.value) for lv in found.levels][:3] == [
        ("country", v) for v in "uvw"
    ]
    assert found.levels[2].effect > 0.5 and max(abs(lv.effect) for lv in found.levels[3:]) < 0.5
    assert len(segment_tables.levels(found)) == 5
    one = shrunken_segments(cube, metric, "a", "b", by=["country"])
    assert one.columns == ("country",) and one.levels == () and len(one.segments) == 3


def test_one_segment_says_that_there_is_nothing_to_learn_from():
    cube, metric = scan(shop({"u": 0.5}), "spend=mean:spend", segments=("country",))
    found = shrunken_segments(cube, metric, "a", "b")
    assert found.segments[0].effect == pytest.approx(found.segments[0].raw)
    assert "one segment only" in found.sentence and segment_words.lessons(found) == []


def test_rand_says_where_the_price_works():
    frame = rand_health()
    frame["any"] = (frame["visits"] > 0).astype(int)
    metrics = parse_metrics("any=binary:any", lower="any", within="max", nouns={"any": "people with any visit"})
    design = Design("r", "plan", "0 %", metrics, ("0 %", "95 %"), "person", "family", ("site",))
    found = shrunken_segments(design.scan(frame), metrics[0], "0 %", "95 %")
    assert "Surely other than the whole: '6' (−0.334)." in found.sentence
    assert found.whole.value == pytest.approx(-0.143, abs=0.002)


def test_a_result_becomes_evidence_a_table_and_a_picture():
    from datetime import UTC, datetime

    frame = shop(dict.fromkeys(["a b", "a_b", "$x$"], 0.5))
    cube, metric = scan(frame, "spend=mean:spend", segments=("country",))
    found = shrunken_segments(cube, metric, "a", "b")
    finding = segments_finding(found, name="shop", run_id="r", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert set(finding.figures) == {"whole.effect", "segment.x.effect", "segment.a_b.effect", "segment.a_b.3.effect"}
    assert json.loads(found.as_text())["chance_alike"] == found.chance_alike
    assert segment_tables.picture(found).png.startswith(b"\x89PNG")
    assert list(segment_tables.table(found).columns)[2:4] == ["alone", "interval alone"]


def test_questions_that_cannot_be_asked_are_refused():
    cube, metric = scan(shop({"u": 0.5}), "spend=mean:spend", segments=("country",))
    whole, _ = scan(shop({"u": 0.5}), "spend=mean:spend", segments=())
    with pytest.raises(Misuse, match="no segments"):
        shrunken_segments(whole, metric, "a", "b")
    with pytest.raises(Misuse, match="no segment column 'city'"):
        shrunken_segments(cube, metric, "a", "b", by=["city"])
    with pytest.raises(Misuse, match="no arm 'c'"):
        shrunken_segments(cube, metric, "a", "c")
    with pytest.raises(Misuse, match="level is 1"):
        shrunken_segments(cube, metric, "a", "b", level=1)
    flat = pd.DataFrame({"country": "u", "arm": ["a", "b"], "spend": [1.0, 1.0]})
    lone, _ = scan(flat, "spend=mean:spend", segments=("country",))
    with pytest.raises(Misuse, match="no segment can be compared"):
        shrunken_segments(lone, metric, "a", "b")
