"""A review of a quarter: what won, what failed, what is not on record, and how much of the claims was luck."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from workbench.errors import Misuse
from workbench.experiments.archive import Archive
from workbench.experiments.learned import learn_prior, made_up
from workbench.experiments.review import review_span
from workbench.stats.effects import effect_posterior

NOW = datetime(2026, 12, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def archive():
    """A year of made-up experiments, one a week; no hypothesis or lesson on record."""
    return made_up(np.random.default_rng(3), now=NOW, experiments=52)


@pytest.fixture(scope="module")
def review(archive):
    return review_span(archive, since=date(2026, 7, 1), until=date(2027, 1, 1))


def test_every_experiment_of_the_span_is_counted_once(review):
    assert len(review.pasts) == 26
    assert review.won + review.lost + review.unsettled == 26
    assert sum(review.decisions.values()) == 26
    assert len(review.table()) == 26 and len(review.table("fail")) == review.lost
    assert len(review.table("fail", "not enough evidence")) == 26 - review.won


def test_what_was_made_up_is_not_counted(archive, review):
    made_up = [replace(past, name=f"{past.name}-again", simulated=True) for past in archive]
    mixed = Archive(tuple(sorted((*archive, *made_up), key=lambda past: past.at, reverse=True)))
    assert review_span(mixed, since=review.since, until=review.until) == review
    with pytest.raises(Misuse, match="no experiment ended"):
        review_span(Archive(tuple(made_up)), since=review.since, until=review.until)


def test_claims_are_measured_by_experiments_outside_the_span(archive, review):
    outside = Archive(tuple(p for p in archive if p.at.date() < date(2026, 7, 1)))
    prior = learn_prior(outside, None).prior
    assert review.learned.experiments == len(outside) == 26
    assert len(review.claims) == review.won > 0
    for claim in review.claims:
        assert claim.kept == effect_posterior(claim.raw, claim.error, prior).mean
        assert 0 < claim.kept < claim.raw
    raw, kept = review.claimed
    assert raw == pytest.approx(sum(c.raw for c in review.claims))
    assert f"{100 * (1 - kept / raw):.0f}\u00a0% of what the winners claimed was luck." in review.lessons()
    assert len(review.claims_table()) == review.won


def test_what_is_not_on_record_is_said(review):
    assert not review.complete
    assert "26 of 26 experiments have no hypothesis on record." in review.lessons()


def test_with_a_short_past_the_cautious_prior_is_named(archive):
    review = review_span(archive, since=date(2026, 2, 1), until=date(2027, 1, 1))
    assert not review.learned.taught and "under a cautious prior" in review.sentence


def test_the_win_rate_has_its_uncertainty(archive):
    one = review_span(archive, since=NOW.date(), until=NOW.date() + timedelta(days=1))
    assert one.win_rate[2] - one.win_rate[1] > 0.7


@pytest.mark.parametrize(
    ("until", "said"), [(date(2026, 7, 1), "has no day"), (date(2026, 7, 2), "no experiment ended")]
)
def test_a_span_without_experiments_is_refused(archive, until, said):
    with pytest.raises(Misuse, match=said):
        review_span(archive, since=date(2026, 7, 1), until=until)
