"""A canary goes from its first share to champion, or back, by the shipped policies, with its reasons in the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest

from workbench.errors import Denied, Misuse, NeedsPeople
from workbench.evidence import Figure, Finding, dossier
from workbench.ledger.heads import fold
from workbench.monitoring.canaries import Controller, Plan, canary_exposition
from workbench.monitoring.canaries.reading import running
from workbench.promotion import Identity
from workbench.promotion.people import MACHINE

GOOD = {"bad": 0.2, "canary_bad": 0.2, "slow": 0.2, "rate": 50, "seconds": 10}
QUICK = Plan.of({"minutes": 0.5, "requests": 20, "hours": 24})


def consistent(trial):
    heads = {(head.model, head.slot): head for head in trial.ledger.heads(cleared=True)}
    assert heads == fold(trial.ledger.entries())
    assert trial.ledger.verify().valid


def test_a_bad_canary_is_back_within_a_minute_with_a_written_reason(trial):
    began = trial.now
    trial.start()
    (back,) = trial.watched(seconds=2, bad=0.02, canary_bad=0.1)
    assert back.act == "roll back"
    assert (trial.now - began).total_seconds() <= 60
    cleared = trial.kinds("stage.cleared")[-1]
    assert cleared.actor == MACHINE
    assert cleared.why.startswith("The canary does harm. errors: ")
    found = dossier(trial.ledger, "lending", 2).findings["canary"]
    assert found.verdict == "fail"
    assert found.figures["ratio.errors"].low > 1
    assert trial.kinds("canary.ended")[-1].body["outcome"] == "taken back"
    with pytest.raises(Denied, match="its canary was no success"):
        trial.gate.promote("lending", 2, actor="analyst", why="I want it", now=trial.now)
    consistent(trial)


def test_where_one_unit_fails_again_and_again_the_reason_says_so(trial):
    trial.start()
    trial.traffic(seconds=20)
    share = next(row for row in trial.log.rows("lending") if row.version == 2)
    times = [trial.now + timedelta(seconds=i / 100) for i in range(40)]
    bad = {"status": 500, "unit": "one-client"}
    broken = [replace(share, id=f"b{i}", request=f"b{i}", at=at, **bad) for i, at in enumerate(times)]
    trial.log.write(broken)
    (back,) = trial.watched(seconds=2)
    assert back.act == "roll back"
    told = trial.kinds("stage.cleared")[-1].why
    assert "40 of its last 41 bad outcomes are of one unit, which may be to blame and not the version." in told
    assert "one-client" not in told, "the ledger keeps for ever, and a unit may be a person"


def test_a_good_canary_becomes_champion_after_all_its_steps(trial):
    trial.start()
    done = trial.watched(**GOOD)
    assert [one.act for one in done] == ["advance", "advance", "advance", "promote"]
    assert [one.weight for one in done] == [0.1, 0.2, 0.4, None]
    assert trial.ledger.head("lending").version == 2
    assert trial.ledger.head("lending", "canary").version is None
    granted = trial.kinds("promotion.granted")[-1]
    assert granted.actor == MACHINE
    evidence = granted.body["input"]["evidence"]["canary"]
    assert evidence["verdict"] == "pass" and evidence["figures"]["ratio.errors"]["probability"] > 0.9
    (shown,) = trial.controller.canaries(trial.now)
    assert (shown.state, shown.outcome) == ("ended", "promoted")
    consistent(trial)


def test_what_is_open_never_advances_and_goes_back_when_its_time_is_over(trial):
    trial.start(Plan.of({"minutes": 0, "requests": 0, "hours": 0.1}))
    (back,) = trial.watched(rate=2, seconds=30, canary_bad=0.01)
    assert back.act == "roll back"
    assert back.why.startswith("Its 0.1 hours are over: it was not shown")


def test_a_version_that_does_not_load_is_taken_back(trial):
    trial.start()
    (back,) = trial.watched(silent=True)
    assert "it may not load" in back.why
    assert (trial.now - trial.kinds("stage.granted")[0].at) < timedelta(minutes=1)


def test_a_version_that_is_deleted_from_the_registry_meanwhile_is_taken_back_all_the_same(trial):
    trial.start()
    trial.traffic(10)
    trial.once()
    trial.registry.deleted.add(2)
    trial.registry.aliases.clear()
    (back,) = trial.watched(seconds=2, bad=0.02, canary_bad=0.2)
    assert back.act == "roll back"
    assert trial.ledger.head("lending", "canary").version is None
    assert trial.kinds("canary.ended")[-1].body["outcome"] == "taken back"
    assert trial.ledger.owed() == []
    consistent(trial)


def test_a_deleted_version_goes_on_by_the_ledger_and_its_alias_stays_owed(trial):
    """What answers is the ledger's head, loaded from files; the registry is told once it has the version again."""
    trial.start()
    trial.registry.deleted.add(2)
    for _ in range(200):
        trial.traffic(**GOOD)
        if trial.once().act == "advance":
            break
    assert trial.share() == 0.1
    assert [effect.payload["alias"] for effect in trial.ledger.owed()] == ["canary"]
    trial.registry.deleted.clear()
    trial.gate.reconcile(now=trial.now)
    assert trial.ledger.owed() == [] and trial.registry.alias("lending", "canary")[0] == 2
    consistent(trial)


