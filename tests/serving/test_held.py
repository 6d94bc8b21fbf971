"""Answers that people look at first: what holds them, who decides, and what happens when nobody does."""

import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urljoin

import pytest

from workbench.engines.rego import RegoEngine
from workbench.errors import Misuse
from workbench.ledger.lineage import lineage
from workbench.policy import Ruling
from workbench.promotion import Declaration, Desk, Identity
from workbench.promotion.approvals import GIVEN
from workbench.promotion.declaring import declare
from workbench.serving import Keys, LogPolicy, Request
from workbench.serving.held import DECIDED
from workbench.serving.held_store import HeldStore
from workbench.serving.holding import Holding
from workbench.serving.review import Review
from workbench.serving.sifting import Sieve
from workbench.serving.webhook import Webhook, signed

PREDICT = "/v1/models/lending/predict"
ROW = {"income": 4.5, "loans": 2, "cosigner": True, "purpose": "house"}
PEOPLE = {"approvals": 1, "roles": ["reviewer"], "hours": 24, "message": "its score is close to the threshold"}
OFFICER, SECOND = Identity("risk-officer", "os"), Identity("second-officer", "os")
SHIPPED = Path(__file__).parents[2] / "templates/policies/answer.rego"


class Judge:
    """An engine that says what the test wants."""

    def __init__(self):
        self.ruling = Ruling(False, people=PEOPLE)
        self.on_timeout = "refuse"
        self.asked = []

    def evaluate(self, source, package, document):
        self.asked.append(document)
        if isinstance(self.ruling, Exception):
            raise self.ruling
        return self.ruling(document) if callable(self.ruling) else self.ruling

    def values(self, source, package, rules, document):
        return {"on_timeout": self.on_timeout}


class House:
    """A shop whose model "lending" is judged."""

    def __init__(self, shop, folder, store):
        self.shop, self.judge, self.store, self.folder = shop, Judge(), store, folder
        self.desk = Desk(shop.ledger)
        self.review = Review(shop.ledger, self.desk, store)
        (folder / "answer.rego").write_text('package answer\nheld := [{"model": "lending"}]\nallow := true')
        self.webhook = None

    def holding(self):
        sieve = Sieve(self.shop.ledger, self.desk, lambda: self.judge, self.folder, self.store)
        return Holding(sieve, self.review, self.store, self.webhook)

    def ask(self, body=ROW, *, headers=(), **options):
        asked = Request(PREDICT, body, headers=dict(headers))
        return self.shop.run(lambda client: client.ask(asked), holding=self.holding(), **options)

    def poll(self, path):
        return self.shop.run(lambda client: client.ask(Request(path, method="GET")), holding=self.holding())

    def held(self):
        """The path and the id of an answer that is held now."""
        (one,) = self.ask().json()["predictions"]
        return urljoin(PREDICT, one["poll"]), one["id"]

    def decide(self, prediction, verdict, *, by=OFFICER, answer=None):
        return self.review.decide(prediction, verdict, by=by, why="looked at", now=self.shop.now(), answer=answer)

    def entries(self, kind):
        return self.shop.ledger.entries(kind=kind)


@pytest.fixture
def house(shop, tmp_path):
    with HeldStore.open(f"sqlite:///{tmp_path / 'held.db'}") as store:
        yield House(shop, tmp_path, store)


def test_a_held_answer_is_a_202_that_says_where_to_poll_and_gives_nothing_away(house):
    answer = house.ask()
    assert answer.status == 202
    (one,) = answer.json()["predictions"]
    assert (one["score"], one["answer"], one["held"]) == (None, None, True)
    waiting = house.poll(urljoin(PREDICT, one["poll"]))
    assert (waiting.status, waiting.headers["retry-after"], waiting.json()["state"]) == (202, "2", "held")
    assert waiting.json()["score"] is None


@pytest.mark.parametrize(
    ("verdict", "other", "state", "answer", "told"),
    [
        ("confirm", None, "answered", False, "confirmed"),
        ("change", True, "answered", True, "changed"),
        ("refuse", None, "refused", None, "refused"),
    ],
)
def test_people_give_the_models_answer_or_another_or_none(house, verdict, other, state, answer, told):
    path, name = house.held()
    house.decide(name, verdict, answer=other)
    found = house.poll(path)
    assert found.status == 200
    assert (found.json()["state"], found.json()["answer"], found.json()["decided"]) == (state, answer, told)
    assert "risk-officer" not in found.body.decode(), "a caller is not told who decided"
    (entry,) = house.entries(DECIDED)
    assert (entry.actor, entry.why, entry.body["version"]) == ("risk-officer", "looked at", 1)


