"""The lattice finds who fares otherwise by more than one attribute explains, and nobody where chance would do."""

import numpy as np
import pytest

from workbench.audits import lattice
from workbench.data import CountCube
from workbench.errors import Misuse


def cube(cells, attributes=("race", "sex")):
    return CountCube(attributes, dict(sorted(cells.items())))


def drawn(rng, fnr, groups, n=400):
    """Counts in which each group misses its own share of the positives."""
    cells = {}
    for group in groups:
        missed = rng.binomial(n, fnr(group))
        wrong = rng.binomial(n, 0.2)
        cells[group] = (n - wrong, wrong, missed, n - missed)
    return cells


FOUR = [(race, sex) for race in "ab" for sex in "fm"]


def test_one_attribute_that_explains_all_is_listed_alone():
    found = lattice(cube(drawn(np.random.default_rng(0), lambda g: 0.6 if g[0] == "b" else 0.1, FOUR)))
    first = [row for row in found.comparisons if row.adjusted <= 0.05 and row.metric == "fnr"]
    assert [(row.attributes, row.group) for row in first] == [(("race",), ("b",))]
    assert first[0].others == "everybody else"
    assert found.sentence.endswith(f"b: FNR {first[0].value:.1%}, everybody else {first[0].others_value:.1%}.")


def test_a_group_that_fares_worse_than_either_attribute_explains_is_listed():
    rates = {("a", "f"): 0.2, ("a", "m"): 0.1, ("b", "f"): 0.7, ("b", "m"): 0.2}
    found = lattice(cube(drawn(np.random.default_rng(0), rates.get, FOUR)))
    crossed = [r for r in found.comparisons[: found.found] if r.metric == "fnr" and len(r.attributes) == 2]
    assert crossed[0].group == ("b", "f")
    assert crossed[0].others in {"others of race b", "others of sex f"}
    assert crossed[0].low > 0.3


def test_a_group_that_fares_better_than_either_attribute_explains_is_listed_too():
    rates = {("a", "f"): 0.7, ("a", "m"): 0.7, ("b", "f"): 0.1, ("b", "m"): 0.7}
    found = lattice(cube(drawn(np.random.default_rng(0), rates.get, FOUR)))
    crossed = [r for r in found.comparisons[: found.found] if r.metric == "fnr" and len(r.attributes) == 2]
    assert crossed[0].group == ("b", "f")
    assert crossed[0].high < -0.3


def test_equal_groups_are_found_different_no_oftener_than_said():
    groups = [(race, sex, age) for race in "abc" for sex in "fm" for age in "xy"]
    rng = np.random.default_rng(1)
    any_found = 0
    for _ in range(100):
        counts = cube(drawn(rng, lambda _: 0.25, groups, n=80), ("race", "sex", "age"))
        any_found += lattice(counts).found > 0
    assert any_found <= 10  # 5 expected at most


def test_small_and_unknown_groups_and_undefined_rates_are_not_compared():
    cells = {("a",): (50, 10, 10, 50), ("b",): (50, 10, 0, 0), ("c",): (3, 1, 1, 3), ("(unknown)",): (50, 0, 50, 0)}
    found = lattice(cube(cells, ("g",)))
    assert {(row.name, row.metric) for row in found.comparisons if row.metric == "fnr"} == {("a", "fnr")}
    assert {row.name for row in found.comparisons} == {"a", "b"}


def test_a_lattice_of_one_group_says_so():
    found = lattice(cube({("a",): (5, 5, 5, 5)}, ("g",)))
    assert found.comparisons == ()
    assert found.sentence == "Of 0 comparisons, none shows a difference that chance would not."


def test_a_metric_that_is_none_is_refused():
    with pytest.raises(Misuse, match="no metric 'recall'"):
        lattice(cube({("a",): (5, 5, 5, 5)}, ("g",)), metrics=("recall",))
