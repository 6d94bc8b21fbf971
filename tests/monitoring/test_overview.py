"""Each champion is told with what came of it, the worst first, and the first sentence says what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workbench.errors import EngineError
from workbench.monitoring import Latency, overview
from workbench.monitoring.health import judged

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GOOD = {"version": 1, "requests": 1000, "failed": 0, "refused": 0, "latency": Latency(0.001, 0.002, 0.01)}


def test_a_model_that_answers_well_is_healthy(town):
    town.champion()
    town.asked(20, rows=100)
    (model,) = town.overview()
    assert (model.model, model.version, model.generation, model.health) == ("lending", 1, 1, "healthy")
    assert (model.requests, model.rows, model.failed, model.refused) == (20, 2000, 0, 0)
    assert model.drift.verdict == "pass"
    assert model.selection_rate == 0.5
    assert model.sentence.startswith("It answers well")


def test_traffic_lies_where_it_came(town):
    town.champion()
    town.asked(3, at=NOON - timedelta(hours=23, minutes=59))
    town.asked(2, at=NOON - timedelta(seconds=1))
    town.asked(5, at=NOON - timedelta(hours=25))
    (model,) = town.overview()
    assert (model.traffic[0], model.traffic[-1], sum(model.traffic)) == (3, 2, 5)
    assert model.requests == 5


def test_latency_is_of_requests_and_not_of_their_rows(town):
    town.champion()
    town.asked(99, took=1_000)
    town.asked(1, rows=500, took=900_000)
    (model,) = town.overview()
    assert model.latency == Latency(0.001, 0.001, 0.001)


def test_failures_that_are_more_than_chance_call_for_action(town):
    town.champion()
    town.asked(95)
    town.asked(5, status=500)
    (model,) = town.overview()
    assert (model.health, model.failed, model.error_rate) == ("act", 5, 0.05)
    assert model.sentence == "5 of 100 requests failed on our side."


def test_a_failure_is_not_hidden_by_a_success_under_the_same_request_id(town):
    town.champion()
    town.asked(1, status=500)
    (failed,) = town.log.rows()
    town.asked(1)
    answered = town.log.rows()[-1]
    town.log.write([replace(answered, id="again", request=failed.request, at=failed.at + timedelta(seconds=1))])
    (model,) = town.overview()
    assert (model.requests, model.failed) == (2, 1)


def test_drift_calls_for_action_and_names_the_column(town):
    town.champion()
    town.asked(10, rows=100, moved=3.0)
    (model,) = town.overview()
    assert model.health == "act"
    assert "income" in model.sentence


def test_without_a_profile_the_drift_is_said_to_be_unknown(town):
    town.champion()
    town.profiles.clear()
    town.asked(5)
    (model,) = town.overview()
    assert model.drift is None
    assert model.drift_note == "lending 1 has no profile of its training data"
    assert (model.health, model.sentence) == ("watch", "Whether its inputs have drifted cannot be told.")


def test_one_model_whose_files_are_gone_does_not_hide_the_others(town):
    town.champion()
    town.champion("churn")
    town.asked(5)
    town.asked(5, model="churn")

    def profile_of(version):
        if version.model == "churn":
            raise EngineError("the files of churn/1 are gone")
        return town.profiles[version.subject]

    served = overview(town.ledger, town.log, profile_of, now=NOON, window=timedelta(hours=24))
    assert {model.model: model.drift_note for model in served} == {
        "churn": "the files of churn/1 are gone",
        "lending": "",
    }


def test_rows_of_a_version_with_other_features_are_left_out_of_the_drift(town):
    town.champion()
    town.asked(20, rows=100)
    (one,) = town.log.rows(limit=1)
    town.log.write([_other(one, n) for n in range(1000)])
    assert town.overview()[0].drift.rows_now == 2000


def test_a_model_that_nobody_asks_is_watched(town):
    town.champion()
    (model,) = town.overview()
    assert (model.health, model.latency, model.selection_rate) == ("watch", None, None)
    assert model.sentence == "Nobody asked it in this window."


def test_the_worst_comes_first(town):
    for name in ("a-fine", "b-failing", "c-unaudited"):
        town.champion(name, audited="" if name == "c-unaudited" else "pass")
        town.asked(20, rows=50, model=name)
    town.asked(20, status=503, model="b-failing")
    assert [model.model for model in town.overview()] == ["b-failing", "c-unaudited", "a-fine"]


@pytest.mark.parametrize(
    ("given", "health", "said"),
    [
        ({"failed": 1, "requests": 20}, "watch", "too few to call it more than chance"),
        ({"failed": 30}, "act", "30 of 1,000 requests failed on our side"),
        ({"refused": 400}, "watch", "400 of 1,000 requests did not fit"),
        ({"latency": Latency(0.1, 0.4, 1.0)}, "watch", "longer than 0.40 s"),
        ({"requests": 0, "latency": None}, "watch", "Nobody asked it"),
        ({}, "watch", "cannot be told"),
    ],
)
def test_the_gravest_cause_speaks(town, given, health, said):
    town.champion()
    audit = town.overview()[0].audit
    assert judged(**{**GOOD, **given}, drift=None, audit=audit)[0] == health
    assert said in judged(**{**GOOD, **given}, drift=None, audit=audit)[1]


def test_an_audit_that_failed_calls_for_action(town):
    town.champion(audited="fail")
    (model,) = town.overview()
    assert (model.health, model.sentence) == ("act", "The audit is a fail.")


def _other(one, number):
    return replace(one, id=f"other-{number}", request=f"other-{number}", features={"age": 40.0})
