"""The explorer's table is the rates at every threshold, small enough to be sent once."""

import json

import numpy as np
import pytest

from workbench.audits import explore
from workbench.audits.thresholds import ThresholdCounts
from workbench.data import ScoreCube
from workbench.errors import Misuse


def scored(n=5000, groups=10, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    score = rng.beta(2 + group / 4, 3)
    return ScoreCube.scan({"g": group}, score=score, label=(rng.random(n) < score).astype(int))


def test_its_rates_are_those_of_the_count_cube_at_each_threshold():
    cube = scored()
    table = explore(cube)
    for threshold in (0.0, 0.25, 0.5, 0.333):
        at = round(threshold * 1000)
        wanted = cube.at(threshold).counts()
        assert (table.counts[:, at] == wanted).all()
    assert table.rates("selection_rate")[:, -1].tolist() == [0.0] * 10


def test_a_page_is_sent_it_once_and_has_every_rate():
    cube = scored(200_000)
    table = explore(cube)
    sent = table.as_json()
    assert len(sent) < 60_000
    told = json.loads(sent)
    at = told["thresholds"].index(0.5)
    for row, group in enumerate(told["groups"]):
        tpr = 1 - group["positives_below"][at] / group["positives"]
        assert tpr == pytest.approx(table.rates("tpr")[row, 500], abs=1e-12)
    assert told["rules"]["equal_selection"]["cost"] > 0


def test_equal_rates_cost_what_they_cost():
    table = explore(scored(50_000, 3))
    common, selection, opportunity = table.rules.values()
    assert len(set(common.thresholds.values())) == 1
    assert len(set(selection.thresholds.values())) == 3
    for rule, metric in ((selection, "selection_rate"), (opportunity, "tpr")):
        rates = [table.rates(metric)[i, round(rule.thresholds[group] * 1000)] for i, group in enumerate(table.groups)]
        assert np.ptp(rates) == pytest.approx(rule.gap) and rule.gap <= 0.01
        assert rule.cost == pytest.approx(common.worth - rule.worth)
        assert rule.cost > 0
    assert f"right in {selection.worth:.1%}" in table.sentence
    assert "worth" in explore(scored(), worth=[[0, -1], [0, 2]]).sentence


def test_tiny_and_unknown_groups_have_rates_but_no_threshold_of_their_own():
    cube = ScoreCube.scan({"g": ["a"] * 60 + ["b"] * 60 + ["c"] + [None] * 9}, score=[0.2, 0.8] * 65, label=[0, 1] * 65)
    table = explore(cube)
    assert [group for (group,) in table.groups] == ["(unknown)", "a", "b", "c"]
    assert set(table.rules["equal_selection"].thresholds) == {("a",), ("b",)}


def test_without_labels_there_is_nothing_to_explore():
    with pytest.raises(Misuse, match="no case has a label"):
        explore(ScoreCube.scan({"g": ["a"]}, score=[0.5]))


def test_what_a_file_keeps_is_read_again_as_it_was():
    table = explore(scored())
    kept = ThresholdCounts.from_json(table.as_json(points=1000))
    assert kept.thresholds == tuple(table.thresholds.round(6))
    assert [one.group for one in kept.groups] == list(table.groups)
    at = kept.thresholds.index(0.25)
    assert [one.positives_below[at] for one in kept.groups] == table.counts[:, at, 1, 0].tolist()
    assert kept.rules["equal_selection"]["cost"] == table.rules["equal_selection"].cost


@pytest.mark.parametrize("damage", ["", "[]", '{"groups": 3}', "shorter", "rule", "word"])
def test_a_file_that_is_no_such_table_is_refused(damage):
    told = json.loads(explore(scored()).as_json())
    if damage == "shorter":
        told["groups"][0]["positives_below"].pop()
    elif damage == "rule":
        told["rules"]["common"]["thresholds"].pop()
    elif damage == "word":
        told["thresholds"][3] = "<script>"
    text = json.dumps(told) if damage in {"shorter", "rule", "word"} else damage
    with pytest.raises(Misuse, match="no table of thresholds") as refused:
        ThresholdCounts.from_json(text)
    assert refused.value.hint == "run the fairness audit again"


def test_a_group_without_a_true_yes_has_the_common_threshold_and_only_equal_opportunity_goes_without_it():
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b", "c"], 300)
    score = rng.random(900)
    label = np.where(group == "c", 0, rng.random(900) < score).astype(int)
    cube = ScoreCube.scan({"g": group}, score=score, label=label)
    table = explore(cube)
    assert set(table.rules["common"].thresholds) == set(table.rules["equal_selection"].thresholds) == set(cube.groups)
    assert set(table.rules["equal_opportunity"].thresholds) == {("a",), ("b",)}
    threshold = table.rules["common"].thresholds[("a",)]
    assert table.rules["common"].worth == pytest.approx(((score >= threshold) == label).mean())
    two = ScoreCube.scan({"g": group[:600]}, score=score[:600], label=label[:600])
    assert table.rules["equal_opportunity"].cost == explore(two).rules["equal_opportunity"].cost
    assert table.sentence.endswith(", without c, where nobody had a true yes.")
    nobody = explore(ScoreCube.scan({"g": group}, score=score, label=np.zeros(900)))
    assert set(nobody.rules) == {"common", "equal_selection"}
    assert "equal opportunity is undefined, without a; b; c" in nobody.sentence
    assert ThresholdCounts.from_json(nobody.as_json()).rules["common"]["thresholds"] == [1.0] * 3
