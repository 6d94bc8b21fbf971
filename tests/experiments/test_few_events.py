"""A handful of events, or of clusters, is answered exactly or with the doubt that it leaves."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from workbench.errors import Misuse
from workbench.experiments import Design, analyse, parse_metrics
from workbench.experiments.metrics import unadjusted
from workbench.experiments.second_engine.analyses import cross_check
from workbench.experiments.tables import rows
from workbench.stats.clusters import design_effect
from workbench.stats.comparison import chance_above
from workbench.stats.moments import Sample
from workbench.stats.proportions import beta_posterior
from workbench.stats.rates import rate_posteriors
from workbench.stats.twins import shares, welch


def arms(*values: list[float]) -> pd.DataFrame:
    frames = [pd.DataFrame({"arm": arm, "y": own}) for arm, own in zip("abc", values, strict=False)]
    return pd.concat(frames, ignore_index=True)


def told(frame: pd.DataFrame, metric: str, **options):
    plan = Design("few", arm="arm", control="a", metrics=parse_metrics(metric), **options)
    return analyse(plan.scan(frame), plan)


NONE, FIVE = [0.0] * 200, [1.0] * 5 + [0.0] * 195


def test_no_count_against_five_is_exact():
    """P(Gamma(6) > Gamma(1)) of equal exposures is 1 − (1/2)⁶; every draw of a brute force agrees."""
    found = told(arms(NONE, FIVE), "y=count:y").metrics["y"]
    assert found.model == "Gamma" and "Poisson" in found.note
    assert found.arms["b"].chance_to_win == pytest.approx(1 - 0.5**6, abs=1e-12)
    x = np.linspace(0, 0.3, 400_001)
    grid = stats.gamma(6, scale=1 / 200).pdf(x) * stats.gamma(1, scale=1 / 200).cdf(x)
    assert found.arms["b"].chance_to_win == pytest.approx(np.trapezoid(grid, x), abs=1e-9)
    assert found.arms["b"].effect == pytest.approx(5 / 200)


def test_the_far_tail_of_counts_is_exact():
    found = told(arms(NONE, [1.0] * 60 + [0.0] * 140), "y=count:y", certainty=0.99).metrics["y"]
    assert found.arms["a"].chance_best == pytest.approx(special.betainc(61, 1, 0.5), rel=1e-9)  # 4e-19


def test_counts_that_spread_as_a_poissons_are_compared_by_rates_and_others_by_means():
    rng = np.random.default_rng(1)
    even, wild = rng.poisson(2.0, (2, 500)), rng.negative_binomial(0.3, 0.1, (2, 500))
    assert told(arms(*even), "y=count:y").metrics["y"].model == "Gamma"
    assert told(arms(*wild), "y=count:y").metrics["y"].model == "Student-t"


def test_few_counts_that_come_in_heaps_say_less():
    heaps = told(arms(NONE, [5.0] + [0.0] * 199), "y=count:y").metrics["y"]
    assert "5 times as wide as a Poisson's" in heaps.note
    assert heaps.arms["b"].chance_to_win == pytest.approx(1 - 0.5**2, abs=2e-3)  # as one event would


def test_no_counts_at_all_are_an_answer_too():
    found = told(arms(NONE, NONE), "y=count:y").metrics["y"].arms["b"]
    assert found.chance_to_win == pytest.approx(0.5) and found.verdict == "not enough evidence"


@pytest.mark.parametrize("heap", [1.0, 4.0])
def test_null_differences_of_few_counts_are_found_seldom_enough(heap):
    """An interval excludes zero where the chance of a difference leaves its level."""
    rng = np.random.default_rng(3)
    pairs = [rate_posteriors([Sample.of(row) for row in rng.poisson(0.04, (2, 200)) * heap]) for _ in range(1000)]
    assert np.mean([abs(chance_above(b, a) - 0.5) > 0.475 for a, b in pairs]) <= 0.06


def test_money_without_a_sale_in_one_arm_is_answered():
    found = told(arms(NONE, [20.0] * 5 + [0.0] * 195), "y=revenue:y").metrics["y"]
    assert found.model == "Gamma" and "arm 'a' has 0 of 200 units above zero" in found.note
    assert found.arms["b"].chance_to_win == pytest.approx(1 - 0.5**6, abs=2e-3)  # as so many sales alike
    assert found.arms["b"].effect == pytest.approx(0.5, rel=0.03)
    cents = told(arms(NONE, [0.2] * 5 + [0.0] * 195), "y=revenue:y").metrics["y"]
    assert cents.arms["b"].chance_to_win == pytest.approx(found.arms["b"].chance_to_win, abs=1e-12)


def test_money_of_uneven_sales_counts_for_fewer():
    uneven = told(arms(NONE, [96.0, 1.0, 1.0, 1.0, 1.0] + [0.0] * 195), "y=revenue:y").metrics["y"]
    assert uneven.arms["b"].chance_to_win < 0.8


def test_money_that_nobody_has_is_refused_in_words():
    with pytest.raises(Misuse, match="zero for every unit"):
        told(arms(NONE, NONE), "y=revenue:y")


@pytest.mark.parametrize("options", [{"covariates": ("x",), "adjust": ("x",)}, {"segments": ("s",), "stratify": True}])
def test_few_events_are_not_adjusted_and_it_is_said(options):
    """The control's zero error once gave a plain interval and "better"."""
    frame = arms(NONE, FIVE).assign(x=np.arange(400) % 7, s=np.arange(400) % 2)
    found = told(frame, "y=binary:y", **options).metrics["y"]
    assert found.model == "Beta" and found.adjustment is None and "Not adjusted: arm 'a' has 0 of 200" in found.note
    assert found.posteriors["b"] == beta_posterior(5, 200)
    assert found.arms["b"].chance_to_win == pytest.approx(0.98496, abs=1e-5)


