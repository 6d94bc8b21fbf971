"""The gateway answers with the champion, follows the ledger, and says in words what is wrong."""

import asyncio
import time

import pytest

from workbench.errors import Misuse
from workbench.serving import LogPolicy, Request
from workbench.serving.answering import Limits

ROW = {"income": 4.5, "loans": 2, "cosigner": True, "purpose": "house"}


def predict(body, *, model="lending", headers=None):
    return Request(f"/v1/models/{model}/predict", body, headers=headers or {})


def get(path, headers=None):
    return Request(path, b"", method="GET", headers=headers or {})


async def until(check, *, seconds=2.0):
    """What `check` comes to once it is true."""
    end = time.monotonic() + seconds
    while not (found := await check()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)
    return found


def test_an_answer_names_the_version_and_the_generation_it_came_from(shop):
    answer = shop.ask({"rows": [ROW]})
    assert answer.status == 200
    told = answer.json()
    assert (told["model"], told["version"], told["generation"]) == ("lending", 1, 1)
    assert told["predictions"][0]["score"] == pytest.approx(0.451)
    assert told["predictions"][0]["answer"] is False


def test_a_score_at_the_threshold_is_a_yes(shop):
    answers = shop.ask({"rows": [{**ROW, "income": 4.99}, {**ROW, "income": 4.9899}]}).json()["predictions"]
    assert [answer["answer"] for answer in answers] == [True, False]


def test_a_version_without_a_threshold_gives_scores_alone(shop):
    shop.register(3, threshold=None)
    shop.promote(3)
    assert shop.ask(ROW).json()["predictions"][0]["answer"] is None


def test_rows_are_answered_in_their_order(shop):
    rows = [{**ROW, "income": n / 100} for n in range(300)]
    answers = shop.ask(rows).json()["predictions"]
    assert [answer["score"] for answer in answers] == pytest.approx([n / 1000 + 0.001 for n in range(300)])


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [ROW]},
        [ROW],
        ROW,
        {"dataframe_records": [ROW]},
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}},
        {"dataframe_split": {"columns": list(ROW), "index": [0], "data": [list(ROW.values())]}},
        {"inputs": [ROW]},
        {"inputs": {name: [value] for name, value in ROW.items()}},
    ],
    ids=["rows", "list", "row", "records", "split", "split-index", "inputs", "inputs-columns"],
)
def test_every_form_of_the_same_row_gets_the_same_answer(shop, body):
    assert [p["score"] for p in shop.ask(body).json()["predictions"]] == pytest.approx([0.451])


def test_an_unknown_model_is_answered_with_those_there_are(shop):
    answer = shop.ask(ROW, model="churn")
    assert answer.status == 404
    assert "lending" in answer.json()["error"]["hint"]
    assert shop.log.counts().refused == 0, "a client must not fill the log with names"


def test_a_model_without_a_champion_says_how_it_gets_one(shop):
    shop.register(1, model="churn")
    answer = shop.ask(ROW, model="churn")
    assert answer.status == 409
    assert "workbench promote churn" in answer.json()["error"]["hint"]


def test_a_body_that_is_no_json(shop):
    answer = shop.ask(b'{"rows": [')
    assert answer.status == 400
    assert "no JSON" in answer.json()["error"]["message"]


def test_a_deep_body_is_refused_and_not_followed(shop):
    assert shop.ask(b"[" * 100_000).status == 400


def test_a_body_past_the_limit_is_refused(shop):
    answer = shop.ask([ROW] * 100, limits=Limits(body=1000))
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


def test_too_many_rows_are_refused(shop):
    assert shop.ask([ROW] * 11, limits=Limits(rows=10)).status == 413


def test_a_body_of_another_type_is_refused(shop):
    answer = shop.run(lambda client: client.ask(predict(b"income\n4.5", headers={"content-type": "text/csv"})))
    assert answer.status == 415


def test_another_method_is_answered_with_the_right_one(shop):
    answer = shop.run(lambda client: client.ask(get("/v1/models/lending/predict")))
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert shop.run(lambda client: client.ask(Request("/metrics"))).status == 405
    assert shop.run(lambda client: client.ask(get("/nowhere"))).status == 404


def test_a_promotion_shows_without_a_lost_request(shop):
    async def story(client):
        seen = []

        async def second():
            answer = await client.ask(predict(ROW))
            assert answer.status == 200
            seen.append((answer.json()["version"], answer.json()["generation"]))
            return seen[-1] == (2, 2)

        await client.ask(predict(ROW))
        shop.promote(2)
        began = time.monotonic()
        await until(second)
        return seen, time.monotonic() - began

    seen, seconds = shop.run(story)
    assert set(seen) <= {(1, 1), (2, 2)}
    assert seconds < 1


def test_a_champion_that_does_not_load_leaves_the_old_one_answering(shop):
    shop.loader.broken.add(2)

    async def story(client):
        shop.promote(2)

        async def failing():
            return (await client.ask(get("/readyz"))).status == 503

        await until(failing)
        return [await client.ask(one) for one in (predict(ROW), get("/readyz"), get("/metrics"), get("/v1/models"))]

    answer, ready, metrics, models = shop.run(story)
    assert answer.json()["version"] == 1
    assert ready.json()["failing"] == {"lending": "an earlier version answers"}
    assert 'workbench_route_failing{model="lending"} 1' in metrics.body.decode()
    assert "not those that were registered" in models.json()["problems"]["lending"]


def test_a_first_champion_that_does_not_load_is_said_to_be_at_fault(shop):
    shop.loader.broken.add(1)
    answer = shop.ask(ROW)
    assert answer.status == 503
    assert shop.log.counts("lending").refused == 1


