"""Off-policy values: formulas by hand, unbiasedness and coverage by simulation, and what is refused."""

import re

import numpy as np
import pytest

from workbench.stats.off_policy import Logged, cell_predictions, off_policy

MEANS = np.array([[0.10, 0.15, 0.30], [0.40, 0.20, 0.10]])  # contexts × arms
LOGGED = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
TARGET = np.array([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1]])
TRUTH = float((MEANS * TARGET).sum(axis=1).mean())


def played(rng, n, model=None, unit=None):
    """A log of the world above; `model` predicts each context's arms."""
    context = rng.integers(2, size=n)
    arm = (rng.random(n)[:, None] > LOGGED[context].cumsum(axis=1)).sum(axis=1)
    reward = 1.0 * (rng.random(n) < MEANS[context, arm])
    more = {}
    if model is not None:
        more = {"predicted": model[context, arm], "expected": (model * TARGET).sum(axis=1)[context]}
    return Logged(reward, LOGGED[context, arm], TARGET[context, arm], unit=unit, **more)


@pytest.fixture(scope="module")
def simulated():
    """1,000 logs of 600 decisions, seen with a model that is right, and with one that is wrong."""
    rng = np.random.default_rng(12)
    wrong = np.full((2, 3), 0.3)
    return [(off_policy(played(rng, 600, MEANS)), off_policy(played(rng, 600, wrong))) for _ in range(1000)]


@pytest.mark.parametrize("method", ["IPS", "SNIPS", "DR", "SNDR"])
@pytest.mark.parametrize("model", ["right", "wrong"])
def test_estimates_are_right_on_average(simulated, method, model):
    values = np.array([pair[model == "wrong"].values[method].value for pair in simulated])
    bias = 1e-3 if method.startswith("S") else 0.0  # self-normalising brings one of order 1/n
    assert values.mean() == pytest.approx(TRUTH, abs=3.5 * values.std() / np.sqrt(len(values)) + bias)


def test_the_direct_method_is_as_good_as_its_model(simulated):
    right, wrong = (np.array([pair[i].values["DM"].value for pair in simulated]) for i in (0, 1))
    assert right.mean() == pytest.approx(TRUTH, abs=1e-3)
    assert wrong.mean() == pytest.approx(0.3, abs=1e-9)


@pytest.mark.parametrize("method", ["IPS", "SNIPS", "DR", "SNDR"])
def test_intervals_hold_the_truth_as_often_as_they_say(simulated, method):
    for model in (0, 1):
        inside = [pair[model].values[method] for pair in simulated]
        share = np.mean([v.interval.low <= TRUTH <= v.interval.high for v in inside])
        assert share == pytest.approx(0.95, abs=0.02)


def test_intervals_of_the_gain_do_too(simulated):
    gain = TRUTH - float((MEANS * LOGGED).sum(axis=1).mean())
    found = [pair[0].values["SNDR"].gain_interval for pair in simulated]
    assert np.mean([low <= gain <= high for low, high in found]) == pytest.approx(0.95, abs=0.02)


def test_a_right_model_makes_the_interval_narrower(simulated):
    errors = {m: np.mean([pair[0].values[m].error for pair in simulated]) for m in ("IPS", "DR")}
    assert errors["DR"] < 0.9 * errors["IPS"]


def test_the_formulas_by_hand():
    log = Logged(
        reward=np.array([1.0, 0.0, 2.0]),
        propensity=np.array([0.5, 0.25, 1.0]),
        target=np.array([0.25, 0.5, 0.5]),
        predicted=np.array([0.5, 0.5, 1.0]),
        expected=np.array([1.0, 2.0, 3.0]),
    )
    found = off_policy(log)  # weights ½, 2, ½
    value = {name: v.value for name, v in found.values.items()}
    assert value["IPS"] == pytest.approx(1.5 / 3)
    assert value["SNIPS"] == pytest.approx(1.5 / 3)
    assert value["DM"] == pytest.approx(2.0)
    assert value["DR"] == pytest.approx(2.0 + (0.25 - 1.0 + 0.5) / 3)
    assert value["SNDR"] == pytest.approx(2.0 + (0.25 - 1.0 + 0.5) / 3)
    assert found.values["IPS"].error == pytest.approx(np.std([0.5, 0.0, 1.0], ddof=1) / np.sqrt(3))
    assert found.effective == pytest.approx(9 / 4.5)
    assert found.events == pytest.approx(1.0 / 0.5)
    assert (found.largest_weight, found.mean_weight) == (2.0, 1.0)


def test_the_policy_that_played_is_worth_what_it_earned():
    log = played(np.random.default_rng(3), 500)
    same = off_policy(Logged(log.reward, log.propensity, log.propensity))
    for value in same.values.values():
        assert value.value == pytest.approx(same.logged) and value.gain_interval == pytest.approx((0, 0), abs=1e-12)
        assert value.interval == pytest.approx(same.logged_interval)
    assert same.effective == 500


def test_units_that_come_again_are_one_in_every_error():
    """Each decision ten times over: errors are those of the single ones; taken apart they are √10 too small."""
    log = played(np.random.default_rng(4), 400)
    tenfold = {name: np.repeat(getattr(log, name), 10) for name in ("reward", "propensity", "target")}
    together = off_policy(Logged(**tenfold, unit=np.repeat(np.arange(400), 10)))
    apart, single = off_policy(Logged(**tenfold)), off_policy(log)
    for name, value in single.values.items():
        assert together.values[name].error == pytest.approx(value.error, rel=1e-12)
        assert apart.values[name].error == pytest.approx(value.error / np.sqrt(10), rel=2e-3)
    assert together.effective == pytest.approx(single.effective)
    assert (together.n, together.units) == (4000, 400)


