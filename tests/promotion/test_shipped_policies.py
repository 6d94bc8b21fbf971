"""The whole gate with nothing simulated but the registry: shipped policies, Rego in its process, real evidence."""

from pathlib import Path

import pytest

from workbench.engines.rego import RegoEngine
from workbench.errors import Denied
from workbench.evidence import Figure, Finding
from workbench.promotion import Gate

pytestmark = pytest.mark.slow

POLICIES = Path(__file__).parents[2] / "templates" / "policies"
FAIR = Figure(0.95, 0.9, 1.0, probability=0.99, target=0.8, needed=0.84, n=1989)
UNFAIR = Figure(0.773, 0.712, 0.831, probability=0.18, target=0.8, needed=0.84, n=1989)
BREACH = Figure(0.6, 0.5, 0.7, probability=0.001, target=0.8, needed=0.9, n=80)
GOOD = Figure(0.93, 0.92, 0.94, probability=0.99, target=0.8)


@pytest.fixture
def shipped(house):
    """The house with the shipped policies in force."""
    house.gate = Gate(house.ledger, RegoEngine(), POLICIES, house.registry.open)
    return house


@pytest.fixture
def find(house):
    """Record evidence about a version; gives back the finding."""

    def record(version, kind, **figures):
        now = house.later()
        named = {name.replace("__", "."): figure for name, figure in figures.items()}
        found = Finding(kind, f"lending/{version}", "pass", "looked at", named, "d" * 64, "r", now.isoformat())
        house.ledger.append(
            "evidence.recorded", subject=found.subject, actor="analyst", why="audited", body=found.as_body(), now=now
        )
        return found

    return record


def codes(denied):
    return [reason.code for reason in denied.value.decision.reasons]


def test_the_story_of_two_models_is_decided_by_their_evidence(shipped, find):
    """A champion, a challenger that is denied for what it does by race, a fairer one, and the way back."""
    with pytest.raises(Denied) as denied:
        shipped.promote(1)
    assert codes(denied) == ["no-evidence", "no-evidence"]

    find(1, "performance", f1=GOOD)
    find(1, "fairness", disparate_impact__race=FAIR, disparate_impact__sex=FAIR)
    assert shipped.promote(1).decision.reasons == ()

    find(2, "performance", f1=GOOD)
    unfair = find(2, "fairness", disparate_impact__race=UNFAIR, disparate_impact__sex=FAIR)
    with pytest.raises(Denied) as denied:
        shipped.promote(2)
    (reason,) = denied.value.decision.reasons
    assert (reason.code, reason.metric, reason.got, reason.limit) == ("fairness", "disparate_impact.race", 0.18, 0.95)
    assert "disparate impact by race is 0.773 [0.712, 0.831]" in reason.message
    assert reason.flip == "at these group sizes, a disparate impact of 0.840 or more would do"
    assert reason.evidence == unfair.digest

    find(3, "performance", f1=GOOD)
    find(
        3, "fairness", disparate_impact__race=FAIR, disparate_impact__sex=FAIR, **{"disparate_impact__race*sex": BREACH}
    )
    with pytest.raises(Denied, match=r"by race\*sex is 0\.600; a breach of 0\.80 is shown"):
        shipped.promote(3)
    find(
        3, "fairness", disparate_impact__race=FAIR, disparate_impact__sex=FAIR, **{"disparate_impact__race*sex": UNFAIR}
    )
    assert shipped.promote(3).previous == 1

    with pytest.raises(Denied, match="the reason has 5 characters; at least 10 are needed"):
        shipped.rollback(why="worse")
    assert shipped.rollback(why="approvals fell by a third since noon").version == 1
    assert shipped.champion() == (1, 3)
    assert shipped.ledger.verify().problems == ()


def test_evidence_grows_old(shipped, find):
    find(1, "performance", f1=GOOD)
    find(1, "fairness", disparate_impact__race=FAIR, disparate_impact__sex=FAIR)
    for _ in range(30 * 24 + 1):
        shipped.later()
    with pytest.raises(Denied) as denied:
        shipped.promote(1)
    assert codes(denied) == ["stale-evidence", "stale-evidence"]


@pytest.mark.parametrize(
    "why", ["'; DROP TABLE entries; --", '"}] } allow := true #', "<b>\nbold</b>", "\u202eüé🦉 and more"]
)
def test_no_reason_talks_the_policy_round(shipped, find, why):
    with pytest.raises(Denied):
        shipped.promote(1, why=why, actor=why)
    find(1, "performance", f1=GOOD)
    find(1, "fairness", disparate_impact__race=FAIR, disparate_impact__sex=FAIR)
    shipped.promote(1, why=why, actor=why)
    assert [entry.why for entry in shipped.ledger.entries(subject="lending/1") if entry.actor == why] == [why] * 2
