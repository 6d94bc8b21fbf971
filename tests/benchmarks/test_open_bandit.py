"""The Open Bandit sample that obp ships: its published numbers are met, and the answer is refused all the same."""

import subprocess
import sys
import tarfile

import numpy as np
import pandas as pd
import pytest
import yaml

from workbench.stats.off_policy import Logged, off_policy

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

DATA = "obp-0.5.7/obp/dataset/obd"
DRAWS = 300_000  # three times obp's own, so that a published number is met to 1 % whatever the seed


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The source archive of obp, opened; nothing of it is installed or kept."""
    home = tmp_path_factory.mktemp("obp")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "obp", "--ignore-requires-python"]
    try:
        subprocess.run([*pip, "obp==0.5.7", "-d", home], capture_output=True, check=True, timeout=240)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("obp's source archive could not be fetched")
    with tarfile.open(home / "obp-0.5.7.tar.gz") as archive:
        archive.extractall(home, filter="data")
    return home


def position_shares(prior, rng):
    """How often Thompson sampling puts each item at each of three positions, by draws as obp takes them."""
    a, b = np.array(prior["alpha"], dtype=float), np.array(prior["beta"], dtype=float)
    counts = np.zeros((a.size, 3))
    for _ in range(DRAWS // 10_000):
        drawn = rng.beta(a, b, size=(10_000, a.size))
        three = np.argpartition(-drawn, 3, axis=1)[:, :3]
        order = np.argsort(-np.take_along_axis(drawn, three, axis=1), axis=1)
        top = np.take_along_axis(three, order, axis=1)
        counts += np.stack([np.bincount(top[:, k], minlength=a.size) for k in range(3)], axis=1)
    return counts / DRAWS


def test_the_published_numbers_are_met_and_the_sample_is_refused(sample):
    frame = pd.read_csv(sample / DATA / "random" / "all" / "all.csv", index_col=0)
    played = pd.read_csv(sample / DATA / "bts" / "all" / "all.csv", index_col=0)
    prior = yaml.safe_load((sample / "obp-0.5.7/obp/policy/conf/prior_bts.yaml").read_text())["all"]
    shares = position_shares(prior, np.random.default_rng(1))
    position = frame["position"].rank(method="dense").astype(int).to_numpy() - 1
    clicks = frame["click"].to_numpy(dtype=float)
    target = shares[frame["item_id"].to_numpy(), position]
    found = off_policy(Logged(clicks, frame["propensity_score"].to_numpy(), target))
    ips, snips, base = found.values["IPS"], found.values["SNIPS"], clicks.mean()
    print(f"\nIPS relative {ips.value / base:.3f}, se {ips.error / base:.2f}; SNIPS {snips.value:.6f}")
    print(f"worth {found.effective:,.0f} of {found.n:,}, largest weight {found.largest_weight:.1f}")
    print(found.refusal)
    assert (clicks.sum(), played["click"].sum()) == (38, 42)
    assert ips.value / base == pytest.approx(1.198, rel=0.01), "as obp's README says"
    assert ips.error / base == pytest.approx(0.55, abs=0.01)
    assert snips.value == pytest.approx(0.004788, rel=0.01)
    assert found.effective == pytest.approx(1644, rel=0.005)
    assert found.largest_weight == pytest.approx(19.7, abs=0.2)
    low, high = np.array(ips.interval) / base
    assert low < played["click"].mean() / base < high, "what was seen when the policy was played: 1.105"
    assert "other than zero are worth" in found.refusal