def test_the_way_back_loads_nothing(shop):
    async def story(client):
        async def version_of(version):
            return (await client.ask(predict(ROW))).json()["version"] == version

        await until(lambda: version_of(1))
        shop.promote(2)
        await until(lambda: version_of(2))
        shop.promote(1)
        await until(lambda: version_of(1))
        return (await client.ask(predict(ROW))).json()["generation"]

    assert shop.run(story) == 3
    assert shop.loader.loaded == [1, 2]


def test_a_model_that_fails_is_a_500_in_words_and_the_gateway_lives(shop):
    class Failing:
        def predict_proba(self, frame):
            raise IndexError("list index out of range")

    shop.loader.estimators[1] = Failing()
    answer = shop.ask(ROW)
    assert answer.status == 500
    assert "lending 1 failed on this input" in answer.json()["error"]["message"]


def test_a_model_that_calls_its_input_misuse_is_a_500_in_words_too(shop):
    class Fussy:
        def predict_proba(self, frame):
            raise Misuse("the income is strange")

    shop.loader.estimators[1] = Fussy()
    answer = shop.ask(ROW)
    assert (answer.status, answer.json()["error"]["message"]) == (500, "the income is strange")


def test_a_score_that_is_no_number_is_not_given_out(shop):
    class Lost:
        def predict(self, frame):
            return frame["income"].to_numpy() * float("nan")

    shop.loader.estimators[1] = Lost()
    assert shop.ask(ROW).status == 500


def test_every_answer_is_logged_with_what_it_came_from(shop):
    told = shop.run(lambda client: client.ask(predict([ROW, ROW], headers={"x-request-id": "demo-1"}))).json()
    kept = shop.log.rows("lending", request="demo-1")
    assert [row.id for row in kept] == [p["id"] for p in told["predictions"]]
    assert {(row.version, row.generation, row.status) for row in kept} == {(1, 1, 200)}
    assert kept[0].features == ROW
    assert kept[0].input_digest == kept[1].input_digest
    assert len(kept[0].input_digest) == 64


def test_a_refused_request_is_logged_without_its_input(shop):
    shop.ask({**ROW, "income": "much"})
    (kept,) = shop.log.rows("lending")
    assert (kept.status, kept.features, kept.score) == (422, None, None)
    assert "income" in kept.error


def test_a_request_id_that_could_forge_a_header_is_replaced(shop):
    answer = shop.run(lambda client: client.ask(predict(ROW, headers={"x-request-id": "a b\nc"}))).json()
    assert answer["request"].startswith("r")


def test_a_durable_answer_is_in_the_log_before_it_is_given(shop):
    async def story(client):
        await client.ask(predict(ROW))
        return shop.log.counts("lending").rows

    assert shop.run(story, durable=True) == 1


def test_a_log_that_cannot_be_written_stops_durable_answers_only(shop):
    shop.log.close()

    async def story(client):
        answer = await client.ask(predict(ROW))
        return answer.status, (await client.ask(get("/metrics"))).body.decode()

    assert shop.run(story, durable=True)[0] == 503
    status, metrics = shop.run(story)
    assert status == 200
    assert "workbench_log_waiting_rows 1" in metrics


@pytest.mark.parametrize("body", [b'{"income": 1, "\\ud800": 1}', b'{"rows": [], "\\udfff": 1}', b'"\\ud800"'])
def test_half_a_character_is_refused_like_any_other_field(shop, body):
    answer = shop.run(lambda client: client.ask(Request("/v1/models/lending/predict", body)))
    assert answer.status == 422
    assert answer.json()["error"]["message"]


def test_the_models_are_listed_with_the_fields_they_take(shop):
    (model,) = shop.run(lambda client: client.ask(get("/v1/models"))).json()["models"]
    assert (model["version"], model["threshold"]) == (1, 0.5)
    assert model["fields"]["income"] == "a finite number within ±3.4e38"


def test_metrics_count_requests_rows_and_time(shop):
    async def story(client):
        for body in (ROW, [ROW, ROW], {}):
            await client.ask(predict(body))
        await client.ask(predict(ROW, model='x"y'))
        return (await client.ask(get("/metrics"))).body.decode().splitlines()

    lines = shop.run(story, more_metrics=lambda: "more 1\n")
    assert 'workbench_requests_total{model="lending",status="200"} 2' in lines
    assert 'workbench_requests_total{model="lending",status="422"} 1' in lines
    assert 'workbench_requests_total{model="(unknown)",status="404"} 1' in lines
    assert 'workbench_predictions_total{model="lending",version="1"} 3' in lines
    assert 'workbench_request_duration_seconds_count{model="lending"} 3' in lines
    assert 'workbench_champion_generation{model="lending",version="1"} 1' in lines
    assert "more 1" in lines


def test_a_healthy_gateway_is_alive_and_ready(shop):
    async def story(client):
        return [(await client.ask(get(path))).status for path in ("/healthz", "/readyz", "/")]

    assert shop.run(story) == [200, 200, 200]


def test_a_signature_that_does_not_travel_in_json_is_told_when_it_is_loaded(shop):
    shop.loader.columns = {"picture": "binary"}
    assert shop.ask({"picture": "…"}).status == 503


def test_a_sampled_log_has_its_share_of_failures_as_of_answers(shop):
    """Else a tenth of the answers and all failures would tell of ten times as many errors."""
    policy = LogPolicy(share={"": "0.25"})
    bodies = [ROW] * 120 + [{**ROW, "income": "much"}] * 120

    async def story(client):
        return [await client.ask(predict(body)) for body in bodies]

    shop.run(story, policy=policy)
    kept = [row.status for row in shop.log.rows("lending")]
    assert 10 <= kept.count(200) <= 55
    assert 10 <= kept.count(422) <= 55
