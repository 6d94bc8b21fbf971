"""A warm kernel does for a frontend what a cold one does: what JupyterLab asks of it, over real sockets."""

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from workbench.batch.warm import Zygote, provisioner
from workbench.batch.warm.identity import PRELOAD, identify
from workbench.engines.jupyter import KERNEL, write_kernelspec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere kernels start cold"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # jupyter_client's own sockets
]

STACK = "import pandas, mlflow, pymc, evidently"
OWNER = """
import sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="workbench")
manager.start_kernel()
print(manager.provisioner.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote(identify(PRELOAD, os.environ))
    zygote.start()
    yield zygote
    zygote.stop()


@pytest.fixture
def searched(tmp_path, monkeypatch):
    """Where Jupyter finds the kernelspec."""
    write_kernelspec(tmp_path / "kernels" / KERNEL)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


class Frontend:
    """A kernel by its spec, and what is asked of it."""

    def __init__(self):
        self.manager = KernelManager(kernel_name=KERNEL)
        self.manager.start_kernel()
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(60)

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def run(self, code, **options):
        """The status of code that is run, and what it printed."""
        printed = []
        reply = self.client.execute_interactive(
            code,
            timeout=60,
            stop_on_error=False,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
            **options,
        )
        return reply["content"]["status"], "".join(printed)

    def ask(self, channel, kind, content):
        """The reply to a request."""
        message = self.client.session.msg(kind, content)
        (self.client.shell_channel if channel == "shell" else self.client.control_channel).send(message)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            get = self.client.get_shell_msg if channel == "shell" else self.client.get_control_msg
            reply = get(timeout=30)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]
        raise AssertionError(f"no reply to {kind}")

    def heard(self, kind, seconds=30):
        """The next output of a kind."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["msg_type"] == kind:
                return message["content"]
        raise AssertionError(f"no {kind} came")

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def frontend(zygote, searched):
    opened = Frontend()
    assert opened.pid in zygote.status()["children"], "the kernel started cold"
    yield opened
    opened.close()


def until(check, seconds=15):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_the_heavy_libraries_are_there_at_once_also_after_a_restart(frontend):
    timed = f"import time; began = time.perf_counter()\n{STACK}\nprint(time.perf_counter() - began)"
    assert float(frontend.run(timed)[1]) < 1
    frontend.run("mine = 1")
    before = frontend.pid
    frontend.manager.restart_kernel(now=False)
    frontend.client.wait_for_ready(30)
    assert frontend.pid != before
    assert frontend.run("print('mine' in globals())") == ("ok", "False\n")
    assert float(frontend.run(timed)[1]) < 1


def test_an_endless_cell_is_interrupted_and_what_was_before_is_kept(frontend):
    frontend.run("mine = 1")
    asked = frontend.client.execute("while True: pass", stop_on_error=False)  # else what follows at once is aborted
    while frontend.heard("status")["execution_state"] != "busy":
        pass
    time.sleep(0.3)
    frontend.manager.interrupt_kernel()
    reply = frontend.client.get_shell_msg(timeout=30)
    assert reply["parent_header"]["msg_id"] == asked
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert frontend.run("print(mine)") == ("ok", "1\n")


def test_a_question_is_answered(frontend):
    frontend.client.execute("answer = input('how many? ')", allow_stdin=True)
    assert frontend.client.get_stdin_msg(timeout=30)["content"]["prompt"] == "how many? "
    frontend.client.input("3")
    frontend.client.get_shell_msg(timeout=30)
    assert frontend.run("print(answer)") == ("ok", "3\n")


def test_a_frontend_that_comes_later_gets_the_widgets(frontend):
    frontend.run("import ipywidgets; slider = ipywidgets.IntSlider(41)")
    version = {"version": "1.0.0"}  # of the protocol of widgets
    comm = {"comm_id": "later", "target_name": "jupyter.widget.control", "data": {}}
    frontend.client.shell_channel.send(frontend.client.session.msg("comm_open", comm, metadata=version))
    asked = {"comm_id": "later", "data": {"method": "request_states"}}
    frontend.client.shell_channel.send(frontend.client.session.msg("comm_msg", asked))
    states = frontend.heard("comm_msg")["data"]
    assert states["method"] == "update_states"
    assert 41 in [state["state"].get("value") for state in states["states"].values()]


