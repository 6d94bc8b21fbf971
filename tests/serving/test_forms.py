"""What the gateway says beside scores: warnings, rows that failed, MLflow's form, labels, lanes, a description."""

import asyncio
import json
import os
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from workbench.errors import EngineError
from workbench.serving import Keys, Request
from workbench.serving.access_log import AccessLog, LogFile
from workbench.serving.client import living

ROW = {"income": 4.5, "loans": 2, "cosigner": True, "purpose": "house"}


def post(path, body, **headers):
    return Request(path, body, headers=headers)


def get(path):
    return Request(path, b"", method="GET")


def test_a_value_that_training_never_saw_is_answered_with_a_warning(shop):
    shop.loader.more = {"ranges": {"income": (1.0, 5.0), "purpose": (0.0, 1.0)}}
    told = shop.ask([ROW, {**ROW, "income": 9.0}]).json()
    assert len(told["predictions"]) == 2
    assert told["warnings"] == [{"row": 1, "field": "income", "got": "is 9", "needs": "training saw 1 to 5"}]
    assert "warnings" not in shop.ask(ROW).json()


def test_a_field_that_may_be_missing_may_be_null_or_left_out(shop):
    class Counts:
        def predict(self, frame):
            return frame["income"].isna().to_numpy() * 10.0 + frame["purpose"].isna().to_numpy()

    shop.loader.more = {"optional": frozenset({"income", "purpose"})}
    shop.loader.estimators[1] = Counts()
    rows = [ROW, {**ROW, "income": None}, {"loans": 2, "cosigner": True}]
    assert [p["score"] for p in shop.ask(rows).json()["predictions"]] == [0.0, 10.0, 11.0]
    assert shop.ask({**ROW, "loans": None}).status == 422
    assert shop.ask({"loans": 2, "cosigner": True, "incom": 1}).status == 422


def test_a_row_that_the_model_fails_on_takes_no_neighbour_with_it(shop):
    class Picky:
        def predict_proba(self, frame):
            if (frame["income"] == 6.66).any():
                raise ZeroDivisionError("six")
            yes = frame["income"].to_numpy() / 10
            return np.column_stack([1 - yes, yes])

    shop.loader.estimators[1] = Picky()

    async def story(client):
        bodies = [ROW, {**ROW, "income": 6.66}, [{**ROW, "income": 1.0}, {**ROW, "income": 6.66}, ROW]]
        return await asyncio.gather(*(client.ask(post("/v1/models/lending/predict", body)) for body in bodies))

    good, failed, mixed = shop.run(story)
    assert (good.status, failed.status, mixed.status) == (200, 500, 200)
    assert good.json()["predictions"][0]["score"] == pytest.approx(0.45)
    scores = [p["score"] for p in mixed.json()["predictions"]]
    assert scores == [pytest.approx(0.1), None, pytest.approx(0.45)]
    assert mixed.json()["predictions"][1]["error"] == "ZeroDivisionError: six"
    assert [row.status for row in shop.log.rows(request=mixed.json()["request"])] == [200, 500, 200]


@pytest.mark.parametrize("path", ["/v1/models/lending/invocations", "/invocations"])
def test_mlflows_clients_get_mlflows_form(shop, path):
    body = {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values()), [9.0, 1, False, "car"]]}}
    answer = shop.run(lambda client: client.ask(post(path, body)))
    assert answer.json() == {"predictions": [0, 1]}
    assert answer.headers["x-workbench-version"] == "1"
    assert shop.log.counts("lending").rows == 2


def test_mlflows_address_needs_to_know_which_model(shop):
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    answer = shop.run(lambda client: client.ask(post("/invocations", ROW)))
    assert (answer.status, "names one" in answer.json()["error"]["hint"]) == (409, True)