def test_when_the_clock_steps_back_nothing_is_guessed(trial):
    trial.start()
    trial.traffic(20)
    trial.once()
    trial.now -= timedelta(seconds=30)
    assert trial.once().act == "hold"
    trial.now -= timedelta(minutes=5)
    back = trial.once()
    assert back.act == "roll back" and "clock went back" in back.why
    assert trial.once() is None


def test_two_controllers_do_each_step_once(trial):
    trial.start()
    other = Controller(trial.ledger, trial.gate, trial.log, trial.store)
    while trial.ledger.head("lending", "canary").version:
        trial.traffic(**GOOD)
        trial.once()
        other.once(trial.now)
    granted = trial.kinds("stage.granted")
    assert [entry.body["weight"] for entry in granted] == [0.05, 0.1, 0.2, 0.4]
    assert len(trial.kinds("canary.ended")) == 1
    consistent(trial)


def test_the_same_interval_is_counted_once_whoever_looks(trial):
    trial.start()
    trial.traffic(10)
    looks = [trial.controller._look(plan, trial.now, feed=True) for plan in running(trial.ledger) * 2]
    kept = [trial.store.put(look.canary.seq, look.canary.counted.as_dict(), revision=look.revision) for look in looks]
    assert kept == [True, False]


def test_lost_counts_are_made_anew_from_the_log(trial):
    trial.start()
    for _ in range(6):
        trial.traffic()
        trial.once()
    (before,) = trial.controller.canaries(trial.now)
    trial.store._connection.execute("DELETE FROM canaries")
    trial.once()
    (after,) = trial.controller.canaries(trial.now)
    assert after.counted.whole.rates["errors"].canary == before.counted.whole.rates["errors"].canary
    trial.store._connection.execute("UPDATE canaries SET body = 'no JSON'")
    trial.once()
    (mended,) = trial.controller.canaries(trial.now)
    assert mended.judged.canary == after.judged.canary


def test_high_stakes_wait_for_people_and_begin_once_they_said_yes(trial):
    trial.declare(stakes="high")
    for name in ("first-officer", "second-officer"):
        trial.gate.desk.change_roles(name, ["approver"], by=Identity("admin", "os"), why="answers", now=trial.now)
    with pytest.raises(NeedsPeople):
        trial.start(actor=MACHINE)
    assert trial.once().act == "hold"
    (waiting,) = trial.controller.canaries(trial.now)
    assert waiting.state == "waiting"
    (question,) = trial.gate.waiting(now=trial.now)
    for name in ("first-officer", "second-officer"):
        trial.gate.approve(question.answers.question.digest, by=Identity(name, "os"), why="yes", now=trial.now)
    assert trial.once().act == "begin"
    assert trial.share() == 0.05


def test_a_step_that_people_must_grant_waits_and_harm_still_takes_it_back(trial):
    trial.start()
    trial.declare(stakes="high")
    done = []
    for _ in range(200):
        trial.traffic(**GOOD)
        one = trial.once()
        done.append(one)
        if one.problem:
            break
    assert trial.share() == 0.4
    asked = trial.kinds("approval.requested")
    for _ in range(3):
        trial.traffic(**GOOD)
        assert trial.once().act == "hold"
    assert trial.kinds("approval.requested") == asked  # the same question is not asked anew
    (back,) = trial.watched(bad=0.2, canary_bad=0.9)
    assert back.act == "roll back"


