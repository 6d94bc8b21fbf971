"""A glance tells every model in a line from summaries, incidents and the looks at hand; never an unseen one as well."""

import pytest

from tests.monitoring.conftest import DAY, HOUR, NOON
from workbench.errors import Misuse
from workbench.monitoring.glance import glance
from workbench.monitoring.incidents import acknowledge, incidents, resolve
from workbench.promotion.people import CHANGED
from workbench.serving import Label


def seen(world, looks=(), now=NOON):
    known = {looked.watched.subject.model: looked for looked in looks}
    return glance(world.ledger, world.store, known, now=now, window=DAY)


def test_a_model_that_was_not_looked_at_is_unseen_and_its_traffic_is_told(world):
    world.champion()
    world.served(24, n=10, failed=1)
    world.pass_(write=False)
    (line,) = seen(world).lines
    assert (line.state, line.looked_at, seen(world).unseen) == ("unseen", None, 1)
    assert (line.requests, line.failed, len(line.traffic)) == (240, 24, 24)
    assert set(line.traffic) == {10}, "the hour that runs is no fall of traffic"


def test_a_champion_that_no_entry_made_is_told_first_and_as_doubted(world):
    for name in ("a-fine", "b-forged"):
        world.champion(name)
        world.served(24, model=name, n=60)
    done = world.pass_(write=False)
    database = world.ledger._database
    database.execute("DROP TRIGGER heads_move_by_one")
    database.execute("UPDATE heads SET generation = 7 WHERE model = 'b-forged'")
    first, second = seen(world, done.models).lines
    assert (first.model, first.state, second.model, second.state) == ("b-forged", "act", "a-fine", "healthy")
    assert "Version 1 as champion is doubted: entry" in first.sentence


def test_a_look_tells_the_state_and_the_worst_comes_first(world):
    for name in ("a-fine", "b-failing"):
        world.champion(name)
        world.served(24, model=name, n=60, failed=9 if name == "b-failing" else 0)
    done = world.pass_(write=False)
    first, second = seen(world, done.models).lines
    assert (first.model, first.state, second.model, second.state) == ("b-failing", "act", "a-fine", "healthy")
    assert "15\u00a0% of 1,440 requests failed on our side" in first.sentence


def test_an_incident_tells_of_a_model_that_was_not_looked_at_and_who_has_taken_it(world):
    world.champion()
    world.served(24, n=60, failed=9)
    (opened,) = world.pass_().opened
    (line,) = seen(world).lines
    assert (line.state, line.sentence, line.incidents) == ("act", opened.sentence, (opened.id,))
    acknowledge(world.ledger, opened.id, actor="analyst", why="I look", now=NOON)
    assert seen(world).lines[0].taken == "analyst"


def test_an_incident_that_moved_after_the_look_speaks_for_its_model(world):
    world.champion()
    world.served(24, n=60)
    fine = world.pass_(now=NOON - HOUR, write=False).models
    world.served(24, n=60, failed=30, seed=3)
    world.store.forget("lending")
    (opened,) = world.pass_().opened
    assert seen(world, fine).lines[0].sentence == opened.sentence


def test_what_is_not_resolved_is_watched_though_nothing_is_wrong_any_more(world):
    world.champion()
    world.served(24, n=60)
    looks = world.pass_(write=False).models
    body = {"id": "abc", "version": 1, "gravity": "act", "symptoms": ["errors"], "causes": []}
    world.ledger.append("incident.opened", subject="lending", actor="monitor", why="It failed.", body=body,
                        now=NOON - HOUR)  # fmt: skip
    (line,) = seen(world, looks).lines
    assert line.state == "watch"
    assert line.sentence == "Nothing is shown to be wrong now, and this is not resolved: It failed."


def test_a_look_at_another_version_does_not_count(world):
    world.champion()
    world.served(24, n=60)
    looks = world.pass_(write=False).models
    world.champion(version=2)
    assert seen(world, looks).lines[0].state == "unseen"


def test_a_pass_stops_where_it_is_enough_and_goes_on_in_the_order_that_is_asked_for(world):
    for name in ("a", "b", "c"):
        world.champion(name)
        world.served(3, model=name, n=5)
    done = world.pass_(models=["c", "a", "b", "gone"], write=False, enough=lambda: True)
    assert [looked.watched.subject.model for looked in done.models] == ["c"]


def test_without_old_labels_no_old_hour_is_made_anew(world):
    world.champion()
    made = world.served(6, until=NOON - 3 * DAY, n=10, labels=False)
    assert world.pass_(write=False).summarised == 6
    world.log.label([Label(one.id, 1.0, NOON, "collections") for one in made[:20]])
    assert world.pass_(write=False, labels=False).summarised == 0
    assert world.pass_(write=False).summarised == 2, "the two hours for which labels came"


def test_who_may_only_look_neither_takes_nor_ends_an_incident(world):
    world.champion()
    world.served(24, n=60, failed=9)
    (opened,) = world.pass_().opened
    for person, roles in (("guest", ["viewer"]), ("risk-officer", ["approver"]), ("root", ["admin"])):
        body = {"person": person, "roles": roles}
        world.ledger.append(CHANGED, subject=person, actor="root", why="named", body=body, now=NOON)
    for act in (acknowledge, resolve):
        with pytest.raises(Misuse, match="guest may not"):
            act(world.ledger, opened.id, actor="guest", why="I look", now=NOON)
    assert incidents(world.ledger)[0].state == "open"
    assert acknowledge(world.ledger, opened.id, actor="risk-officer", why="I look", now=NOON).state == "acknowledged"


def test_a_version_that_is_wrong_from_its_first_hour_has_been_so_since_it_went_live(world):
    world.champion()
    world.served(40, n=40, until=NOON - 8 * HOUR)
    world.registered(version=2)
    with world.ledger.transaction() as writer:
        body = {"slot": "champion", "generation": 2, "decision": {"decision": "allow"}}
        entry = writer.append("promotion.granted", subject="lending/2", actor="risk-officer", why="better", body=body,
                              now=NOON - 8 * HOUR)  # fmt: skip
        writer.move_head("lending", "champion", 2, expected_generation=1, entry=entry)
    world.served(8, n=40, failed=8, version=2)
    (trouble,) = world.pass_(write=False).models[0].troubles
    assert trouble.since == NOON - 8 * HOUR
    assert trouble.sentence.startswith("Version 2 went live on 2 March 2026. 20\u00a0% of 320 requests failed")