def test_labels_are_joined_by_the_ids_that_were_answered(shop):
    told = shop.ask([ROW, {**ROW, "income": 1.0}]).json()["predictions"]
    sent = {"labels": [{"id": told[0]["id"], "label": True}, {"id": "p0", "label": 0}], "source": "collections"}
    answer = shop.run(lambda client: client.ask(post("/v1/labels", sent)))
    assert answer.json() == {"kept": 1, "unknown": 1, "ids": ["p0"]}
    (joined,) = shop.log.labelled("lending")
    assert (joined.id, joined.label) == (told[0]["id"], 1.0)


@pytest.mark.parametrize("body", [b"{", b"[]", {"labels": []}, {"labels": [{"id": "p"}], "source": "x"}, b"\xff"])
def test_labels_that_cannot_be_read_are_refused_in_words(shop, body):
    answer = shop.run(lambda client: client.ask(post("/v1/labels", body)))
    assert answer.status == 422
    assert "collections" in answer.json()["error"]["hint"]


def test_a_key_labels_its_own_models_only(shop):
    told = shop.ask(ROW).json()["predictions"][0]
    keys = Keys(shop.ledger, now=shop.now)
    _, text = keys.create("pricing-app", ["pricing"], actor="risk-officer", why="x")
    sent = post(
        "/v1/labels", {"labels": [{"id": told["id"], "label": 1}], "source": "x"}, authorization=f"Bearer {text}"
    )
    assert shop.run(lambda client: client.ask(sent), keys=keys).status == 404


def test_the_description_has_every_model_and_field_and_is_valid(shop):
    document = shop.run(lambda client: client.ask(get("/openapi.json"))).json()
    row = document["components"]["schemas"]["lending.row"]
    assert list(row["properties"]) == list(ROW)
    assert row["required"] == list(ROW)
    assert set(document["paths"]) >= {"/v1/models/lending/predict", "/v1/models/lending/invocations", "/v1/labels"}
    assert json.dumps(document).count('"$ref"') > 3


def test_the_page_for_people_loads_nothing_and_escapes_names(shop):
    shop.loader.columns = {"<script>": "double"}
    page = shop.run(lambda client: client.ask(get("/docs")))
    text = page.body.decode()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert "http" not in text.replace("/v1", "")


def test_the_models_tell_their_lane_and_why(shop):
    shop.loader.more = {"why": "HistGradientBoosting has no such form"}
    (told,) = shop.run(lambda client: client.ask(get("/v1/models"))).json()["models"]
    assert (told["lane"], told["why"]) == ("native", "HistGradientBoosting has no such form")


class Compiler:
    """Says yes, no, or that it failed."""

    def __init__(self, shop, outcome):
        self.shop, self.outcome, self.asked = shop, outcome, []

    def compile(self, version):
        self.asked.append(version.version)
        self.shop.loader.more = {"lane": "onnx", "compiled": lambda rows: [0.25] * len(rows)} if self.outcome else {}
        if self.outcome is None:
            raise EngineError("no converter")
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "lane", "why"),
    [(True, "onnx", ""), (False, "native", "not compiled"), (None, "native", "no converter")],
)
def test_a_champion_that_was_never_tried_is_compiled_behind_the_answers(shop, outcome, lane, why):
    shop.loader.more = {"untried": True}
    compiler = Compiler(shop, outcome)

    async def story():
        async with living(shop.app(compiler=compiler)) as client:
            for _ in range(100):
                (told,) = (await client.ask(get("/v1/models"))).json()["models"]
                if told["lane"] == lane and why in told.get("why", "") and compiler.asked and (why or lane == "onnx"):
                    break
                await asyncio.sleep(0.02)
            return told, (await client.ask(post("/v1/models/lending/predict", ROW))).json()

    told, answer = asyncio.run(story())
    assert (told["lane"], why in told.get("why", "")) == (lane, True)
    assert compiler.asked == [1]
    assert answer["predictions"][0]["score"] == pytest.approx(0.25 if outcome else 0.451)


