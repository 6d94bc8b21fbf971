"""A rule's operating characteristics, beside tea-tasting's simulated experiments, which are counted up from a few.

tea-tasting 1.14 splits a table of users anew for every simulated experiment and has one look; what it
would take for 20,000 runs of 20 looks is its time for one, times 400,000. It runs in an environment
of its own, made for the purpose.
"""

import subprocess
import sys
import time

import numpy as np
import pytest

from workbench.stats.effects import EffectPrior
from workbench.stats.operating import chance_boundaries, operate

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

PEER = "tea-tasting==1.14.0"
RUNS, LOOKS, USERS = 20_000, 20, 10_000
THEIRS = f"""
import time
import numpy as np, pyarrow as pa, tea_tasting as tt
users = np.random.default_rng(1).poisson(0.3, {USERS})
experiment = tt.Experiment(orders=tt.Mean("orders"))
table = pa.table({{"user": np.arange({USERS}), "orders": users}})
experiment.simulate(table, 5, seed=1)
began = time.process_time()
experiment.simulate(table, 100, seed=1)
print((time.process_time() - began) / 100)
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """The Python of an environment with tea-tasting."""
    folder = tmp_path_factory.mktemp("peer")
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", folder],
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", PEER],
    ):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
        if done.returncode:
            pytest.skip(f"{PEER} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return python


def test_operating_characteristics_are_a_thousand_times_as_fast(peer):
    done = subprocess.run(
        [peer, "-I", "-c", THEIRS], capture_output=True, text=True, check=True, timeout=300, cwd=peer.parent
    )
    theirs = float(done.stdout) * RUNS * LOOKS
    errors = np.sqrt(2 * 0.3 / (USERS / 2 * np.arange(1, LOOKS + 1)))
    spent, walls = [], []
    for seed in range(5):
        began, cpu = time.perf_counter(), time.process_time()
        operate(chance_boundaries(errors, EffectPrior.flat(), 0.95), [0.0], rng=np.random.default_rng(seed), runs=RUNS)
        walls.append(time.perf_counter() - began)
        spent.append(time.process_time() - cpu)
    print(f"\n{'':24}{'seconds':>12}")
    print(f"{'workbench':24}{min(spent):>12.3f}  ({RUNS:,} runs of {LOOKS} looks; wall {min(walls):.3f})")
    print(f"{PEER:24}{theirs:>12,.0f}  (counted up from 100 runs of one look of {USERS:,} users)")
    print(f"{'times as fast':24}{theirs / min(spent):>12,.0f}")
    assert min(walls) < 0.5
    assert theirs / min(spent) > 1000
