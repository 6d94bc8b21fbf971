"""`workbench up` starts everything behind tokens, says where it is, and leaves nothing behind."""

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import psutil
import pytest
from click.testing import CliRunner

from workbench.bench import create, open_bench
from workbench.bench.settings import FILE
from workbench.cli import main
from workbench.cli.up import _plan
from workbench.errors import Misuse

OPTIONS = ("--lab-port", "--pages-port", "--mlflow-port", "--gateway-port")


def free_ports():
    probes = [socket.socket() for _ in OPTIONS]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return [word for pair in zip(OPTIONS, ports, strict=True) for word in pair]


class Up:
    """One `workbench up` and all that descends from it."""

    def __init__(self, workspace):
        command = [sys.executable, "-m", "workbench", "up", "--json", "--workspace", str(workspace), *free_ports()]
        self.errors = workspace / "up.err"
        self.sockets = tempfile.TemporaryDirectory()  # no zygote runs there yet
        environ = {**os.environ, "XDG_RUNTIME_DIR": self.sockets.name}
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, start_new_session=True, env=environ
            )
        text = b""
        while (line := self.process.stdout.readline()) != b"}\n":
            assert line, self.errors.read_text()
            text += line
        self.told = json.loads(text + b"}")
        self.urls = {server["name"]: server["url"] for server in self.told["servers"]}

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number):
        """Send a signal; the exit code, and who is still there ten seconds later."""
        family = self.family()
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.sockets.cleanup()
        _, left = psutil.wait_procs(family, timeout=10)
        return code, left


@pytest.fixture
def workspace(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def up(workspace):
    running = Up(workspace)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGTERM)


def visit(url):
    """Status and final address, as a browser with cookies would see them."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    try:
        with opener.open(url, timeout=60) as answer:
            return answer.status, answer.geturl()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, url


def answers(url):
    with contextlib.suppress(OSError):
        return visit(url)[0] == 200
    return False


def start_kernel(url):
    """Start a kernel in the JupyterLab at an address with its token."""
    base, _, token = url.partition("/lab?token=")
    asked = urllib.request.Request(
        f"{base}/api/kernels", b"{}", {"Authorization": f"token {token}", "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read())


def planned(root, **settings):
    """Where everything is to be found, and the servers that would be started, of a workspace with these settings."""
    text = (root / FILE).read_text()
    for name, value in settings.items():
        text = re.sub(rf"(?m)^{name} = .*$", f'{name} = "{value}"', text)
    (root / FILE).write_text(text)
    (root / ".run").mkdir(exist_ok=True)
    with open_bench(root) as bench:
        servers, addresses = _plan(bench, root / ".run", 8888, 8866, 5000, 8000)
    return {server.name: server for server in servers}, {one.name: one.url.partition("?")[0] for one in addresses}


def test_links_lead_to_the_proxy_where_there_is_one(workspace):
    _, at = planned(workspace)
    assert at["JupyterLab"] == "http://127.0.0.1:8888/lab"
    assert at["MLflow"] == "http://127.0.0.1:5000/"
    paths = {"pages_prefix": "/a/pages/", "lab_prefix": "/a/lab/", "mlflow_prefix": "/a/mlflow/"}
    servers, at = planned(workspace, **paths)
    assert at["JupyterLab"] == "http://127.0.0.1:8888/a/lab/lab"
    assert "--ServerApp.allow_remote_access=False" in servers["JupyterLab"].argv
    assert at["MLflow"] == "http://127.0.0.1:5000/", "the proxy that takes it off is not in between"
    servers, at = planned(workspace, proxy="https://data.example")
    assert at["JupyterLab"] == "https://data.example/a/lab/lab"
    assert at["Lineage"] == "https://data.example/a/pages/voila/render/lineage.ipynb"
    assert at["MLflow"] == "https://data.example/a/mlflow/"
    assert servers["JupyterLab"].environ["WORKBENCH_FILES"] == "/a/lab/files"
    assert servers["Pages"].environ["WORKBENCH_MLFLOW"] == "https://data.example/a/mlflow"
    assert "--ServerApp.allow_remote_access=True" in servers["JupyterLab"].argv
    assert servers["JupyterLab"].probe == "http://127.0.0.1:8888/a/lab/api"


@pytest.mark.parametrize(
    ("name", "value"),
    [("lab_prefix", "lab/"), ("mlflow_prefix", "/a b/"), ("pages_prefix", "/../"), ("proxy", "https://data.example/x"),
     ("proxy", "javascript:alert(1)"), ("proxy", "data.example")],
)  # fmt: skip
def test_what_cannot_be_a_proxys_address_is_named(workspace, name, value):
    with pytest.raises(Misuse, match=f"^{name} is {re.escape(repr(value))}; it must be") as refused:
        planned(workspace, **{name: value})
    assert f'{name} = "' in refused.value.hint


def test_a_taken_port_is_told_before_anything_starts(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["up", "--workspace", str(workspace), "--lab-port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} is taken (by pid {os.getpid()}" in result.output
    assert "JupyterLab needs it" in result.output
    assert "hint: workbench up --lab-port" in result.output
    assert not (workspace / ".run").exists()


@pytest.mark.slow
def test_everything_answers_its_link_and_nobody_else(up, workspace):
    assert {"JupyterLab", "MLflow", "Gateway"} <= set(up.urls)
    for name, url in up.urls.items():
        assert "127.0.0.1" in url
        assert visit(url)[0] == 200, f"{name} does not answer its link"
        status, at = visit(url.partition("?")[0])
        assert status in {401, 403} or "/login" in at, f"{name} answers without a token"
    run = workspace / ".run"
    assert run.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in run.iterdir() if file.suffix in {".token", ".json", ".log"})
    for process in up.family():
        command = " ".join(process.cmdline())
        assert not any(url.partition("token=")[2].partition("#")[0] in command for url in up.urls.values())

    again = [sys.executable, "-m", "workbench", "up", "--workspace", str(workspace), *free_ports()]
    second = subprocess.run(again, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert "runs in" in second.stderr

    own = psutil.Process(up.process.pid).children()
    (zygote,) = [process for process in own if "workbench.batch.warm" in process.cmdline()]
    before = len(zygote.children())
    assert start_kernel(up.urls["JupyterLab"])["name"] == "workbench"
    assert len(zygote.children()) == before + 1, "the kernel of a new notebook is not warm"
    code, left = up.end(signal.SIGINT)
    assert code == 0
    assert left == []
    assert "all stopped" in up.errors.read_text()
    assert not list(run.glob("*.token"))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the death signal of a parent is Linux's")
def test_a_gateway_that_is_killed_comes_back_and_nothing_is_left_when_all_is_killed(up):
    (before,) = [server["pid"] for server in up.told["servers"] if server["name"] == "Gateway"]
    os.kill(before, signal.SIGKILL)
    end = time.monotonic() + 60
    while "Gateway is started again" not in up.errors.read_text() or not answers(up.urls["Gateway"]):
        assert time.monotonic() < end, up.errors.read_text()
        time.sleep(0.1)
    start_kernel(up.urls["JupyterLab"])
    time.sleep(1)
    code, left = up.end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert left == []
