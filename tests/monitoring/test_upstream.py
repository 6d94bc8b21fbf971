"""What changed upstream: read from entries that the ledger has anyway, and set beside causes in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from workbench.audits.cause import audit_cause
from workbench.data.drop_worlds import drop_world
from workbench.ledger.entry import GENESIS, chained
from workbench.monitoring.upstream import changes, suspects


def entry(seq, kind, subject, day, **body):
    at = datetime(2026, 6, day, 9, tzinfo=UTC)
    return chained(seq=seq, at=at, kind=kind, subject=subject, actor="ada", why="w", body=body, key=None, prev=GENESIS)


PAST = [
    entry(1, "run.finished", "run/a", 1, data=[{"name": "bureau", "digest": "d1", "rows": 9}]),
    entry(2, "version.registered", "lending/1", 1, feature_set="credit@2", data_digest="d1"),
    entry(3, "promotion.granted", "lending/1", 1),
    entry(4, "version.registered", "churn/1", 3, feature_set="use@1", data_digest="x"),
    entry(5, "promotion.granted", "churn/1", 3),
    entry(6, "run.finished", "run/b", 9, data=[{"name": "bureau", "digest": "d2", "rows": 9}]),
    entry(7, "version.registered", "lending/2", 9, feature_set="credit@3", data_digest="d2"),
    entry(8, "promotion.granted", "lending/2", 11),
    entry(9, "run.finished", "run/c", 12, data=[{"name": "bureau", "digest": "d2", "rows": 9}]),
    entry(10, "rollback.granted", "lending/1", 20),
]


def test_versions_feature_sets_data_and_sources_that_became_others_are_told_in_order():
    assert [(change.what, change.at.day) for change in changes("lending", PAST)] == [
        ("deploy", 1),
        ("source", 9),
        ("training data", 9),
        ("deploy", 11),
        ("feature set", 11),
        ("deploy", 20),
        ("feature set", 20),
    ]
    assert changes("lending", PAST)[4].words == (
        "feature set credit@3 was deployed in place of credit@2 on 11 June 2026"
    )


def test_another_models_moves_are_not_told():
    assert not any("churn" in change.words for change in changes("lending", PAST))


@pytest.fixture(scope="module")
def audit():
    before, now = (
        f.drop(columns="chance") for f in drop_world("income stops", rows=3000, rng=np.random.default_rng(0))
    )
    return audit_cause(before, now, label="repaid", prediction="answer", time="at", rng=np.random.default_rng(0))


def test_the_nearest_change_before_a_cause_stands_first(audit):
    (found,) = suspects(audit, changes("lending", PAST))
    assert found.changes[0].what == "feature set"
    assert [change.at.day for change in found.changes] == [11, 11, 9, 9]
    assert found.words.startswith("income stopped arriving, in 3")
    assert "since 12 June 2026" in found.words and "credit@3 was deployed in place of credit@2" in found.words


def test_what_came_after_or_long_before_is_not_told(audit):
    (found,) = suspects(audit, changes("lending", PAST), window=timedelta(days=-2))
    assert found.changes == () and "about then" not in found.words


def test_a_cause_without_a_beginning_began_with_the_cases_and_without_times_nothing_is_said(audit):
    undated = replace(audit, causes=tuple(replace(cause, since=None) for cause in audit.causes))
    assert [change.at.day for change in suspects(undated, changes("lending", PAST))[0].changes] == [1]
    assert suspects(replace(undated, begun=None), changes("lending", PAST))[0].changes == ()
