"""The canary's judge against a threshold rule as rollout tools use it, and against a posterior watched continuously.

One run of the same simulated traffic for all three: 50 requests a second, errors of the stable version 1 %.
The threshold rule looks every 60 seconds at the canary's share of errors, takes it back after more than three
looks above the threshold, and promotes it after thirty looks. The posterior rule stops as soon as the expected
loss of either choice is below a bound. Seconds are of the traffic, not of this machine.
"""

import numpy as np
import pytest
from scipy.special import betainc

from workbench.stats.canary import Arrivals

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

RATE, STABLE, EVERY, HOUR = 50, 0.01, 5, 3600
RUNS = 300
RAMP = (0.05, 0.1, 0.25, 0.5)


def traffic(rng, error, ramp):
    """Intervals of five seconds of an hour: requests and errors of the canary, then of the stable version."""
    looks = np.arange(HOUR // EVERY)
    share = np.array(ramp)[np.minimum(looks * EVERY // 120, len(ramp) - 1)]
    canary = rng.binomial(RATE * EVERY, share)
    stable = RATE * EVERY - canary
    return np.stack([canary, rng.binomial(canary, error), stable, rng.binomial(stable, STABLE)], axis=1)


def judged(seen):
    watch = Arrivals.begun()
    for look, (n1, e1, n0, e0) in enumerate(seen.tolist(), start=1):
        watch = watch.add(canary=n1, canary_bad=e1, stable=n0, stable_bad=e0)
        if watch.state != "hold":
            return watch.state, look * EVERY
    return "hold", HOUR


def by_threshold(seen, threshold, failures=3, count=30, every=60):
    failed = 0
    blocks = seen.reshape(-1, every // EVERY, 4).sum(axis=1)
    for look, (n1, e1, _, _) in enumerate(blocks[:count], start=1):
        failed += e1 > threshold * n1
        if failed > failures:
            return "roll back", look * every
    return "advance", count * every


def by_posterior(seen, bound=0.0005):
    """Normal approximation of two Beta posteriors; the expected loss of either choice."""
    n1, e1, n0, e0 = np.cumsum(seen, axis=0).T
    p1, p0 = (e1 + 0.5) / (n1 + 1), (e0 + 0.5) / (n0 + 1)
    spread = np.sqrt(p1 * (1 - p1) / (n1 + 2) + p0 * (1 - p0) / (n0 + 2))
    z = (p1 - p0) / spread
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    below = 0.5 * (1 - np.sign(z) * betainc(0.5, 200, z * z / (z * z + 400)))
    keep, leave = spread * (density + z * (1 - below)), spread * (density - z * below)
    stops = np.flatnonzero((np.minimum(keep, leave) < bound) & (n1 >= 100))
    if not len(stops):
        return "hold", HOUR
    at = stops[0]
    return ("advance" if keep[at] < leave[at] else "roll back"), (at + 1) * EVERY


RULES = {
    "judge": judged,
    "threshold 5 %": lambda seen: by_threshold(seen, 0.05),
    "threshold 2 %": lambda seen: by_threshold(seen, 0.02),
    "posterior": by_posterior,
}


def cell(error, ramp=(0.05,), runs=RUNS, seed=0):
    """By rule: how often it advanced and went back, and the median seconds until it did either."""
    rng = np.random.default_rng(seed)
    worlds = [traffic(rng, error, ramp) for _ in range(runs)]
    told = {}
    for rule, decide in RULES.items():
        ends = [decide(world) for world in worlds]
        states = [state for state, _ in ends]
        told[rule] = (
            states.count("advance") / runs,
            states.count("roll back") / runs,
            float(np.median([seconds for _, seconds in ends])),
        )
    return told


def test_a_bad_canary_is_caught_sooner_than_by_a_threshold_and_a_good_one_is_left_alone(capsys):
    cells = {(error, "5 %"): cell(error) for error in (0.01, 0.02, 0.03, 0.05, 0.1)}
    cells |= {(error, "5-10-25-50 %"): cell(error, RAMP, seed=1) for error in (0.01, 0.02, 0.05)}
    with capsys.disabled():
        print(f"\n{RUNS} runs a cell; share promoted / taken back, median seconds")
        print(f"{'errors':>7} {'share':>13} " + " ".join(f"{rule:>24}" for rule in RULES))
        for (error, share), told in cells.items():
            columns = " ".join(
                f"{f'{100 * up:.1f} % / {100 * back:.1f} %, {s:,.0f} s':>24}" for up, back, s in told.values()
            )
            print(f"{error:7.0%} {share:>13} {columns}")
    bad = cells[0.05, "5 %"]
    assert bad["judge"][1] == 1.0
    # the threshold that never takes a sound canary back, and the one that does so often: sooner than either
    assert bad["judge"][2] * 3 < min(bad["threshold 5 %"][2], bad["threshold 2 %"][2])
    assert cells[0.02, "5 %"]["judge"][0] < 0.02


def test_null_cells_and_cells_at_the_edge_of_harm_keep_their_promise(capsys):
    """At most one in a hundred is promised; over all runs of the cells the share must not lie above it by chance."""
    lines, back, passed, runs = [], 0.0, 0.0, 200
    worlds = [((0.01,), 0), ((0.05,), 1), ((0.2,), 2), ((0.5,), 3), (RAMP, 4), ((0.5, 0.05), 5)]
    for ramp, seed in worlds:
        rng = np.random.default_rng(seed + 10)
        null = [judged(traffic(rng, STABLE, ramp))[0] for _ in range(runs)]
        edge = [judged(traffic(rng, 2 * STABLE, ramp))[0] for _ in range(runs)]
        back += null.count("roll back")
        passed += edge.count("advance")
        lines.append(f"{ramp!s:>26} {null.count('roll back') / runs:>16.1%} {edge.count('advance') / runs:>24.1%}")
    with capsys.disabled():
        print(f"\n{'share of traffic':>26} {'false rollback':>16} {'promoted at twice':>24}")
        print("\n".join(lines))
    total = runs * len(worlds)
    allowed = 0.01 + 2.6 * np.sqrt(0.01 * 0.99 / total)
    assert back / total <= allowed
    assert passed / total <= allowed
