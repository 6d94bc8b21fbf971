"""The judge weighs several measures: one that harms takes the canary back, all must be sound before it advances."""

import json

import numpy as np
import pytest

from workbench.stats.canary import Arrivals, Bar
from workbench.stats.canary_judge import Counts, Judge
from workbench.stats.canary_kpi import ENOUGH, Difference
from workbench.stats.moments import Sample

LIKE = Counts(100, 1, 900, 9)
WORSE = Counts(100, 10, 900, 9)
RARE = Counts(100, 0, 900, 0)


def after(looks, **counts):
    judge = Judge.begun(rates=tuple(counts))
    for _ in range(looks):
        judge = judge.add(counts)
    return judge


def units(mean, *, n=20_000, spread=2.0):
    return Sample(n=n, mean=mean, m2=spread**2 * (n - 1))


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


def test_more_measures_ask_for_more_evidence_each():
    alone = Judge({"errors": Arrivals.begun()})
    many = Judge({name: Arrivals.begun() for name in ("errors", *"abcdefghi")})
    first = {}
    for look in range(1, 40):
        alone, many = alone.add({"errors": Counts(100, 4, 900, 9)}), many.add({"errors": Counts(100, 4, 900, 9)})
        for name, judge in (("alone", alone), ("many", many)):
            if judge.states["errors"] == "roll back":
                first.setdefault(name, look)
    assert first["alone"] < first["many"]


def test_a_kpi_that_falls_takes_the_canary_back_and_one_that_holds_lets_it_advance():
    for mean, state in ((9.5, "roll back"), (10.0, "advance"), (10.5, "advance")):
        watch = Difference.begun(margin=0.3).look(canary=units(mean), stable=units(10.0))
        assert watch.state == state


def test_less_may_be_better():
    watch = Difference.begun(margin=0.3, better="down").look(canary=units(9.5), stable=units(10.0))
    assert (watch.state, watch.value) == ("advance", 0.5)


def test_nothing_is_read_from_a_handful_of_units():
    few = units(0.0, n=ENOUGH - 1)
    watch = Difference.begun(margin=0.3).look(canary=few, stable=units(10.0))
    assert (watch.state, watch.low) == ("hold", None)
    assert "too few" in Judge({}, {"revenue": watch}).reasons[0]


def test_the_interval_of_a_kpi_holds_at_all_looks_together():
    """Skewed spend of equal customers, looked at thirty times: it leaves zero in at most one run of a hundred."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(100):
        watch = Difference.begun(margin=0.5)
        one, other = rng.exponential(10, 3000), rng.exponential(10, 3000)
        for n in range(100, 3001, 100):
            watch = watch.look(canary=Sample.of(one[:n]), stable=Sample.of(other[:n]))
        missed += not (watch.low <= 0 <= watch.high)
    assert missed <= 3


def test_kept_as_json_and_read_again_it_goes_on_alike():
    judge = Judge.begun(Bar(negligible=0.001), kpis={"revenue": (0.3, "up")})
    judge = judge.add({"errors": LIKE, "slow": WORSE}).look("revenue", canary=units(9.9), stable=units(10.0))
    again = Judge.of(json.loads(json.dumps(judge.as_dict(), allow_nan=False)))
    assert again == judge
    assert again.add({"errors": LIKE}) == judge.add({"errors": LIKE})


@pytest.mark.parametrize("told", [{}, {"rates": {}, "kpis": {}}, {"rates": {"errors": 3}, "kpis": {}}, {"rates": 1}])
def test_what_is_no_judge_is_refused(told):
    with pytest.raises(ValueError, match=r"no judge|no watch"):
        Judge.of(told)


def test_what_is_not_watched_is_refused():
    judge = Judge.begun()
    with pytest.raises(ValueError, match="'fraud' is not watched"):
        judge.add({"fraud": LIKE})
    with pytest.raises(ValueError, match="'revenue' is not watched"):
        judge.look("revenue", canary=units(1.0), stable=units(1.0))
    with pytest.raises(ValueError, match="something to watch"):
        Judge.begun(rates=())


@pytest.mark.parametrize("given", [{"margin": 0.0}, {"margin": 1.0, "alpha": 1.0}, {"margin": 1.0, "better": "more"}])
def test_a_kpi_without_a_margin_is_refused(given):
    with pytest.raises(ValueError, match="needed are"):
        Difference.begun(**given)
