"""Days for an effect and an effect for days: one relation, against closed forms and simulation."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse
from workbench.experiments.stopping.planning import (
    Traffic,
    baseline_of,
    characteristics,
    days_for,
    effect_after,
    power_after,
    reach,
)
from workbench.experiments.stopping.rules import parse_rule
from workbench.stats.power import Baseline, Split, sample_size, smallest_effect

SHOP = Traffic(Baseline.binary(0.1), 20_000, Split.equal(2))
FIXED = parse_rule("fixed")
RULES = [
    "fixed",
    "obrien-fleming:5",
    "obrien-fleming:5, futility:0.8",
    "pocock:4",
    "power:7:2",
    "always-valid",
    "chance:0.95",
    "chance:0.95, prior:relative normal(0, 0.03)",
    "loss:0.0002",
]


@pytest.mark.parametrize("arms", [2, 3])
def test_a_single_look_is_the_closed_form(arms):
    traffic = Traffic(Baseline.binary(0.1), 20_000, Split.equal(arms))
    units = sample_size(traffic.baseline, 0.003, traffic.split)
    assert days_for(traffic, FIXED, 0.03) == math.ceil(units / 20_000)
    closed = smallest_effect(traffic.baseline, 14 * 20_000, traffic.split) / 0.1
    assert effect_after(traffic, FIXED, 14) == pytest.approx(closed, rel=1e-5)


@pytest.mark.parametrize("text", RULES)
def test_both_directions_meet(text):
    rule = parse_rule(text)
    effect = effect_after(SHOP, rule, 14)
    assert power_after(SHOP, rule, effect, 14) == pytest.approx(0.8, abs=1e-6)
    days = days_for(SHOP, rule, effect * 1.001)
    assert days <= 14
    assert power_after(SHOP, rule, effect * 1.001, days - 1) < 0.8


@pytest.mark.parametrize("text", RULES)
def test_simulated_experiments_find_as_often_and_take_as_long_as_is_reckoned(text):
    rule = parse_rule(text)
    (row,) = reach(SHOP, rule, days=[14])
    found = characteristics(rule, SHOP, 14, [row.effect], rng=np.random.default_rng(1), runs=40_000)
    assert found.rows[0].better == pytest.approx(0.8, abs=0.01)
    assert found.rows[0].mean_duration(found.days) == pytest.approx(row.mean_days, abs=0.1)
    assert found.rows[0].inflation > 0.99


def test_a_rule_of_error_ships_a_change_that_does_nothing_as_often_as_agreed_and_says_so():
    found = characteristics(parse_rule("obrien-fleming:5"), SHOP, 14, [0.03, 0.05], rng=np.random.default_rng(2))
    assert found.nothing.better == pytest.approx(0.025, abs=0.004)
    assert found.sentence.startswith("This rule, at 20,000 units a day, ships a change that does nothing 2.")
    assert (
        "finds +3.00\u00a0% 7" in found.sentence and "of 14 days on average and finds +5.00\u00a0% " in found.sentence
    )
    body = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert [row["effect"] for row in body["rows"]] == [0.0, 0.03, 0.05] and body["look_days"] == [3, 6, 9, 12, 14]


def test_a_fall_that_is_hoped_for_is_found_like_a_rise():
    churn = Traffic(Baseline(100.0, 400.0), 500, Split.equal(2), better="lower")
    rise = Traffic(Baseline(-100.0, 400.0), 500, Split.equal(2))
    assert days_for(churn, FIXED, 0.01) == days_for(rise, FIXED, 0.01)
    found = characteristics(FIXED, churn, 14, [0.02], rng=np.random.default_rng(1))
    assert "finds −2.00\u00a0%" in found.sentence


def test_more_looks_than_days_become_one_a_day():
    assert power_after(SHOP, parse_rule("pocock:10"), 0.05, 4) == pytest.approx(
        power_after(SHOP, parse_rule("pocock:4"), 0.05, 4)
    )


def test_what_so_few_cannot_find_is_left_empty():
    thin = Traffic(Baseline.binary(0.5), 2, Split.equal(2))
    assert [row.effect is None for row in reach(thin, FIXED, days=[1, 2000])] == [True, False]


def test_a_baseline_is_read_from_a_cube_with_its_clusters():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"arm": "a", "family": np.repeat(np.arange(200), 4), "person": np.arange(800)})
    frame["x"] = (rng.random(200)[frame["family"]] < 0.3).astype(float)
    plain = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")])
    grouped = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], unit="person", cluster="family")
    assert baseline_of(plain, "x", "a").variance == pytest.approx(frame["x"].var())
    assert baseline_of(grouped, "x", "a", kind="binary").design_effect == pytest.approx(4.0, rel=0.03)
    with pytest.raises(Misuse, match="no baseline"):
        baseline_of(MomentCube.scan(frame.assign(x=1.0), arm="arm", measures=[Measure("x", "x")]), "x", "a")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Traffic(Baseline.binary(0.1), 0, Split.equal(2)), "per-day is 0"),
        (lambda: Traffic(Baseline(0.0, 1.0), 10, Split.equal(2)), "baseline is zero"),
        (lambda: days_for(SHOP, FIXED, -0.1), "effect is -0.1"),
        (lambda: days_for(SHOP, FIXED, 0.1, power=0.2), "power is 0.2"),
        (lambda: days_for(SHOP, FIXED, 20.0), "not in"),
        (lambda: days_for(Traffic(Baseline.binary(0.1), 1, Split.equal(2)), FIXED, 0.001), "ten years"),
        (lambda: effect_after(SHOP, FIXED, 0), "days is 0"),
    ],
)
def test_what_cannot_be_planned_is_refused(call, said):
    with pytest.raises(Misuse, match=said):
        call()
