"""Few events by their exact likelihood, against Beta and gamma draws, a plain grid, and the normal it becomes."""

import numpy as np
import pytest
from scipy import special

from workbench.stats.effects import EffectPrior
from workbench.stats.hierarchy import SpreadPrior, shrink
from workbench.stats.scarce import Likelihood, likelihood, pooled


@pytest.mark.parametrize(
    ("control", "treated", "known"), [((1, 200), (5, 200), 0.9391364389), ((0, 200), (5, 200), 0.98496)]
)
def test_two_shares_alone_are_exact(control, treated, known):
    """P(B > A) of two Betas by quadrature; GrowthBook says 0.768 and fails."""
    few = likelihood("share", "absolute", control=control, treated=treated)
    assert few.posterior.sf(0.0)[0] == pytest.approx(known, abs=2e-4)


def test_a_count_alone_is_the_difference_of_two_gammas():
    rng = np.random.default_rng(1)
    few = likelihood("count", "absolute", control=(2, 100), treated=(7, 120)).posterior
    drawn = rng.gamma(8, 1 / 120, 400_000) - rng.gamma(3, 1 / 100, 400_000)
    assert few.mean[0] == pytest.approx(drawn.mean(), abs=3e-4)
    assert few.sd[0] == pytest.approx(drawn.std(), rel=0.01)
    np.testing.assert_allclose([e[0] for e in few.interval(0.9)], np.quantile(drawn, [0.05, 0.95]), atol=5e-4)


def test_a_ratio_of_counts_has_its_closed_form():
    """Integrated over a rate whose logarithm is flat: (1 + r)^x₁ / (n₀ + n₁(1 + r))^(x₀ + x₁)."""
    few = likelihood("count", "relative", control=(4, 100), treated=(9, 80)).posterior
    u = np.linspace(-6, 6, 200_001)
    log = 9 * u - 13 * np.log(100 + 80 * np.exp(u))
    w = np.exp(log - log.max())
    for r in (-0.2, 0.5, 2.0):
        assert few.sf(r)[0] == pytest.approx(w[np.expm1(u) > r].sum() / w.sum(), abs=2e-3)


def test_a_ratio_of_means_is_fiellers():
    rng = np.random.default_rng(2)
    few = Likelihood.ratio((1.0, 0.1), (1.2, 0.15)).posterior
    base = rng.normal(1.0, 0.1, 1_000_000)
    base = base[base > 0.2]
    drawn, weight = rng.normal(1.2, 0.15, base.size) / base - 1, 1 / base  # flat in the ratio, not in the treated mean
    for r in (0.0, 0.2, 0.5):
        assert few.sf(r)[0] == pytest.approx(weight[drawn > r].sum() / weight.sum(), abs=3e-3)


def test_a_normal_logarithm_is_itself_and_leans_to_neither_arm():
    """Alone a log-normal; pooled, turning the arms round turns the ratio round."""
    alone = Likelihood.log_ratio(0.2, 0.3).posterior
    for r in (-0.3, 0.0, 0.5, 1.0):
        assert alone.sf(r)[0] == pytest.approx(1 - special.ndtr((np.log1p(r) - 0.2) / 0.3), abs=2e-3)
    logs, spread = [(0.4, 0.2), (-0.1, 0.3), (0.2, 0.1)], SpreadPrior(1e-4)
    one = pooled([Likelihood.log_ratio(u, s) for u, s in logs], spread).whole
    known = np.array([[u / s**2, 1 / s**2] for u, s in logs]).sum(axis=0)
    assert one.cdf(np.expm1(known[0] / known[1]))[0] == pytest.approx(0.5, abs=8e-3)
    other = pooled([Likelihood.log_ratio(-u, s) for u, s in logs], spread).whole
    for r in (-0.2, 0.1, 0.3):
        assert one.sf(r)[0] == pytest.approx(other.cdf(1 / (1 + r) - 1)[0], abs=0.012)


def test_without_an_event_there_is_no_ratio():
    cells = [likelihood("count", "relative", control=(x, 100), treated=(y, 100)) for x, y in ((30, 40), (0, 0))]
    alone, both = (pooled(part, SpreadPrior(0.1)).whole for part in (cells[:1], cells))
    assert both.mean[0] == pytest.approx(alone.mean[0], abs=0.05 * alone.sd[0])


def test_normal_likelihoods_give_the_normal_hierarchy():
    rng = np.random.default_rng(3)
    y, s = rng.normal(0.05, 0.1, 9), rng.uniform(0.03, 0.1, 9)
    for prior in (None, EffectPrior.normal(0, 0.1)):
        plain = shrink(y, s, SpreadPrior(0.1), prior)
        general = pooled([Likelihood.normal(*pair) for pair in zip(y, s, strict=True)], SpreadPrior(0.1), prior)
        np.testing.assert_allclose(general.segments.mean, plain.segments.mean, atol=1e-4 * s.min())
        np.testing.assert_allclose(general.segments.sd, plain.segments.sd, rtol=1e-4)
        np.testing.assert_allclose(general.segments.interval(0.9), plain.segments.interval(0.9), atol=0.01 * s.min())
        np.testing.assert_allclose(general.apart.mean, plain.apart.mean, atol=1e-4 * s.min())
        assert general.whole.sd[0] == pytest.approx(plain.whole.sd[0], rel=0.01)
        assert general.spread.mean == pytest.approx(plain.spread.mean, rel=1e-4)
        assert general.chance_alike == pytest.approx(plain.chance_alike, rel=1e-3)


