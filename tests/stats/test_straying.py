"""How far early estimates stray: known worlds, and 78 real experiments that went on to their end."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from workbench.stats.effects import EffectPrior, effect_posterior
from workbench.stats.learning import fit_prior
from workbench.stats.straying import fit_straying

ASOS = Path(__file__).parents[3] / "shared" / "data" / "asos_digital_experiments.parquet"
PRIOR = EffectPrior.normal(0.0, 0.02)


def early_and_late(factor, n, seed=0):
    """Early looks whose distance from their end is `factor` times what their errors say."""
    rng = np.random.default_rng(seed)
    last = rng.normal(0, 0.02, n) + rng.normal(0, 0.002, n)
    early = last + rng.normal(0, factor * 0.01, n)
    return early, np.full(n, np.hypot(0.01, 0.002)), last, np.full(n, 0.002)


@pytest.mark.parametrize("factor", [1.0, 1.5, 3.0])
def test_a_known_factor_is_found(factor):
    assert fit_straying(*early_and_late(factor, 4000), range(4000), PRIOR).factor == pytest.approx(factor, rel=0.05)


def test_few_experiments_teach_nothing():
    found = fit_straying(*early_and_late(3.0, 900), [i % 9 for i in range(900)], PRIOR)
    assert (found.factor, found.experiments) == (1.0, 9)
    assert found.sentence == "How far early looks stray is not known: 9 of the 10 past tests with some are there."
    assert fit_straying([], [], [], [], [], PRIOR).sentence.endswith(": 0 of the 10 past tests with some are there.")
    assert fit_straying(*early_and_late(3.0, 30), range(30), EffectPrior.flat()).factor == 1.0


def test_a_look_near_the_end_is_no_early_look():
    early, _, last, errors = early_and_late(3.0, 50)
    assert fit_straying(early, errors * 1.3, last, errors, range(50), PRIOR).looks == 0


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="differ in number"):
        fit_straying([0.1], [0.1], [0.1, 0.2], [0.1], ["a"], PRIOR)


class Asos(NamedTuple):
    """Looks at relative effects; each belongs to a series, an experiment's arm and metric."""

    experiment: np.ndarray  # of each look, as a number in the order of the names
    series: np.ndarray
    effect: np.ndarray
    error: np.ndarray
    last: np.ndarray  # the look at its series' end
    first: np.ndarray  # looks at which a series is first called significant


@pytest.fixture(scope="module")
def asos():
    """The looks of the ASOS archive at which a relative effect can be computed."""
    if not ASOS.exists():
        pytest.skip(f"the ASOS archive is not in {ASOS.parent}")
    import pyarrow.parquet as pq

    read = pq.ParquetFile(ASOS).read()
    table = {name: read[name].to_numpy() for name in read.column_names}  # what is missing is NaN
    named = {name: table[name] for name in ("experiment_id", "variant_id", "metric_id")}
    usable = (table["variance_c"] > 0) & (table["variance_t"] > 0) & (table["mean_c"] != 0)
    usable &= (table["count_c"] > 1) & (table["count_t"] > 1)
    order = np.lexsort((table["time_since_start"], *reversed(named.values())))
    order = order[usable[order]]
    t = {name: column[order] for name, column in table.items()}
    numbers = {name: np.unique(column[order], return_inverse=True)[1] for name, column in named.items()}
    series = np.ravel_multi_index(tuple(numbers.values()), [n.max() + 1 for n in numbers.values()])
    parts = t["variance_t"] / t["count_t"], t["variance_c"] / t["count_c"]
    ratio = t["mean_t"] / t["mean_c"]
    error = np.sqrt(parts[0] + ratio**2 * parts[1]) / np.abs(t["mean_c"])
    significant = np.abs(t["mean_t"] - t["mean_c"]) > 1.96 * np.sqrt(parts[0] + parts[1])
    ends = np.flatnonzero(np.diff(series, append=-1))
    last = ends[np.searchsorted(ends, np.arange(len(series)))]
    chosen = np.flatnonzero(significant)
    first = chosen[np.unique(series[chosen], return_index=True)[1]]
    return Asos(numbers["experiment_id"], series, ratio - 1, error, last, first)


def foretold(asos, family, *, strayed):
    """Slope and error of the final effect on the first significant one, shrunk by what the other fold taught."""
    shrunk, final = [], []
    for fold in (0, 1):
        other = asos.experiment % 2 != fold
        ends = np.unique(asos.last[other])
        learned = fit_prior(asos.effect[ends], asos.error[ends], asos.experiment[ends], family=family)
        factor = 1.0
        if strayed:
            end = asos.last[other]
            looks = asos.effect[other], asos.error[other], asos.effect[end], asos.error[end]
            factor = fit_straying(*looks, asos.experiment[other], learned.prior).factor
        for look in asos.first[asos.experiment[asos.first] % 2 == fold]:
            shrunk.append(effect_posterior(asos.effect[look], factor * asos.error[look], learned.prior).mean)
            final.append(asos.effect[asos.last[look]])
    return figures(np.array(shrunk), np.array(final))


def figures(early, final):
    """Regression slope of the final effect on the early one, and its root mean square distance."""
    return float(np.polyfit(early, final, 1)[0]), float(np.sqrt(np.mean((early - final) ** 2)))


def test_on_asos_an_estimate_that_is_significant_at_some_look_promises_five_times_too_much(asos):
    slope, error = figures(asos.effect[asos.first], asos.effect[asos.last[asos.first]])
    assert len(asos.first) == 224
    assert slope == pytest.approx(0.215, abs=0.001)
    assert error == pytest.approx(0.0209, abs=0.0001)


def test_on_asos_a_prior_alone_halves_that_and_no_family_mends_it(asos):
    """Early looks stray further than their errors allow, which no distribution of effects can know."""
    normal, mixture = foretold(asos, "normal", strayed=False), foretold(asos, "two normals", strayed=False)
    assert normal == (pytest.approx(0.672, abs=0.01), pytest.approx(0.0074, abs=0.0001))
    assert mixture == (pytest.approx(0.536, abs=0.01), pytest.approx(0.0092, abs=0.0001))


def test_on_asos_with_straying_learned_too_an_early_estimate_keeps_its_promise(asos):
    """Family, prior and straying all come from the other half of the experiments."""
    slope, error = foretold(asos, None, strayed=True)
    assert 0.85 <= slope <= 1.1
    assert error <= 0.0081