def test_a_denied_promotion_is_not_asked_for_at_each_look(trial):
    trial.start(Plan.of({"minutes": 0, "requests": 0, "steps": [0.05]}))
    bad = {"f1": Figure(0.5, 0.4, 0.6)}
    poor = Finding("performance", "lending/2", "pass", "poor", bad, "d", "r", trial.now.isoformat())
    trial.note("evidence.recorded", "lending/2", poor.as_body())
    for _ in range(90):
        trial.traffic(**GOOD)
        held = trial.once()
    assert held.act == "hold" and "The policy denies it: F1" in held.why
    assert len(trial.kinds("promotion.denied")) == 2  # within fifteen minutes
    assert trial.ledger.head("lending").version == 1


def test_people_may_stop_it_and_a_canary_that_others_ended_is_noted(trial):
    trial.start()
    trial.controller.stop("lending", actor="analyst", why="a better one is ready", now=trial.now)
    assert trial.share() == 0
    assert trial.kinds("canary.ended")[-1].why == "a better one is ready"
    with pytest.raises(Misuse, match="no version of lending is being tried"):
        trial.controller.stop("lending", actor="analyst", why="again", now=trial.now)
    trial.start()
    trial.gate.clear("lending", "canary", actor="risk-officer", why="by hand", now=trial.now)
    assert trial.once().act == "ended"
    assert trial.kinds("canary.ended")[-1].body["outcome"] == "ended by others"


def test_a_version_that_is_turned_down_goes_back_and_stays_turned_down(trial):
    trial.start()
    trial.traffic()
    trial.gate.reject("lending", 2, actor="risk-officer", why="not explained", now=trial.now)
    back = trial.once()
    assert back.act == "roll back" and "not explained" in back.why
    assert trial.gate.stage_of("lending", 2) == "rejected"


def test_one_at_a_time_and_not_at_once_again(trial):
    trial.start()
    trial.registered(3)
    with pytest.raises(Misuse, match="lending 2 is being tried already"):
        trial.start(version=3)
    trial.watched(canary_bad=0.3)
    with pytest.raises(Misuse, match="was taken back on"):
        trial.start()
    trial.now += timedelta(hours=25)
    assert trial.start().act == "begin"


def test_a_canary_staged_by_hand_is_gone_on_with(trial):
    trial.gate.stage("lending", 2, "canary", weight=0.05, actor="analyst", why="by hand", now=trial.now)
    trial.traffic(10)
    assert trial.start().act == "hold"
    assert [one.act for one in trial.watched(canary_bad=0.3)] == ["roll back"]


def test_a_first_step_that_is_too_great_is_denied_and_ends_the_plan(trial):
    with pytest.raises(Denied, match=r"0\.5 of the traffic is too much"):
        trial.start(Plan.of({"steps": [0.5]}))
    assert trial.kinds("canary.ended")[-1].body["outcome"] == "denied"
    assert trial.start().act == "begin"


def test_a_dry_run_writes_nothing(trial):
    trial.start()
    trial.traffic(60, canary_bad=0.3)
    size = len(trial.ledger.entries())
    assert trial.once(dry_run=True).act == "roll back"
    assert len(trial.ledger.entries()) == size
    assert trial.store.get(running(trial.ledger)[0].seq) == (None, 0)


def test_what_it_is_told_is_exposed_with_what_is_needed(trial):
    trial.start()
    for _ in range(4):
        trial.traffic()
        trial.once()
    lines = canary_exposition(trial.controller.canaries(trial.now)).splitlines()
    of = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    labels = 'model="lending",version="2"'
    assert of[f"workbench_canary_weight{{{labels}}}"] == 0.05
    assert 0 < of[f"workbench_canary_share{{{labels}}}"] < 0.15
    assert of[f'workbench_canary_state{{{labels},state="hold"}}'] == 1
    needed = of[f'workbench_canary_log_evidence_needed{{{labels},measure="errors",claim="tolerated"}}']
    assert needed == pytest.approx(4.828, abs=1e-3)  # log(1 / (0.8 × 0.01)): errors have 0.8 of it
    (one,) = trial.controller.canaries(trial.now)
    told = one.as_dict()
    assert told["measures"]["errors"]["ratio"]["low"] <= told["measures"]["errors"]["ratio"]["median"]