def test_the_question_is_bound_to_what_was_answered_and_holds_no_feature(house):
    _, name = house.held()
    (entry,) = house.entries("approval.requested")
    (row,) = house.shop.log.rows()
    asked = entry.body["question"]["particulars"]
    assert (asked["model"], asked["version"], asked["generation"]) == ("lending", 1, 1)
    assert asked["input_digest"] == row.input_digest
    assert asked["score"] == pytest.approx(0.451)
    assert "house" not in json.dumps(entry.body)
    assert (row.id, row.status) == (name, 202)
    assert house.shop.log.counts("lending").refused == 0


def test_rows_that_are_not_held_are_answered_beside_those_that_are(house):
    house.judge.ruling = lambda document: Ruling(False, people=PEOPLE) if document["score"] < 0.5 else Ruling(True)
    answer = house.ask({"rows": [ROW, {**ROW, "income": 9.0}]})
    low, high = answer.json()["predictions"]
    assert answer.status == 202
    assert low["held"]
    assert high["score"] == pytest.approx(0.901)
    assert sorted(row.status for row in house.shop.log.rows()) == [200, 202]


def test_what_is_held_is_logged_whatever_the_sample_and_counted_as_held(house):
    async def story(client):
        await client.ask(Request(PREDICT, ROW))
        return (await client.ask(Request("/metrics", method="GET"))).body.decode()

    metrics = house.shop.run(story, holding=house.holding(), policy=LogPolicy(share={"": "0"}))
    assert 'workbench_requests_total{model="lending",status="202"} 1' in metrics
    assert [row.status for row in house.shop.log.rows()] == [202]


def test_mlflows_form_gives_null_for_what_is_held(house):
    request = Request("/v1/models/lending/invocations", {"dataframe_records": [ROW]})
    answer = house.shop.run(lambda client: client.ask(request), holding=house.holding())
    assert (answer.status, answer.json()["predictions"]) == (202, [None])
    assert answer.json()["held"][0].startswith("held/")


@pytest.mark.parametrize(
    "ruling",
    [
        Ruling(None, error="it crashed", code="policy-crash"),
        Ruling(None),
        Ruling("yes"),
        Ruling(False, people={"approvals": 0}),
        RuntimeError("the engine is down"),
    ],
    ids=["crash", "undefined", "text", "malformed", "down"],
)
def test_whatever_is_no_clear_yes_holds_the_answer(house, ruling):
    house.judge.ruling = ruling
    answer = house.ask()
    assert answer.status == 202
    (asked,) = house.entries("approval.requested")
    assert asked.body["question"]["requirement"]["roles"] == ["approver", "reviewer"]
    assert asked.body["question"]["particulars"]["on_timeout"] == "refuse"


def test_a_policy_that_refuses_is_a_403_in_its_words(house):
    house.judge.ruling = Ruling(False, ({"code": "no", "message": "minors get no answer"},))
    answer = house.ask()
    assert answer.status == 403
    assert "minors get no answer" in answer.json()["error"]["message"]


def test_a_ledger_that_cannot_be_asked_gives_no_answer_and_leaves_nothing(house, monkeypatch):
    def broken(*_, **__):
        raise Misuse("the disk is full")

    monkeypatch.setattr(house.desk, "ask_within", broken)
    answer = house.ask()
    assert answer.status == 503
    assert house.store.waiting() == []


def test_only_models_of_high_stakes_or_named_by_the_policy_are_judged(house):
    (house.folder / "answer.rego").write_text('package answer\n# "lending" is free\nallow := true')
    assert house.ask().status == 200
    assert house.judge.asked == []
    declare(
        house.shop.ledger,
        house.desk,
        Declaration("lending", "high"),
        actor="analyst",
        why="people",
        now=house.shop.now(),
    )
    assert house.ask().status == 202
    assert house.judge.asked[0]["stakes"] == "high"