def test_a_flood_at_the_door_does_not_fill_the_log(shop):
    keys = Keys(shop.ledger, now=shop.now)
    _, text = keys.create("shop-frontend", ["pricing"], actor="risk-officer", why="x")
    request = post("/v1/models/lending/predict", ROW, authorization=f"Bearer {text}")
    assert shop.run(lambda client: client.ask(request), keys=keys).status == 403
    assert shop.log.rows() == []


def test_only_one_model_is_answered_where_it_was_asked_for(shop):
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    answers = shop.run(lambda client: both(client), only="churn")
    assert answers == (404, 200)


async def both(client):
    first = await client.ask(post("/v1/models/lending/predict", ROW))
    return first.status, (await client.ask(post("/v1/models/churn/predict", ROW))).status


def test_an_access_log_that_cannot_be_written_stops_no_answer_and_is_counted(shop, monkeypatch):
    monkeypatch.setattr("workbench.serving.access_log.MOST", 3)
    full = AccessLog(FullDisk(), now=shop.now)

    async def story(client):
        asked = [(await client.ask(post("/v1/models/lending/predict", ROW))).status for _ in range(5)]
        return asked, (await client.ask(get("/metrics"))).body.decode()

    statuses, metrics = shop.run(story, access=full)
    assert statuses == [200] * 5
    assert "workbench_access_log_dropped_lines_total 2" in metrics


class FullDisk:
    def write(self, _):
        raise OSError(28, "No space left on device")


def test_a_clock_that_steps_back_stops_no_answer(shop):
    async def story(client):
        first = await client.ask(post("/v1/models/lending/predict", ROW))
        shop.time -= timedelta(days=1)
        return first.status, (await client.ask(post("/v1/models/lending/predict", ROW))).status

    assert shop.run(story) == (200, 200)
    assert shop.log.counts("lending").rows == 2


def test_the_access_log_has_a_line_a_request_and_no_value_of_it(shop, tmp_path):
    with (tmp_path / "access.jsonl").open("ab") as file:
        request = post("/v1/models/lending/predict", {**ROW, "purpose": "a secret"}, **{"x-request-id": "one"})
        shop.run(lambda client: client.ask(request), access=AccessLog(file, now=shop.now))
        shop.run(
            lambda client: client.ask(post("/v1/models/no\nsuch/predict", ROW)), access=AccessLog(file, now=shop.now)
        )
        shop.run(lambda client: client.ask(get("/v1/models")), access=AccessLog(file, now=shop.now), token="t")
    first, second, third = map(json.loads, (tmp_path / "access.jsonl").read_text().splitlines())
    assert (third["route"], third["status"]) == ("door", 401)
    assert (first["model"], first["status"], first["request"], first["rows"]) == ("lending", 200, "one", 1)
    assert (second["model"], second["status"]) == ("(unknown)", 404)
    assert "secret" not in json.dumps(first)


def test_an_access_log_that_was_moved_away_or_deleted_is_begun_anew(shop, tmp_path):
    path = tmp_path / "access.jsonl"

    async def story(client):
        await client.ask(get("/v1/models"))

    with LogFile(path) as file:
        shop.run(story, access=AccessLog(file, now=shop.now))
        path.rename(tmp_path / "access.jsonl.1")
        shop.run(story, access=AccessLog(file, now=shop.now))
        assert [len(one.read_text().splitlines()) for one in sorted(tmp_path.glob("access*"))] == [1, 1]
        path.unlink()
        shop.run(story, access=AccessLog(file, now=shop.now))
        os.truncate(path, 0)
        shop.run(story, access=AccessLog(file, now=shop.now))
    assert len(path.read_text().splitlines()) == 1


def test_each_row_of_the_log_tells_who_was_chosen_and_how_likely(shop):
    shop.ask(ROW)
    (row,) = shop.log.rows()
    assert (row.variant, row.propensity, row.client) == ("champion", 1.0, None)
    assert replace(row, id="x").model == "lending"
