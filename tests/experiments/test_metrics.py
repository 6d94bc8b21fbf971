"""Each kind of metric from the cube alone is what the rows themselves say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from workbench.errors import Misuse
from workbench.experiments import Design, analyse, parse_metrics, words
from workbench.experiments.tables import rows
from workbench.stats.joint import Joint
from workbench.stats.moments import Sample
from workbench.stats.ratio import ratio_of
from workbench.stats.twins import welch


@pytest.fixture(scope="module")
def shop():
    """Visitors with one or two rows each; what they spent before goes with what they spend."""
    rng = np.random.default_rng(7)
    n = 6000
    visitor = pd.DataFrame({"visitor": range(n), "arm": rng.choice(["a", "b", "c"], n, p=[0.5, 0.25, 0.25])})
    visitor["place"] = rng.choice(["north", "south", "island"], n, p=[0.6, 0.39, 0.01])
    visitor["before"] = rng.gamma(2, 2, n)
    rows = pd.concat([visitor, visitor[rng.random(n) < 0.5]]).reset_index(drop=True)
    rows["orders"] = rng.poisson(1.5, len(rows)) + 1
    far = 3.0 * (rows["place"] == "south")
    rows["spend"] = rows["before"] + far + rows["orders"] * rng.gamma(2, 1, len(rows)) + 0.3 * (rows["arm"] == "b")
    rows["bought"] = (rng.random(len(rows)) < 0.2 + 0.05 * (rows["arm"] == "b")).astype(int)
    return rows


@pytest.fixture(scope="module")
def visitors(shop):
    sums = {"orders": "sum", "spend": "sum", "bought": "max", "before": "mean"}
    return shop.groupby(["visitor", "arm", "place"], as_index=False).agg(sums)


def design(metrics: str, **options) -> Design:
    stated = {"unit": "visitor", "covariates": ("before",), "segments": ("place",), **options}
    return Design("shop", arm="arm", control="a", metrics=parse_metrics(metrics), **stated)


def by_hand(visitors: pd.DataFrame, column: str, arm: str) -> np.ndarray:
    return visitors.loc[visitors["arm"] == arm, column].to_numpy(float)


def test_a_ratio_is_that_of_the_units_with_the_delta_methods_error(shop, visitors):
    plan = design("price = ratio:spend/orders")
    found = analyse(plan.scan(shop), plan)
    linear = {}
    for arm in "abc":
        top, bottom = by_hand(visitors, "spend", arm), by_hand(visitors, "orders", arm)
        ratio = top.sum() / bottom.sum()
        assert found.metrics["price"].arms[arm].mean == pytest.approx(ratio, rel=1e-12)
        linear[arm] = (top - ratio * bottom) / bottom.mean() + ratio
    test = found.twin["price"]["b"].test
    oracle = welch(Sample.of(linear["b"]), Sample.of(linear["a"]))
    assert (test.effect, test.error) == pytest.approx((oracle.effect, oracle.error), rel=1e-10)
    assert found.metrics["price"].model == "delta method"
    inside = found.metrics["price"].fieller["b"]
    assert inside.low < found.metrics["price"].arms["b"].mean < inside.high and not inside.noisy


def test_a_noisy_denominator_asks_to_look_at_fieller():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"arm": ["a", "b"] * 60, "x": rng.gamma(1, 1, 120), "y": rng.gamma(0.2, 1, 120)})
    plan = Design("noisy", arm="arm", control="a", metrics=parse_metrics("r=ratio:x/y"))
    found = analyse(plan.scan(rows), plan)
    assert "look at Fieller's interval of its ratio" in found.metrics["r"].note
    assert found.as_json()["models"]["r"]["fieller"]["a"][0] < found.metrics["r"].arms["a"].mean


def test_a_denominator_that_may_be_zero_is_seen_in_the_table():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"arm": ["a", "b"] * 40, "x": rng.normal(5, 1, 80), "y": rng.normal(0.1, 1, 80)})
    plan = Design("noisy", arm="arm", control="a", metrics=parse_metrics("r=ratio:x/y"))
    found = analyse(plan.scan(frame), plan)
    assert found.metrics["r"].note.count("lies within 3 errors of zero") == 2
    assert "Fieller's interval of its ratio, anything" in found.metrics["r"].note
    assert rows(found)[0]["mean"].endswith("(Fieller: anything)")


def test_a_ratios_twin_errs_as_seldom_with_five_units_as_with_many():
    """It was taken for normal at any number: one null in ten was found."""
    rng = np.random.default_rng(3)
    numbers = np.stack([rng.normal(size=(1000, 2, 5)), 2 + rng.poisson(1, (1000, 2, 5))], axis=-1)
    tests = [welch(*(ratio_of(Joint.of(arm)) for arm in pair)) for pair in numbers]
    assert np.mean([test.p < 0.05 for test in tests]) <= 0.06
    frame = pd.DataFrame(numbers[0].reshape(10, 2), columns=["x", "y"]).assign(arm=["b"] * 5 + ["a"] * 5)
    plan = Design("five", arm="arm", control="a", metrics=parse_metrics("r=ratio:x/y"))
    test = analyse(plan.scan(frame), plan).twin["r"]["b"].test
    assert test.method == "delta method" and (test.p, test.df) == pytest.approx((tests[0].p, tests[0].df), rel=1e-9)


def test_adjustment_is_the_one_of_the_rows_and_says_what_it_saved(shop, visitors):
    plan = design("spend = mean:spend", adjust=("before",))
    found = analyse(plan.scan(shop), plan).metrics["spend"]
    own = visitors.groupby("arm")[["spend", "before"]]
    about = visitors[["spend", "before"]] - own.transform("mean")
    slope = (about["spend"] * about["before"]).sum() / (about["before"] ** 2).sum()
    left = visitors.assign(x=visitors["spend"] - slope * (visitors["before"] - visitors["before"].mean()))
    means, variances = left.groupby("arm")["x"].mean(), left.groupby("arm")["x"].var() / left.groupby("arm").size()
    plain = visitors.groupby("arm")["spend"].var() / visitors.groupby("arm").size()
    assert found.arms["b"].effect == pytest.approx(means["b"] - means["a"], rel=1e-10)
    assert found.adjustment.saved == pytest.approx(1 - variances.sum() / plain.sum(), abs=1e-3)
    assert found.arms["b"].mean == pytest.approx(visitors.loc[visitors["arm"] == "b", "spend"].mean(), rel=1e-12)
    assert found.adjustment.worth == pytest.approx(found.adjustment.saved / (1 - found.adjustment.saved))


def test_strata_weigh_each_segment_as_all_arms_together_do(shop, visitors):
    plan = design("spend = mean:spend", stratify=True)
    joined = visitors.assign(place=visitors["place"])
    found = analyse(plan.scan(shop), plan).metrics["spend"]
    shares = joined["place"].value_counts(normalize=True)
    cells = joined.groupby(["place", "arm"])["spend"]
    means, errors = cells.mean().unstack(), (cells.var() / cells.size()).unstack()
    gaps = (means["b"] - means["a"]).mul(shares)
    assert found.arms["b"].effect == pytest.approx(gaps.sum(), rel=1e-10)
    variance = (errors["b"] + errors["a"]).mul(shares**2).sum()
    assert found.posteriors["b"].scale ** 2 + found.posteriors["a"].scale ** 2 == pytest.approx(variance, rel=1e-9)
    assert set(found.adjustment.strata) == {"north", "south", "island"} and found.adjustment.saved > 0


def test_segments_that_lack_an_arm_are_joined_with_others(shop):
    rows = shop[(shop["place"] != "island") | (shop["arm"] != "c")]
    plan = design("spend = mean:spend", stratify=True)
    strata = analyse(plan.scan(rows), plan).metrics["spend"].adjustment.strata
    assert set(strata) == {"north", "island + south"}


def test_where_no_segment_holds_all_arms_they_are_one_stratum(shop):
    rows = shop.assign(place=shop["arm"].map({"a": "x", "b": "y", "c": "z"}))
    plan = design("spend = mean:spend", stratify=True)
    assert analyse(plan.scan(rows), plan).metrics["spend"].adjustment.strata == ("x + y + z",)


def test_a_ratio_is_adjusted_and_stratified_too(shop):
    plain, both = (
        design("price = ratio:spend/orders"),
        design("price = ratio:spend/orders", adjust=("before",), stratify=True),
    )
    cube = plain.scan(shop)
    one, other = (analyse(cube, plan).metrics["price"] for plan in (plain, both))
    assert other.adjustment.saved > 0.1
    width = [r.arms["b"].high - r.arms["b"].low for r in (one, other)]
    assert (width[1] / width[0]) ** 2 == pytest.approx(1 - other.adjustment.saved, abs=0.03)
    assert other.arms["b"].effect == pytest.approx(one.arms["b"].effect, abs=3 * one.posteriors["b"].sd)
    assert other.arms["b"].mean == one.arms["b"].mean


def test_clusters_widen_what_is_adjusted():
    rng = np.random.default_rng(3)
    family = rng.normal(size=400)
    rows = pd.DataFrame({"person": range(1200), "family": np.repeat(range(400), 3)})
    rows["arm"] = np.where(rows["family"] % 2, "a", "b")
    rows["before"] = rng.normal(size=1200)
    rows["x"] = rows["before"] + 2 * family[rows["family"]] + rng.normal(size=1200)
    stated = {"unit": "person", "covariates": ("before",), "adjust": ("before",)}
    alone, together = (
        Design("f", arm="arm", control="a", metrics=parse_metrics("x=mean:x"), cluster=cluster, **stated)
        for cluster in (None, "family")
    )
    errors = [analyse(plan.scan(rows), plan).metrics["x"].samples["a"].error for plan in (alone, together)]
    left = rows["x"] - rows["before"]
    sums = left.where(rows["arm"] == "a").groupby(rows["family"]).mean().dropna()
    assert errors[1] == pytest.approx(sums.std() / np.sqrt(len(sums)), rel=0.03)
    assert errors[1] > 1.4 * errors[0]


def test_a_yes_or_no_that_is_adjusted_is_compared_by_means(shop):
    plan = design("bought = binary:bought", adjust=("before",))
    assert analyse(plan.scan(shop), plan).metrics["bought"].model == "Student-t"


def test_what_is_capped_is_said(shop):
    metric = dataclasses.replace(parse_metrics("spend = mean:spend")[0], cap=20.0)
    plan = dataclasses.replace(design("spend = mean:spend"), metrics=(metric,))
    found = analyse(plan.scan(shop), plan).metrics["spend"]
    assert "count as 20" in found.note and found.arms["a"].mean < 20


def test_a_quantile_is_the_sorted_value_and_its_difference_covers(shop, visitors):
    plan = design("slow = quantile:spend@0.9")
    found = analyse(plan.scan(shop), plan, source=shop)
    expected = {arm: np.quantile(by_hand(visitors, "spend", arm), 0.9, method="inverted_cdf") for arm in "abc"}
    result = found.metrics["slow"]
    assert {arm: r.mean for arm, r in result.arms.items()} == pytest.approx(expected, rel=1e-12)
    assert result.arms["b"].effect == pytest.approx(expected["b"] - expected["a"], rel=1e-9)
    assert result.arms["b"].low < result.arms["b"].effect < result.arms["b"].high
    own = found.as_json()["models"]["slow"]["quantiles"]["b"]
    assert own["interval"][0] < own["value"] == expected["b"] < own["interval"][1] and own["level"] >= 0.95


def test_a_quantile_needs_the_data_and_says_so(shop):
    plan = design("slow = quantile:spend@0.9")
    with pytest.raises(Misuse, match="a cube's moments cannot give one") as told:
        analyse(plan.scan(shop), plan)
    assert "source=" in told.value.hint


@pytest.mark.parametrize(
    ("metrics", "options", "said"),
    [
        ("slow = quantile:spend@0.9", {"cluster": "visitor"}, "came in clusters"),
        ("slow = quantile:spend@0.99999", {}, "too few to enclose"),
        ("yes = quantile:bought@0.5", {}, "too many values are equal"),
        ("odd = ratio:spend/nothing", {}, "the denominator's mean is 0"),
        (
            "spend = mean:spend",
            {"covariates": ("before", "twice"), "adjust": ("before", "twice")},
            "no spread of their own",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_in_words(shop, metrics, options, said):
    plan = design(metrics, **options)
    with pytest.raises(Misuse, match=said):
        analyse(plan.scan(shop.assign(nothing=0, twice=2 * shop["before"])), plan, source=shop)


def test_where_nothing_was_saved_the_lesson_says_so():
    rng = np.random.default_rng(8)
    rows_ = pd.DataFrame({"arm": ["a", "b"] * 500, "x": rng.normal(5, 1, 1000), "before": rng.normal(size=1000)})
    stated = {"covariates": ("before",), "adjust": ("before",)}
    plan = Design("n", arm="arm", control="a", metrics=parse_metrics("x=mean:x"), **stated)
    assert words.lessons(analyse(plan.scan(rows_), plan))[0] == "For x, adjusting for before saved nothing."


def test_the_lesson_says_what_was_saved(shop):
    plan = design("spend = mean:spend", adjust=("before",), stratify=True)
    found = analyse(plan.scan(shop), plan)
    assert "Adjusted for before and segments." in found.sentence
    assert rows(found)[1]["difference"].endswith(" adjusted") and "adjusted" not in rows(found)[1]["mean"]
    said = " ".join(words.lessons(found))
    assert "adjusting for before and comparing 3 strata each with itself saved" in said and "% more units" in said
    assert found.figures()["spend.variance_saved"] == found.metrics["spend"].adjustment.saved


def test_strata_that_what_was_drawn_lies_across_are_refused():
    """Their errors took a shop in five segments for five shops: three in ten null differences were found."""
    shops = pd.DataFrame({"shop": np.repeat(range(40), 20), "place": list("vwxyz") * 160, "x": range(800)})
    shops["visitor"] = range(800)
    shops["arm"] = np.where(shops["shop"] % 2, "a", "b")
    stated = {"unit": "visitor", "cluster": "shop", "segments": ("place",), "stratify": True}
    plan = Design("s", arm="arm", control="a", metrics=parse_metrics("x=mean:x"), **stated)
    with pytest.raises(Misuse, match="'shop' lies in several segments or days") as told:
        analyse(plan.scan(shops), plan)
    assert "leave out stratify" in told.value.hint
    within = shops.assign(place=shops["shop"] % 3)
    assert len(analyse(plan.scan(within), plan).metrics["x"].adjustment.strata) == 3
