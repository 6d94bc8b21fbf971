"""PyMC finds what quadrature found, for segments and for effects over time, or says why it cannot be believed."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import Misuse
from workbench.experiments import Design, parse_metrics, shrunken_segments
from workbench.experiments.second_engine import models as pymc_models
from workbench.experiments.second_engine.certificate import Certificate, Sampling, certify
from workbench.experiments.second_engine.segments import certify_decay, certify_segments, certify_walk, expected
from workbench.stats.crossed import cross
from workbench.stats.effects import EffectPrior
from workbench.stats.hierarchy import SpreadPrior, shrink

SAMPLING = Sampling(seed=1, draws=3000, chains=3)
RNG = np.random.default_rng(20260101)


def named(unknowns) -> dict[str, tuple[float, float]]:
    return {str(i): pair for i, pair in enumerate(zip(unknowns.mean.tolist(), unknowns.sd.tolist(), strict=True))}


@pytest.mark.slow
def test_segments_along_two_columns_agree():
    c = np.array(list(np.ndindex(4, 3)))
    y, s = RNG.normal(0.1, 0.1, 12), RNG.uniform(0.03, 0.1, 12)
    priors, levels = [SpreadPrior(0.1)] * 3, list(c.T)
    exact = named(cross(y, s, levels, priors).cells)
    assert certify("crossed", lambda: pymc_models.crossed(y, s, levels, priors), exact, Sampling(seed=1)).agreed


@pytest.mark.slow
def test_at_the_boundary_of_few_events_the_exact_path_agrees_with_pymc():
    """400 units an arm and about 3, 8, 12 and 30 events, two cells each: the same model with its binomials."""
    rng = np.random.default_rng(1)
    events = np.repeat([3.0, 8.0, 12.0, 30.0], 2)
    x0, x1 = rng.poisson(events) + 1, rng.poisson(1.3 * events) + 1
    names = [f"{e:.0f} events, {i % 2}" for i, e in enumerate(events)]
    rows = [
        {"country": name, "arm": arm, "bought": int(i < events)}
        for name, *both in zip(names, x0, x1, strict=True)
        for arm, events in zip("ab", both, strict=True)
        for i in range(400)
    ]
    design = Design("t", "arm", "a", parse_metrics("bought=binary:bought"), segments=("country",))
    cube, metric = design.scan(pd.DataFrame(rows)), design.metrics[0]
    spread, mean = SpreadPrior(0.15), EffectPrior.normal(0, 0.2, scale="relative")
    found = shrunken_segments(cube, metric, "a", "b", scale="relative", spread=spread, mean=mean)
    assert {s.called[:2].strip(): s.form for s in found.segments} == dict.fromkeys(["3", "8", "12"], "counts") | {
        "30": "log ratio"
    }
    told = certify_segments(found, SAMPLING)
    assert told.agreed and told.largest < 0.06, told.sentence


@pytest.mark.slow
def test_effects_over_time_agree():
    days = np.arange(14.0)
    y, s = 0.1 + 0.2 * 0.5 ** (days / 3) + RNG.normal(0, 0.04, 14), np.full(14, 0.04)
    assert certify_decay("spend", days, y, s, 0.3, Sampling(seed=1)).agreed
    assert certify_walk("spend", days, y, s, SpreadPrior(0.05), Sampling(seed=1)).agreed


@pytest.mark.slow
def test_pymcs_own_sampler_agrees_too_and_what_is_expected_is_drawn():
    y, s = RNG.normal(0.05, 0.1, 8), RNG.uniform(0.02, 0.1, 8)
    spread, mean = SpreadPrior(0.1), EffectPrior.normal(0, 0.2)
    own = Sampling(seed=2, sampler="pymc")
    told = certify(
        "spend", lambda: pymc_models.segments(y, s, spread, mean), named(shrink(y, s, spread, mean).segments), own
    )
    assert told.agreed and told.sampler == "pymc"
    picture = expected(lambda: pymc_models.segments(y, s, spread, mean), own, before=True)
    assert picture.png.startswith(b"\x89PNG")
    with pytest.raises(Misuse, match="a flat prior expects nothing"):
        expected(lambda: pymc_models.segments(y, s, spread), own, before=True)


def test_a_certificate_says_so_where_engines_differ():
    told = Certificate("spend", 0.2, False, {"u": (1.0, 1.2)}, 1.0, 900.0, 0, 4000, 1.0)
    assert "do not agree (largest difference 0.200" in told.sentence
    assert told.as_json()["means"] == {"u": [1.0, 1.2]}


def test_one_chain_or_an_unknown_sampler_is_refused():
    with pytest.raises(Misuse, match="at least 2"):
        Sampling(seed=1, chains=1)
    with pytest.raises(Misuse, match="'nutpie' or 'pymc'"):
        Sampling(seed=1, sampler="stan")
