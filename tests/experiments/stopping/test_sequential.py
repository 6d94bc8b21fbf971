"""A rule followed over an experiment: decisions, corrected estimates, and looks from a cube."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse
from workbench.experiments.stopping.rules import parse_rule
from workbench.experiments.stopping.sequential import Look, check, daily_looks, look_at
from workbench.stats.crossing import crossing
from workbench.stats.effects import effect_posterior
from workbench.stats.group_sequential import obrien_fleming_spending
from workbench.stats.moments import Sample
from workbench.stats.twins import welch

OBF = parse_rule("obrien-fleming:5")
FUTILE = parse_rule("obrien-fleming:5, futility:0.8")


def looks(*z, unit=0.1):
    """Looks with so many standard errors, information growing evenly."""
    return [Look(f"d{k}", v * unit / np.sqrt(k), unit / np.sqrt(k)) for k, v in enumerate(z, 1)]


@pytest.mark.parametrize(
    ("rule", "z", "decision", "at"),
    [
        (OBF, (1.0, 2.0), "go on", 1),
        (OBF, (1.0, 3.4, 0.0), "better", 1),
        (OBF, (1.0, -3.4, 9.0), "worse", 1),
        (OBF, (1.0, 1.0, 1.0, 1.0, 1.0), "no difference shown", 4),
        (OBF, (1.0, 1.0, 1.0, 1.0, 2.1), "better", 4),
        (FUTILE, (-1.5, 1.0), "not worth going on", 0),
        (FUTILE, (-6.0, 1.0), "worse", 0),
        (FUTILE, (1.0, 1.0, 1.0, 1.0, 1.9), "not worth going on", 3),
        (parse_rule("chance:0.95"), (1.6, 1.7), "better", 1),
        (parse_rule("fixed"), (1.97,), "better", 0),
        (parse_rule("always-valid"), (2.5, 3.2, 4.5), "better", 2),
    ],
)
def test_the_first_look_at_which_the_rule_says_stop_decides(rule, z, decision, at):
    found = check(rule, looks(*z))
    assert (found.decision, found.at) == (decision, at)
    assert (found.stopped is None) == (decision == "go on")


@pytest.mark.parametrize("rule", [OBF, FUTILE, parse_rule("chance:0.95, prior:normal(0.01, 0.05)")])
def test_where_less_is_better_all_is_mirrored(rule):
    up = check(rule, looks(1.0, 3.5))
    other = parse_rule(rule.text.replace("normal(0.01", "normal(-0.01"))
    down = check(other, looks(-1.0, -3.5), better="lower")
    assert down.decision == up.decision == "better"
    assert (down.estimate, down.low, down.high) == pytest.approx((-up.estimate, -up.high, -up.low), rel=1e-9)
    assert [s.better_from for s in down.steps] == pytest.approx([-s.better_from for s in up.steps])


def test_the_corrected_estimate_lies_below_the_plain_one_after_an_early_stop():
    found = check(parse_rule("pocock:5"), looks(1.0, 2.5))
    assert 0 < found.estimate < found.plain
    assert found.p < 0.05 and found.low > 0
    assert "corrected for having looked" in found.sentence and "new arm is better" in found.sentence


def test_while_it_goes_on_there_is_no_p_value_to_be_tempted_by():
    found = check(OBF, looks(2.5, 2.5))
    assert found.decision == "go on" and found.p is None
    assert "If it had to end here" in found.sentence


def test_several_arms_share_the_error():
    alone, shared = (check(OBF, looks(1.0, 3.4), comparisons=count) for count in (1, 3))
    assert alone.decision == "better" and shared.decision == "go on"
    assert shared.rule.alpha == pytest.approx(0.05 / 3) and shared.level == pytest.approx(1 - 0.05 / 3)


def test_one_look_corrects_nothing():
    found = check(parse_rule("fixed"), looks(2.5))
    assert found.estimate == pytest.approx(found.plain)
    assert found.low == pytest.approx(found.plain - 1.959964 * 0.1, rel=1e-6)


def test_an_always_valid_interval_holds_at_all_looks():
    found = check(parse_rule("always-valid"), looks(2.5, 3.2, 4.5))
    assert found.p < 0.05 and check(parse_rule("always-valid"), looks(2.5, 1.0)).p > 0.05
    assert found.low > 0 and found.plain - found.low == pytest.approx(found.steps[2].better_from)


def test_a_rule_of_belief_reports_its_posterior():
    rule = parse_rule("chance:0.95, prior:relative normal(0, 0.1)")
    found = check(rule, looks(1.0, 3.0), scale="relative")
    posterior = effect_posterior(found.plain, found.steps[1].error, rule.prior)
    assert found.estimate == posterior.mean and (found.low, found.high) == posterior.interval(0.95)
    assert found.p is None and "what was believed before" in found.sentence and "\u00a0%" in found.sentence


def test_the_result_is_plain_json():
    found = json.loads(json.dumps(check(FUTILE, looks(1.0, 3.5)).as_json(), allow_nan=False))
    assert found["decision"] == "better" and found["look"] == 2 and len(found["steps"]) == 2
    upwards = check(parse_rule("pocock:5, one-sided"), looks(-9.0)).as_json()
    assert upwards["steps"][0]["worse_from"] is None and upwards["decision"] == "go on"


@pytest.mark.parametrize(
    ("given", "said"),
    [([], "there is no look"), ([("a", 1.0, 0.0)], "error above zero"), ([("a", np.nan, 1.0)], "error above zero")],
)
def test_looks_that_say_nothing_are_refused(given, said):
    with pytest.raises(Misuse, match=said):
        check(OBF, given)


def test_scales_do_not_mix():
    with pytest.raises(Misuse, match="do not mix"):
        check(parse_rule("chance:0.9, prior:relative normal(0, 1)"), looks(1.0))
    with pytest.raises(Misuse, match="do not mix"):
        check(parse_rule("loss:0.01"), looks(1.0), scale="relative")
    assert check(parse_rule("loss:0.01, prior:relative flat"), looks(3.0), scale="relative").decision == "better"


def rows(seed=0, n=900):
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(1, 12, n))
    arm = rng.choice(["a", "b"], n)
    return pd.DataFrame({"day": day, "arm": arm, "x": rng.gamma(2, 3, n) + (arm == "b")})


def cube(frame, **options):
    return MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], **options)


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_a_days_look_is_the_comparison_of_all_rows_until_then(scale):
    frame = rows()
    found = daily_looks(cube(frame, day="day"), "x", control="a", arm="b", scale=scale)
    assert [look.day for look in found] == [str(d) for d in range(1, 12)]
    for look in found:
        until = frame[frame["day"] <= int(look.day)]
        a, b = (until.loc[until["arm"] == arm, "x"] for arm in "ab")
        gap, error = b.mean() - a.mean(), np.hypot(a.sem(), b.sem())
        if scale == "relative":
            gap, error = gap / a.mean(), np.hypot(b.sem() / a.mean(), b.mean() * a.sem() / a.mean() ** 2)
        assert (look.estimate, look.error) == pytest.approx((gap, error), rel=1e-10)
        assert look.known == pytest.approx(1 / (1 / len(a) + 1 / len(b)))


def test_a_metric_that_needs_more_brings_its_own_comparison():
    found = daily_looks(cube(rows(), day="day"), "x", control="a", arm="b", compare=lambda until: (until.n, 1.0))
    assert found[-1][1:3] == (900.0, 1.0)


def test_days_before_both_arms_are_there_are_left_out():
    frame = rows()
    late = frame[(frame["arm"] == "a") | (frame["day"] > 3)]
    assert daily_looks(cube(late, day="day"), "x", control="a", arm="b")[0].day == "4"


def test_a_cube_without_days_or_arms_is_refused():
    with pytest.raises(Misuse, match="has no days"):
        daily_looks(cube(rows()), "x", control="a", arm="b")
    with pytest.raises(Misuse, match="on no day"):
        daily_looks(cube(rows(), day="day"), "x", control="a", arm="c")
    nothing = rows().assign(x=lambda f: np.where(f["arm"] == "a", f.groupby("arm").cumcount() % 2 * 2 - 1.0, f["x"]))
    balanced = cube(nothing.groupby(["arm"]).head(400).assign(day=1), day="day")
    with pytest.raises(Misuse, match="mean is zero"):
        daily_looks(balanced, "x", control="a", arm="b", scale="relative")
    with pytest.raises(Misuse, match="on no day"):
        daily_looks(cube(rows(), day="day"), "x", control="a", arm="b", on=[40])


def test_only_the_planned_days_are_looked_at():
    counted = cube(rows(), day="day")
    every = daily_looks(counted, "x", control="a", arm="b")
    planned = daily_looks(counted, "x", control="a", arm="b", on=parse_rule("pocock:4").look_days(14))
    assert [look._replace(number=None) for look in planned] == [every[k]._replace(number=None) for k in (3, 6, 10)]
    assert [look.number for look in planned] == [1, 2, 3]


def test_a_look_that_could_not_be_taken_keeps_its_place_in_the_plan():
    first = pd.DataFrame({"day": 1, "arm": ["a", "b"] * 50, "x": 0.0})  # nobody bought on the first day
    later = pd.concat([first, *(rows(seed).assign(day=seed) for seed in (2, 3, 4))])
    rule = parse_rule("obrien-fleming:4")
    found = daily_looks(cube(later, day="day"), "x", control="a", arm="b", on=rule.look_days(4))
    assert [(look.day, look.number) for look in found] == [("2", 2), ("3", 3), ("4", 4)]


def test_after_a_skipped_look_the_plan_still_ends_and_spends_all_its_error():
    rule, taken = parse_rule("obrien-fleming:4"), looks(0.1, 0.1, 0.1, 0.1)
    late = [look._replace(number=k) for k, look in enumerate(taken, 1)][1:]
    found = check(rule, late)
    assert found.decision == "no difference shown" and [step.number for step in found.steps] == [2, 3, 4]
    assert "The plan ends with look 4 of 4 (d4)" in found.sentence and found.as_json()["look"] == 4
    bounds = rule.boundaries([look.error for look in late], numbers=[2, 3, 4])
    assert sum(crossing(bounds).above) == pytest.approx(0.025, abs=1e-9)
    assert -np.diff([step.better_from / step.error for step in found.steps]).min() > 0
    assert special.ndtr(-bounds.upper[0]) == pytest.approx(0.025 * obrien_fleming_spending(0.025)(0.5), rel=1e-6)
    with pytest.raises(Misuse, match="planned 4"):
        check(rule, [late[-1]._replace(number=5)])
    with pytest.raises(Misuse, match="numbered"):
        check(rule, [late[0], late[1]._replace(number=2)])


def clustered(sums, sizes):
    """The sample of clusters with these sums of these many units."""
    n, mean, count = sizes.sum(), sums.sum() / sizes.sum(), len(sums)
    variance = count / (count - 1) * ((sums - mean * sizes) ** 2).sum() / n**2
    return Sample(n=n, mean=mean, m2=variance * n * (n - 1), clusters=count)


def shops(rng, count):
    """An arm of shops that differ more than their customers do."""
    sizes = rng.poisson(20, count) + 5.0
    return sizes * rng.normal(10, 1, count) + np.sqrt(sizes) * rng.normal(0, 3, count), sizes


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_one_planned_look_at_few_clusters_is_welchs_test(scale):
    rng = np.random.default_rng(5)
    frame = rows().assign(
        shop=lambda f: f["arm"] + rng.integers(0, 4, len(f)).astype(str), day=1, who=range(len(rows()))
    )
    counted = cube(frame, day="day", unit="who", cluster="shop")
    found = check(parse_rule("fixed"), daily_looks(counted, "x", control="a", arm="b", scale=scale), scale=scale)
    twin = welch(counted.sample("x", "b"), counted.sample("x", "a"))
    assert twin.df < 7 and found.p == pytest.approx(twin.p, rel=1e-8)
    if scale == "absolute":
        assert (found.low, found.high) == pytest.approx((twin.low, twin.high), rel=1e-8)


def test_one_cluster_an_arm_is_no_look():
    frame = rows().assign(
        shop=lambda f: f["arm"] + np.where(f["day"] > 5, f["day"], 1).astype(str), who=range(len(rows()))
    )
    found = daily_looks(cube(frame, day="day", unit="who", cluster="shop"), "x", control="a", arm="b")
    assert [look.day for look in found] == ["6", "7", "8", "9", "10", "11"]


def shown(rule, seen, scale="absolute"):
    """Whether a difference is shown; what comes nowhere near the usual 1.96 is shown by no rule of 5 %."""
    if max(abs(look.estimate) / min(look.error, look.error_at(0.0)) for look in seen) < 1.9:
        return False
    return check(rule, seen, scale=scale).decision in {"better", "worse"}


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [3, 5, 10, 40])
@pytest.mark.parametrize("rule", ["fixed", "pocock:3"])
def test_few_clusters_keep_the_error(rule, clusters):
    rng, agreed, wrong, runs = np.random.default_rng(1), parse_rule(rule), 0, 3000
    for _ in range(runs):
        arms = [shops(rng, clusters * agreed.ends_at) for _ in range(2)]
        until = [clusters * (k + 1) for k in range(agreed.ends_at)]
        seen = [look_at(str(c), *(clustered(sums[:c], sizes[:c]) for sums, sizes in arms)) for c in until]
        wrong += shown(agreed, seen)
    assert wrong / runs <= 0.06


def few_events(rng, scale, share=0.05, units=100):
    """Four looks at arms whose units buy equally seldom."""
    bought = rng.binomial(units, share, (2, 4)).cumsum(axis=1)
    seen = []
    for k in range(4):
        n = units * (k + 1.0)
        a, b = (Sample(n=n, mean=x / n, m2=x * (1 - x / n)) for x in bought[:, k])
        if min(a.error, b.error) > 0:
            seen.append(look_at(str(k), a, b, scale)._replace(number=k + 1))
    return seen


@pytest.mark.slow
def test_relative_looks_at_few_events_keep_the_error():
    rng, rule = np.random.default_rng(2), parse_rule("pocock:4")
    found = [shown(rule, few_events(rng, "relative"), scale="relative") for _ in range(3000)]
    assert sum(found) / len(found) <= 0.06


def test_the_scale_on_which_a_difference_is_told_decides_nothing():
    rng, rule, stops = np.random.default_rng(4), parse_rule("pocock:4"), 0
    for share in [0.04] * 30:
        state = rng.bit_generator.state
        plain = check(rule, few_events(rng, "absolute", share), scale="absolute")
        rng.bit_generator.state = state
        told = check(rule, few_events(rng, "relative", share), scale="relative")
        assert (told.decision, told.at) == (plain.decision, plain.at) and told.p == pytest.approx(plain.p)
        for step, other in zip(told.steps, plain.steps, strict=True):  # bounds lie where the decision changes
            assert (step.estimate >= step.better_from) == (other.estimate >= other.better_from)
            assert (step.estimate <= step.worse_from) == (other.estimate <= other.worse_from)
        assert (told.low > 0, told.high < 0) == (plain.low > 0, plain.high < 0)
        assert told.low <= told.estimate <= told.high
        stops += told.stopped is not None
    assert stops > 10


def test_the_end_towards_nothing_of_a_relative_interval_is_fiellers():
    control, arm = Sample(400, 1.0, 400.0), Sample(400, 1.8, 700.0)
    found = check(parse_rule("fixed"), [look_at("d", control, arm, "relative")], scale="relative")
    gap = arm.mean - (1 + found.low) * control.mean
    reach = stats.t.ppf(0.975, welch(arm, control).df)
    assert gap == pytest.approx(reach * np.hypot(arm.error, (1 + found.low) * control.error), rel=1e-8)
    assert found.estimate == pytest.approx(0.8) and found.high > 0.8


def test_a_rule_of_belief_takes_few_clusters_for_a_wider_error():
    rule = parse_rule("chance:0.95, prior:normal(0, 0.1)")
    sure, unsure = (check(rule, [Look("d", 0.2, 0.08, df=df)]) for df in (np.inf, 4.0))
    assert sure.decision == "better" and unsure.decision == "go on"
    assert unsure.steps[0].error == pytest.approx(0.08 * stats.t.ppf(stats.norm.cdf(1.96), 4) / 1.96)
