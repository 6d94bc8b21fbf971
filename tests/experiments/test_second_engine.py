"""PyMC finds what quadrature found, for segments and for effects over time, or says why it cannot be believed."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import Misuse
from workbench.experiments import Design, parse_metrics, pymc_models, shrunken_segments
from workbench.experiments.certificate import LIMIT, Certificate, Sampling, certify
from workbench.experiments.second_engine import certify_decay, certify_segments, certify_walk, expected, segment_model
from workbench.stats.crossed import cross
from workbench.stats.effects import EffectPrior
from workbench.stats.hierarchy import SpreadPrior, shrink
from workbench.stats.scarce import likelihood, pooled

SAMPLING = Sampling(seed=1, draws=3000, chains=3)
RNG = np.random.default_rng(20260101)


def shop(chance: float, n: int = 4000):
    """Six countries, two arms, money and a yes or no."""
    frame = pd.DataFrame({"country": RNG.choice(list("uvwxyz"), n), "arm": RNG.choice(["a", "b"], n)})
    frame["spend"] = RNG.normal(10 + (frame["arm"] == "b"), 8)
    frame["bought"] = (RNG.random(n) < chance).astype(int)
    design = Design("t", "arm", "a", parse_metrics("spend=mean:spend, bought=binary:bought"), segments=("country",))
    return design.scan(frame), design.metrics


def named(unknowns) -> dict[str, tuple[float, float]]:
    return {str(i): pair for i, pair in enumerate(zip(unknowns.mean.tolist(), unknowns.sd.tolist(), strict=True))}


@pytest.mark.slow
def test_normal_segments_and_ratios_agree():
    cube, (spend, _) = shop(0.1)
    for scale in ("absolute", "relative"):
        found = shrunken_segments(cube, spend, "a", "b", scale=scale)
        assert {s.form for s in found.segments} == {"normal" if scale == "absolute" else "ratio"}
        told = certify_segments(found, SAMPLING)
        assert told.agreed and told.largest < LIMIT and "agree" in told.sentence


@pytest.mark.slow
def test_segments_along_two_columns_agree():
    c = np.array(list(np.ndindex(4, 3)))
    y, s = RNG.normal(0.1, 0.1, 12), RNG.uniform(0.03, 0.1, 12)
    priors, levels = [SpreadPrior(0.1)] * 3, list(c.T)
    exact = named(cross(y, s, levels, priors).cells)
    assert certify("crossed", lambda: pymc_models.crossed(y, s, levels, priors), exact, SAMPLING).agreed


@pytest.mark.slow
@pytest.mark.parametrize("events", [3, 8, 12, 30])
def test_at_the_boundary_of_few_events_the_exact_path_agrees_with_pymc(events):
    """Eight cells of 400 and 400 units; the same model with its binomials, at and about ten events."""
    rng = np.random.default_rng(events)
    x0, x1 = rng.poisson(events, 8) + 1.0, rng.poisson(1.3 * events, 8) + 1.0
    spread, mean = SpreadPrior(0.15), EffectPrior.normal(0, 0.2, scale="relative")
    cells = [likelihood("share", "relative", control=(a, 400), treated=(b, 400)) for a, b in zip(x0, x1, strict=True)]
    fit = pooled(cells, spread, mean)
    near = np.array([cell.middle for cell in cells])
    units = np.full(8, 400.0)
    counted = pymc_models.Counted(
        list(range(8)), "share", "relative", np.column_stack([x0, units]), np.column_stack([x1, units])
    )
    told = certify(
        f"{events} events",
        lambda: pymc_models.segments(near[:, 0], near[:, 1], spread, mean, counted=counted),
        named(fit.segments),
        SAMPLING,
    )
    assert told.agreed and told.largest < 0.06, told.sentence


@pytest.mark.slow
def test_effects_over_time_agree():
    days = np.arange(14.0)
    y, s = 0.1 + 0.2 * 0.5 ** (days / 3) + RNG.normal(0, 0.04, 14), np.full(14, 0.04)
    assert certify_decay("spend", days, y, s, 0.3, SAMPLING).agreed
    assert certify_walk("spend", days, y, s, SpreadPrior(0.05), SAMPLING).agreed


@pytest.mark.slow
def test_pymcs_own_sampler_agrees_too_and_what_is_expected_is_drawn():
    y, s = RNG.normal(0.05, 0.1, 8), RNG.uniform(0.02, 0.1, 8)
    spread, mean = SpreadPrior(0.1), EffectPrior.normal(0, 0.2)
    own = Sampling(seed=2, sampler="pymc")
    told = certify(
        "spend", lambda: pymc_models.segments(y, s, spread, mean), named(shrink(y, s, spread, mean).segments), own
    )
    assert told.agreed and told.sampler == "pymc"
    for before in (True, False):
        picture = expected(lambda: pymc_models.segments(y, s, spread, mean), own, before=before)
        assert picture.png.startswith(b"\x89PNG")
    with pytest.raises(Misuse, match="a flat prior expects nothing"):
        expected(lambda: pymc_models.segments(y, s, spread), own, before=True)


@pytest.mark.slow
def test_few_events_of_an_experiment_agree():
    cube, (_, bought) = shop(0.02, n=3000)
    found = shrunken_segments(
        cube,
        bought,
        "a",
        "b",
        scale="relative",
        spread=SpreadPrior(0.15),
        mean=EffectPrior.normal(0, 0.2, scale="relative"),
    )
    assert {s.form for s in found.segments} == {"counts"}
    assert certify_segments(found, SAMPLING).agreed
    with pytest.raises(Misuse, match="by its counts"):
        expected(segment_model(found), SAMPLING, before=False)


def test_a_certificate_says_so_where_engines_differ():
    told = Certificate("spend", 0.2, False, {"u": (1.0, 1.2)}, 1.0, 900.0, 0, 4000, 1.0)
    assert "do not agree (largest difference 0.200" in told.sentence
    assert told.as_json()["means"] == {"u": [1.0, 1.2]}


def test_one_chain_or_an_unknown_sampler_is_refused():
    with pytest.raises(Misuse, match="at least 2"):
        Sampling(seed=1, chains=1)
    with pytest.raises(Misuse, match="'nutpie' or 'pymc'"):
        Sampling(seed=1, sampler="stan")
