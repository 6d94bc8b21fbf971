"""What an Open Policy Agent may do wrong: it is down, late, redirects, babbles or refuses us, and each is a denial."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workbench.bench.policies import policy_engine
from workbench.engines.opa import OpaEngine, own_package
from workbench.errors import Misuse
from workbench.policy import Policy, decide

SEED = Policy.parse("seed", "package model\nallow := input.metrics.fairness >= 0.85\n")
YES = {"allow": [True], "deny": [], "people": []}


class Server:
    """Speaks as an OPA does, and answers questions with what the test wants."""

    def __init__(self, answer):
        asked = self.asked = []

        class Told(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):
                asked.append((self.path, self.headers.get("Authorization"), self._body()))
                self._say(200, b"{}")

            def do_POST(self):
                asked.append((self.path, self.headers.get("Authorization"), self._body()))
                answer(self)

            def _body(self):
                return self.rfile.read(int(self.headers["Content-Length"])).decode()

            def _say(self, status, body, **headers):
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.address = f"opa+http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def saying(status=200, body=b"", **headers):
    return lambda handler: handler._say(status, body, **headers)


def result(value):
    return saying(body=json.dumps({"result": value}).encode())


def slowly(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def asked_of(answer, *, token=None, seconds=0.3):
    server = Server(answer)
    engine = OpaEngine.at(server.address, token=token, seconds=seconds)
    try:
        return decide(engine, SEED, {"metrics": {"fairness": 0.9}}), server
    finally:
        engine.close()
        server.close()


def test_a_clear_yes_is_a_yes():
    said, server = asked_of(result(YES))
    assert said.allowed
    (rules, _, pushed), (asked, _, _), (question, _, _) = server.asked
    assert "package workbench.p" in pushed and "rules.model" in pushed
    assert rules.endswith("/rules") and asked.endswith("/asked")
    assert "strict-builtin-errors=true" in question


BAD = {
    "redirect": (saying(302, Location="http://127.0.0.1:9/"), "policy-unreachable", "redirects"),
    "moved for good": (saying(308, Location="http://127.0.0.1:9/"), "policy-unreachable", "redirects"),
    "not ours": (saying(401, b"{}"), "policy-unreachable", "token"),
    "broken": (saying(500, b"{}"), "policy-error", "status 500"),
    "no JSON": (saying(200, b"<html>yes</html>"), "policy-crash", "cannot be read"),
    "a list": (saying(200, b"[true]"), "policy-crash", "cannot be read"),
    "a bare true": (result(True), "policy-crash", "cannot be read"),
    "too few rules": (result({"allow": [True]}), "policy-crash", "cannot be read"),
    "too many values": (result({**YES, "allow": [True, True]}), "policy-crash", "cannot be read"),
    "no lists": (result({**YES, "allow": True}), "policy-crash", "cannot be read"),
    "a deny that is no set": (result({**YES, "deny": [{"a": 1}]}), "policy-error", "must be a set"),
    "no result": (saying(200, b"{}"), "policy-crash", "does not know the policy"),
    "slow": (slowly, "policy-timeout", "0.3 seconds"),
    "closes": (lambda handler: handler.connection.close(), "policy-", ""),
}


@pytest.mark.parametrize(("answer", "code", "words"), BAD.values(), ids=BAD)
def test_anything_but_an_answer_of_ours_is_a_denial_with_its_reason(answer, code, words):
    said, _ = asked_of(answer)
    assert not said.allowed
    assert said.reasons[0].code.startswith(code)
    assert words in said.reasons[0].message


def test_a_server_that_is_down_is_a_denial():
    said = decide(OpaEngine.at("opa+http://127.0.0.1:9"), SEED, {})
    assert said.reasons[0].code == "policy-unreachable"


def test_the_token_comes_from_its_reference_and_is_shown_to_nobody_else(tmp_path):
    server = Server(result(YES))
    engine = policy_engine(server.address, "env:OPA_TOKEN", {"OPA_TOKEN": "s3same"})
    assert decide(engine, SEED, {"metrics": {"fairness": 0.9}}).allowed
    assert {token for _, token, _ in server.asked} == {"Bearer s3same"}
    assert "s3same" not in engine.told
    engine.close()
    server.close()
    with pytest.raises(Misuse, match="has no OPA_TOKEN"):
        policy_engine(server.address, "env:OPA_TOKEN", {})


@pytest.mark.parametrize(
    "place",
    ["opa+ftp://x", "http://x", "opa+http://", "opa+http://a b", "opa+http://u:p@h", "opa+exec:///nowhere/opa", "x"],
)
def test_a_place_that_names_no_engine_is_said(place):
    with pytest.raises(Misuse):
        OpaEngine.at(place)


def test_a_policy_without_opa_on_the_path_says_how_to_have_one(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Misuse, match="no program opa on the PATH") as caught:
        OpaEngine.at("opa")
    assert "opa+exec" in caught.value.hint


def test_a_refused_policy_is_never_sent():
    said = decide(OpaEngine.at("opa+http://127.0.0.1:9"), Policy.parse("p", "package m\nallow := opa.runtime()"), {})
    assert said.reasons[0].code == "policy-refused"


def test_a_policy_is_moved_into_a_package_of_its_own_and_only_its_own_names_move():
    source = '# package x\npackage m.n\nallow if data.m.n.good\ngood := "data.m.n" # data.m.n\nx := input.data.m.n\n'
    assert own_package(source, "m.n", "p1") == (
        "# package x\npackage workbench.p1.rules.m.n\nallow if data.workbench.p1.rules.m.n.good\n"
        'good := "data.m.n" # data.m.n\nx := input.data.m.n\n'
    )
