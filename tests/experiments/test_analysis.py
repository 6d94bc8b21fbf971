"""What an analysis says, and when it refuses to say it."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from workbench.data.rand import rand_health
from workbench.errors import Misuse
from workbench.experiments import Design, Metric, analyse, parse_metrics, within_segments, words
from workbench.experiments.pictures import differences
from workbench.experiments.tables import balance, engines, filling, plain_results, results, segments
from workbench.stats.comparison import compare
from workbench.stats.proportions import beta_posterior

ARMS = ("0 %", "25 %", "50 %", "95 %")
RAND = Design(
    "rand-hie",
    arm="plan",
    control="0 %",
    metrics=parse_metrics("visits=count:visits, spend=revenue:spend", lower="visits, spend", within="mean"),
    arms=ARMS,
    unit="person",
    cluster="family",
    segments=("site",),
    covariates=("age", "female", "income", "chronic"),
)


@pytest.fixture(scope="module")
def cube():
    return RAND.scan(rand_health())


@pytest.fixture(scope="module")
def rand(cube):
    return analyse(cube, RAND)


def binary(a: tuple[int, int], b: tuple[int, int]) -> pd.DataFrame:
    rows = [("a", 1)] * a[0] + [("a", 0)] * (a[1] - a[0]) + [("b", 1)] * b[0] + [("b", 0)] * (b[1] - b[0])
    return pd.DataFrame(rows, columns=["arm", "signed"])


PLAIN = Design("test", arm="arm", control="a", metrics=(Metric("sign-up", "binary", "signed"),))


def test_a_binary_metric_is_exact():
    design = dataclasses.replace(PLAIN, shares={"a": 1, "b": 1})
    found = analyse(design.scan(binary((1, 200), (5, 200))), design)
    b = found.metrics["sign-up"].arms["b"]
    exact = compare({"a": beta_posterior(1, 200), "b": beta_posterior(5, 200)}, "a")
    assert b.chance_to_win == pytest.approx(0.9391364820, abs=1e-9)
    assert b.expected_loss == exact.expected_loss["b"]
    assert (b.low, b.high) == (exact.differences["b"].low, exact.differences["b"].high)
    assert (b.n, b.mean, b.verdict) == (200, 0.025, "not enough evidence")
    assert b.needed == pytest.approx((1.6448536 / 1.547449) ** 2, rel=1e-3)
    assert found.sample_ratio.passed is True and found.verdict == "not enough evidence"


def test_the_json_is_what_the_command_line_promises():
    found = analyse(PLAIN.scan(binary((10, 200), (40, 200))), PLAIN)
    body = json.loads(found.as_text())
    assert body["sample_ratio"] == {"p": None, "passed": None}
    expected = {"n", "mean", "effect", "relative", "interval", "chance_to_win", "expected_loss", "verdict"}
    assert expected <= set(body["metrics"]["sign-up"]["b"])
    assert body["verdict"] == "pass" and "sign-up higher by" in body["sentence"]


def test_a_failed_filling_stands_first_and_fails():
    design = dataclasses.replace(PLAIN, shares={"a": 1, "b": 1})
    found = analyse(design.scan(binary((10, 200), (80, 400))), design)
    assert found.sample_ratio.passed is False
    assert found.sentence.startswith("The arms were not filled as planned")
    assert found.verdict == "fail"
    assert found.metrics["sign-up"].arms["b"].verdict == "better"


def test_a_planned_arm_that_got_nobody_fails_the_check():
    design = dataclasses.replace(PLAIN, shares={"a": 1, "b": 1, "c": 1})
    found = analyse(design.scan(binary((10, 200), (20, 200))), design)
    assert found.sample_ratio.passed is False and found.sample_ratio.observed == {"a": 200, "b": 200, "c": 0}
    assert found.sentence.startswith("The arms were not filled as planned") and found.verdict == "fail"


def test_an_arm_that_was_to_get_nobody_may_be_absent():
    design = dataclasses.replace(PLAIN, shares={"a": 1, "b": 1, "never": 0})
    assert analyse(design.scan(binary((10, 200), (20, 210))), design).sample_ratio.passed is True


def test_shares_of_arms_that_are_not_compared_do_not_matter():
    frame = pd.concat([binary((10, 200), (20, 200)), pd.DataFrame({"arm": ["c"] * 50, "signed": [0] * 50})])
    design = dataclasses.replace(PLAIN, arms=("a", "b"), shares={"a": 1, "b": 1, "c": 4})
    assert analyse(design.scan(frame), design).sample_ratio.passed is True


def test_arms_that_differed_beforehand_stand_first_and_fail():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"arm": np.repeat(["a", "b"], 300), "signed": rng.integers(0, 2, 600)})
    frame["age"] = rng.normal(40, 10, 600) + 8 * (frame["arm"] == "b")
    design = dataclasses.replace(PLAIN, covariates=("age",))
    found = analyse(design.scan(frame), design)
    assert found.balance[0].passed is False and found.verdict == "fail"
    assert found.sentence.startswith("The arms already differed in age")


def test_lower_is_better_turns_the_verdict():
    lower = dataclasses.replace(PLAIN, metrics=(Metric("sign-up", "binary", "signed", better="lower"),))
    found = analyse(lower.scan(binary((10, 200), (40, 200))), lower)
    assert found.metrics["sign-up"].arms["b"].verdict == "worse" and found.verdict == "fail"


def test_rand_says_that_price_lowers_use(rand):
    visits = rand.metrics["visits"]
    assert visits.model == "Student-t"
    assert [round(visits.arms[a].mean, 4) for a in ARMS] == [3.5801, 2.8691, 2.5684, 2.2597]
    assert all(visits.arms[a].verdict == "better" for a in ARMS[1:])
    assert visits.best.arm == "95 %" and rand.verdict == "pass"
    assert sum(a.chance_best for a in visits.arms.values()) == pytest.approx(1, abs=1e-9)


def test_rand_counts_people_and_respects_families(rand):
    assert rand.counts == {"0 %": 1980, "25 %": 1162, "50 %": 385, "95 %": 1110}
    assert rand.clusters == {"0 %": 814, "25 %": 460, "50 %": 149, "95 %": 458}
    free = rand.metrics["visits"].samples["0 %"]
    assert free.error == pytest.approx(0.1106, abs=1e-4)  # 0.0928 if each person stood for himself
    assert free.deff_mean == pytest.approx(1.42, abs=0.01)


def test_rands_shares_are_not_known_and_its_arms_agree_beforehand(rand):
    assert rand.sample_ratio.passed is None
    assert all(b.passed and b.gap < 0.15 for b in rand.balance)


def test_rands_spend_follows_the_hurdle_and_shows_plain_means_beside(rand):
    spend = rand.metrics["spend"]
    assert spend.model == "hurdle" and spend.plain is not None
    for arm in ARMS:
        away = (spend.arms[arm].estimate - spend.arms[arm].mean) / spend.samples[arm].error
        assert abs(away) < 2.5
    assert spend.arms["95 %"].effect == pytest.approx(-59.5, abs=0.5)
    assert spend.plain["95 %"].effect == pytest.approx(-72.2, abs=0.1)


def test_years_of_one_person_do_not_fake_precision(cube):
    """Each row taken for itself: intervals a third too narrow."""
    rows = dataclasses.replace(RAND, unit=None, cluster=None, segments=(), covariates=())
    naive = analyse(rows.scan(rand_health()), rows).metrics["visits"].arms["95 %"]
    honest = analyse(cube, RAND).metrics["visits"].arms["95 %"]
    assert (naive.high - naive.low) / (honest.high - honest.low) < 0.7


def test_money_that_is_not_log_normal_is_compared_by_means():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"arm": np.repeat(["a", "b"], 4000), "dollars": rng.choice([0.0, 1.0, 100.0], 8000)})
    design = dataclasses.replace(PLAIN, metrics=(Metric("dollars", "revenue", "dollars"),))
    found = analyse(design.scan(frame), design).metrics["dollars"]
    assert found.model == "Student-t" and "standard errors away" in found.note and found.plain is None


@pytest.mark.parametrize(("values", "said"), [([0.0, -1.0] * 20, "negative"), ([0.0] * 30 + [5.0, 6.0], "at least 10")])
def test_money_without_a_model_says_why(values, said):
    frame = pd.DataFrame({"arm": ["a"] * len(values) + ["b"] * len(values), "dollars": values * 2})
    design = dataclasses.replace(PLAIN, metrics=(Metric("dollars", "revenue", "dollars"),))
    assert said in analyse(design.scan(frame), design).metrics["dollars"].note


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arms": ("a", "z")}, "arm 'z' is not in the data"),
        ({"control": "z"}, "arm 'z' is not in the data"),
        ({"shares": {"a": 1}}, "planned shares are for"),
        ({"metrics": (Metric("n", "binary", "number"),)}, "is not 0 or 1"),
        ({"metrics": (Metric("c", "mean", "constant"),)}, "spread is not known"),
        ({"covariates": ("constant",)}, "covariate 'constant'"),
    ],
)
def test_what_cannot_be_compared_is_named(change, said):
    frame = binary((10, 50), (20, 50)).assign(number=lambda f: f["signed"] * 2, constant=1.0)
    design = dataclasses.replace(PLAIN, **change)
    wide = dataclasses.replace(design, arms=())
    with pytest.raises(Misuse, match=said):
        analyse(wide.scan(frame), design)


def test_one_arm_is_no_comparison():
    design = dataclasses.replace(PLAIN, arms=("a",))
    with pytest.raises(Misuse, match="at least two"):
        analyse(design.scan(binary((10, 50), (20, 50))), design)


def test_within_segments_is_the_stratified_difference(cube):
    frame = rand_health().groupby(["site", "plan", "person"], as_index=False)["visits"].mean()
    found = {w.arm: w for w in within_segments(cube, "visits", "0 %", ARMS[1:])}
    both = frame[frame["plan"].isin(["0 %", "50 %"]) & (frame["site"] != 2)]
    means = both.groupby(["site", "plan"])["visits"].mean().unstack()
    sizes = both.groupby("site").size()
    expected = ((means["50 %"] - means["0 %"]) * sizes).sum() / sizes.sum()
    assert found["50 %"].effect == pytest.approx(expected, rel=1e-10)
    assert found["50 %"].left_out == ("2",) and found["95 %"].left_out == ()
    assert found["50 %"].plain == pytest.approx(-1.0117, abs=1e-4)


def test_segments_must_be_there():
    cube = PLAIN.scan(binary((10, 50), (20, 50)))
    with pytest.raises(Misuse, match="no segments"):
        within_segments(cube, "sign-up", "a", ["b"])


def test_segments_must_hold_both_arms():
    frame = binary((10, 50), (20, 50)).assign(place=lambda f: f["arm"])
    design = dataclasses.replace(PLAIN, segments=("place",))
    with pytest.raises(Misuse, match="no segment holds"):
        within_segments(design.scan(frame), "sign-up", "a", ["b"])


def test_lessons_say_what_the_precautions_changed(cube, rand):
    inside = {"visits": within_segments(cube, "visits", "0 %", ARMS[1:])}
    said = " ".join(words.lessons(rand, inside))
    assert "respect family" in said and "21\u00a0% too small" in said
    assert "within them 50 % differs from 0 % by −1.35" in said
    assert "could not be checked. The arms agree" in said
    assert "For spend, plain means have intervals" in said


def test_every_number_has_a_name_that_a_store_takes(rand):
    figures = rand.figures()
    assert figures["visits.95.effect"] == pytest.approx(-1.3204, abs=1e-4)
    assert all(np.isfinite(list(figures.values())))
    evidence = rand.evidence()["spend.95.effect"]
    assert evidence["low"] < evidence["value"] < evidence["high"] and evidence["probability"] > 0.99


def test_tables_are_for_people(cube, rand):
    assert filling(rand).loc["0 %"].tolist() == [1980, 814]
    assert balance(rand).loc["age", "agrees"] == "yes"
    shown = results(rand)
    assert shown.loc[("visits", "95 %"), "interval"] == "−1.65 to −0.993"
    assert shown.loc[("visits", "0 %"), "difference"] == ""
    assert plain_results(rand).index.get_level_values("metric").unique().tolist() == ["spend"]
    inside = segments({"visits": within_segments(cube, "visits", "0 %", ARMS[1:])})
    assert inside.loc[("visits", "50 %"), "segments without this arm"] == "2"
    assert segments({}).empty and engines([]).empty


def test_the_picture_is_a_png(rand):
    picture = differences(rand)
    assert picture._repr_png_().startswith(b"\x89PNG") and len(picture.png) > 10_000


def test_the_same_data_and_design_give_the_same_result(rand):
    again = analyse(RAND.scan(rand_health()), RAND)
    assert again.as_text() == rand.as_text()
