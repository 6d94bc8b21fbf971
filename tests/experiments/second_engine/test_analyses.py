"""A second engine finds the same, with and without a C compiler, or says that it did not converge."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from workbench.errors import EngineError, Misuse
from workbench.experiments import Design, analyse, parse_metrics
from workbench.experiments.second_engine.analyses import cross_check
from workbench.experiments.second_engine.certificate import judge

DESIGN = Design(
    "test",
    arm="arm",
    control="a",
    metrics=parse_metrics("visits=count:visits, spend=revenue:spend, any=binary:any"),
    unit="person",
    cluster="home",
)


def shop() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 900
    frame = pd.DataFrame({"person": np.arange(n), "home": np.arange(n) // 2})
    frame["arm"] = np.where(frame["home"] % 3 == 0, "a", np.where(frame["home"] % 3 == 1, "b", "c"))
    taste = np.repeat(rng.normal(0, 0.7, n // 2), 2)
    frame["visits"] = rng.poisson(np.exp(0.5 + taste))
    frame["spend"] = np.where(rng.random(n) < 0.4, np.exp(2 + taste + rng.normal(0, 0.8, n)), 0.0)
    frame["any"] = (frame["spend"] > 0).astype(int)
    return frame


@pytest.mark.slow
def test_both_engines_agree_on_every_kind_of_metric():
    analysis = analyse(DESIGN.scan(shop()), DESIGN)
    assert [r.model for r in analysis.metrics.values()] == ["Student-t", "hurdle", "Beta"]
    for found in cross_check(analysis, seed=1):
        assert found.agreed and found.largest < 0.1, found.sentence
        assert found.rhat <= 1.01 and found.ess >= 400 and found.divergences == 0
        assert "agree" in found.sentence


@pytest.mark.slow
def test_no_compiler_is_needed(tmp_path):
    """PATH without a compiler, nothing compiled before: numba does it, in seconds and not minutes."""
    script = tmp_path / "check.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_analyses import DESIGN, shop\n"
        "from workbench.experiments import analyse\n"
        "from workbench.experiments.second_engine.analyses import cross_check\n"
        "found = cross_check(analyse(DESIGN.scan(shop()), DESIGN), seed=1, draws=1000)\n"
        "from pytensor.configdefaults import config\n"
        "print(repr(config.cxx), all(a.agreed for a in found), max(a.seconds for a in found) < 120)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTENSOR_FLAGS", "CXX", "CC"}}
    environment |= {"PATH": str(tmp_path), "PYTENSOR_FLAGS": f"base_compiledir={tmp_path}"}
    command = [sys.executable, str(script), os.path.dirname(__file__)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.stdout.split() == ["''", "True", "True"], done.stderr[-2000:]


@pytest.mark.slow
def test_too_short_a_run_is_an_error_with_its_numbers():
    design = Design("test", arm="arm", control="a", metrics=parse_metrics("visits=count:visits"))
    analysis = analyse(design.scan(shop()), design)
    with pytest.raises(EngineError, match="effective draws; at least 400"):
        cross_check(analysis, seed=1, draws=50, tune=50)


@pytest.mark.parametrize(
    ("rhat", "ess", "divergences", "said"),
    [
        (1.02, 1000, 0, "R-hat is 1.0200"),
        (float("nan"), 1000, 0, "R-hat is nan"),
        (1.0, 399, 0, "399 effective draws"),
        (1.0, 1000, 2, "2 divergences"),
    ],
)
def test_only_converged_sampling_passes(rhat, ess, divergences, said):
    with pytest.raises(EngineError, match=said):
        judge("visits", rhat, ess, divergences)


def test_one_chain_cannot_be_judged():
    with pytest.raises(Misuse, match="at least 2"):
        cross_check(analyse(DESIGN.scan(shop()), DESIGN), seed=1, chains=1)
