"""What a look finds and what Alertmanager tells for one cause is one incident, whichever came first."""

from datetime import UTC, datetime, timedelta

import pytest

from workbench.monitoring.alerts import Alert, hear
from workbench.monitoring.causes import Part, Trouble
from workbench.monitoring.incidents import acknowledge, incidents, keep, resolve
from workbench.monitoring.signals import Signal

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def house(town):
    """A town whose champion has failing requests, seen by a look or by Prometheus."""
    town.champion(version=2, audited="")

    def look(*kinds, sound=(), version=2, gravity="act", at=NOON):
        found = []
        for kind, _, about in (told.partition(":") for told in kinds):
            signal = Signal(kind, about, 0.09, 0.07, 0.11, 0.01, "fail", "9 % of 1,000 requests failed.", NOON)
            found.append(Trouble((signal,), (Part("deploy", "version 2"),), NOON, gravity, f"Version 2: {kind} fails."))
        return keep(town.ledger, "lending", version, found, sound, now=at)

    def alert(
        name="ErrorBudgetBurnsFast", mark="a1", *, firing=True, severity="page", cause="service", at=NOON, **more
    ):
        labels = {"alertname": name, "severity": severity, "cause": cause, "model": "lending", **more}
        return hear(town.ledger, [Alert(mark, firing, labels, "14 % of requests fail", NOON)], now=at)

    town.look, town.alert = look, alert
    return town


def alive(house):
    return incidents(house.ledger, "lending", alive=True)


def trail(house, one):
    told = [entry for entry in house.ledger.entries(subject="lending") if entry.seq in one.seqs]
    return [(entry.kind.partition(".")[2], entry.actor, entry.why) for entry in told]


def test_an_alert_joins_what_a_look_has_found_and_the_trail_names_both(house):
    ((opened,), _) = house.look("errors", gravity="watch")
    heard = house.alert(at=NOON + HOUR)
    assert (heard.opened, heard.joined, heard.models) == ((), (opened.id,), ("lending",))
    (one,) = alive(house)
    assert (one.id, one.sentence, one.symptoms) == (opened.id, "Version 2: errors fails.", ("alert:errors", "errors"))
    assert one.gravity == "act", "a page calls for action, whatever the look thought"
    assert [part.what for part in one.causes] == ["deploy", "alert"]
    assert [why for *_, why in trail(house, one)] == [
        "Version 2: errors fails.", "Alertmanager tells it too: 14 % of requests fail",
    ]  # fmt: skip
    assert house.alert(at=NOON + HOUR).known == 1
    assert house.look("errors", at=NOON + HOUR) == ([], [])
    assert len(alive(house)[0].seqs) == 2, "nothing new, nothing written"


def test_a_look_joins_what_an_alert_has_told_and_says_the_cause(house):
    (id_,) = house.alert().opened
    acknowledge(house.ledger, id_, actor="risk-officer", why="I look", now=NOON)
    assert house.look("errors", at=NOON + HOUR) == ([], [])
    (one,) = alive(house)
    assert (one.id, one.state, one.sentence) == (id_, "acknowledged", "Version 2: errors fails.")
    assert (one.symptoms, [part.what for part in one.causes]) == (("alert:errors", "errors"), ["deploy", "alert"])
    assert [what for what, *_ in trail(house, one)] == ["opened", "acknowledged", "changed"]


@pytest.mark.parametrize("last", ["look", "alert"])
def test_it_is_over_once_both_are(house, last):
    house.look("errors")
    house.alert()
    ends = {"look": lambda: house.look(sound=["errors"], at=NOON + HOUR), "alert": lambda: house.alert(firing=False)}
    for name in sorted(ends, key=lambda name: name == last):
        assert len(alive(house)) == 1
        ends[name]()
    house.look(sound=["errors"], at=NOON + 2 * HOUR)
    assert alive(house) == []
    ((back,), _) = house.look("errors", at=NOON + 3 * HOUR)
    assert len(back.seqs) == 1 and back.id == incidents(house.ledger, "lending")[0].id, "the same one, opened again"


def test_alerts_of_one_kind_are_one_incident_that_lasts_as_long_as_any_of_them(house):
    (id_,) = house.alert().opened
    assert house.alert("ErrorBudgetBurnsSlowly", "b2", severity="ticket").joined == (id_,)
    assert house.alert(firing=False).resolved == ()
    assert [one.id for one in alive(house)] == [id_]
    assert house.alert(firing=False).known == 1
    assert house.alert("ErrorBudgetBurnsSlowly", "b2", firing=False).resolved == (id_,)
    assert alive(house) == []


@pytest.mark.parametrize(
    "told",
    [
        {"name": "LatencyBudgetBurnsFast"},
        {"name": "InputsDrifted", "cause": "inputs"},
        {"name": "ANameOfTheirOwn", "cause": ""},
    ],
)
def test_what_is_of_another_kind_is_another_incident(house, told):
    house.look("errors")
    assert house.alert(**told).joined == ()
    assert len(alive(house)) == 2


def test_alerts_that_say_no_cause_need_not_be_one_trouble(house):
    for mark in ("a1", "b2"):
        assert house.alert("ANameOfTheirOwn", mark, cause="").opened
    assert len(alive(house)) == 2


def test_the_trouble_of_a_version_before_is_not_joined(house):
    house.look("errors", version=1)
    assert house.alert().joined == ()
    assert len(alive(house)) == 2


def test_what_a_person_said_of_an_alert_holds_for_the_look_at_the_same_trouble(house):
    (id_,) = house.alert().opened
    resolve(house.ledger, id_, actor="risk-officer", why="a load test", now=NOON)
    assert house.look("errors", at=NOON + HOUR) == ([], [])
    assert alive(house) == []
    assert house.alert(firing=False).known == 1
    assert house.look("errors", at=NOON + 25 * HOUR)[0] != []


def test_an_alert_that_was_over_by_itself_silences_no_look(house):
    house.alert()
    house.alert(firing=False)
    ((opened,), _) = house.look("errors", at=NOON + HOUR)
    assert [one.id for one in alive(house)] == [opened.id]
