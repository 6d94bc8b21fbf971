"""Rules are text, and the text is the rule."""

import numpy as np
import pytest

from workbench.errors import Misuse
from workbench.experiments.stopping.rules import StoppingRule, parse_rule
from workbench.stats.crossing import Boundaries, crossing
from workbench.stats.effects import Component, EffectPrior

TEXTS = [
    "fixed",
    "obrien-fleming:5",
    "pocock:4, alpha:0.01",
    "power:14:2",
    "always-valid",
    "always-valid:28, alpha:0.1",
    "chance:0.95",
    "chance:0.95:14, prior:normal(0.001, 0.02)",
    "loss:0.0005, prior:relative normal(0, 0.02)",
    "loss:0.001, prior:relative flat",
    "peeking:14",
    "obrien-fleming:5, futility:0.8, one-sided",
]
ERRORS = [0.1 / np.sqrt(k) for k in range(1, 6)]


@pytest.mark.parametrize("text", TEXTS)
def test_a_rule_is_read_as_it_is_written(text):
    rule = parse_rule(text)
    assert rule.text == text
    assert StoppingRule.from_json(rule.as_json()) == rule


def test_a_rule_with_a_learned_prior_survives_json():
    prior = EffectPrior((Component(0.7, 0.0, 0.01), Component(0.3, 0.0, 0.02, 4.0)), "relative", "43 past tests")
    rule = StoppingRule("chance", threshold=0.9, prior=prior)
    assert StoppingRule.from_json(rule.as_json()) == rule
    assert "43 past tests" in rule.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no stopping rule"),
        ("sometimes", "no stopping rule"),
        ("obrien-fleming", "needs its number of looks"),
        ("pocock:0", "looks is 0"),
        ("pocock:many", "no number of looks"),
        ("pocock:4:2:1", "a number too many"),
        ("fixed:3", "looks once"),
        ("chance", "chance is given None"),
        ("chance:95", "chance is given 95"),
        ("loss:-1", "loss is given -1"),
        ("power:5", "power is given None"),
        ("chance:0.9, futility:0.8", "futility 0.8"),
        ("pocock:4, futility:2", "futility 2"),
        ("pocock:4, alpha:0.6", "alpha is 0.6"),
        ("pocock:4, alpha:0.01, alpha:0.02", "given twice"),
        ("pocock:4, colour:red", "no option"),
        ("always-valid, one-sided", "looks both ways"),
        ("chance:0.9, prior:__import__('os')", "no prior"),
        ("chance:0.9, prior:normal(0, 0)", "no part of a prior"),
        ("chance:0.9, prior:normal(0, x)", "no number"),
    ],
)
def test_text_that_is_no_rule_is_refused_with_the_way_out(text, said):
    with pytest.raises(Misuse, match=said):
        parse_rule(text)


@pytest.mark.parametrize("text", ["[]", "{}", "no json", '{"kind": "fixed", "prior": {"components": 3}}'])
def test_json_that_is_no_rule_is_refused(text):
    with pytest.raises(Misuse, match="no stopping rule"):
        StoppingRule.from_json(text)


@pytest.mark.parametrize("text", ["obrien-fleming:5", "pocock:5", "power:5:2", "obrien-fleming:5, futility:0.8"])
@pytest.mark.parametrize("known", [None, (10, 30, 31, 80, 100)])
def test_a_planned_rule_errs_no_more_than_agreed_whatever_the_traffic(text, known):
    rule = parse_rule(text)
    bounds = rule.boundaries(ERRORS, known)
    efficacy = Boundaries(bounds.information, bounds.upper, bounds.lower)
    assert crossing(efficacy).total == pytest.approx(0.05, abs=1e-8)
    assert crossing(bounds).total <= 1.0 + 1e-9


@pytest.mark.parametrize("text", TEXTS[1:3] + TEXTS[5:])
def test_values_of_looks_so_far_do_not_change_when_the_next_one_comes(text):
    rule = parse_rule(text)
    two, three = rule.boundaries(ERRORS[:2]), rule.boundaries(ERRORS[:3])
    assert three.upper[:2] == pytest.approx(two.upper, rel=1e-9)
    assert three.floor[:2] == pytest.approx(two.floor, rel=1e-9)


def test_the_last_planned_look_leaves_nothing_open():
    bounds = parse_rule("obrien-fleming:5, futility:0.8").boundaries(ERRORS, (10, 30, 31, 80, 100))
    assert bounds.floor[-1] == bounds.upper[-1]
    assert crossing(bounds, 1.0).total == pytest.approx(1.0)


def test_looks_fall_evenly_on_the_days():
    assert parse_rule("pocock:4").look_days(14) == (4, 7, 11, 14)
    assert parse_rule("fixed").look_days(14) == (14,)
    assert parse_rule("chance:0.95").look_days(3) == (1, 2, 3)
    assert parse_rule("pocock:9").look_days(3) == (1, 2, 3)
    with pytest.raises(Misuse, match="days is 0"):
        parse_rule("fixed").look_days(0)


def test_more_looks_than_planned_are_refused():
    with pytest.raises(Misuse, match="5 looks; pocock:4 planned 4"):
        parse_rule("pocock:4").boundaries(ERRORS)
    assert len(parse_rule("always-valid:2").boundaries(ERRORS).upper) == 5


def test_a_look_without_new_data_is_refused():
    with pytest.raises(Misuse, match="increase from look to look"):
        parse_rule("pocock:4").boundaries([0.1, 0.1])
