"""A champion goes back without a person only for what is shown, where it is declared so, and never twice a day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.engines.rego import RegoEngine
from workbench.errors import Denied
from workbench.evidence import dossier
from workbench.monitoring.alerts import GATEWAY, Alert, hear
from workbench.monitoring.automatic import act, allowed
from workbench.monitoring.incidents import incidents
from workbench.monitoring.passes import one_pass
from workbench.monitoring.rules import alerts
from workbench.monitoring.summary_store import SummaryStore
from workbench.promotion import Declaration, Gate
from workbench.promotion.people import MACHINE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICIES = Path(__file__).parents[2] / "templates" / "policies"


class Registry:
    """A registry of models in memory, of which nothing is remembered."""

    def set_alias(self, *_):
        pass

    def alias(self, *_):
        return None

    def exists(self, *_):
        return True

    def damage(self, *_):
        return None


@pytest.fixture
def house(town):
    """A town whose second version is champion, with the shipped policies and a gate."""
    for version in (1, 2):
        town.champion(version=version, audited="")
    town.gate = Gate(town.ledger, RegoEngine(), POLICIES, Registry)

    def declare(*kinds):
        made = Declaration("lending", objectives={"rollback": list(kinds)})
        town.gate.declare(made, actor="risk-officer", why="nobody looks at night", now=NOON)

    def wrong(symptom="errors", since=NOON - timedelta(hours=2), gravity="act", version=2, id_="i1"):
        body = {"id": id_, "version": version, "gravity": gravity, "symptoms": [symptom], "causes": [],
                "since": since.isoformat()}  # fmt: skip
        town.ledger.append("incident.opened", subject="lending", actor="monitor", why="9% of 1,000 requests failed.",
                           body=body, now=NOON)  # fmt: skip

    def acts(now=NOON, **more):
        return act(town.ledger, town.gate, now=now, **more)

    town.declare, town.wrong, town.acts = declare, wrong, acts
    return town


def test_it_goes_back_with_the_incident_as_the_reason_and_as_evidence(house):
    house.declare("errors", "fairness")
    house.wrong()
    (done,) = house.acts()
    assert (done.done, done.back_to) == (True, 1)
    assert house.ledger.head("lending").version == 1
    granted = house.ledger.entries(kind="rollback.granted")[0]
    assert granted.actor == MACHINE
    assert granted.why == "Incident i1: 9% of 1,000 requests failed."
    assert granted.body["input"]["automatic"]["incident"]["digest"] == dossier(house.ledger, "lending", 2).findings[
        "incident"
    ].digest  # fmt: skip
    assert house.acts() == []  # the incident is of a version that is champion no more


def test_a_champion_that_is_loaded_no_more_goes_back_where_it_is_declared_so(house, tmp_path):
    """Found by a pass, whatever else there is to see: nobody was answered."""
    house.declare("load")
    with SummaryStore.open(f"sqlite:///{tmp_path}/summaries.db") as store:
        one_pass(house.ledger, house.log, store, lambda _: None, now=NOON, window=timedelta(days=1), killed=lambda _: 3)
    (done,) = house.acts()
    assert (done.done, done.back_to) == (True, 1)
    assert "Loading version 2 ended its process 3 times" in done.why


def test_an_alert_that_a_champion_does_not_load_is_heard_as_that(house):
    house.declare("load")
    (rule,) = [rule for rule in alerts() if rule["alert"] == "ChampionDoesNotLoad"]
    hear(house.ledger, [alert(name=rule["alert"], cause=rule["labels"]["cause"])], now=NOON)
    assert house.acts()[0].back_to == 1


def test_where_nothing_is_declared_nothing_is_done(house):
    house.wrong()
    assert house.acts() == []
    house.declare("fairness")
    assert house.acts() == []
    assert house.ledger.head("lending").version == 2


@pytest.mark.parametrize("told", [{"gravity": "watch"}, {"version": 1}, {"symptom": "refused"}])
def test_what_calls_for_no_action_or_is_of_another_version_moves_nothing(house, told):
    house.declare("errors")
    house.wrong(**told)
    assert house.acts() == []


def test_a_trouble_older_than_the_champion_is_denied_once_in_words(house):
    house.declare("errors")
    house.wrong(since=NOON - timedelta(days=30))
    (first,) = house.acts()
    assert not first.done and "going back does not mend it" in first.why
    house.acts()
    assert len(house.ledger.entries(kind="rollback.denied")) == 1


def test_it_never_goes_back_twice_within_a_day(house):
    house.champion(version=3, audited="")
    house.declare("errors")
    house.wrong(version=3)
    assert house.acts()[0].back_to == 2
    house.wrong(version=2, id_="i2", since=NOON)
    (held,) = house.acts(now=NOON + timedelta(hours=23))
    assert not held.done and "a person is to look" in held.why
    (done,) = house.acts(now=NOON + timedelta(hours=25))
    assert done.back_to == 1


def test_while_a_person_rolls_back_the_machine_does_not_go_a_step_further(house):
    """It has read that version 3 fails; a person brings 2 back before the machine asks for anything."""
    house.champion(version=3, audited="")
    house.declare("errors")
    house.wrong(version=3)
    before = house.gate.before

    def moved_first(model):
        house.gate.before = before
        house.gate.rollback(model, actor="risk-officer", why="alarms since noon", now=NOON)
        return before(model)

    house.gate.before = moved_first
    (held,) = house.acts()
    assert not held.done
    assert house.ledger.head("lending").version == 2
    assert len(house.ledger.entries(kind="rollback.granted")) == 1
    assert house.acts() == []  # the incident is of a version that is champion no more


def test_two_that_act_at_once_take_a_champion_back_once(house):
    """Alertmanager's message and cron's pass: both have read the same head before either acts."""
    house.champion(version=3, audited="")
    house.declare("errors")
    house.wrong(version=3)
    before, other = house.gate.before, []

    def moved_first(model):
        house.gate.before = before
        other.extend(house.acts())
        return before(model)

    house.gate.before = moved_first
    (told,) = house.acts()
    assert [(one.done, one.back_to, one.entry) for one in other] == [(True, 2, told.entry)]
    assert (told.done, told.back_to) == (True, 2), "the same act, told once more"
    assert house.ledger.head("lending").version == 2
    assert len(house.ledger.entries(kind="rollback.granted")) == 1


def test_a_dry_run_tells_and_writes_nothing(house):
    house.declare("errors")
    house.wrong()
    size = len(house.ledger.entries())
    (told,) = house.acts(dry_run=True)
    assert not told.done and told.back_to == 1
    assert len(house.ledger.entries()) == size


def test_the_policy_itself_refuses_the_machine_without_an_incident(house):
    with pytest.raises(Denied, match="nobody rolls back without a person"):
        house.gate.rollback("lending", actor=MACHINE, why="because I can do it", now=NOON)


def test_what_is_no_kind_of_trouble_is_not_declared():
    assert allowed(Declaration("lending", objectives={"rollback": ["errors", "weather", 3]})) == ("errors",)
    assert allowed(Declaration("lending", objectives={"rollback": 7})) == ()
    assert allowed(Declaration("lending", objectives={"rollback": "kpi"})) == ("kpi",)


def alert(
    model="lending", firing=True, severity="page", name="ErrorBudgetBurnsFast", at=NOON, mark="a1", cause="service"
):
    labels = {"alertname": name, "severity": severity, "cause": cause} | ({"model": model} if model else {})
    return Alert(mark, firing, labels, "14 % of requests fail", at)


def test_an_alert_is_one_incident_however_often_it_is_told_and_ends_it(house):
    assert len(hear(house.ledger, [alert(), alert()], now=NOON).opened) == 1
    assert hear(house.ledger, [alert()], now=NOON).known == 1
    (one,) = incidents(house.ledger, "lending", alive=True)
    assert (one.gravity, one.symptoms, one.version) == ("act", ("alert:errors",), 2)
    assert hear(house.ledger, [alert(firing=False)], now=NOON).resolved == (one.id,)
    assert incidents(house.ledger, "lending", alive=True) == []
    assert hear(house.ledger, [alert(firing=False)], now=NOON).known == 1
    assert len(hear(house.ledger, [alert(at=NOON + timedelta(hours=1))], now=NOON).opened) == 1


def test_our_own_news_and_models_that_are_not_here_open_nothing(house):
    told = [alert(cause="incident"), alert(model="nobody"), alert(firing=False, mark="b2")]
    assert hear(house.ledger, told, now=NOON) == ((), (), 0, 3, (), ())
    assert hear(house.ledger, [alert(model="", mark="c3")], now=NOON).models == (GATEWAY,)


def test_an_alert_takes_a_champion_back_where_it_is_declared_so(house):
    house.declare("errors")
    hear(house.ledger, [alert(at=NOON - timedelta(minutes=2))], now=NOON)
    assert house.acts()[0].back_to == 1
