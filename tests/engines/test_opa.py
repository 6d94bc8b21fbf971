"""What an Open Policy Agent may do wrong: it is down, late, redirects, babbles or refuses us, and each is a denial."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workbench.bench.policies import policy_engine
from workbench.engines import opa_wire
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


def answering(values, *, version="1.22.3", named=None):
    """An answer as ours has to be: it names the policy that was asked for, and OPA's version."""

    def answer(handler):
        name = handler.path.split("/")[4]
        told = {"opa": version, "named": [[named or name]], "values": [values]}
        handler._say(200, json.dumps({"result": told}).encode())

    return answer


def result(value):
    return saying(body=json.dumps({"result": value}).encode())


def half(handler):
    """Cut off in the middle: fewer bytes than were announced, and the connection closed."""
    handler._say(200, b'{"result": {"opa": "1.', **{"Content-Length": 500})
    handler.close_connection = True


def whole_but_said_to_be_longer(handler):
    name = handler.path.split("/")[4]
    told = {"result": {"opa": "1.22.3", "named": [[name]], "values": [YES]}}
    handler._say(200, json.dumps(told).encode(), **{"Content-Length": 5000})
    handler.close_connection = True


def a_piece_too_few(handler):
    """In pieces, the last of which never comes."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"2\r\n{}\r\n")
    handler.close_connection = True


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" " * 65536)


def garbage(handler):
    handler.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n")
    handler.close_connection = True


def silent(handler):
    time.sleep(1)
    handler.close_connection = True


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
    said, server = asked_of(answering(YES))
    assert said.allowed
    _, (rules, _, pushed), (asked, _, _), (question, _, _) = server.asked
    assert "package workbench.p" in pushed and "rules.model" in pushed
    assert rules.endswith("/rules0") and asked.endswith("/asked")
    assert "strict-builtin-errors=true" in question


BAD = {
    "redirect": (saying(302, Location="http://127.0.0.1:9/"), "policy-unreachable", "redirects"),
    "moved for good": (saying(308, Location="http://127.0.0.1:9/"), "policy-unreachable", "redirects"),
    "not ours": (saying(401, b"{}"), "policy-unreachable", "token"),
    "broken": (saying(500, b"{}"), "policy-error", "status 500"),
    "no JSON": (saying(200, b"<html>yes</html>"), "policy-crash", "cannot be read"),
    "a list": (saying(200, b"[true]"), "policy-crash", "cannot be read"),
    "a bare true": (result(True), "policy-crash", "cannot be read"),
    "too few rules": (answering({"allow": [True]}), "policy-crash", "cannot be read"),
    "too many values": (answering({**YES, "allow": [True, True]}), "policy-crash", "cannot be read"),
    "no lists": (answering({**YES, "allow": True}), "policy-crash", "cannot be read"),
    "a deny that is no set": (answering({**YES, "deny": [{"a": 1}]}), "policy-error", "must be a set"),
    "values of no policy": (result({"opa": "1.22.3", "named": [], "values": []}), "policy-crash", "cannot be read"),
    "values in the open": (result(YES), "policy-crash", "cannot be read"),
    "another policy": (answering(YES, named="p0"), "policy-skew", "another policy stands where ours was put"),
    "half of it": (half, "policy-crash", "cut off"),
    "less than announced": (whole_but_said_to_be_longer, "policy-crash", "cut off"),
    "a piece too few": (a_piece_too_few, "policy-unreachable", "cannot be reached"),
    "no HTTP": (garbage, "policy-unreachable", "cannot be reached"),
    "silent": (silent, "policy-timeout", "0.3 seconds"),
    "no result": (saying(200, b"{}"), "policy-crash", "does not know the policy"),
    "slow": (slowly, "policy-timeout", "0.3 seconds"),
    "closes": (lambda handler: handler.connection.close(), "policy-", ""),
}


@pytest.mark.parametrize(("answer", "code", "words"), BAD.values(), ids=BAD)
def test_anything_but_an_answer_of_ours_is_a_denial_with_its_reason(answer, code, words):
    said, _ = asked_of(answer, seconds={"policy-timeout": 0.3, "policy-": 2}.get(code, 20))
    assert not said.allowed
    assert said.reasons[0].code.startswith(code)
    assert words in said.reasons[0].message


def test_a_redirect_is_not_followed_and_nobody_else_is_shown_the_token():
    elsewhere = Server(answering(YES))
    said, server = asked_of(saying(307, Location=f"{elsewhere.address.removeprefix('opa+')}/v1/data"), token="s3same")
    elsewhere.close()
    assert not said.allowed
    assert server.asked and not elsewhere.asked


def test_an_answer_that_never_ends_is_cut_off(monkeypatch):
    monkeypatch.setattr(opa_wire, "MOST_ANSWER", 1 << 20)
    said, _ = asked_of(endless, seconds=30)
    assert (said.decision, said.reasons[0].code) == ("deny", "policy-crash")
    assert "too long" in said.reasons[0].message


def test_another_version_than_the_one_that_is_asked_for_is_a_denial():
    for version, decision in (("1.22.3", "allow"), ("0.9.0", "deny"), (None, "deny")):
        server = Server(answering(YES, version=version))
        engine = OpaEngine.at(f"{server.address}?version=1.22.3")
        said = decide(engine, SEED, {"metrics": {"fairness": 0.9}})
        assert said.decision == decision
        if decision == "deny":
            assert said.reasons[0].code == "policy-skew"
            assert f"it is version {version}; policy_engine asks for 1.22.3" in said.reasons[0].message
        engine.close()
        server.close()


@pytest.mark.parametrize("version", ["", "latest", "1", "1.2/../x", "1.22.3?x"])
def test_what_is_no_version_is_said(version):
    with pytest.raises(Misuse, match="no version of OPA"):
        OpaEngine.at(f"opa+http://127.0.0.1:9?version={version}")


def test_a_server_that_is_down_is_a_denial():
    said = decide(OpaEngine.at("opa+http://127.0.0.1:9"), SEED, {})
    assert said.reasons[0].code == "policy-unreachable"


def test_the_token_comes_from_its_reference_and_is_shown_to_nobody_else(tmp_path):
    server = Server(answering(YES))
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
