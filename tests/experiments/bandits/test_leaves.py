"""Conditions are data: what holds, what does not, and what is no condition."""

import pytest

from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import Leaf, finder

CASES = [
    ({"region": "DE"}, {"region": "DE"}, True),
    ({"region": "DE"}, {"region": "FR"}, False),
    ({"region": "DE"}, {}, False),
    ({"region": {"$in": ["DE", "FR"]}}, {"region": "FR"}, True),
    ({"region": {"$nin": ["DE", "FR"]}}, {"region": "US"}, True),
    ({"region": {"$nin": ["DE", "FR"]}}, {}, False),
    ({"region": {"$ne": "DE"}}, {"region": "DE"}, False),
    ({"age": {"$gte": 18, "$lt": 30}}, {"age": 18}, True),
    ({"age": {"$gte": 18, "$lt": 30}}, {"age": 30}, False),
    ({"age": {"$gt": 18}}, {"age": "old"}, False),
    ({"age": {"$lte": 18}}, {"age": None}, False),
    ({"age": {"$gte": 18}, "region": "DE"}, {"age": 20, "region": "DE"}, True),
    ({"age": {"$gte": 18}, "region": "DE"}, {"age": 20}, False),
    ({"region": "DE"}, {"region": ["DE"]}, False),
    ({"region": "DE"}, None, False),
]


@pytest.mark.parametrize(("condition", "context", "holds"), CASES)
def test_a_condition_holds_or_the_default_leaf_is_taken(condition, context, holds):
    alone = finder((Leaf("it", condition),))
    beside = finder((Leaf("other", {"never": {"$gt": 1}}), Leaf("it", condition)))  # the way that tries each
    assert alone(context) == beside(context) == ("it" if holds else "default")


def test_the_first_leaf_that_holds_is_taken():
    same = (Leaf("one", {"a": 1}), Leaf("two", {"a": {"$in": [1, 2]}}))
    assert finder(same)({"a": 1}) == "one" and finder(same)({"a": 2}) == "two"
    assert finder(same[::-1])({"a": 1}) == "two"


@pytest.mark.parametrize(
    ("name", "condition", "said"),
    [
        ("", {}, "give it a name"),
        ("x", "region = DE", "must be an object"),
        ("x", {"$or": [1]}, "asks for the attribute '\\$or'"),
        ("x", {"age": {"$regex": ".*"}}, "'\\$regex', which is no operator"),
        ("x", {"age": {"$in": []}}, "compares age with \\[\\]"),
        ("x", {"age": {"$in": "DE"}}, "compares age with 'DE'"),
        ("x", {"age": {"$gt": None}}, "compares age with None"),
        ("x", {"age": ["a"]}, "compares age with"),
    ],
)
def test_what_is_no_condition_is_refused(name, condition, said):
    with pytest.raises(Misuse, match=said):
        Leaf(name, condition)