def test_the_bootstrap_agrees_with_the_normal_interval():
    log = played(np.random.default_rng(5), 3000, MEANS)
    normal = off_policy(log).values
    drawn = off_policy(log, replicates=2000, rng=np.random.default_rng(6)).values
    assert (normal["DM"].interval, drawn["DM"].interval, drawn["DM"].error) == (None, None, None)
    for name in [name for name in normal if name != "DM"]:
        value = normal[name]
        pairs = [(drawn[name].interval, value.interval), (drawn[name].gain_interval, value.gain_interval)]
        for found, (low, high) in pairs:
            assert tuple(found) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_the_exact_interval_holds_where_weights_are_heavy():
    """An arm played once in 200 decisions that the target always plays: normal intervals of IPS fail."""
    rng, exact, normal = np.random.default_rng(9), 0, 0
    for _ in range(200):
        rare = rng.random(300) < 1 / 200
        log = Logged(
            reward=1.0 * (rng.random(300) < 0.3),
            propensity=np.where(rare, 1 / 200, 199 / 200),
            target=np.where(rare, 1.0, 0.0),
        )
        found = off_policy(log, rewards=(0.0, 1.0), weight_bound=200.0)
        exact += found.exact.low <= 0.3 <= found.exact.high
        normal += found.values["IPS"].interval.low <= 0.3 <= found.values["IPS"].interval.high
        assert found.refusal is not None
    assert exact / 200 >= 0.95 and normal / 200 < 0.6


def test_cutting_weights_is_stated():
    found = off_policy(played(np.random.default_rng(3), 500), clip=2.0, rewards=(0.0, 1.0), weight_bound=7.0)
    assert found.clipped > 0 and found.largest_weight == pytest.approx(7.0)
    weights = TARGET / LOGGED
    share = float((LOGGED * np.minimum(weights, 2.0)).sum(axis=1).mean())  # of the target's plays that are left
    assert found.lost == pytest.approx(1 - share, abs=0.08)
    assert "what is left is another policy's value" in found.refusal
    assert found.exact is None, "the interval of a cut mean is not that of the value"


def test_predictions_come_from_the_other_folds():
    rng = np.random.default_rng(2)
    cell, fold, reward = rng.integers(4, size=200), rng.integers(3, size=200), rng.random(200)
    found = cell_predictions(cell, reward, fold, 4)
    for f in range(3):
        out = fold != f
        for c in range(4):
            here = out & (cell == c)
            assert found[f, c] == pytest.approx((reward[here].sum() + reward[out].mean()) / (here.sum() + 1))


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            Logged(np.ones(500), np.full(500, 0.5), np.full(500, 0.5), unsupported=0.2),
            "gives 20\u00a0% of its plays to arms",
        ),
        (Logged(np.ones(50), np.full(50, 0.5), np.full(50, 0.5)), "worth 50 .* at least 100 .* about 2 times"),
        (Logged(np.ones(500), np.full(500, 0.5), np.full(500, 0.25)), "weights average 0.5"),
        (Logged(np.eye(1, 500)[0], np.full(500, 0.5), np.full(500, 0.5)), "other than zero are worth 1.0"),
        (Logged(np.ones(500), np.full(500, 0.5), np.zeros(500)), "over a hundred times"),
        (Logged(np.ones(500), np.full(500, 0.5), np.full(500, 0.5), unit=np.arange(500) % 5), "worth 5 independent"),
    ],
)
def test_a_sample_that_cannot_carry_the_answer_is_refused_in_words(log, said):
    assert re.search(said, off_policy(log).refusal)


def test_a_sound_sample_is_not_refused(simulated):
    assert all(one.refusal is None for pair in simulated for one in pair)


ONE = np.ones(3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Logged(ONE, np.ones(2), ONE), "one length"),
        (lambda: Logged(np.array([]), np.array([]), np.array([])), "above zero"),
        (lambda: Logged(np.array([1, np.nan, 1]), ONE, ONE), "missing or infinite"),
        (lambda: Logged(ONE, np.array([0.0, 1, 1]), ONE), "a propensity is 0"),
        (lambda: Logged(ONE, np.array([1.5, 1, 1]), ONE), "a propensity is 1.5"),
        (lambda: Logged(ONE, ONE, np.array([1, 1, 1.2])), "a target probability is 1.2"),
        (lambda: Logged(ONE, ONE, ONE, predicted=ONE), "one of them is missing"),
        (lambda: off_policy(Logged(ONE, ONE, ONE, unit=np.zeros(3, dtype=int))), "a single unit"),
        (lambda: off_policy(Logged(ONE, ONE, ONE), level=1.0), "level"),
        (lambda: off_policy(Logged(ONE, ONE, ONE), clip=0.0), "clip"),
        (lambda: off_policy(Logged(ONE, ONE, ONE), replicates=10), "without rng"),
        (lambda: off_policy(Logged(ONE, ONE, ONE), rewards=(0, 0.5), weight_bound=1.0), "rewards are said"),
        (lambda: off_policy(Logged(ONE, ONE / 4, ONE), rewards=(0, 1), weight_bound=2.0), "weights are said"),
    ],
)
def test_what_is_no_log_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