def test_few_who_say_no_are_few_events_too():
    frame = arms([1.0] * 200, [1.0] * 195 + [0.0] * 5).assign(x=np.arange(400) % 7)
    note = told(frame, "y=binary:y", covariates=("x",), adjust=("x",)).metrics["y"].note
    assert "arm 'a' has 0 of 200 units at zero" in note


def test_a_quantile_says_that_nothing_is_taken_off_it():
    rng = np.random.default_rng(2)
    frame = arms(rng.normal(size=200), rng.normal(size=200)).assign(x=rng.normal(size=400))
    metrics = parse_metrics("q=quantile:y@0.5, y=mean:y")
    plan = Design("q", arm="arm", control="a", metrics=metrics, covariates=("x",), adjust=("x",))
    found = analyse(plan.scan(frame), plan, source=frame)
    assert "Not adjusted" in found.metrics["q"].note
    shown = {row["metric"]: row["difference"] for row in rows(found) if row["arm"] == "b"}
    assert shown["q"].endswith(" not adjusted") and shown["y"].endswith(" adjusted")


def clustered(rng: np.random.Generator, clusters: int) -> Sample:
    """Shops of thirty people each, half of whom say yes, in some shops more and in some fewer."""
    yes = rng.binomial(30, rng.uniform(0.2, 0.8, clusters)).astype(float)
    share, n = yes.mean() / 30, 30.0 * clusters
    effect = design_effect(clusters, float(((yes - 30 * share) ** 2).sum()), n, n * share * (1 - share))
    square = n * share * (1 - share)
    return Sample(n, share, square, float(yes.sum()), clusters=clusters, deff_mean=effect, deff_share=effect)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clusters", "model"), [(3, "Student-t"), (5, "Student-t"), (10, "Student-t"), (30, "Student-t"), (40, "Beta")]
)
def test_shares_of_few_clusters_find_no_more_than_one_null_in_twenty(clusters, model):
    """They found up to one in seven with errors taken for known; the model is the one of a scanned table."""
    rng, metric, excluded, tested = np.random.default_rng(clusters), parse_metrics("y=binary:y")[0], 0, 0
    for _ in range(1000):
        pair = {arm: clustered(rng, clusters) for arm in "ab"}
        belief = unadjusted(metric, pair)
        assert belief.model == model
        excluded += abs(chance_above(belief.posteriors["b"], belief.posteriors["a"]) - 0.5) > 0.475
        tested += (shares if model == "Beta" else welch)(pair["b"], pair["a"]).p < 0.05
    assert excluded / 1000 <= 0.06 and tested / 1000 <= 0.06


def test_few_clusters_are_compared_on_their_number():
    rng = np.random.default_rng(7)
    shop = np.repeat(np.arange(10), 20)
    frame = pd.DataFrame({"arm": np.where(shop % 2, "b", "a"), "shop": shop, "who": range(200)})
    frame["y"] = (rng.random(200) < 0.3 + 0.04 * shop).astype(int)
    found = told(frame, "y=binary:y", unit="who", cluster="shop")
    assert found.metrics["y"].model == "Student-t" and "With 5 clusters in an arm" in found.metrics["y"].note
    assert found.metrics["y"].posteriors["a"].df == 4 and found.twin["y"]["b"].test.df <= 8


def test_clusters_without_events_in_an_arm_are_answered_with_a_warning():
    frame = pd.DataFrame({"arm": ["a"] * 100 + ["b"] * 100, "shop": np.arange(200) // 10, "who": range(200)})
    frame["y"] = ((frame["shop"] == 12) & (frame["who"] % 2 == 0)).astype(int)
    found = told(frame, "y=binary:y", unit="who", cluster="shop").metrics["y"]
    alone = told(frame, "y=binary:y").metrics["y"]
    assert found.model == "Beta" and "errors may be too small" in found.note
    assert found.posteriors["a"].a + found.posteriors["a"].b < 0.5 * (alone.posteriors["a"].a + alone.posteriors["a"].b)


@pytest.mark.slow
def test_both_engines_agree_on_few_counts_and_sales():
    frame = arms([0.0] * 195 + [0.5] * 5, [0.0] * 192 + [0.5, 0.7] * 4).assign(n=lambda f: np.ceil(f["y"]))
    analysis = told(frame, "n=count:n, y=revenue:y")
    assert [r.model for r in analysis.metrics.values()] == ["Gamma", "Gamma"]
    assert all(found.agreed for found in cross_check(analysis, seed=2))
