"""`workbench power` answers in both directions, in words and as JSON."""

import json

import pytest
from click.testing import CliRunner

from workbench.cli import main


def power(*words):
    return CliRunner().invoke(main, ["power", *map(str, words)])


def told(*words):
    done = power("--baseline", 0.1, "--per-day", 20_000, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_days_for_an_effect_and_the_effect_for_these_days():
    days = told("--effect", 0.03)
    assert days["days"] == 16 and days["units_control"] == 160_000 and days["power"] == 0.8
    effect = told("--days", 16)
    assert effect["effect"] <= 0.03 and effect["effect"] == pytest.approx(0.03, rel=0.01)
    both = told("--effect", 0.03, "--days", 16)
    assert both["power"] == pytest.approx(0.803, abs=0.003)


def test_a_rule_is_described_at_this_traffic():
    found = told("--effect", 0.03, "--days", 14, "--rule", "obrien-fleming:5, futility:0.8")["characteristics"]
    nothing, effect = found["rows"]
    assert nothing["better"] == pytest.approx(0.022, abs=0.004) and effect["effect"] == 0.03
    assert nothing["mean_days"] < effect["mean_days"] < 14
    assert found["look_days"] == [3, 6, 9, 12, 14]


def test_a_fall_is_told_as_one():
    assert told("--effect", -0.03, "--days", 14)["effect"] == -0.03
    done = power("--baseline", 0.1, "--per-day", 20_000, "--effect", -0.03)
    assert (
        "find a change by −3.00\u00a0% with a chance of 80\u00a0%" in done.output
        and "ships a change that does" in done.output
    )


def test_other_kinds_arms_clusters_and_covariates_are_counted():
    plain = told("--effect", 0.02)["days"]
    assert told("--effect", 0.02, "--cluster-size", 11, "--likeness", 0.1)["days"] == pytest.approx(2 * plain, abs=1)
    assert told("--effect", 0.02, "--correlation", 0.8)["days"] == pytest.approx(0.36 * plain, abs=1)
    assert told("--effect", 0.02, "--shares", "3,1")["days"] > plain
    assert told("--effect", 0.02, "--arms", 3)["days"] > 1.5 * plain
    assert told("--effect", 0.02, "--kind", "mean", "--variance", 0.09)["days"] == pytest.approx(plain, abs=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "neither an effect nor days"),
        (("--effect", 0), "the effect is zero"),
        (("--effect", 0.03, "--rule", "pocock"), "write pocock:5"),
        (("--effect", 0.03, "--kind", "mean"), "needs the variance"),
        (("--effect", 0.03, "--variance", 3), "follows from the share"),
        (("--effect", 0.03, "--shares", "1,x"), "shares are '1,x'; each must be a number\nhint: name no arms"),
        (("--effect", 0.03, "--correlation", 2), "correlation is 2; it must lie in (-1, 1)"),
        (("--effect", 0.03, "--arms", 1), "at least 2"),
        (("--effect", 12), "relative"),
        (("--effect", 0.03, "--power", 0.3), "power is 0.3"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_in_words(words, said):
    done = power("--baseline", 0.1, "--per-day", 20_000, *words)
    assert done.exit_code == 2 and said in done.output
    assert "Traceback" not in done.output
