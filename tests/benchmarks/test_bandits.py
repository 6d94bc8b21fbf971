"""Decisions a second with their propensity, and chances of the best arm, beside MABWiser and the slow quadrature."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from workbench.stats.best_arm import best_chances
from workbench.stats.comparison import chances_best
from workbench.stats.posteriors import Beta

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

PEER = """
import json, time
import numpy as np
from mabwiser.mab import MAB, LearningPolicy

rng = np.random.default_rng(1)
arms = [f"arm{i}" for i in range(10)]
mab = MAB(arms, LearningPolicy.ThompsonSampling(), seed=1)
played = rng.integers(10, size=10_000)
mab.fit([arms[i] for i in played], (rng.random(10_000) < 0.05 + 0.01 * played).astype(int).tolist())
began = time.perf_counter()
for _ in range(20_000):
    mab.predict()
decided = 20_000 / (time.perf_counter() - began)
began = time.perf_counter()
for _ in range(3_000):
    mab.partial_fit([mab.predict()], [1])
print(json.dumps([decided, 3_000 / (time.perf_counter() - began)]))
"""
OURS = """
import json, time
import numpy as np
from workbench.experiments.bandits.state import FIRST, BanditDesign, BanditState, Observation, decide_table, update

rng = np.random.default_rng(1)
design = BanditDesign("shop", tuple(f"arm{i}" for i in range(10)), "binary")
played = rng.integers(10, size=10_000).tolist()
won = (rng.random(10_000) < 0.05 + 0.01 * np.array(played)).astype(float).tolist()
state = update(BanditState.start(design), [Observation(f"arm{i}", r, FIRST) for i, r in zip(played, won)])
units = [f"user-{n}" for n in range(200_000)]
table = decide_table(state)
table.choose("once")
choose = table.choose
began = time.perf_counter()
for unit in units:
    choose(unit)
decided = len(units) / (time.perf_counter() - began)
began = time.perf_counter()
table.choose_many(units)
many = len(units) / (time.perf_counter() - began)
began = time.perf_counter()
for n, unit in enumerate(units[:20_000]):
    if n % 1000 == 0:
        table = decide_table(state)
    choice = table.choose(unit)
    state = update(state, Observation(choice.arm, 1.0, FIRST, choice.leaf))
print(json.dumps([decided, 20_000 / (time.perf_counter() - began), many]))
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """The interpreter of an environment with MABWiser."""
    home = tmp_path_factory.mktemp("mabwiser")
    python = home / "bin" / "python"
    made = subprocess.run([sys.executable, "-m", "venv", home], capture_output=True)
    pip = [python, "-m", "pip", "install", "-q", "mabwiser==2.7.4"]
    if made.returncode or subprocess.run(pip, capture_output=True, timeout=600).returncode:
        pytest.skip("MABWiser could not be installed into an environment of its own")
    return python


def rates(python, code):
    return json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)


def test_decisions_one_at_a_time(peer):
    """With hash, leaf and propensity, against a bare `predict`; the best of three runs each, taken in turns."""
    ours, theirs = zip(*[(rates(sys.executable, OURS), rates(peer, PEER)) for _ in range(3)], strict=True)
    mine, other = np.max(ours, axis=0), np.max(theirs, axis=0)
    print(f"\n{'10 arms, a second':32}{'workbench':>12}{'MABWiser':>12}{'ratio':>8}")
    for i, what in enumerate(["decide", "update and decide"]):
        print(f"{what:32}{mine[i]:12,.0f}{other[i]:12,.0f}{mine[i] / other[i]:8.1f}")
    print(f"{'decide, 200,000 at once':32}{mine[2]:12,.0f}")
    assert mine[0] >= 10 * other[0]
    assert mine[1] >= 10 * other[1]


def test_chances_of_ten_arms():
    rng = np.random.default_rng(1)
    arms = [Beta(1 + k, 2001 - k) for k in rng.binomial(2000, 0.1, 10)]
    took = {}
    for name, chances in (("fast", best_chances), ("general", lambda arms: chances_best(list(arms)))):
        times = []
        for _ in range(20):
            began = time.perf_counter()
            chances(arms)
            times.append(time.perf_counter() - began)
        took[name] = min(times)
    print(f"\nchances of ten arms: {1e3 * took['fast']:.2f} ms; in general {1e3 * took['general']:.2f} ms")
    assert took["general"] > 5 * took["fast"]
