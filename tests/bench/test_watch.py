"""The watch of a workspace as its page uses it: a glance within its time, one model closely, and the way back tried."""

from datetime import timedelta

import pytest

from tests.monitoring.ecosystem import DAY, HOUR, Ecosystem
from workbench import open_bench
from workbench.bench.workspace import create
from workbench.errors import Misuse
from workbench.views.deciding import Wish


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A workspace with a model that fails since its second version went live, and one that is well."""
    create(tmp_path / "w")
    with open_bench(tmp_path / "w") as bench:
        world = Ecosystem(bench.ledger, bench.log, bench.now())
        monkeypatch.setattr("workbench.bench.composition.Bench._profile_of", lambda *_: world.profile)
        for model in ("checkout", "churn"):
            world.champion(model)
            world.served(model, 30, 4, n=12)
        world.registered("checkout", 2, world.now - 5 * HOUR)
        world.moved("checkout", 2, world.now - 4 * HOUR)
        world.served("checkout", 4, -1, version=2, n=40, failed=0.3)
        world.served("churn", 4, -1, n=12)
        yield bench


def test_a_glance_takes_at_least_one_look_and_goes_on_where_the_last_one_stopped(bench):
    watch = bench.watch
    assert watch.glance(0).unseen == 1
    found = watch.glance(0)
    assert (found.unseen, [line.model for line in found.lines]) == (0, ["checkout", "churn"])
    assert found.lines[0].state == "act"
    assert "Version 2 went live" in found.lines[0].sentence
    assert bench.ledger.entries(kind="incident.opened") == [], "who only looks writes nothing"


def test_a_look_is_not_taken_again_while_it_is_fresh(bench, monkeypatch):
    watch = bench.watch
    watch.glance(60)
    monkeypatch.setattr(watch, "once", lambda **_: pytest.fail("looked again"))
    assert watch.glance().unseen == 0
    assert watch.close("churn").looked.watched.subject.model == "churn"


def test_a_model_closely_names_its_way_back_and_one_without_a_champion_is_refused(bench):
    assert (bench.watch.close("checkout").way_back, bench.watch.close("churn").way_back) == (1, None)
    with pytest.raises(Misuse, match="pricing has no champion"):
        bench.watch.close("pricing")


BACK = Wish("rollback", "checkout", 1)


def test_a_rollback_from_the_page_is_judged_as_on_every_page_and_moves_nothing(bench):
    before = len(bench.ledger.entries())
    assert bench.decisions.acts.judge(BACK, "three payments in ten fail since version 2").allowed
    short = bench.decisions.acts.judge(BACK, "bad")
    assert short.decision == "deny" and "the reason has 3 characters" in short.reasons[0].message
    assert len(bench.ledger.entries()) == before
    with pytest.raises(Misuse, match="first champion"):
        bench.decisions.acts.judge(Wish("rollback", "churn", 1), "three payments in ten fail")


def test_who_may_not_move_a_model_may_not_try_it_either(bench):
    for person, roles in ((bench.actor, ["viewer"]), ("risk-officer", ["approver", "admin"])):
        bench.ledger.append("people.changed", subject=person, actor="root", why="named", now=bench.now(),
                            body={"person": person, "roles": roles})  # fmt: skip
    with pytest.raises(Misuse, match="may not move a model"):
        bench.decisions.acts.judge(BACK, "three payments in ten fail")


def test_a_canary_is_read_on_from_where_it_was(bench):
    now = bench.now()
    world = Ecosystem(bench.ledger, bench.log, now)
    world.registered("churn", 2, now - 3 * HOUR)
    world.moved("churn", 2, now - 2 * HOUR, "stage.granted", slot="canary", weight=0.1)
    world.written = 1_000_000
    world.served("churn", 2, 0, version=2, n=20, variant="canary")
    first = bench.watch.canary("churn")
    assert (first.version, first.weight, first.stable) == (2, 0.1, 1)
    assert first.judge.rates["errors"].canary > 0
    assert bench.watch.canary("churn").judge.rates["errors"].canary == first.judge.rates["errors"].canary
    assert bench.watch.canary("checkout") is None
    assert timedelta(0) <= now - first.since < DAY


def test_what_a_person_ends_on_the_page_is_told_so_at_once(bench):
    bench.watch.once()
    (one,) = bench.watch.incidents()
    assert bench.watch.glance(60).lines[0].state == "act"
    bench.watch.resolve(one.id, "a load test")
    line = next(line for line in bench.watch.glance(60).lines if line.model == one.model)
    assert line.state == "watch" and "has said that it is over: “a load test”" in line.sentence