def test_many_rows_of_a_judged_model_are_refused(house):
    assert house.ask([ROW] * 101).status == 413


@pytest.mark.parametrize(
    ("way", "state", "answer"),
    [("answer", "answered", False), ("refuse", "refused", None), ({"answer": True}, "answered", True)],
)
def test_when_nobody_decides_the_policy_says_what_is_answered(house, way, state, answer):
    house.judge.on_timeout = way
    path, name = house.held()
    house.shop.time += timedelta(hours=23)
    assert house.poll(path).status == 202
    house.shop.time += timedelta(hours=2)
    found = house.poll(path).json()
    assert (found["state"], found["answer"], found["by"], found["decided"]) == (state, answer, "time", "timed out")
    with pytest.raises(Misuse, match="timed out already"):
        house.decide(name, "confirm")


def test_a_reviewer_decides_once(house):
    path, name = house.held()
    house.decide(name, "confirm")
    for verdict in ("confirm", "refuse", "change"):
        with pytest.raises(Misuse, match="confirmed already"):
            house.decide(name, verdict, answer=True)
    assert house.poll(path).json()["answer"] is False
    assert len(house.entries(DECIDED)) == 1


def test_the_models_own_answer_is_no_other_one(house):
    _, name = house.held()
    with pytest.raises(Misuse, match="own answer"):
        house.decide(name, "change", answer=False)
    with pytest.raises(Misuse, match="yes or no"):
        house.decide(name, "change", answer=0.3)
    assert house.entries(DECIDED) == []


def test_of_two_reviewers_at_once_one_decides(house):
    for _ in range(5):
        _, name = house.held()
        start, said = threading.Barrier(2), []

        def decide(verdict, by, name=name, start=start, said=said):
            start.wait()
            try:
                said.append(house.decide(name, verdict, by=by, answer=True).told)
            except Misuse:
                said.append("too late")

        threads = [threading.Thread(target=decide, args=one) for one in (("confirm", OFFICER), ("change", SECOND))]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(said) in (["confirmed", "too late"], ["changed", "too late"])
        (entry,) = house.shop.ledger.entries(kind=DECIDED, subject=f"prediction/{name}")
        assert entry.body["told"] in said


def test_an_approval_of_one_answer_replayed_for_another_counts_for_nothing(house):
    _, first = house.held()
    house.decide(first, "confirm")
    path, second = house.held()
    (given,) = house.entries(GIVEN)
    question = house.store.find(second).held.question
    house.shop.ledger.append(
        GIVEN, subject=question.subject, actor=given.actor, why="again", now=house.shop.now(),
        body={**given.body, "digest": question.digest},
    )  # fmt: skip
    assert house.poll(path).json()["state"] == "held"


def test_who_has_not_the_role_decides_nothing(house):
    admin, now = Identity("admin-officer", "os"), house.shop.now()
    house.desk.change_roles("admin-officer", ["admin"], by=admin, why="first", now=now)
    house.desk.change_roles("risk-officer", ["reviewer"], by=admin, why="looks at answers", now=now)
    _, name = house.held()
    for verdict in ("confirm", "refuse", "change"):
        with pytest.raises(Misuse, match="may not decide"):
            house.decide(name, verdict, by=SECOND, answer=True)
    (waiting,) = house.review.waiting(now=house.shop.now())
    assert waiting.may == ("risk-officer",)
    assert house.decide(name, "confirm").given


def test_two_people_where_the_policy_asks_for_two(house):
    house.judge.ruling = Ruling(False, people={**PEOPLE, "approvals": 2})
    _, name = house.held()
    assert house.decide(name, "confirm") is None
    with pytest.raises(Misuse, match="needs 2 people"):
        house.decide(name, "change", by=SECOND, answer=True)
    assert house.decide(name, "confirm", by=SECOND).told == "confirmed"


def test_an_answer_that_another_command_approved_is_given(house):
    path, name = house.held()
    house.desk.approve(house.store.find(name).held.question.digest, by=OFFICER, why="fine", now=house.shop.now())
    assert house.poll(path).json()["decided"] == "confirmed"


