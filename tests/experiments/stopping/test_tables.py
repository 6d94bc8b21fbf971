"""Tables of looks, rules and plans say in words what the results hold."""

import numpy as np

from workbench.experiments.stopping import tables as stopping_tables
from workbench.experiments.stopping.planning import Traffic, characteristics, reach
from workbench.experiments.stopping.rules import parse_rule
from workbench.experiments.stopping.sequential import check
from workbench.stats.power import Baseline, Split

SHOP = Traffic(Baseline.binary(0.1), 20_000, Split.equal(2))


def test_looks_after_the_stop_are_shown_as_such():
    looks = [("mon", 0.3, 0.1), ("tue", 0.3, 0.07), ("wed", 0.1, 0.06)]
    table = stopping_tables.looks(check(parse_rule("obrien-fleming:5"), looks))
    assert list(table["the rule says"]) == ["go on", "better", "(after the stop)"]
    assert "not worth going on until" not in table
    early = stopping_tables.looks(check(parse_rule("pocock:5, futility:0.8, one-sided"), looks[:1]))
    assert early["worse from"].iloc[0] == "never" and "not worth going on until" in early


def test_rules_stand_beside_each_other():
    rules = [parse_rule(text) for text in ("fixed", "peeking:14")]
    found = [characteristics(each, SHOP, 14, [0.03], rng=np.random.default_rng(1), runs=2000) for each in rules]
    table = stopping_tables.rules(found)
    assert list(table.index) == ["fixed", "peeking:14"]
    assert table["days at +3.00\u00a0%"]["fixed"] == "14.0"
    assert table["+3.00\u00a0% is then shown as"]["peeking:14"].startswith("+5.")


def test_a_plan_names_the_direction_and_what_cannot_be_found():
    thin = Traffic(Baseline.binary(0.5), 2, Split.equal(2))
    table = stopping_tables.plan(reach(thin, parse_rule("fixed"), days=[1]))
    assert table["smallest effect found"][1] == "none"
    churn = Traffic(Baseline.binary(0.1), 20_000, Split.equal(2), better="lower")
    table = stopping_tables.plan(reach(churn, parse_rule("fixed"), days=[14]), better="lower")
    assert table["smallest effect found"][14].startswith("−3.")
