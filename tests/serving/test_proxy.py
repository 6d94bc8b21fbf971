"""The gateway behind a real proxy that puts a prefix before it: what it trusts, and what it does not."""

import contextlib
import http.client
import io
import json
import os
import sys
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from workbench.engines.rego import RegoEngine
from workbench.engines.servers import dies_with_its_parent
from workbench.promotion import Desk
from workbench.serving import Keys
from workbench.serving.access_log import AccessLog
from workbench.serving.held_store import HeldStore
from workbench.serving.holding import Holding
from workbench.serving.processes import create_front
from workbench.serving.review import Review
from workbench.serving.sifting import Sieve

pytestmark = pytest.mark.slow

PREFIX, TOKEN = "/team/gateway/", "t0ken"
SHIPPED = Path(__file__).parents[2] / "templates/policies/answer.rego"


@pytest.fixture
def behind(shop, network, nginx, tmp_path):
    """The port of a proxy before a gateway with keys, a client's key and its text, and the access log."""
    shop.loader.columns = {"income": "double"}
    keys = Keys(shop.ledger, now=shop.now)
    key, text = keys.create("shop", ["lending"], actor="admin", why="w")
    lines = io.BytesIO()
    app = shop.app(keys=keys, token=TOKEN, access=AccessLog(lines, now=shop.now))
    with (
        network.Serving(app) as serving,
        nginx(tmp_path, {PREFIX: f"http://127.0.0.1:{serving.port}/"}) as port,
    ):
        yield port, key, text, lines


def seen(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def test_answers_pages_and_links_stay_below_the_prefix(behind, network):
    port, _, text, _ = behind
    bearer = {"authorization": f"Bearer {text}"}
    predict = f"{PREFIX}v1/models/lending/predict"
    assert network.ask(port, predict, {"rows": [{"income": 4.0}]}, **bearer)[0] == 200
    assert network.ask(port, predict, {"rows": [{"income": 4.0}]})[0] == 401
    shown = f"http://127.0.0.1:{port}{PREFIX}docs"
    status, headers, _ = seen(port, f"{PREFIX}docs?token={TOKEN}")
    assert (status, urljoin(shown, headers["location"])) == (303, shown)
    status, _, page = seen(port, f"{PREFIX}docs", cookie=headers["set-cookie"].partition(";")[0])
    assert status == 200 and b'href="/' not in page
    document = json.loads(seen(port, f"{PREFIX}openapi.json", authorization=f"Bearer {TOKEN}")[2])
    root = urljoin(f"http://127.0.0.1:{port}{PREFIX}openapi.json", document["servers"][0]["url"])
    assert root == f"http://127.0.0.1:{port}{PREFIX}"
    assert "/v1/models/lending/predict" in document["paths"]


@pytest.mark.parametrize("how", ["one process", "a process each"])
def test_every_address_that_is_told_leads_to_what_it_says_below_the_prefix(how, shop, network, nginx, tmp_path):
    held = SHIPPED.read_text("utf-8").replace("held := []", 'held := [{"model": "lending", "low": 0, "high": 1}]')
    (tmp_path / "answer.rego").write_text(held)
    program = [sys.executable, str(Path(__file__).with_name("answerer.py")), str(tmp_path)]
    with contextlib.ExitStack() as stack:
        if how == "one process":
            shop.loader.columns = {"income": "double"}
            store = stack.enter_context(HeldStore.open(f"sqlite:///{tmp_path / 'held.db'}"))
            desk = Desk(shop.ledger)
            engine = stack.enter_context(contextlib.closing(RegoEngine()))
            sieve = Sieve(shop.ledger, desk, lambda: engine, tmp_path, store)
            app = shop.app(holding=Holding(sieve, Review(shop.ledger, desk, store), store))
        else:
            app = create_front(
                shop.ledger, program, shop.log, now=shop.now, first=dies_with_its_parent(), environ=dict(os.environ)
            )
        serving = stack.enter_context(network.Serving(app))
        port = stack.enter_context(nginx(tmp_path, {PREFIX: f"http://127.0.0.1:{serving.port}/"}))
        network.until(lambda: network.ask(port, f"{PREFIX}v1/models")[1].get("models"))

        def followed(asked, address):
            there = urljoin(f"http://127.0.0.1:{port}{asked}", address)
            assert there.startswith(f"http://127.0.0.1:{port}{PREFIX}v1/models/lending/")
            return urlsplit(there).path

        predict = f"{PREFIX}v1/models/lending/predict"
        for page in ("", "v1/models"):
            (model,) = network.ask(port, PREFIX + page)[1]["models"]
            assert followed(PREFIX + page, model["predict"]) == predict
        assert b"POST v1/models/lending/predict" in seen(port, f"{PREFIX}docs")[2]
        rows = {"rows": [{"income": 4.0}]}
        for asked in (predict, f"{predict}/", f"{predict}//"):
            status, told = network.ask(port, asked, rows)
            assert status == 202
            status, told = network.ask(port, followed(asked, told["predictions"][0]["poll"]))
            assert (status, told["state"]) == (202, "held")
        for asked in (f"{PREFIX}v1/models/lending/invocations", f"{PREFIX}invocations"):
            status, told = network.ask(port, asked, {"inputs": [{"income": 4.0}]})
            assert status == 202
            assert network.ask(port, followed(asked, told["held"][0]))[0] == 202


def test_no_header_of_a_client_names_a_host_an_address_or_another_client(behind, network, shop):
    port, key, text, lines = behind
    forged = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher",
        "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9;host=evil.example", "X-Real-IP": "203.0.113.9",
        "X-Workbench-Key": "wb_other", "X-Remote-User": "risk-officer", "X-Forwarded-Prefix": "//evil.example",
    }  # fmt: skip
    status, headers, page = seen(port, f"{PREFIX}docs?token={TOKEN}", **forged)
    assert (status, headers["location"]) == (303, "./docs")
    assert b"evil" not in page + json.dumps(headers).encode()
    body = {"rows": [{"income": 4.0}]}
    path = f"{PREFIX}v1/models/lending/predict"
    assert network.ask(port, path, body, **forged)[0] == 401, "a name in a header opens nothing"
    assert network.ask(port, path, body, **forged, authorization=f"Bearer {text}")[0] == 200
    row = network.until(lambda: shop.log.rows("lending"))[-1]
    assert row.client == key.id
    network.until(lambda: b"predict" in lines.getvalue())
    assert b"203.0.113" not in lines.getvalue() and b"127.0.0.1" not in lines.getvalue()
