"""The page of drift is given each model's last look at its inputs and those before, the worst first."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from workbench.audits import audit_drift
from workbench.data import Profile
from workbench.evidence import Finding, drift_finding
from workbench.monitoring import drifts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def audits():
    """What was served as it was learned from, and moved by a standard deviation in one of two columns."""
    rng = np.random.default_rng(3)

    def frame(moved):
        return pd.DataFrame({"income": rng.normal(moved, 1, 4000), "debt": rng.normal(0, 1, 4000)})

    reference = Profile.scan(frame(0))
    return {moved: audit_drift(reference, Profile.scan(frame(moved), like=reference)) for moved in (0, 1)}


def looked(town, audits, moved, *, model="lending", version=1, days=0):
    """A look at a model's inputs."""
    at = NOON + timedelta(days=days)
    finding = drift_finding(audits[moved], subject=f"{model}/{version}", run_id="r", at=at)
    town.note("evidence.recorded", finding.subject, finding.as_body())


def test_the_last_look_is_told_with_those_before(town, audits):
    town.champion()
    looked(town, audits, 1)
    looked(town, audits, 0, days=1)
    (one,) = drifts(town.ledger)
    assert (one.finding.verdict, one.share) == ("pass", 0.0)
    assert [(look.share, look.verdict) for look in one.history] == [(0.5, "fail"), (0.0, "pass")]


def test_columns_are_those_of_the_audit_the_worst_first(town, audits):
    town.champion()
    looked(town, audits, 1)
    (one,) = drifts(town.ledger)
    assert one.columns == audits[1].columns
    assert one.columns[0].column == "income"
    assert one.rows_before == 4000


def test_the_worst_model_stands_first_and_one_that_nobody_looked_at_before_the_sound(town, audits):
    for model in ("a", "b", "c"):
        town.champion(model)
    looked(town, audits, 0, model="a")
    looked(town, audits, 1, model="c")
    assert [(one.model, bool(one.finding)) for one in drifts(town.ledger)] == [("c", True), ("b", False), ("a", True)]


def test_a_look_at_a_version_that_is_not_in_use_names_both(town, audits):
    town.champion()
    looked(town, audits, 0, version=2)
    (one,) = drifts(town.ledger)
    assert (one.version, one.champion) == (2, 1)


def test_a_model_that_was_looked_at_and_is_not_served_is_told(town, audits):
    looked(town, audits, 1)
    (one,) = drifts(town.ledger)
    assert (one.model, one.champion) == ("lending", None)


def test_a_finding_of_another_form_is_told_with_its_sentence(town):
    finding = Finding(
        "drift", "lending/1", "fail", "It moved.", {}, "d", "r", NOON.isoformat(), {"columns": [{"a": 1}]}
    )
    town.note("evidence.recorded", "lending/1", finding.as_body())
    (one,) = drifts(town.ledger)
    assert (one.finding.sentence, one.columns, one.share, len(one.history)) == ("It moved.", (), None, 1)