def test_what_a_step_has_shown_counts_for_no_later_step(trial):
    trial.start(Plan.of({"minutes": 0, "requests": 0, "looks": 1}))
    for _ in range(200):
        trial.traffic(**GOOD)
        if trial.once().act == "advance":
            break
    for _ in range(3):
        assert trial.once().act == "hold"  # at the same moment: nothing was seen of this step
    assert trial.share() == 0.1


def test_without_any_traffic_nothing_is_decided_until_the_hours_are_over(trial):
    trial.start(Plan.of({"minutes": 0, "requests": 0, "hours": 1}))
    for _ in range(5):
        trial.now += timedelta(minutes=5)
        assert trial.once().act == "hold"
    trial.now += timedelta(minutes=40)
    back = trial.once()
    assert back.act == "roll back" and back.why.startswith("Its 1 hours are over")


def test_no_errors_of_a_handful_of_rows_is_no_proof(trial):
    trial.start(Plan.of({"minutes": 0, "requests": 0, "looks": 1}))
    trial.traffic(4, rate=50, bad=0.0, canary_bad=0.0)
    trial.now += timedelta(seconds=3)
    held = trial.once()
    assert (held.act, trial.share()) == ("hold", 0.05)
    (shown,) = trial.controller.canaries(trial.now)
    assert shown.counted.whole.rates["errors"].canary == 10
    assert shown.judged.step == "hold"


def test_a_champion_moved_by_hand_begins_another_comparison(trial):
    trial.registered(3)
    trial.start()
    for _ in range(6):
        trial.traffic()
        trial.once()
    trial.gate.promote("lending", 3, actor="analyst", why="a better champion", now=trial.now)
    trial.traffic(10)
    assert trial.once().act == "hold"
    (shown,) = trial.controller.canaries(trial.now)
    seen = shown.counted.whole.rates["errors"]
    assert seen.stable < 500 and shown.counted.champion == 2  # of the new champion alone
    assert trial.share() == 0.05


def test_the_canary_promoted_by_hand_has_ended_so(trial):
    trial.start()
    trial.traffic()
    found = Finding("canary", "lending/2", "pass", "by hand", {}, "d", "r", trial.now.isoformat())
    trial.note("evidence.recorded", "lending/2", found.as_body())
    trial.gate.promote("lending", 2, actor="analyst", why="it is good enough", now=trial.now)
    assert trial.once().act in {"ended", "promote"}
    assert trial.kinds("canary.ended")[-1].body["outcome"] == "promoted"
    consistent(trial)


def test_rows_that_reach_the_log_late_are_read_in_an_interval_that_is_not_over(trial):
    """The log is written behind the answers: what is younger than two seconds is left for the next look."""
    trial.start()
    trial.traffic(10)
    trial.once()
    (before,) = trial.controller.canaries(trial.now)
    assert trial.now - before.counted.until == timedelta(seconds=2)


def test_two_that_take_it_back_at_once_do_it_once(trial):
    """The second acts on what it read before the first had acted: the same key, one entry."""
    trial.start()
    trial.traffic(60, bad=0.02, canary_bad=0.4)
    (planned,) = running(trial.ledger)
    other = Controller(trial.ledger, trial.gate, trial.log, trial.store)
    looked = [one._look(planned, trial.now, feed=True) for one in (trial.controller, other)]
    done = [
        one._do(planned, seen, seen.canary.act, trial.now)
        for one, seen in zip((trial.controller, other), looked, strict=True)
    ]
    assert [one.act for one in done] == ["roll back", "roll back"]
    assert len(trial.kinds("stage.cleared")) == len(trial.kinds("canary.ended")) == 1
    consistent(trial)


def test_a_controller_that_was_asleep_clears_nobody_elses_canary(trial):
    """It judged version 2; meanwhile people ended that canary and began one of version 3."""
    trial.registered(3)
    trial.start()
    trial.traffic(60, bad=0.02, canary_bad=0.4)
    (planned,) = running(trial.ledger)
    looked = trial.controller._look(planned, trial.now, feed=True)
    trial.controller.stop("lending", actor="analyst", why="another is ready", now=trial.now)
    trial.start(version=3)
    with pytest.raises(Misuse, match="moved meanwhile"):
        trial.controller._do(planned, looked, looked.canary.act, trial.now)
    head = trial.ledger.head("lending", "canary")
    assert (head.version, head.weight) == (3, 0.05)
    consistent(trial)
