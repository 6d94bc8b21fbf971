"""A table is read the same way by everyone: sticky, uniform, independent, versioned by its content."""

import json
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from workbench.errors import Misuse
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.leaves import Leaf

EU = Leaf("eu", {"region": {"$in": ["DE", "FR"]}})
WEIGHTS = {"eu": {"a": 0.2, "b": 0.3, "c": 0.5}, "default": {"a": 0.7, "b": 0.3, "c": 0.0}}
TABLE = DecisionTable.of("shop", WEIGHTS, [EU])
UNITS = [f"user-{n}" for n in range(50_000)]


def even(experiment, arms=4):
    return DecisionTable.of(experiment, {"default": {f"arm{i}": 1 / arms for i in range(arms)}})


@pytest.mark.parametrize("form", ["user-{}", "{}", "{:08d}", "{}@example.com", "ünït-{}"])
def test_arms_are_filled_by_their_weights(form):
    """Chi-square over 50,000 units, whatever their names look like."""
    units = [form.format(n) for n in range(50_000)]
    seen = Counter(TABLE.choose(unit, {"region": "DE"}).arm for unit in units)
    expected = [50_000 * w for w in WEIGHTS["eu"].values()]
    assert 1e-4 < stats.chisquare([seen[arm] for arm in WEIGHTS["eu"]], expected).pvalue < 1 - 1e-4


def test_places_are_uniform_over_a_thousand_parts():
    table = DecisionTable.of("fine", {"default": {f"{i:04d}": 1e-3 for i in range(1000)}})
    counts = np.unique(table.choose_many(UNITS).arm, return_counts=True)[1]
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


def test_two_experiments_cut_the_units_independently():
    """Twenty pairs of names of one length, where a CRC alone would give the same cut turned about."""
    p = []
    for n in range(20):
        one, two = (even(f"test-{n:02d}{side}").choose_many(UNITS).arm for side in "ab")
        table = np.array([[np.sum((one == x) & (two == y)) for y in np.unique(two)] for x in np.unique(one)])
        p.append(stats.chi2_contingency(table).pvalue)
    assert min(p) > 1e-4 and stats.kstest(p, "uniform").pvalue > 1e-3


def test_a_unit_keeps_its_arm_whatever_the_order_of_arms():
    turned = DecisionTable.of("shop", {leaf: dict(reversed(arms.items())) for leaf, arms in WEIGHTS.items()}, [EU])
    assert turned == TABLE and turned.version == TABLE.version
    assert all(turned.choose(unit) == TABLE.choose(unit) for unit in UNITS[:1000])


def test_only_units_in_what_moved_change_arms():
    more = DecisionTable.of("shop", {"default": {"a": 0.75, "b": 0.25, "c": 0.0}})
    before = DecisionTable.of("shop", {"default": WEIGHTS["default"]})
    moved = np.mean(before.choose_many(UNITS).arm != more.choose_many(UNITS).arm)
    assert moved == pytest.approx(0.05, abs=0.005)


def test_every_choice_carries_its_propensity():
    choice = TABLE.choose("user-1", {"region": "DE"})
    assert choice.propensity == WEIGHTS["eu"][choice.arm]
    assert (choice.leaf, choice.table_version) == ("eu", TABLE.version)
    assert TABLE.choose("user-1", {"region": "US"}).leaf == "default"
    assert TABLE.leaf_of({"region": "FR"}) == "eu"


def test_an_arm_without_weight_is_never_played():
    assert "c" not in set(TABLE.choose_many(UNITS).arm)


def test_many_at_once_are_chosen_as_one_by_one():
    leaves = ["eu" if n % 3 else "default" for n in range(2000)]
    many = TABLE.choose_many(UNITS[:2000], leaves)
    contexts = [{"region": "DE"} if leaf == "eu" else None for leaf in leaves]
    for i, (unit, context) in enumerate(zip(UNITS[:2000], contexts, strict=True)):
        choice = TABLE.choose(unit, context)
        assert (many.arm[i], many.propensity[i], many.leaf[i]) == (choice.arm, choice.propensity, choice.leaf)
    assert many.table_version == TABLE.version
    with pytest.raises(Misuse, match="no leaf 'us'"):
        TABLE.choose_many(["x"], ["us"])


def test_the_version_is_of_the_content():
    assert DecisionTable.of("shop", WEIGHTS, [EU]).version == TABLE.version
    others = [
        DecisionTable.of("shop2", WEIGHTS, [EU]),
        DecisionTable.of("shop", WEIGHTS, [Leaf("eu", {"region": "DE"})]),
        DecisionTable.of("shop", WEIGHTS | {"eu": WEIGHTS["default"]}, [EU]),
    ]
    assert len({TABLE.version, *(t.version for t in others)}) == 4


def test_it_is_json_and_back():
    again = DecisionTable.from_json(TABLE.as_json())
    assert again == TABLE and again.choose("u", {"region": "FR"}) == TABLE.choose("u", {"region": "FR"})
    assert json.loads(TABLE.as_json())["leaves"][0] == {
        "leaf": "eu",
        "condition": {"region": {"$in": ["DE", "FR"]}},
        "weights": {"a": 0.2, "b": 0.3, "c": 0.5},
    }


def test_what_is_told_beside_it_is_no_part_of_it():
    text = TABLE.as_json({"note": "for people"})
    assert json.loads(text)["beside"] == {"note": "for people"}
    assert DecisionTable.from_json(text) == TABLE and json.loads(text)["version"] == TABLE.version


BODY = json.loads(TABLE.as_json())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "workbench.decision-table/9"}, "no decision table"),
        ({"version": "000000000000"}, "its content is version"),
        ({"experiment": "other"}, "its content is version"),
        ({"extra": 1}, "other fields"),
        ({"experiment": 7}, "other fields"),
        ({"leaves": BODY["leaves"][:1]}, "no default leaf"),
        ({"leaves": []}, "no default leaf"),
        ({"leaves": [3]}, "no default leaf"),
        ({"leaves": [BODY["leaves"][0], *BODY["leaves"]]}, "a name of its own"),
        ({"leaves": [{**BODY["leaves"][1], "weights": {"a": 0.5, "b": 0.4}}]}, "sum to one"),
        ({"leaves": [{**BODY["leaves"][1], "weights": {"a": 1.5, "b": -0.5}}]}, "sum to one"),
        ({"leaves": [{**BODY["leaves"][1], "weights": {"a": "1"}}]}, "sum to one"),
        ({"leaves": [{**BODY["leaves"][1], "weights": {}}]}, "sum to one"),
        ({"leaves": [BODY["leaves"][0], {**BODY["leaves"][1], "weights": {"a": 1.0}}]}, "different arms"),
        ({"leaves": [{**BODY["leaves"][0], "condition": {"x": {"$where": "1"}}}, BODY["leaves"][1]]}, "no operator"),
    ],
)
def test_a_changed_text_is_refused(change, said):
    with pytest.raises(Misuse, match=said):
        DecisionTable.from_json(json.dumps(BODY | change))


@pytest.mark.parametrize("unit", [17, None, b"user", "\ud800"])
def test_a_unit_whose_name_is_no_text_is_refused(unit):
    with pytest.raises(Misuse, match="its name must be text"):
        TABLE.choose(unit)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', "NaN"])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(Misuse):
        DecisionTable.from_json(text)
