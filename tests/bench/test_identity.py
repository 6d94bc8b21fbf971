"""Who acts is told by something that can be trusted; a variable, a header or a text that names somebody is not."""

import json
import os
import pwd
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from workbench.bench.identity import SECRET_FILE, identify, page_headers
from workbench.engines.jupyterhub import user_of
from workbench.errors import EngineError, Misuse
from workbench.promotion import Identity

ME = pwd.getpwuid(os.getuid()).pw_name
SECRET = "s" * 32
PAGE = {"SERVER_SOFTWARE": "voila/0.5"}


def nobody(api, token):
    raise AssertionError("the Hub was asked")


@pytest.fixture
def root(tmp_path):
    (tmp_path / SECRET_FILE).write_text(f"{SECRET}\n")
    (tmp_path / SECRET_FILE).chmod(0o600)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["JUPYTERHUB_USER", "USER", "LOGNAME", "USERNAME", "REMOTE_USER", "HTTP_X_REMOTE_USER"]
)
def test_a_variable_that_names_somebody_proves_nothing(root, name):
    for environ in ({name: "risk-officer"}, {name: "risk-officer", **PAGE}):
        assert identify("os", environ, root, nobody) == Identity(ME, "os")


def test_a_header_counts_beside_the_proxys_secret_alone(root):
    said = {**PAGE, "HTTP_X_REMOTE_USER": "risk-officer"}
    for environ in (said, {**said, "HTTP_X_WORKBENCH_PROXY": "guess"}, {**said, "HTTP_X_WORKBENCH_PROXY": ""}):
        with pytest.raises(Misuse, match="not opened through the proxy"):
            identify("proxy:X-Remote-User", environ, root, nobody)
    environ = {**said, "HTTP_X_WORKBENCH_PROXY": SECRET}
    assert identify("proxy:X-Remote-User", environ, root, nobody) == Identity("risk-officer", "proxy")
    with pytest.raises(Misuse, match="is no name"):
        identify("proxy:X-Remote-User", {**PAGE, "HTTP_X_WORKBENCH_PROXY": SECRET}, root, nobody)
    with pytest.raises(Misuse, match="the machine calls itself"):
        identify("proxy:X-Remote-User", {**environ, "HTTP_X_REMOTE_USER": "Workbench"}, root, nobody)


def test_two_names_are_nobody(root):
    """The viewer's own header came through beside the proxy's, which then only added to it."""
    environ = {**PAGE, "HTTP_X_REMOTE_USER": "risk-officer,visitor", "HTTP_X_WORKBENCH_PROXY": SECRET}
    with pytest.raises(Misuse, match="names more than one person"):
        identify("proxy:X-Remote-User", environ, root, nobody)


@pytest.mark.parametrize(
    "named", ["first\udcffofficer", "first-officer\x00", "first\r\nX-Workbench-Proxy: x", "first-officer;x\u200b", " "]
)
def test_a_header_that_is_no_text_names_nobody(root, named):
    environ = {**PAGE, "HTTP_X_REMOTE_USER": named, "HTTP_X_WORKBENCH_PROXY": SECRET}
    with pytest.raises(Misuse, match="is no name"):
        identify("proxy:X-Remote-User", environ, root, nobody)


@pytest.mark.parametrize("guess", ["\udcff" * 32, "\u00df" * 32, SECRET.upper(), f"{SECRET} ", f"{SECRET},{SECRET}"])
def test_a_guess_at_the_proxys_secret_is_refused_in_words(root, guess):
    environ = {**PAGE, "HTTP_X_REMOTE_USER": "risk-officer", "HTTP_X_WORKBENCH_PROXY": guess}
    with pytest.raises(Misuse, match="not opened through the proxy"):
        identify("proxy:X-Remote-User", environ, root, nobody)


def test_a_header_that_looks_like_the_proxys_is_another(root):
    """A viewer's own header with a line below for a hyphen is not handed to a kernel, whatever a server makes of it."""
    assert page_headers("proxy:X-Remote-User") == ("X-Remote-User", "X-Workbench-Proxy")
    assert page_headers("proxy:X_Remote_User") == ()


def test_what_is_no_page_is_told_by_the_machine(root):
    environ = {"HTTP_X_REMOTE_USER": "risk-officer", "HTTP_X_WORKBENCH_PROXY": SECRET}
    assert identify("proxy:X-Remote-User", environ, root, nobody) == Identity(ME, "os")


@pytest.mark.parametrize("spoil", ["missing", "open", "short"])
def test_a_secret_that_is_none_lets_nobody_in(root, spoil):
    path = root / SECRET_FILE
    if spoil == "missing":
        path.unlink()
    elif spoil == "open":
        path.chmod(0o644)
    else:
        path.write_text("")
    environ = {**PAGE, "HTTP_X_REMOTE_USER": "risk-officer", "HTTP_X_WORKBENCH_PROXY": ""}
    with pytest.raises(EngineError, match="the proxy's secret"):
        identify("proxy:X-Remote-User", environ, root, nobody)


def test_the_hub_is_asked_with_the_servers_own_token(root):
    asked = []

    def hub(api, token):
        asked.append((api, token))
        return "analyst"

    environ = {"JUPYTERHUB_API_TOKEN": "t", "JUPYTERHUB_USER": "risk-officer", "JUPYTERHUB_API_URL": "http://forged/"}
    assert identify("hub+http://127.0.0.1:8081/hub/api/", environ, root, hub) == Identity("analyst", "jupyterhub")
    assert asked == [("http://127.0.0.1:8081/hub/api", "t")]
    with pytest.raises(Misuse, match="nobody vouches for you"):
        identify("hub+http://127.0.0.1:8081/hub/api", {"JUPYTERHUB_USER": "risk-officer"}, root, hub)


@pytest.mark.parametrize("setting", ["", "me", "hub+file:///etc/passwd", "proxy:", "proxy:X Y", "proxy:X\r\nY", "os+x"])
def test_a_setting_that_is_none_lets_nobody_in(root, setting):
    with pytest.raises(Misuse, match="it must be os"):
        identify(setting, {**PAGE, "JUPYTERHUB_API_TOKEN": "t"}, root, nobody)
    assert page_headers(setting) == ()


@pytest.fixture
def hub():
    """A Hub that answers one token and counts what it was asked."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self):
            good = self.headers["Authorization"] == "token good" and self.path == "/hub/api/user"
            body = json.dumps({"name": "analyst", "admin": True} if good else {"message": "Forbidden"}).encode()
            self.send_response(200 if good else 403)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hub/api"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_hub_says_whom_a_token_belongs_to(hub):
    assert user_of(hub, "good") == "analyst"
    with pytest.raises(EngineError, match="does not say who you are"):
        user_of(hub, "forged")


def test_a_hub_that_does_not_answer_is_told_in_words():
    with pytest.raises(EngineError, match="does not say who you are"):
        user_of("http://127.0.0.1:1/hub/api", "good")
