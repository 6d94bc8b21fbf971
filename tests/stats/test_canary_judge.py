"""The judge weighs several measures: one that harms takes the canary back, all must be sound before it advances."""

import json

import numpy as np
import pytest

from workbench.stats.canary import Bar
from workbench.stats.canary_judge import FIRST, Counts, Judge
from workbench.stats.canary_kpi import Units

LIKE = Counts(100, 1, 900, 9)
WORSE = Counts(100, 10, 900, 9)
RARE = Counts(100, 0, 900, 0)


def after(looks, **counts):
    judge = Judge.begun(rates=tuple(counts))
    for _ in range(looks):
        judge = judge.add(counts)
    return judge


def units(lower=0.0, *, n=4000, share=0.2, seed=0):
    """Skewed values about 10, those of the canary so much lower."""
    rng = np.random.default_rng(seed)
    canary = rng.random(n) < share
    return Units.of(canary, share, rng.gamma(25.0, 0.4, n) - lower * canary)


def test_one_measure_that_harms_takes_the_canary_back():
    judge = after(30, errors=LIKE, slow=WORSE)
    assert (judge.state, next(iter(judge.states))) == ("roll back", "slow")
    assert judge.reasons[0].startswith("slow: 300 of 3,000 against 270 of 27,000, 10.0 times as often")


def test_all_measures_must_be_sound_before_it_advances():
    assert after(100, errors=LIKE, slow=LIKE).state == "advance"
    assert after(100, errors=LIKE, slow=RARE).state == "hold"


def test_a_measure_that_was_not_seen_in_an_interval_stays_as_it_is():
    judge = after(3, errors=LIKE, slow=LIKE).add({"errors": LIKE})
    assert (judge.rates["errors"].looks, judge.rates["slow"].looks) == (4, 3)


def test_errors_have_most_of_the_chance_of_a_false_alarm_and_the_other_measures_share_the_rest():
    judge = Judge.begun(kpis={"revenue": (0.05, "up"), "approvals": (0.05, "up")})
    assert judge.parts == pytest.approx({"errors": FIRST, **dict.fromkeys(("slow", "revenue", "approvals"), 1 / 15)})
    assert Judge.begun(rates=("errors",)).parts == {"errors": 1.0}
    assert sum(Judge.begun(rates=(), kpis={"a": (0.1, "up"), "b": (0.1, "up")}).parts.values()) == pytest.approx(1)


def test_all_bets_are_one_capital_and_what_won_most_is_blamed():
    """The mean of e-values, by the parts; worked from the measures' own capitals."""
    judge, worst = Judge.begun(), 0.0
    for _ in range(12):
        judge = judge.add({"errors": Counts(100, 3, 900, 9), "slow": Counts(100, 4, 900, 9)})
        each = judge.rates
        worst = max(worst, np.log(0.8 * np.exp(each["errors"].capital) + 0.2 * np.exp(each["slow"].capital)))
        assert judge.worst == pytest.approx(worst)
        assert (judge.state == "roll back") == (worst >= np.log(100))
    assert judge.blamed == "slow"


def test_what_was_shown_of_harm_stays_shown():
    judge = after(6, errors=WORSE)
    assert judge.state == "roll back"
    for _ in range(200):
        judge = judge.add({"errors": LIKE})
    assert (judge.state, judge.blamed) == ("roll back", "errors")


def test_a_kpi_that_falls_takes_the_canary_back_and_an_open_one_holds_it():
    for lower, state in ((1.0, "roll back"), (0.0, "advance"), (-1.0, "advance")):
        judge = Judge.begun(rates=(), kpis={"revenue": (0.05, "up")}).look("revenue", units(lower))
        assert judge.state == state
    judge = after(100, errors=LIKE, slow=LIKE)
    assert judge.state == "advance"
    assert Judge(judge.rates, Judge.begun(kpis={"revenue": (0.05, "up")}).kpis).state == "hold"


def test_a_kpi_is_told_with_its_interval():
    judge = Judge.begun(rates=(), kpis={"revenue": (0.05, "up")}).look("revenue", units(1.0))
    assert judge.reasons[0].startswith("revenue: worse by 0.945 [")
    few = Judge.begun(rates=(), kpis={"revenue": (0.05, "up")}).look("revenue", units(n=60))
    assert few.reasons[0].endswith("12 and 48 units; not shown either way yet") and "[" not in few.reasons[0]
    none = Judge.begun(rates=(), kpis={"revenue": (0.05, "up")})
    assert "too few to read a mean from" in none.reasons[0]


def test_kept_as_json_and_read_again_it_goes_on_alike():
    judge = Judge.begun(Bar(negligible=0.001), kpis={"revenue": (0.03, "up")})
    judge = judge.add({"errors": LIKE, "slow": WORSE}).look("revenue", units(0.1))
    again = Judge.of(json.loads(json.dumps(judge.as_dict(), allow_nan=False)))
    assert again == judge
    assert again.add({"errors": LIKE}) == judge.add({"errors": LIKE})


@pytest.mark.parametrize(
    "told",
    [{}, {"rates": {}, "kpis": {}, "worst": 0, "blamed": ""}, {"rates": {"errors": 3}, "kpis": {}}, {"rates": 1},
     Judge.begun().as_dict() | {"blamed": "weather"}, Judge.begun().as_dict() | {"worst": float("nan")}],
)  # fmt: skip
def test_what_is_no_judge_is_refused(told):
    with pytest.raises(ValueError, match=r"no judge|no watch"):
        Judge.of(told)


def test_what_is_not_watched_is_refused():
    judge = Judge.begun()
    with pytest.raises(ValueError, match="'fraud' is not watched"):
        judge.add({"fraud": LIKE})
    with pytest.raises(ValueError, match="'revenue' is not watched"):
        judge.look("revenue", units())
    with pytest.raises(ValueError, match="something to watch"):
        Judge.begun(rates=())
