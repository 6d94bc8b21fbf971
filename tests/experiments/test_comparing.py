"""Priors shrink on their own scale, margins and the region that matters are exact, choices follow the loss."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.errors import Misuse
from workbench.experiments import Design, analyse, parse_metrics
from workbench.stats.comparison import chance_above
from workbench.stats.effects import EffectPrior
from workbench.stats.proportions import beta_posterior


def people(**counts: tuple[int, int]) -> pd.DataFrame:
    """Arms with so many yes out of so many, and each one's minutes."""
    rng = np.random.default_rng(5)
    parts = [pd.DataFrame({"arm": arm, "yes": np.arange(n) < k}) for arm, (k, n) in counts.items()]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(yes=frame["yes"].astype(int), minutes=rng.gamma(4, 5, len(frame)))


TWO = people(a=(400, 4000), b=(460, 4000))
PLAN = Design("test", arm="arm", control="a", metrics=parse_metrics("yes=binary:yes, minutes=mean:minutes"))


def look(frame: pd.DataFrame = TWO, **options):
    plan = dataclasses.replace(PLAN, **options)
    return analyse(plan.scan(frame), plan)


def weighed(counts: dict[str, tuple[int, int]], sd: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws of the control's share and of the others' relative effects under a normal prior, and their weights."""
    rng = np.random.default_rng(7)
    (x, n), *others = counts.values()
    control = rng.beta(x + 1, n - x + 1, 1_000_000)
    change = rng.normal(0, sd, (len(others), len(control)))
    log = sum(
        k * np.log(control * (1 + c)) + (m - k) * np.log1p(-control * (1 + c))
        for (k, m), c in zip(others, change, strict=True)
    )
    weight = np.exp(log - log.max())
    return control, change, weight / weight.sum()


def test_a_relative_prior_shrinks_the_relative_effect_and_the_raw_one_stands_beside():
    prior = EffectPrior.normal(0, 0.05, scale="relative", source="43 past tests")
    found = look(priors={"yes": prior})
    arm, raw = found.metrics["yes"].arms["b"], look().metrics["yes"].arms["b"]
    control, change, weight = weighed({"a": (400, 4000), "b": (460, 4000)}, 0.05)
    order = np.argsort(change[0])
    ends = np.interp([0.025, 0.975], np.cumsum(weight[order]), change[0][order])
    effect = weight @ (control * change[0])
    assert arm.effect == pytest.approx(effect, rel=5e-3)
    assert arm.estimate == pytest.approx(weight @ (control * (1 + change[0])), rel=1e-3)
    assert arm.relative == pytest.approx(effect / (weight @ control), rel=5e-3)
    assert (arm.relative_low, arm.relative_high) == pytest.approx(ends, abs=1e-3)
    assert arm.chance_to_win == pytest.approx(weight[change[0] > 0].sum(), abs=2e-3)
    assert (arm.raw.effect, arm.raw.chance_to_win) == (raw.effect, raw.chance_to_win)
    assert (
        "(the data alone: +15\u00a0%, with the prior +5.1\u00a0%" in arm.sentence
        and "prior: 43 past tests" in arm.sentence
    )
    assert found.metrics["minutes"].arms["b"].raw is None
    assert found.as_json()["metrics"]["yes"]["b"]["raw"]["effect"] == raw.effect


def test_an_absolute_prior_is_applied_in_units():
    prior = EffectPrior.student(3, 0, 0.5)
    found = look(priors={"minutes": prior}).metrics["minutes"]
    a, b = found.posteriors["a"], found.posteriors["b"]
    rest = np.linspace(a.mean - 8 * a.sd, a.mean + 8 * a.sd, 2001)
    gap = np.linspace(-8, 8, 2001)[:, None] * np.hypot(a.sd, b.sd)
    mass = stats.t.pdf(gap / 0.5, 3) * a.density(rest) * b.density(rest + gap)
    expected = (mass * gap).sum() / mass.sum()
    assert found.arms["b"].effect == pytest.approx(expected, rel=1e-7)
    assert found.arms["b"].relative == pytest.approx(expected * mass.sum() / (mass @ rest).sum(), rel=1e-7)


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_a_flat_prior_leaves_everything_as_it_was(scale):
    few = people(a=(1, 200), b=(5, 200))
    flat = look(few, priors={"yes": EffectPrior.flat(scale=scale)}).metrics["yes"].arms
    assert flat == look(few).metrics["yes"].arms
    assert flat["b"].chance_to_win == pytest.approx(0.93914, abs=5e-6)


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_a_wide_prior_leaves_exact_shares_exact(scale):
    few = people(a=(1, 200), b=(5, 200))
    wide = look(few, priors={"yes": EffectPrior.normal(0, 1e7, scale=scale)}).metrics["yes"].arms
    plain = look(few).metrics["yes"].arms
    for name in ("low", "high", "chance_to_win", "chance_best", "expected_loss"):
        assert getattr(wide["b"], name) == pytest.approx(getattr(plain["b"], name), abs=1e-6)
    assert wide["b"].relative_low == pytest.approx(plain["b"].relative_low, abs=1e-6)


def test_with_a_prior_chances_and_losses_of_many_arms_are_those_of_draws():
    counts = {"a": (400, 4000), "b": (430, 4000), "c": (440, 4000)}
    found = look(people(**counts), priors={"yes": EffectPrior.normal(0, 0.04, scale="relative")}).metrics["yes"]
    control, change, weight = weighed(counts, 0.04)
    means = control * np.vstack([np.ones(len(control)), 1 + change])
    best = np.bincount(means.argmax(axis=0), weights=weight, minlength=3)
    loss = (means.max(axis=0) - means) @ weight
    assert [found.arms[arm].chance_best for arm in "abc"] == pytest.approx(list(best), abs=4e-3)
    assert [found.arms[arm].expected_loss for arm in "abc"] == pytest.approx(list(loss), rel=0.02)


def test_with_a_prior_arms_that_are_alike_share_the_chance_to_be_best():
    found = look(
        pd.concat([people(a=(400, 4000)).assign(arm=arm) for arm in "abc"]),
        priors={"yes": EffectPrior.normal(0, 1000)},
    ).metrics["yes"]
    assert [arm.chance_best for arm in found.arms.values()] == pytest.approx([1 / 3] * 3, abs=1e-6)


def test_a_relative_prior_needs_a_control_above_zero():
    frame = TWO.assign(minutes=-TWO["minutes"])
    with pytest.raises(Misuse, match=r"is relative, and its mean in 'a' is -"):
        look(frame, priors={"minutes": EffectPrior.normal(0, 0.1, scale="relative")})


def test_the_region_that_matters_is_exact():
    rope = look(rope=0.05).metrics["yes"].arms["b"].rope
    a, b = beta_posterior(400, 4000), beta_posterior(460, 4000)
    assert rope.above == pytest.approx(chance_above(b, a, times=1.05), abs=1e-12)
    draws = [posterior.draw(np.random.default_rng(2), 400_000) for posterior in (a, b)]
    change = np.random.default_rng(3).permutation(draws[1]) / draws[0] - 1
    told = (rope.below, rope.inside, rope.above)
    assert told == pytest.approx(
        ((change < -0.05).mean(), (abs(change) <= 0.05).mean(), (change > 0.05).mean()), abs=3e-3
    )
    assert sum(told) == pytest.approx(1, abs=1e-12)


def test_a_difference_too_small_to_matter_is_called_so():
    found = look(people(a=(4000, 40_000), b=(4010, 40_000)), rope=0.1)
    arm = found.metrics["yes"].arms["b"]
    assert arm.verdict == "no difference that matters" and "within 10\u00a0%, too little to matter" in arm.sentence
    assert found.verdict == "not enough evidence"


def test_with_a_prior_the_region_is_the_shrunk_effects():
    prior = EffectPrior.normal(0, 0.02, scale="relative")
    found = look(rope=0.01, priors={"yes": prior}).metrics["yes"]
    _, (change,), weight = weighed({"a": (400, 4000), "b": (460, 4000)}, 0.02)
    rope = found.arms["b"].rope
    assert rope.inside == pytest.approx(weight[abs(change) < 0.01].sum(), abs=3e-3)
    assert rope.below + rope.inside + rope.above == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("minutes", "margin", "passed", "broken", "verdict", "said"),
    [
        (1.0, "0.05", True, False, "pass", "b keeps the guardrail minutes: the chance of minutes lower than a's"),
        (0.8, "0.05", False, True, "fail", "b breaks the guardrail minutes"),
        (0.95, "0.05", False, False, "not enough evidence", "b is not shown to keep the guardrail minutes"),
    ],
)
def test_a_winner_must_keep_the_guardrails(minutes, margin, passed, broken, verdict, said):
    frame = TWO.assign(minutes=np.where(TWO["arm"] == "b", minutes, 1.0) * TWO["minutes"])
    metrics = parse_metrics("yes=binary:yes, minutes=mean:minutes", guardrails=f"minutes={margin}")
    found = look(frame, metrics=metrics)
    (guard,) = found.guardrails
    assert (guard.passed, guard.broken, found.verdict) == (passed, broken, verdict)
    assert said in found.sentence
    figure = found.evidence()["minutes.b.harm"]
    assert figure["value"] == guard.chance_of_harm and figure["target"] == 0.05
    json.dumps(found.as_json(), allow_nan=False)


def test_harm_is_the_chance_beyond_the_margin_whichever_way_is_good():
    metrics = parse_metrics("minutes=mean:minutes, yes=binary:yes", guardrails="yes=0.02", lower="yes")
    (guard,) = look(metrics=metrics).guardrails
    b, a = beta_posterior(460, 4000), beta_posterior(400, 4000)
    assert guard.chance_of_harm == pytest.approx(chance_above(b, a, times=1.02), abs=1e-12)
    (guard,) = look(metrics=parse_metrics("minutes=mean:minutes, yes=binary:yes", guardrails="yes=0.02")).guardrails
    assert guard.chance_of_harm == pytest.approx(chance_above(a, b, times=1 / 0.98), abs=1e-12)


def test_guardrails_hold_back_a_harmful_arm_as_often_as_they_say():
    """An arm that is worse by just its margin keeps the guardrail in one of twenty experiments."""
    rng = np.random.default_rng(9)
    kept = []
    for _ in range(400):
        a, b = rng.binomial(4000, 0.2), rng.binomial(4000, 0.2 * 0.95)
        one, other = beta_posterior(a, 4000), beta_posterior(b, 4000)
        kept.append(chance_above(one, other, times=1 / 0.95) <= 0.05)
    assert np.mean(kept) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [
        (TWO["minutes"] - TWO["minutes"].mean(), "its mean in a is not surely above zero"),
        (0.0, "all 4000 values are equal; their spread is not known"),
    ],
)
def test_a_guardrail_that_cannot_be_told_is_not_proven_and_the_rest_goes_on(minutes, reason):
    metrics = parse_metrics("yes=binary:yes, minutes=mean:minutes", guardrails="minutes")
    found = look(TWO.assign(minutes=minutes), metrics=metrics, loss_threshold=0.01)
    (guard,) = found.guardrails
    assert (guard.chance_of_harm, guard.passed, guard.broken) == (None, False, False)
    assert f"b is not shown to keep the guardrail minutes: {reason}" in found.sentence
    assert found.verdict == "not enough evidence" and found.metrics["yes"].arms["b"].verdict == "better"
    assert found.metrics["yes"].choice is None
    assert "minutes.b.harm" not in found.evidence() and "minutes.b.harm" not in found.figures()
    json.loads(found.as_text())


def test_another_mistake_in_a_guardrail_is_still_refused():
    metrics = parse_metrics("yes=binary:yes, minutes=binary:minutes", guardrails="minutes")
    with pytest.raises(Misuse, match="is not 0 or 1"):
        look(metrics=metrics)


def test_no_arm_is_chosen_that_breaks_a_guardrail():
    frame = TWO.assign(minutes=np.where(TWO["arm"] == "b", 0.8, 1.0) * TWO["minutes"])
    metrics = parse_metrics("yes=binary:yes, minutes=mean:minutes", guardrails="minutes=0.05")
    found = look(frame, metrics=metrics, loss_threshold=0.01)
    assert found.verdict == "fail" and found.metrics["yes"].choice is None
    assert "Arm b breaks" in found.sentence
    assert "No arm can be chosen yet (b left out, for want of a guardrail): even a costs" in found.sentence
    assert "can be chosen:" not in found.sentence and "choice" not in found.as_json()["models"]["yes"]


def test_no_arm_is_chosen_while_a_check_fails():
    found = look(people(a=(400, 4000), b=(560, 5000)), loss_threshold=0.5, shares="equal")
    assert found.sample_ratio.passed is False and found.metrics["yes"].choice is None
    assert found.sentence.endswith("No arm can be chosen while the check above fails.")


def test_two_units_an_arm_have_no_expected_loss():
    frame = pd.DataFrame({"arm": ["a", "a", "b", "b"], "minutes": [1.0, 2.0, 4.0, 6.0]})
    found = look(frame, metrics=parse_metrics("minutes=mean:minutes"), loss_threshold=0.01)
    arm = found.metrics["minutes"].arms["b"]
    assert arm.expected_loss is None and found.as_json()["metrics"]["minutes"]["b"]["expected_loss"] is None
    assert arm.chance_best == arm.chance_to_win
    assert "without end" in found.sentence and "without end" in found.metrics["minutes"].note
    assert not any(name.endswith("expected_loss") for name in found.figures())


def test_an_arm_is_chosen_where_being_wrong_costs_little():
    found = look(loss_threshold=0.01)
    assert found.metrics["yes"].choice == "b" and "b can be chosen: being wrong about it costs" in found.sentence
    assert look().metrics["yes"].choice is None
    open_ = look(people(a=(40, 400), b=(41, 400)), loss_threshold=0.001)
    assert open_.metrics["yes"].choice is None and "No arm can be chosen yet: even b costs" in open_.sentence


def test_the_twin_is_corrected_over_arms_and_metrics():
    frame = people(a=(400, 4000), b=(460, 4000), c=(430, 4000))
    found = look(frame).twin
    tests = [found[metric][arm] for metric in ("yes", "minutes") for arm in "bc"]
    smallest = min(tests, key=lambda t: t.test.p)
    assert smallest.holm == pytest.approx(4 * smallest.test.p)
    assert all(t.test.p <= t.false_discovery <= t.holm for t in tests)
    assert found["yes"]["b"].test.method == "z of two shares" and found["minutes"]["b"].test.method == "Welch's t"


def test_where_nobody_said_yes_there_is_a_posterior_but_no_test():
    found = look(people(a=(0, 200), b=(0, 200)))
    assert found.twin["yes"] == {} and found.metrics["yes"].arms["b"].chance_to_win == pytest.approx(0.5)
    json.dumps(found.as_json(), allow_nan=False)


def test_a_result_says_whether_it_follows_the_registered_design():
    cube = PLAN.scan(TWO)
    assert analyse(cube, PLAN).followed is None
    kept, broken = (analyse(cube, PLAN, registered=digest) for digest in (PLAN.digest, "another"))
    assert kept.followed is True and "follows the design that was registered" in kept.sentence
    assert broken.followed is False and "does not follow the design" in broken.sentence
    assert broken.as_json()["followed"] is False


def test_the_sample_ratio_is_looked_at_day_by_day():
    rng = np.random.default_rng(4)
    days = np.repeat([f"2026-01-{d:02d}" for d in range(1, 11)], 2000)
    arms = np.where(rng.random(20_000) < np.where(days < "2026-01-06", 0.56, 0.44), "a", "b")
    frame = pd.DataFrame({"arm": arms, "day": days, "yes": rng.integers(0, 2, 20_000)})
    metrics = parse_metrics("yes=binary:yes")
    found = look(frame, metrics=metrics, day="day", shares="equal")
    assert found.sample_ratio.passed is True, "one wrong half hides the other from a single look"
    assert found.sequential.passed is False and found.verdict == "fail"
    assert found.sentence.startswith("The arms were not filled as planned: looked at day by day, this was plain on")
    assert list(found.as_json()["sample_ratio"]["by_day"]) == sorted(set(days))
    assert found.evidence()["sample_ratio.p"]["value"] == found.sequential.p


def test_numbered_days_are_looked_at_in_their_order():
    frame = TWO.assign(day=np.arange(len(TWO)) % 12 + 1)
    assert look(frame, day="day", shares="equal").days == tuple(str(day) for day in range(1, 13))
