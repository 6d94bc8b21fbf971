"""Servers start together, are missed when they end, and leave nobody behind, however the end comes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workbench.engines.servers import Server, Servers, tail
from workbench.errors import EngineError

pytestmark = pytest.mark.slow

ANSWERS = """
import http.server, sys
print("ready", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
WITH_KERNEL = """
import subprocess, sys
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
kernel = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
print("kernel", kernel.pid, flush=True)
"""
SUPERVISOR = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from workbench.engines.servers import Server, Servers
code, port, log = sys.argv[2], sys.argv[3], Path(sys.argv[4])
servers = Servers([Server("one", [sys.executable, "-c", code, port], f"http://127.0.0.1:{port}/", {}, log.parent, log)])
servers.start()
servers.wait(30, on_answer=lambda *_: None)
print(servers.pids["one"], flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path):
    """Makes servers of Python code, each on a port of its own."""

    def make(name, code):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        argv = [sys.executable, "-c", code, str(port)]
        log = tmp_path / f"{name}.log"
        return Server(name, argv, f"http://127.0.0.1:{port}/", {"PATH": os.environ["PATH"]}, tmp_path, log)

    return make


def gone(pid, *, seconds=5.0):
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def started(*servers, polite=2.0):
    running = Servers(servers, polite=polite)
    running.start()
    running.wait(30, on_answer=lambda *_: None)
    return running


def test_all_answer_when_the_waiting_is_over(server):
    answered = []
    with Servers([server("one", ANSWERS), server("two", ANSWERS)]) as servers:
        servers.start()
        assert servers.wait(30, on_answer=lambda one, seconds: answered.append(one.name))
        assert sorted(answered) == ["one", "two"]
        pids = servers.pids
        assert all(os.getpgid(pid) == pid for pid in pids.values()), "Ctrl-C would reach it"
    assert all(gone(pid) for pid in pids.values())


def test_a_log_is_for_this_user_alone(server):
    one = server("one", ANSWERS)
    with started(one):
        assert one.log.stat().st_mode & 0o777 == 0o600


def test_a_server_that_ends_at_once_is_told_with_the_end_of_its_log(server):
    with Servers([server("one", "raise SystemExit('no such workspace')")]) as servers:
        servers.start()
        with pytest.raises(EngineError, match=r"one ended with exit code 1; its log ends:\n    no such workspace"):
            servers.wait(30, on_answer=lambda *_: None)


def test_a_server_that_never_answers_is_told_in_time(server):
    with Servers([server("one", "import time; print('busy', flush=True); time.sleep(60)")], polite=1) as servers:
        servers.start()
        with pytest.raises(EngineError, match="one did not answer within 1 s"):
            servers.wait(1, on_answer=lambda *_: None)


def test_a_program_that_is_not_there(tmp_path):
    nobody = Server("one", ["/nowhere/python"], "http://127.0.0.1:1/", {}, tmp_path, tmp_path / "one.log")
    with Servers([nobody]) as servers, pytest.raises(EngineError, match="one cannot be started"):
        servers.start()


def test_waiting_can_be_given_up(server):
    with Servers([server("one", "import time; time.sleep(60)")]) as servers:
        servers.start()
        assert not servers.wait(30, on_answer=lambda *_: None, given_up=lambda: True)


def test_one_that_dies_later_is_told_once(server):
    with started(server("one", ANSWERS), server("two", ANSWERS)) as servers:
        assert servers.ended() == []
        pid = servers.pids["one"]
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + 5
        while "one" in servers.pids and time.monotonic() < end:
            time.sleep(0.02)
        (said,) = servers.ended()
        assert "one was ended by SIGKILL" in said
        assert servers.ended() == []
        assert list(servers.pids) == ["two"]


def test_one_that_does_not_listen_is_killed_after_a_while(server):
    servers = started(server("one", STUBBORN + ANSWERS), polite=0.5)
    pid, began = servers.pids["one"], time.monotonic()
    servers.stop()
    assert gone(pid)
    assert time.monotonic() - began < 5


def test_a_kernel_in_a_session_of_its_own_does_not_stay(server):
    one = server("one", WITH_KERNEL + ANSWERS)
    servers = started(one, polite=0.5)
    kernel = int(tail(one.log).split()[1])
    assert psutil.pid_exists(kernel)
    servers.stop()
    assert gone(kernel)


def test_stopping_twice_does_no_harm(server):
    servers = started(server("one", ANSWERS))
    servers.stop()
    servers.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the death signal of a parent is Linux's")
def test_a_server_dies_with_a_supervisor_that_is_killed(server, tmp_path):
    one = server("one", ANSWERS)
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", SUPERVISOR, root, ANSWERS, one.argv[-1], str(one.log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        pid = int(supervisor.stdout.readline())
        assert psutil.pid_exists(pid)
        supervisor.kill()
    assert gone(pid)


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path):
    (tmp_path / "log").write_bytes(b"first\n\xff\xfe\n")
    assert tail(tmp_path / "log", 1) == "    \\xff\\xfe"
    assert tail(tmp_path / "none") == "    (no log)"