def test_a_widget_hears_the_frontend(frontend):
    frontend.run("import ipywidgets; slider = ipywidgets.IntSlider(41)")
    comm = frontend.run("print(slider.comm.comm_id)")[1].strip()
    moved = {"comm_id": comm, "data": {"method": "update", "state": {"value": 7}, "buffer_paths": []}}
    frontend.client.shell_channel.send(frontend.client.session.msg("comm_msg", moved))
    assert frontend.run("print(slider.value)") == ("ok", "7\n")


def test_names_are_completed_and_explained(frontend):
    frontend.run("import pandas")
    found = frontend.ask("shell", "complete_request", {"code": "pandas.DataF", "cursor_pos": 12})
    assert any(match.endswith("DataFrame") for match in found["matches"])
    told = frontend.ask("shell", "inspect_request", {"code": "pandas.DataFrame", "cursor_pos": 16, "detail_level": 0})
    assert told["found"]


def test_the_debugger_stops_at_a_breakpoint(frontend):
    def debug(number, command, **arguments):
        asked = {"type": "request", "seq": number, "command": command, "arguments": arguments}
        reply = frontend.ask("control", "debug_request", asked)
        assert reply["success"], reply
        return reply.get("body")

    code = "a = 1\nb = a + 1"
    assert debug(1, "debugInfo")["isStarted"] is False
    debug(2, "initialize", clientID="t", adapterID="", pathFormat="path", linesStartAt1=True)
    debug(3, "attach")
    source = debug(4, "dumpCell", code=code)["sourcePath"]
    debug(5, "setBreakpoints", source={"path": source}, breakpoints=[{"line": 2}])
    debug(6, "configurationDone")
    frontend.client.execute(code)
    while (event := frontend.heard("debug_event"))["event"] != "stopped":
        pass
    assert event["body"]["reason"] == "breakpoint"
    debug(7, "continue", threadId=event["body"]["threadId"])
    assert frontend.client.get_shell_msg(timeout=30)["content"]["status"] == "ok"


def test_what_is_run_is_kept_in_the_users_history(frontend, tmp_path):
    frontend.run("remembered = 'yes'", store_history=True)
    file = tmp_path / "ipython" / "profile_default" / "history.sqlite"

    def is_kept():
        with sqlite3.connect(file) as history:
            return history.execute("SELECT 1 FROM history WHERE source LIKE 'remembered%'").fetchall()

    frontend.run("%history -n")
    frontend.manager.shutdown_kernel(now=False)
    until(is_kept)


def test_it_is_its_users_own_process(frontend):
    where = "import os, sys; print(os.getcwd(), os.getpgrp() == os.getpid(), 'workbench.batch' in sys.modules)"
    assert frontend.run(where) == ("ok", f"{os.getcwd()} True False\n")
    threads = "import threadpoolctl; print(max(p['num_threads'] for p in threadpoolctl.threadpool_info()))"
    assert frontend.run(f"import numpy; {threads}") == ("ok", f"{os.cpu_count()}\n")


def test_a_killed_kernel_is_noticed(frontend):
    os.kill(frontend.pid, signal.SIGKILL)
    until(lambda: not frontend.manager.is_alive())


def test_a_kernel_and_what_it_started_end_with_their_server(zygote, searched, tmp_path):
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as server:
        pid = int(server.stdout.readline())
        assert pid in zygote.status()["children"]
        server.kill()
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_a_kernel_starts_cold_where_there_is_no_zygote(searched, monkeypatch, caplog):
    def nowhere(*_):
        raise OSError("no folder for a socket")

    monkeypatch.setattr(provisioner, "identify", nowhere)
    opened = Frontend()
    try:
        assert opened.run("print(6 * 7)") == ("ok", "42\n")
    finally:
        opened.close()
    assert "this kernel starts cold: no folder for a socket" in caplog.text


def test_the_kernelspec_says_what_the_zygote_imports(searched, tmp_path):
    spec = json.loads((tmp_path / "kernels" / KERNEL / "kernel.json").read_text("utf-8"))
    assert spec["metadata"]["kernel_provisioner"]["config"] == {"preload": list(PRELOAD), "idle": 1800.0}