def test_three_scarce_cells_are_those_of_a_plain_grid():
    """Mean, spread and each difference on plain grids; the control's share integrated by Beta sums."""
    cells = [((2, 100), (6, 100)), ((0, 80), (3, 90)), ((5, 150), (4, 140))]
    spread, mean = SpreadPrior(0.03), EffectPrior.normal(0, 0.05)
    fit = pooled([likelihood("share", "absolute", control=c, treated=t) for c, t in cells], spread, mean)
    d = np.linspace(-0.2, 0.25, 901)
    p = (np.arange(3000) + 0.5) / 3000 * 0.25
    like = []
    for (x0, n0), (x1, n1) in cells:
        q = p[:, None] + d
        ok = (q > 0) & (q < 1)
        q = np.where(ok, q, 0.5)
        log = special.xlogy(x0, p)[:, None] + ((n0 - x0) * np.log1p(-p))[:, None] + special.xlogy(x1, q)
        like.append(np.where(ok, np.exp(log + (n1 - x1) * np.log1p(-q) + 25), 0).sum(axis=0))
    mu, tau = np.linspace(-0.25, 0.3, 221), (np.arange(120) + 0.5) / 120 * 0.12
    shape = np.exp(-((d - mu[:, None, None]) ** 2) / tau[:, None] ** 2 / 2) / tau[:, None]  # mu × tau × d
    each = [(shape @ row, shape @ (row * d)) for row in like]
    w = np.prod([e[0] for e in each], axis=0) * np.exp(-(mu[:, None] ** 2) / 0.05**2 / 2 - tau**2 / 0.03**2 / 2)
    known = [float((w * e[1] / np.maximum(e[0], 1e-300)).sum() / w.sum()) for e in each]
    np.testing.assert_allclose(fit.segments.mean, known, atol=0.02 * fit.segments.sd.min())


def test_the_middle_of_a_likelihood_is_its_median():
    few = likelihood("share", "absolute", control=(0, 5), treated=(0, 5))
    assert few.middle[0] == pytest.approx(0.0, abs=1e-9)
    skew = likelihood("count", "relative", control=(1, 10), treated=(4, 10))
    assert skew.posterior.cdf(skew.middle[0])[0] == pytest.approx(0.5, abs=0.005)


def test_no_event_at_all_is_no_certainty():
    few = pooled(
        [likelihood("share", "absolute", control=(0, 50), treated=(0, 50)) for _ in range(3)], SpreadPrior(0.05)
    )
    assert few.segments.mean == pytest.approx(np.zeros(3), abs=1e-3)
    assert (few.segments.sd > 0.005).all()


@pytest.mark.slow
def test_the_normal_path_errs_below_ten_events_and_not_above():
    """Absolute differences, six segments: how far the normal path's means are off, in posterior sds."""
    rng = np.random.default_rng(4)
    off = {}
    for events in (3, 8, 12, 30):
        x0, x1 = np.maximum(rng.poisson(events, 6), 1), np.maximum(rng.poisson(1.2 * events, 6), 1)
        spread = SpreadPrior(0.3 * events / 400)
        exact = pooled(
            [likelihood("share", "absolute", control=(a, 400), treated=(b, 400)) for a, b in zip(x0, x1, strict=True)],
            spread,
        )
        p0, p1 = x0 / 400, x1 / 400
        normal = shrink(p1 - p0, np.sqrt((p0 * (1 - p0) + p1 * (1 - p1)) / 400), spread)
        off[events] = float(np.abs((normal.segments.mean - exact.segments.mean) / exact.segments.sd).max())
    assert off[3] > 0.04 and max(off[12], off[30]) < 0.04, off


@pytest.mark.slow
def test_the_delta_method_errs_in_ratios_and_the_exact_ratio_does_not():
    rng = np.random.default_rng(5)
    for events, allowed in ((20, 0.1), (100, 0.04)):
        x0, x1 = rng.poisson(events, 6), rng.poisson(1.2 * events, 6)
        p0, p1 = x0 / 400, x1 / 400
        e0, e1 = (np.sqrt(p * (1 - p) / 400) for p in (p0, p1))
        spread = SpreadPrior(0.3)
        exact = pooled(
            [likelihood("share", "relative", control=(a, 400), treated=(b, 400)) for a, b in zip(x0, x1, strict=True)],
            spread,
        ).segments
        common = x1.sum() / x0.sum()  # errors from both arms together, which follow neither
        base = (x0 + x1) / (1 + common)
        before, after = 1 / base - 1 / 400, 1 / (base * common) - 1 / 400
        rows = zip(np.log(p1 / p0) + (after - before) / 2, np.sqrt(before + after), strict=True)
        ratio = pooled([Likelihood.log_ratio(*row) for row in rows], spread).segments
        delta = shrink(p1 / p0 - 1, np.hypot(e1, p1 / p0 * e0) / p0, spread).segments
        off, worse = (float(np.abs((m.mean - exact.mean) / exact.sd).max()) for m in (ratio, delta))
        assert off < allowed and worse > 2 * off, (events, off, worse)


@pytest.mark.parametrize(("control", "treated"), [((-1, 10), (1, 10)), ((1, 0), (1, 10)), ((1, 10), (11, 10))])
def test_impossible_counts_are_refused(control, treated):
    with pytest.raises(ValueError, match="are no share"):
        likelihood("share", "absolute", control=control, treated=treated)


def test_no_cell_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        pooled([], SpreadPrior(1.0))