def test_a_gateway_that_died_before_it_asked_leaves_nothing_behind(house):
    _, name = house.held()
    held = house.store.find(name).held
    house.store.add([replace(held, id="p-lost", at=held.at - timedelta(hours=1))])
    house.holding().sweep(None, now=house.shop.now())
    assert [one.id for one in house.store.waiting()] == [name]


def test_one_key_cannot_read_what_another_asked_for(house):
    keys = Keys(house.shop.ledger, now=house.shop.now)
    texts = [keys.create(name, ["lending"], actor="admin", why="w")[1] for name in ("shop", "branch")]
    headers = [{"authorization": f"Bearer {text}"} for text in texts]

    async def story(client):
        asked = await client.ask(Request(PREDICT, ROW, headers=headers[0]))
        path = urljoin(PREDICT, asked.json()["predictions"][0]["poll"])
        return [(await client.ask(Request(path, method="GET", headers=one))).status for one in headers]

    assert house.shop.run(story, holding=house.holding(), keys=keys) == [202, 404]


def test_an_answer_belongs_to_the_client_and_outlives_the_key_that_asked(house):
    keys = Keys(house.shop.ledger, now=house.shop.now)
    old, text = keys.create("shop", ["lending"], actor="admin", why="w")
    asked = house.ask(keys=keys, headers={"authorization": f"Bearer {text}"})
    path = urljoin(PREDICT, asked.json()["predictions"][0]["poll"])
    house.shop.time += timedelta(minutes=1)
    _, new = keys.rotate(old.id, actor="admin", why="leaked")
    _, other = keys.create("branch", ["lending"], actor="admin", why="w")

    async def story(client):
        headers = [{"authorization": f"Bearer {one}"} for one in (text, new, other)]
        return [(await client.ask(Request(path, method="GET", headers=one))).status for one in headers]

    looked_again = Keys(house.shop.ledger, now=house.shop.now)
    assert house.shop.run(story, holding=house.holding(), keys=looked_again) == [401, 202, 404]


def test_the_webhook_is_told_once_and_can_check_who_tells_it(house):
    came = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((body, self.headers["x-workbench-signature"]))
            self.send_response(503 if len(came) == 1 else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        house.webhook = Webhook(f"http://127.0.0.1:{server.server_port}/decided", "s3cret")
        _, name = house.held()
        house.decide(name, "confirm")
        assert [house.holding().sweep(None, now=house.shop.now()) for _ in range(3)] == [0, 1, 0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    body, signature = came[-1]
    at = signature.partition(",")[0].removeprefix("t=")
    mac = hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert signature == f"t={at},v1={mac}" == signed(body, "s3cret", int(at))
    assert (json.loads(body)["id"], json.loads(body)["answer"]) == (name, False)


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/passwd", "ftp://a/b", ""])
def test_a_webhook_goes_over_tls_or_stays_on_this_machine(url):
    with pytest.raises(Misuse, match="https"):
        Webhook(url, "s")


def test_the_lineage_of_a_held_answer_tells_who_decided(house):
    _, name = house.held()
    house.decide(name, "confirm")
    found = lineage(house.shop.ledger.entries()).part(f"prediction:{name}", ["down"])
    assert [node.facts["actor"] for node in found.nodes.values() if node.kind == "decision"] == ["risk-officer"]


def test_the_shipped_policy_holds_scores_close_to_the_threshold(house):
    text = SHIPPED.read_text("utf-8").replace("held := []", 'held := [{"model": "lending", "low": 0.4, "high": 0.5}]')
    (house.folder / "answer.rego").write_text(text)
    house.judge = RegoEngine()
    try:
        answer = house.ask({"rows": [ROW, {**ROW, "income": 9.0}]})
    finally:
        house.judge.close()
    assert answer.status == 202
    assert [one.get("held", False) for one in answer.json()["predictions"]] == [True, False]
    (held,) = house.store.waiting()
    assert "lies between 0.4 and 0.5" in held.requirement.why
    assert held.on_timeout == "refuse"


def test_a_poll_for_what_is_not_held_or_by_another_method_is_told(house):
    assert house.poll("/v1/models/lending/held/nothing").status == 404
    path, _ = house.held()
    assert house.poll(path.replace("lending", "churn")).status == 404
    post = house.shop.run(lambda client: client.ask(Request(path)), holding=house.holding())
    assert post.status == 405
