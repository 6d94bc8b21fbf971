"""A pass makes summaries, looks at every champion, and keeps one incident for each cause."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from workbench.errors import EngineError, Misuse
from workbench.ledger import Ledger
from workbench.monitoring.causes import troubles
from workbench.monitoring.exposition import exposition
from workbench.monitoring.incidents import acknowledge, incident, incidents, keep, resolve
from workbench.monitoring.passes import one_pass
from workbench.monitoring.replay import Limits, policy_read, replay
from workbench.monitoring.signals import Signal
from workbench.monitoring.summary_store import SummaryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = 24 * 5


def calm(world, **more):
    """Days of sound traffic, and a sound day after it."""
    world.champion()
    world.served(WEEK, until=NOON - DAY, n=20, **more)


def test_a_sound_model_is_told_so_and_opens_nothing(world):
    calm(world)
    world.served(24, n=60, seed=1)
    done = world.pass_()
    (line,) = done.standings
    assert (line.state, line.sentence, done.opened) == ("healthy", "All that is watched is in order.", ())
    assert line.requests == 24 * 60


def test_an_input_that_moved_is_the_cause_and_what_fell_with_it_is_told_after(world):
    calm(world)
    world.served(12, until=NOON - 12 * HOUR, n=60, seed=1)
    world.served(12, n=120, moved=1.5, flipped=0.4, seed=2)
    done = world.pass_()
    (one,) = done.opened
    assert one.gravity == "act"
    assert {"inputs:income", "performance"} <= set(one.symptoms)
    assert "income" in one.sentence.split(".")[0]
    assert one.since is not None
    assert abs(one.since - (NOON - 12 * HOUR)) <= HOUR
    assert any(part.share for part in one.causes)
    assert done.standings[0].state == "act"


def test_looking_again_opens_nothing_more(world):
    calm(world)
    world.served(24, n=60, moved=1.5, seed=2)
    (first,) = world.pass_().opened
    again = world.pass_(NOON + timedelta(minutes=10))
    assert again.opened == ()
    assert [one.id for one in incidents(world.ledger)] == [first.id]
    assert len(world.ledger.entries(kind="incident.opened")) == 1


def test_two_watchers_at_once_open_one_incident(world, tmp_path):
    calm(world)
    world.served(24, n=60, moved=1.5, seed=2)
    world.pass_(write=False)

    def look(_):
        url = f"sqlite:///{tmp_path}"
        with Ledger.open(f"{url}/ledger.db") as ledger, SummaryStore.open(f"{url}/summaries.db") as store:
            return one_pass(ledger, world.log, store, lambda v: world.profiles.get(v.subject), now=NOON, window=DAY)

    with ThreadPoolExecutor(4) as pool:
        passes = list(pool.map(look, range(4)))
    assert sum(len(done.opened) for done in passes) == 1
    assert len(world.ledger.entries(kind="incident.opened")) == 1
    assert world.ledger.verify().valid


def test_an_incident_is_acknowledged_and_resolved_with_its_trail(world):
    calm(world)
    world.served(24, n=60, moved=1.5, seed=2)
    (one,) = world.pass_().opened
    taken = acknowledge(world.ledger, one.id[:4], actor="analyst", why="I look into it", now=NOON)
    assert (taken.state, taken.by, taken.why) == ("acknowledged", "analyst", "I look into it")
    over = resolve(world.ledger, one.id, actor="analyst", why="a holiday", now=NOON)
    assert (over.state, len(over.seqs)) == ("resolved", 3)
    assert [world.ledger.entries(kind=k)[0].subject for k in ("incident.opened", "incident.resolved")] == [
        "lending"
    ] * 2
    assert world.pass_(NOON + HOUR).opened == ()  # whoever resolved it has said why
    assert json.dumps(over.as_dict())
    with pytest.raises(Misuse, match="resolved already"):
        acknowledge(world.ledger, one.id, actor="analyst", why="again", now=NOON)
    with pytest.raises(Misuse, match="with a reason"):
        resolve(world.ledger, one.id, actor="analyst", why=" ", now=NOON)
    with pytest.raises(Misuse, match="no incident 'zzz'"):
        incident(world.ledger, "zzz")


def test_an_incident_ends_by_itself_once_its_signals_are_in_order(world):
    calm(world)
    world.served(24, n=100, failed=20, seed=2)
    (one,) = world.pass_().opened
    assert one.symptoms == ("errors",)
    world.served(24, until=NOON + 25 * HOUR, n=200, seed=3)
    done = world.pass_(NOON + 25 * HOUR)
    assert [over.id for over in done.resolved] == [one.id]
    assert incidents(world.ledger, alive=True) == []


def test_a_deploy_just_before_goes_first_in_the_sentence(world):
    calm(world)
    at = NOON - 12 * HOUR
    world.ledger.append("promotion.granted", subject="lending/7", actor="risk-officer", why="better", now=at,
                        body={"slot": "canary", "generation": 1, "decision": {"decision": "allow"}})  # fmt: skip
    world.served(12, until=at, n=60, seed=1)
    world.served(12, n=60, moved=2.0, seed=2)
    (one,) = world.pass_().opened
    assert one.sentence.startswith("Version 7 went live on 2 March 2026")
    assert one.causes[0].what == "deploy"


def test_slow_answers_and_errors_are_one_trouble_of_the_service(world):
    calm(world)
    world.served(24, n=60, took=900_000, failed=6, seed=2)
    (one,) = world.pass_().opened
    assert one.symptoms == ("errors", "latency")
    assert "longer than 250 ms" in one.sentence


def test_a_champion_that_is_loaded_no_more_is_an_incident_until_it_is_loaded_again(world):
    world.champion()
    world.served(24)
    (opened,) = world.pass_(killed=lambda head: 3 * (head.version == 1)).opened
    assert (opened.gravity, opened.symptoms) == ("act", ("load",))
    assert opened.sentence == "Loading version 1 ended its process 3 times; it is loaded no more."
    done = world.pass_(killed=lambda _: 1)
    assert (done.resolved, done.standings[0].state) == ((), "healthy"), "it is tried again; how it ends is open"
    (resolved,) = world.pass_(killed=lambda _: 0).resolved
    assert resolved.id == opened.id


def test_where_loads_cannot_be_read_all_else_is_told(world):
    world.champion()
    world.served(24, failed=9)

    def unreadable(_):
        raise EngineError("the loads cannot be noted")

    done = world.pass_(killed=unreadable)
    assert done.problems == ("lending: the loads cannot be noted",)
    assert "failed on our side" in done.opened[0].sentence


def test_a_group_that_hardly_gets_a_yes_is_seen_without_labels(world):
    world.champion()
    world.note("model.declared", "lending", {"stakes": "high", "objectives": {"groups": ["sex"]}})
    world.served(WEEK, until=NOON - DAY, n=20, labels=False)
    world.served(24, n=80, labels=False, unfair=0.7, seed=2)
    (one,) = world.pass_().opened
    assert one.symptoms == ("fairness:sex",)
    assert one.sentence.startswith("Group f gets a yes 0.")


def test_a_kpi_is_held_against_the_days_before(world):
    world.champion()
    world.note("model.declared", "lending", {"kpis": {"income asked": {"column": "income", "unit": "k USD"}}})
    world.served(24 * 10, until=NOON - DAY, n=8, labels=False)
    world.served(24, n=80, labels=False, moved=-1.2, seed=2)
    (one,) = world.pass_().opened
    assert one.symptoms == ("inputs:income", "kpi:income asked")
    assert "income asked was 4.971 k USD a case" in one.sentence


def test_accuracy_is_expected_to_fall_before_a_label_has_come_which_is_a_reason_to_look(world):
    calm(world, moved=2.0)
    world.profiles.clear()  # nothing is known of the inputs
    world.served(24, n=100, labels=False, seed=2)
    done = world.pass_()
    (one,) = done.opened
    assert (one.symptoms, one.gravity, done.standings[0].state) == (("expected",), "watch", "watch")
    assert "without labels" in one.sentence
    assert done.wrong == []


def test_one_model_whose_files_are_gone_hides_no_other(world):
    calm(world)
    world.champion("churn")
    world.served(24, n=60, seed=1)

    def profile_of(version):
        if version.model == "churn":
            raise EngineError("the files of churn/1 are gone")
        return world.profiles[version.subject]

    done = one_pass(world.ledger, world.log, world.store, profile_of, now=NOON, window=DAY)
    assert {line.model: line.state for line in done.standings} == {"churn": "watch", "lending": "healthy"}
    assert done.problems == ("churn: the files of churn/1 are gone",)


def test_the_worst_model_stands_first(world):
    for model in ("a", "b", "c"):
        world.champion(model)
        world.served(24, model=model, n=60, failed=10 if model == "b" else 0, seed=3)
    assert [line.model for line in world.pass_().standings] == ["b", "a", "c"]


def test_looking_without_writing_opens_nothing(world):
    calm(world)
    world.served(24, n=60, moved=1.5, seed=2)
    done = world.pass_(write=False)
    assert done.standings[0].state == "act"
    assert incidents(world.ledger) == []


def test_a_replay_tells_which_alarms_limits_would_have_raised_and_when(world):
    calm(world)
    world.served(12, until=NOON - 12 * HOUR, n=60, seed=1)
    world.served(12, n=60, failed=4, seed=2)
    world.pass_(write=False)

    def tried(**limits):
        return replay(world.ledger, world.store, lambda v: world.profiles.get(v.subject), Limits(**limits),
                      since=NOON - DAY, until=NOON, window=DAY)  # fmt: skip

    strict, loose = tried(errors=0.01), tried(errors=0.2)
    (alarm,) = strict.alarms
    assert (alarm.model, alarm.signal, alarm.last) == ("lending", "errors", NOON)
    assert NOON - 12 * HOUR < alarm.first <= NOON - 7 * HOUR
    assert (loose.alarms, loose.looks) == ((), 25)
    assert json.dumps(strict.as_dict(), default=str)


def test_a_policy_is_tried_model_by_model_and_says_which_alarms_would_take_a_champion_back(world):
    for model in ("lending", "churn"):
        world.champion(model)
        world.served(24, model=model, n=60, failed=4, seed=2)
    world.note("model.declared", "churn", {"objectives": {"rollback": ["latency"], "errors": 0.5}})
    world.pass_(write=False)

    def tried(text):
        limits = Limits(policy=policy_read(text))
        done = replay(world.ledger, world.store, lambda v: world.profiles.get(v.subject), limits,
                      since=NOON - HOUR, until=NOON, window=DAY)  # fmt: skip
        return {(alarm.model, alarm.signal, alarm.back) for alarm in done.alarms}

    assert tried("") == {("lending", "errors", False)}
    assert tried("[churn]\nerrors = 0.01") == {("lending", "errors", False), ("churn", "errors", False)}
    assert tried('["*"]\nerrors = 0.01\nrollback = ["errors"]\n[lending]\nerrors = 0.2') == {("churn", "errors", True)}
    assert tried("[lending]\nlatency_ms = {p99 = 0.5}\nerrors = 0.2\nrollback=['latency']") == {
        ("lending", "latency", True)
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[lending", "no TOML"),
        ("errors = 0.1", "no table of limits"),
        ("[lending]\nerors = 0.1", "erors is no limit"),
        ("[lending]\nerrors = 7", r"errors is 7; it must lie in \(0, 1\)"),
        ("[lending]\nlatency_ms = {half = 9}", "write p99 = 50"),
        ("[lending]\nrollback = ['erors']", "it is a list of load, errors"),
        ("[lending]\ngroups = ['sex']", "groups is no limit"),
    ],
)
def test_a_policy_with_what_is_no_limit_is_refused(text, told):
    with pytest.raises(Misuse, match=told):
        policy_read(text)


def test_a_stream_without_a_change_raises_hardly_an_alarm_at_any_hour(world):
    """Ten days looked at hourly: at most one stream in twenty may raise any, and this one raises none."""
    world.champion()
    world.served(24 * 6, n=30)
    world.pass_(write=False)
    done = replay(world.ledger, world.store, lambda v: world.profiles.get(v.subject), Limits(),
                  since=NOON - 3 * DAY, until=NOON, window=DAY)  # fmt: skip
    assert done.alarms == ()


def test_an_incident_that_comes_and_goes_is_one(world):
    calm(world)
    world.served(24, n=60, seed=1)
    found = [trouble_of("errors"), [], trouble_of("errors"), [], trouble_of("errors")]
    for hour, wrong in enumerate(found):
        keep(world.ledger, "lending", 1, wrong, [] if wrong else ["errors"], now=NOON + hour * HOUR)
    (one,) = incidents(world.ledger)
    assert (one.state, one.opened_at, len(one.seqs)) == ("open", NOON, 5)
    keep(world.ledger, "lending", 1, [], ["errors"], now=NOON + 5 * HOUR)
    keep(world.ledger, "lending", 1, trouble_of("errors"), [], now=NOON + 40 * HOUR)
    assert len(incidents(world.ledger)) == 2, "a day later it is another"


def test_what_a_person_has_said_to_be_over_calls_for_no_action_for_a_day(world):
    calm(world)
    world.served(24, n=60, failed=9, seed=1)
    done = world.pass_()
    (opened,) = done.opened
    assert done.standings[0].state == "act"
    resolve(world.ledger, opened.id, actor="risk-officer", why="a load test", now=NOON)
    done = world.pass_(NOON + timedelta(minutes=5))
    (line,) = done.standings
    assert (line.state, line.incidents, done.opened) == ("watch", (), ())
    assert line.sentence.endswith("risk-officer has said that it is over: “a load test”.")
    world.served(2, until=NOON + HOUR, n=90, moved=3.0, seed=5)
    (line,) = world.pass_(NOON + HOUR).standings
    assert line.state == "act" and line.sentence.startswith("Input income"), "what is new is told first"
    world.served(24, until=NOON + 25 * HOUR, n=60, failed=9, seed=6)
    assert world.pass_(NOON + 25 * HOUR).standings[0].state == "act"


def trouble_of(kind):
    signal = Signal(kind, "", 0.5, 0.4, 0.6, 0.01, "fail", "Half of the requests failed.")
    return troubles([signal], (), None)


def test_a_model_whose_summaries_cannot_be_read_hides_no_other(world):
    calm(world)
    world.champion("churn")
    world.served(24, n=60, seed=1)
    world.served(24, model="churn", n=20, seed=3)
    world.pass_(write=False)
    world.store._connection.execute("UPDATE summaries SET body = x'00' WHERE model = 'churn'")
    done = world.pass_(NOON + timedelta(minutes=30))
    told = {line.model: line for line in done.standings}
    assert (told["lending"].state, told["churn"].state) == ("healthy", "watch")
    assert "could not be looked at" in told["churn"].sentence
    assert [problem for problem in done.problems if problem.startswith("churn: a stored summary")]


def test_accuracy_is_told_of_the_newest_days_with_labels_where_labels_come_late(world):
    """Whether a loan was paid back is not known on the same day."""
    world.champion()
    world.served(24 * 6, until=NOON - 5 * DAY, n=20)
    world.served(24 * 2, until=NOON - 3 * DAY, n=40, flipped=0.4, seed=1)
    world.served(24 * 3, n=20, labels=False, seed=2)
    (looked,) = world.pass_().models
    fallen = next(signal for signal in looked.watched.signals if signal.kind == "performance")
    assert fallen.verdict == "fail"
    assert "of 26 February and after" in fallen.sentence or "of 27 February and after" in fallen.sentence


def test_a_replay_says_what_the_passes_of_those_hours_said(world):
    calm(world)
    world.served(12, until=NOON - 12 * HOUR, n=60, seed=1)
    live = {}
    for hour in range(-11, 1):
        at = NOON + hour * HOUR
        world.served(1, until=at, n=60, failed=4, moved=0.8, seed=hour + 20, labels=False)
        done = world.pass_(at, write=False)
        live[at] = {signal.key for looked in done.models for signal in looked.watched.failing}
    tried = replay(world.ledger, world.store, lambda v: world.profiles.get(v.subject), Limits(),
                   since=NOON - 11 * HOUR, until=NOON, window=DAY)  # fmt: skip
    assert any(live.values())
    for at, keys in live.items():
        assert {alarm.signal for alarm in tried.alarms if alarm.first <= at <= alarm.last} == keys, at


def test_counts_of_a_sampled_log_are_said_to_be_those_of_a_sample(world):
    world.champion()
    world.served(24, n=5)
    done = world.pass_(share_of=lambda model: {"lending": 0.1}[model])
    assert (done.standings[0].requests, done.standings[0].share) == (120, 0.1)
    assert 'workbench_model_logged_ratio{model="lending",version="1"} 0.1' in exposition(done)
